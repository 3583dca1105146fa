import pyarrow, pyspark.sql
print(pyspark.__version__, pyspark.sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate().range(3).count())
