"""Stands in for Spark where SQL is only compiled: dbt asks for these names before it does."""
