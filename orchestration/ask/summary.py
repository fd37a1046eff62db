"""The summary that a run prints at its end, read from the published file."""

import datetime as dt
import sys
from pathlib import Path

from rich.console import Console

from orchestration.ask.table import show
from orchestration.places import read
from orchestration.raw.discover import last_night, nights_behind
from orchestration.settings import Settings
from orchestration.site.place import indexes, shows

ROWS = """
    select
        table_name,
        count(distinct night) as nights,
        sum(rows_delivered)::bigint as delivered,
        sum(rows_accepted)::bigint as accepted,
        sum(rows_duplicate)::bigint as duplicate,
        sum(rows_superseded)::bigint as superseded,
        sum(rows_rejected)::bigint as rejected
    from row_account
    where status = 'accepted'
    group by table_name
    order by table_name
"""
POINTS = """
    select
        activity_type,
        count(*) filter (where reverses_activity_point_id is null) as awards,
        sum(points)::bigint as points
    from activity_point
    group by activity_type
    order by activity_type
"""
REFUSED = """
    select table_name, night, string_agg(distinct reason, '; ') as reason
    from row_account
    where status = 'refused'
    group by all
    order by all
"""
NO_SITE = "The site does not show what is published; `warehouse site` writes it, or says what hinders it."
QUERY = (
    "select label, points_30d from activity_score join scope using (scope_id) "
    "where scope.tier = 'city' and as_of_date = '{}' order by label"
)


def show_summary(console: Console, config: Settings, laws_held: dict[str, str]) -> bool:
    """Print the summary of the published file.

    Returns:
        Whether a refused delivery stands.
    """
    with read(config.published_file) as connection:
        as_of_date, as_of, nights, missing, run_id = connection.execute(
            "select as_of_date, as_of, nights_read, nights_missing, run_id from publication"
        ).fetchone()
        console.print(f"\n{nights} nights read, as of {as_of} UTC (last day {as_of_date}).")
        if behind := nights_behind(as_of_date, config.exports_dir, dt.datetime.now(dt.UTC)):
            console.print(how_late(behind), style="bold yellow")
        elif as_of_date == last_night(config.exports_dir):
            console.print(how_it_ends(as_of_date))
        for table, dates in nights_missing(missing).items():
            console.print(f"Not delivered or refused: {table}: {span(dates)}.")
        show(console, connection.sql(ROWS), "Rows")
        show(console, connection.sql(POINTS), "Activity Points")
        refused = connection.execute(REFUSED).fetchall()
    for table, night, reason in refused:
        console.print(f"Refused: {table} {night}: {reason}", style="bold yellow", markup=False)
    for law, result in laws_held.items():
        console.print(f"Law {result}: {law.replace('_', ' ')}")
    console.print(f"\nThe warehouse: {config.published_file}", soft_wrap=True)
    if shows(config, run_id):
        for what, page in indexes(config).items():
            console.print(f"{what}: {page}", soft_wrap=True)
    else:
        console.print(NO_SITE, style="bold yellow")
    console.print(f'Try: {Path(sys.argv[0])} query "{QUERY.format(as_of_date)}"', soft_wrap=True)
    return bool(refused)


def how_late(behind: int) -> str:
    """The sentence about late data."""
    return f"The data is {behind} nights behind what could be here by now."


def how_it_ends(last: dt.date | str) -> str:
    """The sentence about data that is old because its exports have ended."""
    return f"The exports end with {last}, as a sample does; no later night is expected."


def how_it_stays(exports_dir: Path | str, table: str, nights: list[str]) -> str:
    """The sentence about nights that no run can read again."""
    return (
        f"Not in {exports_dir} any more, so it stays as an earlier version read it: {table}: {span(nights)}"
    )


def nights_missing(said: str | None) -> dict[str, list[str]]:
    """The missing nights of each table, in order, from the sentence in which a publication names them."""
    missing: dict[str, list[str]] = {}
    for entry in sorted(said.split(", ")) if said else []:
        table, night = entry.split(" ")
        missing.setdefault(table, []).append(night)
    return missing


def span(nights: list[str]) -> str:
    """Some nights in a few words, however many they are."""
    first, last = nights[0], nights[-1]
    return first if first == last else f"{len(nights)} nights from {first} to {last}"
