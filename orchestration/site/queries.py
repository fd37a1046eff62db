"""What the queries of several kinds of pages share."""

from dataclasses import dataclass, field

import duckdb

from orchestration.lists import LISTS
from orchestration.site.words import SECTIONS

WEEKS = 26  # that a page looks back, and as many days twice over
NO_POINTS = "No points yet."
SHOWN = "case when is_suppressed then 'nan'::double else value end"  # of a published number

# The whole weeks of each artist that a page looks back, from the first that has a row. A week without a row
# is one in which nothing was released and few people did anything.
ARTIST_WEEKS = f"""
    timeline as (
        select artist_timeline.*, as_of_date
        from artist_timeline cross join publication
        where tier = 'platform' and starts_on > as_of_date - {7 * WEEKS} and starts_on + 6 <= as_of_date
    ),
    weeks as (
        select artist_band_id,
            unnest(range(min(starts_on), any_value(as_of_date) - 5, interval 1 week))::date as starts_on
        from timeline group by artist_band_id
    ),
    artist_weeks as (
        select artist_band_id, starts_on, listens, adds, coalesce(blasts, 0) as blasts,
            coalesce(release_markers, 0) as releases, coalesce(event_markers, 0) as events
        from weeks left join timeline using (artist_band_id, starts_on)
    )
"""


@dataclass(frozen=True)
class Section:
    """A part of a page: its heading, what must be known to read it, its query and perhaps its chart.

    The first column of the query says the page. Others have a meaning by their name: `section` groups rows,
    `key` is the name of the row and `about` of the metric it is about, `unit` says in what its numbers are
    counted.
    """

    title: str
    note: str
    sql: str
    chart: str = ""
    units: dict[str, str] = field(default_factory=dict)
    empty: str = ""  # what is said if there is no row; else the section is left out
    is_long: bool = False  # a box finds rows in it
    is_folded: bool = False  # it opens when asked


def withheld(column: str, table: str) -> str:
    """A column that is null only where it is withheld, once this table was delivered: NaN there."""
    return (
        f"case when {column} is null and exists "
        f"(select 1 from row_account where table_name = '{table}' and status = 'accepted') "
        f"then 'nan'::double else {column} end"
    )


def types() -> str:
    """A column for each activity type: the sum of its points."""
    return ",\n    ".join(
        f"""coalesce(sum(points) filter (where activity_type = '{kind}'), 0) as "{kind.replace("_", " ")}\""""
        for kind in LISTS["activity_types"]
    )


def by_window(value: str) -> str:
    """A column for each window that ends on the night: the value of a group in it."""
    return ", ".join(
        f"""any_value({value}) filter (where window_days = {days}) as "{days} days\""""
        for days in LISTS["windows"]
    )


def metrics(subject: str, page: str, audience: str) -> str:
    """Every metric of a subject that this audience may see, in the registry's order, by window."""
    return f"""
        select
            {page}::varchar as page, registry.section, metric as about, registry.label as metric,
            registry.unit,
            any_value({SHOWN}) filter (where is_point_in_time) as now,
            {by_window(SHOWN)},
            any_value({SHOWN}) filter (where not is_point_in_time and window_days is null) as "all time"
        from analytics_summary join registry using (metric)
        where analytics_summary.subject_type = '{subject}'
            and list_contains(string_split(registry.audience, ';'), '{audience}')
        group by page, registry.section, about, registry.label, registry.unit, registry.place
        order by page, registry.place
    """


def name_sections(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `registry`: `metric` with the sections as people name them, in its order.

    A publication of an earlier version has no order of its own; its metrics stand by section and name.
    """
    has_place = "place" in connection.table("metric").columns
    names = ", ".join(f"('{section}', '{name}')" for section, name in SECTIONS.items())
    place = "place" if has_place else "row_number() over (order by metric.section, label) as place"
    connection.execute(
        f"""
        create or replace temp view registry as
        select metric.* exclude (section{", place" if has_place else ""}), {place},
            coalesce(named.name, metric.section) as section
        from metric left join (values {names}) as named (section, name) on metric.section = named.section
        """
    )
