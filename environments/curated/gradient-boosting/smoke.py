import catboost, lightgbm, pandas, sklearn, xgboost
print([model.fit([[0.0], [1.0], [2.0], [3.0]] * 10, [0, 0, 1, 1] * 10).predict([[3.0]])[0] for model in (xgboost.XGBClassifier(), lightgbm.LGBMClassifier(verbose=-1), catboost.CatBoostClassifier(iterations=9, verbose=False, allow_writing_files=False))])
