"""The warehouse as Dagster shows and runs it, and the alerts that a run sends when it needs a person."""
