"""What sqlfluff does not know of dbt: `var`, so that it sees the SQL that dbt makes of a list."""

from orchestration.lists import LISTS

var = LISTS.__getitem__
