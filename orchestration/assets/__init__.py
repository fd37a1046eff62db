"""The warehouse as Dagster shows and runs it. Thin: what is done is done elsewhere."""
