"""Dagster: exports in, dbt in the middle, a published warehouse out."""
