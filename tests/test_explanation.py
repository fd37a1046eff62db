"""Every total can be followed to the delivered rows behind it, by command and in SQL."""

import datetime as dt
import io
import os
import subprocess
import sys
import uuid
from pathlib import Path

import duckdb
import pytest
from conftest import Run
from rich.console import Console

from orchestration.ask import explain as explanation

FIRST_DAY, LAST_DAY = dt.date(2025, 1, 1), dt.date(2026, 1, 3)


@pytest.fixture
def console() -> Console:
    """A console whose text can be read again."""
    return Console(file=io.StringIO(), width=250)


def said(console: Console) -> list[list[str]]:
    """What was printed, in words by line."""
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip()]


def test_the_view_explains_every_decision_with_the_file_it_came_from(golden: Run) -> None:
    unexplained = golden.sql(
        """
        select count(*)
        from activity_decision
        full outer join activity_explanation using (activity_decision_id)
        left join row_account
            on activity_explanation.delivery_id = row_account.delivery_id
            and row_account.status = 'accepted'
            and activity_explanation.part = row_account.part
            and activity_explanation.night = row_account.night
            and activity_explanation.source_table = row_account.table_name
        where activity_decision.rule_id is null or activity_explanation.rule_id is null
            or activity_explanation.rule is null or row_account.delivery_id is null
        """
    )
    assert unexplained == [(0,)]
    assert golden.sql("select count(*) from activity_explanation") == golden.sql(
        "select count(*) from activity_decision"
    )


def test_the_view_and_its_columns_are_described(golden: Run) -> None:
    (comment,) = golden.sql("select comment from duckdb_views() where view_name = 'activity_explanation'")
    assert comment[0].startswith("One row per act")


def test_a_member_sees_totals_acts_and_what_was_not_awarded(golden: Run, console: Console) -> None:
    capped = golden.sql("select user_id from activity_decision where decision = 'daily_capped' limit 1")
    ((user_id,),) = capped
    explanation.explain_user(console, golden.published_file, user_id)
    lines = said(console)
    totals = golden.sql("select user_id, activity_type, points_all_time from user_activity")
    for activity_type, total in (row[1:] for row in totals if row[0] == user_id):
        assert any(line[0] == activity_type and f"{total:,}" in line for line in lines)
    assert any(line[1:2] == ["daily_capped"] for line in lines)


@pytest.mark.parametrize(
    "decision", ["awarded", "not_verified", "self_award", "duplicate_act", "source_capped"]
)
def test_an_award_is_followed_to_its_file_and_row(golden: Run, console: Console, decision: str) -> None:
    acts = golden.sql(
        """
        select activity_decision_id, source_id, part, night, decision
        from activity_decision inner join row_account using (delivery_id)
        order by all
        """
    )
    act, source_id, part, night, _ = next(row for row in acts if row[-1] == decision)
    explanation.explain_award(console, golden.published_file, act)
    lines = said(console)
    assert ["decision", decision] in lines
    assert ["source_id", str(source_id)] in lines
    assert ["part", part] in lines
    assert ["night", str(night)] in lines


def test_a_row_that_takes_back_is_explained_by_the_award_it_takes_back(golden: Run, console: Console) -> None:
    ((reversal, award),) = golden.sql(
        """
        select activity_point_id, reverses_activity_point_id from activity_point
        where reverses_activity_point_id is not null
        """
    )
    explanation.explain_award(console, golden.published_file, reversal)
    lines = said(console)
    assert ["activity_decision_id", str(award)] in lines
    assert [line[-1] for line in lines if "100" in line or "-100" in line][-1] == "true"


def numbers(words: list[str]) -> list[int]:
    return [0 if word == "—" else int(word.replace(",", "")) for word in words]


def score_and_parts(console: Console) -> tuple[list[int], list[list[int]]]:
    """What was printed of a score and of its parts: on the day, in 7, 30 and 90 days, of all time."""
    lines = said(console)
    start = next(n for n, line in enumerate(lines) if line[:3] == ["The", "sum", "of"])
    rows = [line for line in lines if line[0] not in ("as_of_date", "rule_id") and "─" not in line[0]]
    (score,) = (line for line in lines[:start] if line[0].startswith("20"))
    parts = rows[rows.index(lines[start]) + 1 :]
    return numbers(score[-5:]), [numbers(part[-6:-1]) for part in parts]


@pytest.mark.parametrize("day", ["2025-12-01", "2026-01-01", "2026-01-03"])
def test_every_score_is_the_sum_of_the_parts_shown(golden: Run, day: str) -> None:
    tiers, unscoped = set(), set()
    for scope_id, tier, is_unscoped in golden.sql("select scope_id, tier, is_unscoped from scope"):
        console = Console(file=io.StringIO(), width=250)
        explanation.explain_scene(console, golden.published_file, str(scope_id), dt.date.fromisoformat(day))
        score, parts = score_and_parts(console)
        assert [sum(column) for column in zip(*parts, strict=True)] == (score if parts else [])
        assert parts or not any(score)
        (unscoped if is_unscoped else tiers).add((tier, score[-1] > 0))
    assert {("city", True), ("state", True), ("national", True), ("platform", True)} <= tiers
    assert {tier for tier, _ in unscoped} == {"city", "state", "national"}


# Points 1 to 16 by where they were earned; each scope by its parts, or as unscoped.
PLACES = {
    "a": ("TX", "punk", 1),
    "b": ("TX", "punk", 2),
    "c": ("TX", None, 4),
    "d": (None, "punk", 8),
    "none": (None, None, 16),
}
SCOPES = {
    "city a": (1, "city", "TX", "punk", "a", False, 1),
    "city b": (2, "city", "TX", "punk", "b", False, 2),
    "city c": (3, "city", "TX", None, "c", False, 4),
    "city d": (4, "city", None, "punk", "d", False, 8),
    "no city": (5, "city", None, None, None, True, 16),
    "state": (6, "state", "TX", "punk", None, False, 1 + 2),
    "no state": (7, "state", None, None, None, True, 4 + 8 + 16),
    "nation": (8, "national", None, "punk", None, False, 1 + 2 + 8),
    "no nation": (9, "national", None, None, None, True, 4 + 16),
    "platform": (10, "platform", None, None, None, False, 1 + 2 + 4 + 8 + 16),
}


@pytest.mark.parametrize("name", SCOPES)
def test_the_parts_of_a_scope_are_those_of_its_scenes_and_of_whoever_has_none(
    tmp_path: Path, console: Console, name: str
) -> None:
    scenes = {place: uuid.UUID(int=100 + n) for n, place in enumerate(PLACES)} | {"none": None}
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute(
            """
            create table scope (
                scope_id uuid, tier varchar, state varchar, music_community varchar, scene_id uuid,
                is_unscoped boolean, city varchar, label varchar, founded_on date
            );
            create table subject (subject_type varchar, subject_id uuid, name varchar);
            create table activity_point (
                scene_id uuid, rule_id varchar, policy_version varchar, points bigint, occurred_on date
            )
            """
        )
        for number, tier, state, music, scene, is_unscoped, _ in SCOPES.values():
            row = [uuid.UUID(int=number), tier, state, music, scenes.get(scene), is_unscoped]
            connection.execute(
                "insert into scope values ($1, $2, $3, $4, $5, $6, null, 'a label', null)", row
            )
        connection.execute(
            """
            create table activity_score as select
                scope_id, date '2026-01-03' as as_of_date, 0 as members, 0 as contributors_30d,
                0 as points_on_day, 0 as points_7d, 0 as points_30d, 0 as points_90d, 0 as points_all_time
            from scope
            """
        )
        for place, (_, _, points) in PLACES.items():
            connection.execute(
                "insert into activity_point values ($1, 'blast', '1', $2, date '2025-10-06')",
                [scenes[place], points],
            )
    number, *_, points = SCOPES[name]
    explanation.explain_scene(console, tmp_path / "analytics.duckdb", str(uuid.UUID(int=number)), None)
    # October 6 is the first of the 90 days that end with January 3.
    assert score_and_parts(console)[1] == [[0, 0, 0, points, points]]


# Scopes by their ids: two scenes of one place, and a nation that is named like a scene.
NAMED = [
    (1, "city", "Austin", "Texas", "punk", "Austin punk, Texas, founded 2024-01-01", "2024-01-01", "Loud!"),
    (
        2,
        "city",
        "Austin",
        "Texas",
        "punk",
        "Austin punk, Texas, founded 2025-02-03",
        "2025-02-03",
        "The Porch",
    ),
    (3, "city", "Austin", "Minnesota", "punk", "Austin punk, Minnesota", "2024-05-06", "Austin North"),
    (4, "city", "São Paulo", None, "hip-hop", "São Paulo hip-hop", "2024-05-06", "SP"),
    (5, "city", None, None, "folk", "folk", "2024-05-06", "A scene without a city"),
    (6, "state", None, "Texas", "punk", "Texas punk", None, None),
    (7, "national", None, None, "punk", "punk", None, None),
    (8, "national", None, None, "folk", "folk", None, None),
    (9, "city", None, None, None, "in no city scene", None, None),
]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file with these scopes, each with one score of its own number."""
    file = tmp_path_factory.mktemp("named") / "analytics.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            """
            create table scope (
                scope_id uuid, tier varchar, city varchar, state varchar, music_community varchar,
                label varchar, founded_on date, scene_id uuid, is_unscoped boolean
            );
            create table subject (subject_type varchar, subject_id uuid, name varchar);
            create table activity_point (
                scene_id uuid, rule_id varchar, policy_version varchar, points bigint, occurred_on date
            );
            """
        )
        for number, *parts, name in NAMED:
            scope_id = uuid.UUID(int=number)
            connection.execute(
                "insert into scope values ($1, $2, $3, $4, $5, $6, $7, $1, $2 is null)", [scope_id, *parts]
            )
            if name:
                connection.execute("insert into subject values ('scene', $1, $2)", [scope_id, name])
        connection.execute(
            """
            create table activity_score as
            select
                scope_id, date '2026-01-03' as as_of_date, 0 as members, 0 as contributors_30d,
                0 as points_on_day
            from scope
            """
        )
    return file


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("Austin punk, Texas, founded 2024-01-01", 1),
        ("austin PUNK founded 2025-02-03 texas", 2),
        ("the porch", 2),
        ("loud", 1),
        ("Austin punk, Minnesota", 3),
        ("Austin, Minnesota: punk", 3),
        ("punk Minnesota Austin", 3),
        ("sao paulo hip hop", 4),
        ("SÃO PAULO / Hip-Hop", 4),
        ("Texas punk", 6),
        ("punk, texas", 6),
        ("PUNK", 7),
        ("in no city scene", 9),
        ("00000000-0000-0000-0000-000000000003", 3),
        ("00000000-0000-0000-0000-00000000000A".lower(), None),
        ("Austin", None),
        ("Austin folk", None),
        ("", None),
        (" ,", None),
    ],
)
def test_a_scene_is_found_by_id_and_by_name_in_any_sensible_spelling(
    named: Path, console: Console, asked: str, number: int | None
) -> None:
    if number is None:
        with pytest.raises(explanation.UnknownIdError):
            explanation.explain_scene(console, named, asked, None)
        return
    explanation.explain_scene(console, named, asked, None)
    (label,) = (row[5] for row in NAMED if row[0] == number)
    assert console.file.getvalue().startswith(f"{label}: score on 2026-01-03\n")


@pytest.mark.parametrize(
    ("asked", "numbers"), [("Austin punk", [1, 2, 3]), ("austin texas punk", [1, 2]), ("folk", [5, 8])]
)
def test_where_several_have_one_name_they_are_listed(
    named: Path, console: Console, asked: str, numbers: list[int]
) -> None:
    with pytest.raises(explanation.UnknownIdError) as told:
        explanation.explain_scene(console, named, asked, None)
    first, *lines = str(told.value).splitlines()
    assert first == f"{len(numbers)} scopes are called {asked!r}; ask for one by its label or id:"
    known = {number: (tier, label, founded) for number, tier, _, _, _, label, founded, _ in NAMED}
    expected = []
    for number in numbers:
        tier, label, founded = known[number]
        founding = f", founded {founded}" if founded and founded not in label else ""
        expected.append(f"{uuid.UUID(int=number)}  {label} ({tier}{founding})")
    assert sorted(lines) == expected


def test_a_name_that_is_almost_one_is_answered_with_the_nearest(named: Path, console: Console) -> None:
    with pytest.raises(
        explanation.UnknownIdError,
        match=r"no scene or other scope is called 'Txas pnk' or has this id; .*Texas punk",
    ):
        explanation.explain_scene(console, named, "Txas pnk", None)
    with pytest.raises(explanation.UnknownIdError, match=r"`warehouse query .* lists them"):
        explanation.explain_scene(console, named, "qqq", None)


def test_a_day_without_a_score_is_said_to_have_none(golden: Run, console: Console) -> None:
    ((scope_id,),) = golden.sql("select min(scope_id) from scope")
    with pytest.raises(explanation.UnknownIdError, match=r"of 2030-01-01; its days are 20.* to 2026-01-03"):
        explanation.explain_scene(console, golden.published_file, str(scope_id), dt.date(2030, 1, 1))


def test_a_change_is_the_difference_of_two_totals(golden: Run, console: Console) -> None:
    user_id, total = golden.sql(
        "select user_id, sum(points_all_time) from user_activity group by user_id order by all limit 1"
    )[0]
    explanation.explain_change(console, golden.published_file, user_id, FIRST_DAY, LAST_DAY)
    text = " ".join(console.file.getvalue().split())
    assert f"0 at the end of 2025-01-01, {int(total)} at the end of 2026-01-03: {int(total):+}" in text


def test_an_unknown_id_is_said_to_be_unknown(golden: Run, console: Console) -> None:
    nobody = uuid.UUID(int=7)
    for explain in (explanation.explain_user, explanation.explain_award):
        with pytest.raises(explanation.UnknownIdError, match=str(nobody)):
            explain(console, golden.published_file, nobody)
    with pytest.raises(explanation.UnknownIdError):
        explanation.explain_scene(console, golden.published_file, str(nobody), None)
    with pytest.raises(explanation.UnknownIdError):
        explanation.explain_change(console, golden.published_file, nobody, FIRST_DAY, LAST_DAY)


@pytest.mark.parametrize("asked", ["00000000-0000-4000-8000-000000000000", "nobody"])
def test_the_command_exits_2_on_what_it_cannot_find(golden: Run, asked: str) -> None:
    outcome = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "orchestration.cli", "explain", "user", asked],
        capture_output=True, text=True, check=False,
        env=os.environ | {"WAREHOUSE_DIR": str(golden.warehouse_dir), "DAGSTER_HOME": ""},
    )  # fmt: skip
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stderr
    assert outcome.stderr
