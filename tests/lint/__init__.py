"""What sqlfluff does not know of dbt: `var`, and which body of a macro is DuckDB's.

So it sees the SQL that dbt makes for DuckDB.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from orchestration.lists import LISTS

var = LISTS.__getitem__


class adapter:  # noqa: N801  (dbt's name)
    """The adapter of DuckDB, as far as the macros ask for it."""

    @staticmethod
    @pass_context
    def dispatch(context: Context, macro: str) -> Callable[..., Any]:
        """The body that DuckDB takes."""
        found: Callable[..., Any] = context[f"default__{macro}"]
        return found
