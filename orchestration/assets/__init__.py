"""The warehouse as Dagster shows and runs it, and whom a run tells when it needs a person."""
