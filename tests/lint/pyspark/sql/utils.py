"""See above it."""


class AnalysisException(Exception):  # noqa: N818  (Spark's name)
    """Never raised."""
