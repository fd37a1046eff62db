"""The published numbers are those of a second, independent calculation (oracles.py), exactly."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import Run, uid
from golden.world import deliver, erased, run_nightly
from oracles import (
    DAY_MS,
    JOB_TIME_MS,
    POINTS,
    SCOPE_PARTS,
    Exports,
    Listening,
    activity_score,
    decisions,
    ledger,
    milliseconds,
    plot_statistics,
    rotation_recurrence,
    window_days,
)
from worlds import PUBLISHED, SMALL, ancestors, directories, models, sample_world

from orchestration.raw.discover import FORMATS
from orchestration.sample import DEFAULT_SIZE, FAULT_ROWS, LAST_NIGHT

# pandas at work, which a tracer slows down by half; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

SEEDS = 36


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Exports]:
    """The default sample in all five formats, with rows that come late, twice or corrected, as published."""
    home = tmp_path_factory.mktemp("sample")
    faults = ("late", "duplicate", "corrected")
    world = sample_world(home, 1, DEFAULT_SIZE, formats=FORMATS, faults=faults)
    return world.publish(directories(home)), Exports(home / "exports", LAST_NIGHT)


def published(run: Run, table: str, columns: "list[str] | pd.Index") -> pd.DataFrame:
    """Columns of a published table, ids as text and days as days."""
    with duckdb.connect(str(run.published_file), read_only=True) as connection:
        return plain(connection.sql(f"select {', '.join(columns)} from {table}"))  # noqa: S608


def plain(relation: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """A result with ids as text, days as days and null as None."""
    frame = relation.df()
    for column, kind in zip(relation.columns, relation.types, strict=True):
        if kind == "DATE":
            frame[column] = frame[column].dt.date
        elif kind in ("UUID", "VARCHAR"):
            frame[column] = [None if pd.isna(value) else str(value) for value in frame[column]]
    return frame


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The same rows in any order."""
    columns = list(wanted.columns)
    in_order = [frame[columns].sort_values(columns, ignore_index=True) for frame in (found, wanted)]
    pd.testing.assert_frame_equal(*in_order, check_dtype=False, check_exact=True)


def test_plot_statistics_follow_the_apps_formulas_exactly(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = plot_statistics(exports)
    assert_same(published(run, "plot_statistics", wanted.columns), wanted)
    communities = exports.latest("communities")
    assert len(wanted) == 3 * len(communities)
    assert set(communities["tier"]) == {"city", "state", "national"}
    assert communities["state"].isna().any(), "the sample must hold a scene without a state"


def test_every_exported_recurrence_score_is_replayed_exactly(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = rotation_recurrence(exports)
    assert_same(published(run, "rotation_recurrence", wanted.columns), wanted)
    assert set(wanted["verdict"]) == {"match", "within_job_time", "not_judged"}


# Whose an export row is, where a ledger row can name it; what somebody only made (a project) is not theirs.
OWNERS = {
    "signal_actions": ["userId"],
    "event_attendances": ["userId"],
    "project_supports": ["userId"],
    "pioneer_referrals": ["pioneerId", "recruitedUserId"],
    "activity_point_adjustments": ["userId"],
}


def without_the_departed(rows: pd.DataFrame, exports: Exports) -> pd.DataFrame:
    """The acts as they are published: nobody who left is named, and the ids of their rows are pseudonyms."""
    here = set(exports.latest("users")["id"])
    gone = set(exports.last_seen("users")["id"]) - here
    tables = {name: exports.events(name) for name in OWNERS}
    tables["proof_of_support"] = exports.last_seen("proof_of_support")
    theirs = set()
    for name, owners in {**OWNERS, "proof_of_support": ["userId"]}.items():
        owned = tables[name][owners].isin(gone).any(axis=1)
        theirs |= set(tables[name]["id"][owned])
    assert gone, "the sample must hold a member who left"
    assert theirs & set(rows["source_id"]), "and whose acts are in the ledger"
    for column in ("source_id", "credited_source_id"):
        if column in rows:
            rows[column] = [erased(value) if value in theirs else value for value in rows[column]]
    rows["user_id"] = rows["user_id"].where(rows["user_id"].isin(here), None)
    return rows


def test_the_ledger_holds_every_act_the_rules_reward_and_no_other(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = without_the_departed(ledger(exports), exports)
    assert_same(published(run, "activity_point", wanted.columns), wanted)


def test_every_act_is_decided_as_the_rules_say(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = decisions(exports).drop(columns="taken_back")
    reasons = {"awarded", "not_verified", "self_award", "duplicate_act", "source_capped"}
    assert reasons <= set(wanted["decision"]), "the sample must give occasion for these"
    wanted = without_the_departed(wanted, exports)
    assert_same(published(run, "activity_decision", wanted.columns), wanted)


def test_each_rule_paid_as_much_as_it_should(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = ledger(exports).groupby("rule_id")["points"].sum().to_dict()
    assert wanted.keys() == POINTS.keys() | {"adjustment"}
    assert dict(run.sql("select rule_id, sum(points) from activity_point group by rule_id")) == wanted


def test_what_was_taken_back_names_what_it_takes_back(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    taken_back = int((ledger(exports).query("rule_id == 'proof_of_support'")["points"] < 0).sum())
    assert taken_back > 0, "the sample must hold a revoked proof"
    assert run.sql(
        """
        select count(*) from activity_point as reversal inner join activity_point as award
        on reversal.reverses_activity_point_id = award.activity_point_id
        where reversal.points = -award.points and reversal.scene_id is not distinct from award.scene_id
            and reversal.policy_version = award.policy_version and award.reverses_activity_point_id is null
        """
    ) == [(taken_back,)]


def test_every_scope_has_its_score_and_its_people_on_every_day(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    wanted = activity_score(exports)
    assert_same(published(run, "activity_score", wanted.columns), wanted)


def test_members_are_those_whose_home_scene_it_is(sample: tuple[Run, Exports]) -> None:
    run, exports = sample
    home = pd.Series(exports.homes[exports.nights("users")[-1]])
    wanted = home.value_counts().reindex(exports.scenes.index, fill_value=0).to_dict()
    found = run.sql(
        """
        select scope.scene_id::varchar, summary.value
        from analytics_summary as summary inner join scope using (scope_id)
        where summary.metric = 'members' and summary.tier = 'city'
        """
    )
    assert dict(found) == wanted | {None: home.isna().sum()}


def test_every_total_is_the_sum_of_its_parts(sample: tuple[Run, Exports]) -> None:
    run, _ = sample
    points = published(run, "activity_point", ["user_id", "points"])
    score = published(run, "activity_score", ["tier", "as_of_date", "points_on_day", "points_all_time"])
    of_members = published(run, "user_activity", ["points_all_time"])["points_all_time"].sum()
    total, departed = points["points"].sum(), points["points"][points["user_id"].isna()].sum()
    assert departed > 0
    assert of_members + departed == total
    last = score[score["as_of_date"] == score["as_of_date"].max()]
    for tier in SCOPE_PARTS:
        assert score["points_on_day"][score["tier"] == tier].sum() == total
        assert last["points_all_time"][last["tier"] == tier].sum() == total


@pytest.mark.parametrize("seed", range(SEEDS))
def test_scores_are_replayed_exactly_wherever_listening_falls_on_an_edge(seed: int, tmp_path: Path) -> None:
    exports = made_up_rotation(seed)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        stage(connection, exports)
        for model in ancestors("rotation_recurrence", folder="fair_play"):
            connection.execute(f"create table {model} as {models()[model].sql}")
        assert_same(plain(connection.table("rotation_recurrence")), rotation_recurrence(exports))


def test_those_edges_lead_to_every_verdict() -> None:
    found = pd.concat([rotation_recurrence(made_up_rotation(seed)) for seed in range(12)])
    verdicts = found["verdict"]
    assert set(verdicts) == {"match", "within_job_time", "mismatch", "not_judged"}
    assert verdicts.value_counts().min() > 50
    assert set(found["not_judged_because"].dropna()) == {"scene_not_city", "window_not_known"}


def test_nights_delivered_one_by_one_give_what_they_give_at_once(tmp_path: Path) -> None:
    """One by one to the real job; at once to a world in memory, which must publish the same.

    The last run builds upon the earlier: a new night arrives, and with it tables of the night before.
    """
    at_once = sample_world(tmp_path, 1, SMALL, formats=FORMATS, faults=tuple(FAULT_ROWS))
    source = tmp_path / "exports"
    arriving, held_back = tmp_path / "arriving", {"follows", "track_votes", "event_attendances"}
    everything = {folder.name for folder in source.iterdir()}
    first, second, third = sorted({folder.name for folder in source.glob("*/*")})

    def arrive() -> Run:
        run = run_nightly(arriving, tmp_path / "one_by_one", confirm_departures=[first, second, third])
        assert run.success, run.message
        return run

    deliver(arriving, first, source)
    deliver(arriving, second, source, everything - held_back)
    arrive()
    deliver(arriving, second, source, held_back)
    deliver(arriving, third, source)
    one_by_one = arrive()

    assert {"activity_point", "row_account", "rejected_row", "scope"} <= set(PUBLISHED)
    for table in PUBLISHED:
        rows = f"from {table} order by all"
        assert one_by_one.sql(rows) == at_once.connection.execute(rows).fetchall(), table
    ((superseded, rejected),) = one_by_one.sql(
        "select sum(rows_superseded), sum(rows_rejected) from row_account"
    )
    assert superseded > 0
    assert rejected > 0


@dataclass(frozen=True)
class MadeUp(Exports):
    """Exports that never were files: by table and night, the rows of a snapshot or what happened."""

    tables: dict[str, dict[dt.date, pd.DataFrame]] = field(default_factory=dict)

    def nights(self, table: str) -> list[dt.date]:
        """The nights made up."""
        return sorted(self.tables[table])

    def snapshot(self, table: str, night: dt.date) -> pd.DataFrame:
        """The rows of one night."""
        return self.tables[table][night]

    def events(self, table: str) -> pd.DataFrame:
        """The rows of all nights."""
        return pd.concat(self.tables[table].values(), ignore_index=True)


NIGHTS = [dt.date(2026, 1, day) for day in range(10, 15)]
ROTATION_NIGHTS = NIGHTS[-3:]
WINDOWS = (1, 3, 14)
CITY, STATE = uid(2, 1), uid(2, 2)
JUST_BESIDE = [end + beside for end in (0, -JOB_TIME_MS) for beside in (-1, 0, 1)]


def made_up_rotation(seed: int) -> MadeUp:
    """Thirty tracks on three nights, heard just inside and just outside of every window there could be."""
    rng = np.random.default_rng(seed)
    tables: dict[str, dict[dt.date, pd.DataFrame]] = {
        "communities": {NIGHTS[-1]: pd.DataFrame({"id": [CITY, STATE], "tier": ["city", "state"]})},
        "fair_play_config": {night: made_up_config(rng) for night in NIGHTS},
        "rotation_entries": {night: made_up_entries(rng, night) for night in ROTATION_NIGHTS},
    }
    missing = rng.choice([None, *NIGHTS[1:]], p=[0.8, 0.05, 0.05, 0.05, 0.05])
    unsound = frozenset({rng.choice(NIGHTS)} if rng.random() < 0.3 else ()) - {missing}
    exports = MadeUp(Path(), NIGHTS[-1], unsound, tables)
    heard = made_up_listening(rng, pd.concat(tables["rotation_entries"].values()))
    tables["track_engagements"] = {night: heard.head(0) for night in NIGHTS if night != missing}
    tables["track_engagements"][NIGHTS[0]] = heard
    for entries in tables["rotation_entries"].values():
        entries["recurrenceScore"] = [
            made_up_score(rng, exports, entry, Listening.of(heard[heard["trackId"] == entry["trackId"]]))
            for entry in entries.to_dict("records")
        ]
    return exports


def made_up_config(rng: np.random.Generator) -> pd.DataFrame:
    """One night's configuration: some N, no N, or no global row at all."""
    rows = pd.DataFrame({"scope": ["global", "test"], "recurrenceRollingWindowDays": [0.0, 30.0]})
    rows.loc[0, "recurrenceRollingWindowDays"] = rng.choice([np.nan, *WINDOWS])
    return rows.tail(1) if rng.random() < 0.2 else rows


def made_up_entries(rng: np.random.Generator, night: dt.date) -> pd.DataFrame:
    """One night's entries; none changed in the first minutes, so that the job's minute lies within a day."""
    count = 30
    updated = milliseconds(pd.Timestamp(night)) + rng.integers(2 * JOB_TIME_MS, DAY_MS, count)
    graduated = (updated - rng.integers(0, 12 * DAY_MS, count)).astype("datetime64[ms]")
    return pd.DataFrame({
        "trackId": [uid(4, number) for number in range(count)],
        "sceneId": [CITY if number % 6 else STATE for number in range(count)],
        "pool": "MAIN_ROTATION",
        "updatedAt": updated.astype("datetime64[ms]"),
        "graduatedAt": pd.Series(graduated).where(rng.random(count) < 0.5),
    })  # fmt: skip


def made_up_listening(rng: np.random.Generator, entries: pd.DataFrame) -> pd.DataFrame:
    """Engagements around the ends of the windows that end when an entry was updated or graduated."""
    rows = []
    for entry in entries.to_dict("records"):
        ends = [entry["updatedAt"]] * 3 + [entry["graduatedAt"]] * (not pd.isna(entry["graduatedAt"]))
        for end in rng.choice(ends, rng.integers(0, 6)):
            beside = rng.choice(JUST_BESIDE) if rng.random() < 0.7 else -rng.integers(0, JOB_TIME_MS)
            rows.append((entry["trackId"], milliseconds(end) - rng.choice([0, *WINDOWS]) * DAY_MS + beside))
    heard = pd.DataFrame(rows, columns=["trackId", "createdAt"])
    heard["createdAt"] = heard["createdAt"].astype("datetime64[ms]")
    return heard.assign(score=rng.integers(0, 4, len(heard)))


def made_up_score(
    rng: np.random.Generator, exports: MadeUp, entry: dict[str, object], heard: Listening
) -> float:
    """What the platform says: right at the update, at graduation, somewhat earlier, or wrong."""
    claimed = [entry["updatedAt"], entry["updatedAt"] - pd.Timedelta(milliseconds=rng.integers(JOB_TIME_MS))]
    if not pd.isna(entry["graduatedAt"]):
        claimed.append(entry["graduatedAt"])
    at = claimed[rng.integers(len(claimed))]
    wrong = rng.random() < 0.2
    return float(heard.score(milliseconds(at), window_days(exports, at.date())) + wrong)


def stage(connection: duckdb.DuckDBPyConnection, exports: MadeUp) -> None:
    """Put made-up exports where the models of staging would."""
    heard = exports.events("track_engagements")
    connection.execute(
        """
        create table stg_track_engagements as
        select trackId as track_id, score, createdAt::timestamp as created_at from heard
        """
    )
    stage_history(connection, exports, "communities", "id as community_id, tier")
    stage_history(
        connection, exports, "fair_play_config",
        "scope, recurrenceRollingWindowDays::integer as recurrence_rolling_window_days",
    )  # fmt: skip
    stage_history(
        connection, exports, "rotation_entries",
        """
        trackId as track_id, sceneId as scene_id, pool, recurrenceScore as recurrence_score,
        updatedAt::timestamp as updated_at, graduatedAt::timestamp as graduated_at
        """,
    )  # fmt: skip
    # What makes a night unsound: it was refused, or a correction of it was, or rows were rejected.
    troubles = ([("refused", 0)], [("accepted", 0), ("refused", 0)], [("accepted", 1)])
    trouble = troubles[len(heard) % len(troubles)]
    deliveries = pd.DataFrame(
        [
            (night, status, rejected)
            for night in exports.nights("track_engagements")
            for status, rejected in (trouble if night in exports.unsound else [("accepted", 0)])
        ],
        columns=["night", "status", "rows_rejected"],
    )
    connection.execute("create table delivery as select 'track_engagements' as table_name, * from deliveries")
    assert len(heard) > 0
    assert len(deliveries) > 0


def stage_history(connection: duckdb.DuckDBPyConnection, exports: MadeUp, table: str, columns: str) -> None:
    """A snapshot table's rows as states that held for one night each, and the last ones on."""
    nights = exports.nights(table)
    held = zip(nights, [*nights[1:], None], strict=True)
    states = pd.concat(
        [exports.snapshot(table, night).assign(from_night=night, to_night=gone) for night, gone in held]
    )
    connection.execute(
        f"create table stg_{table}_history as "  # noqa: S608
        f"select {columns}, from_night::date as from_night, to_night::date as to_night from states"
    )
    connection.execute("create table if not exists snapshot_night (table_name varchar, night date)")
    connection.executemany("insert into snapshot_night values (?, ?)", [(table, night) for night in nights])
    assert len(states) > 0
