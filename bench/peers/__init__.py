"""The same numbers by other means: in pandas, in polars and in PostgreSQL, from the same files.

Each peer makes three tables of one night that holds everything: the ledger, the score of every scope on every
day, and ten metrics. `beside.py` times them and compares what they made with what the warehouse published.
"""
