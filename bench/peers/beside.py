"""Times the peers and the warehouse on the same files, and holds what they made against what is published."""

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb

from bench.nights import Year
from bench.one_connection import in_one_connection
from bench.peers import in_pandas, in_polars, in_postgres
from bench.reading import ingestion_seconds
from bench.year import HISTORY, as_csv
from orchestration.database import literal
from orchestration.settings import PROJECT_DIR

RULES = PROJECT_DIR / "seeds" / "point_rule.csv"
# The exports in which they stand.
TABLES = (
    "activity_point_adjustments", "artist_band_members", "communities", "community_activation_audits",
    "event_attendances", "events", "pioneer_referrals", "project_supports", "projects", "proof_of_support",
    "signal_actions", "signals", "track_engagements", "track_votes", "users",
)  # fmt: skip
# The models in which the numbers stand; those of metrics hold 49.
MODELS = ("activity_point", "activity_score", "counts", "listening", "newcomers")
METRICS = (
    "members", "gps_verified_members", "new_users", "listens", "full_listens", "skips", "engagement_points",
    "unique_listeners", "votes", "events_created",
)  # fmt: skip
# What is published, as the peers name it. A peer has no row where nothing happened, and knows no floor.
PUBLISHED = f"""
    create view named_scope as
    select
        scope_id,
        coalesce(case tier
            when 'city' then scene_id::varchar
            when 'state' then state || '|' || music_community
            when 'national' then music_community
        end, '') as scope
    from published.scope;

    create view published_ledger as
    select
        rule_id, user_id::varchar as user_id, scene_id::varchar as scene_id, occurred_at,
        points::bigint as points, reverses_activity_point_id is not null as is_reversal
    from published.activity_point;

    create view published_score as
    select
        tier, scope, as_of_date, points_on_day, points_7d, points_30d, points_90d, points_all_time, members,
        contributors_30d
    from published.activity_score
    inner join named_scope using (scope_id);

    create view published_metrics as
    select tier, scope, window_days::bigint as window_days, metric, value::bigint as value, is_suppressed
    from published.analytics_summary
    inner join named_scope using (scope_id)
    where subject_type = 'scene' and metric in {METRICS};
"""
DIFFERING = {
    "ledger": """
        (from published_ledger except all from made)
        union all
        (from made except all from published_ledger)
    """,
    "score": """
        (from published_score except all from made)
        union all
        (from made except all from published_score)
    """,
    "metrics": """
        from published_metrics as published
        left join made
            on published.tier = made.tier
            and published.scope = made.scope
            and published.metric = made.metric
            and published.window_days is not distinct from made.window_days
        where not published.is_suppressed and published.value <> coalesce(made.value, 0)
    """,
}


def seconds_beside(year: Year, folder: Path, memory_limit: str) -> Iterator[tuple[str, float]]:
    """Who made the numbers of the first night, and in what seconds, reading included; the warehouse first.

    Raises:
        AssertionError: a peer's numbers differ from those that are published.
    """
    shutil.rmtree(folder, ignore_errors=True)
    exports = as_csv(year.directory / "exports", folder / "as_csv", TABLES)
    taken_in = ingestion_seconds(exports, TABLES, folder / "warehouse")
    yield "warehouse", taken_in + in_one_connection(year.directory, memory_limit, MODELS)
    arguments = (exports, HISTORY, RULES)
    yield "pandas", _seconds(year, partial(in_pandas.numbers, *arguments))
    yield "polars", _seconds(year, partial(in_polars.numbers, *arguments))
    with in_postgres.serving(folder / "postgres"):
        yield "PostgreSQL", _seconds(year, partial(in_postgres.numbers, *arguments, folder / "numbers"))
    shutil.rmtree(folder)


def _seconds(year: Year, numbers: Callable[[], dict[str, object]]) -> float:
    started = time.monotonic()
    made = numbers()
    took = time.monotonic() - started
    require_published(year.directory / "analytics.duckdb", made)
    return took


def require_published(published: Path, made: dict[str, object]) -> None:
    """Hold what a peer made against what is published.

    Raises:
        AssertionError: a row differs.
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach {literal(published)} as published (read_only)")
        connection.execute(PUBLISHED)
        for name, query in DIFFERING.items():
            connection.register("given", made[name])
            connection.execute(f"create or replace temp view made as {_typed(connection, name)}")
            first = connection.execute(f"{query} limit 3").fetchall()
            assert not first, f"the {name} differs from what is published: {first}"  # noqa: S101


def _typed(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """What a peer gave, in the order and the types of what is published; empty text is null."""
    columns = connection.execute(f"describe published_{name}").fetchall()
    wanted = [(column, kind) for column, kind, *_ in columns if column != "is_suppressed"]
    casts = (f"{_cast(column, kind)} as {column}" for column, kind in wanted)
    return f"select {', '.join(casts)} from given"


def _cast(column: str, kind: str) -> str:
    # A scope without a place is named by an empty text.
    return column if column == "scope" else f"nullif({column}::varchar, '')::{kind}"
