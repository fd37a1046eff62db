"""See above it."""

DataFrame = Row = SparkSession = None
