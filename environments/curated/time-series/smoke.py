import matplotlib, pandas, prophet, scipy, statsmodels.api
print(prophet.__version__, statsmodels.api.tsa.ARIMA([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], order=(1, 0, 0)).fit().forecast(1))
