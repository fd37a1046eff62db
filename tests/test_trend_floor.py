"""The floor holds for history: no number of few people, and none that the others of its period tell."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from attacker import Number, Publication, Sum, is_of_nobody, of_scopes, pinned, rows, total
from test_floor import THINGS, with_nobody_moving
from worlds import World, models, sample_world

from orchestration.sample import SampleSize
from orchestration.settings import PROJECT_DIR

# The attacker at work, which a tracer slows down by a quarter; what it calls of ours is covered elsewhere.
pytestmark = pytest.mark.no_cover

SIZE = SampleSize(members=160, scenes=6, tracks=20, engagements=3500, actions=900, nights=3, history_days=100)
FLOOR = 5
DECISIONS = [name for name in models() if name.startswith("trend_decision_")]
HEARD = ("engagement_points", "listens", "full_listens", "majority_listens", "partial_listens", "skips")
COHORT = tuple(f"active_after_{months}m" for months in (1, 2, 3, 6, 12))
# Of each table with everything: what it is about, its subject, and its numbers of people or of what they did.
EVERYTHING = {
    "scene_period": (
        "scene", None, (*HEARD, "listeners", "active_users", "follows", "followers", "gps_verified_members"),
    ),
    "artist_period": (
        "artist", "artist_band_id",
        (*HEARD, "listeners", "adds", "adders", "followers", "attendance", "attendees", "aware_listeners"),
    ),
    "track_period": ("track", "track_id", (*HEARD, "listeners")),
    "cohort_period": ("cohort", None, ("size", *COHORT)),
}  # fmt: skip
# Of each published table, the one with everything.
SHOWN = {
    "scene_week": "scene_period", "artist_week": "artist_period", "artist_timeline": "artist_period",
    "track_week": "track_period", "member_cohort": "cohort_period",
}  # fmt: skip
# Who a number is about, if it is not about itself.
PEOPLE_OF = {
    **dict.fromkeys((*HEARD, "active_users"), "listeners"), "follows": "followers", "adds": "adders",
    "attendance": "attendees",
}  # fmt: skip
# What holds of the numbers of one scope, subject and period: each says that a sum is 0, as in `attacker`.
IDENTITIES = [
    {"listens": 1, "full_listens": -1, "majority_listens": -1, "partial_listens": -1, "skips": -1},
    {"engagement_points": 1, "full_listens": -3, "majority_listens": -2, "partial_listens": -1},
    {"listens": 1, "listeners": -1, "~further listens": -1},
    {"active_users": 1, "listeners": -1, "~active, but heard nothing": -1},
    {"follows": 1, "followers": -1, "~further follows": -1},
    {"adds": 1, "adders": -1, "~further adds": -1},
    {"attendance": 1, "attendees": -1, "~further attendances": -1},
    *({"size": 1, name: -1, f"~not {name}": -1} for name in COHORT),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nobody moves, so that distinct people of the parts add up to those of the whole."""
    return with_nobody_moving(sample_world(tmp_path_factory.mktemp("floor"), seed=5, size=SIZE))


def numbers(world: World, table: str, everything: str) -> dict[Number, float]:
    """The numbers of a table, each by its name, what it is about, its subject, its period and its scope."""
    kind, subject, names = EVERYTHING[everything]
    (platform,) = (str(row["scope_id"]) for row in rows(world, "from scope where tier = 'platform'"))
    found = {}
    for row in rows(world, f"from {table}"):
        begins = row.get("starts_on", row.get("joined_month"))
        key = (kind, str(row[subject]) if subject else "", f"{row.get('period', 'week')} {begins}"[:15], "")
        for name in names:
            if row.get(name) is not None:
                found[(name, *key, str(row.get("scope_id", platform)))] = float(row[name])
    return found


def truth_of(world: World) -> dict[Number, float]:
    """All numbers before any is withheld."""
    return {n: v for table in EVERYTHING for n, v in numbers(world, table, table).items()}


def publication(world: World) -> Publication:
    """What is shown of history and what is not, and what must hold among the numbers of each period."""
    truth = truth_of(world)
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    sums = [*of_scopes(world, truth), *of_one_scope(truth), *of_artists(world, truth)]
    everything = {number for row in sums for _, number in row} | set(truth)
    shown = shown_of(world)
    # That there is nobody in what is unscoped is told.
    shown |= {n: 0.0 for n in everything if n[-1] in nobody and not is_of_nobody(n[0]) and not truth.get(n)}
    # Members are public: of a scene that has none, none are verified.
    members = {
        (f"{row['period']} {row['starts_on']}"[:15], str(row["scope_id"])): row["members"]
        for row in rows(world, "from scene_week")
    }
    shown |= {n: 0.0 for n in everything if n[0] == "gps_verified_members" and members[n[3], n[-1]] == 0}
    return Publication(shown, everything - set(shown), sums)


def of_one_scope(truth: dict[Number, float]) -> Iterator[Sum]:
    """What holds among the numbers of one scope."""
    for key in sorted({number[1:] for number in truth}):
        for identity in IDENTITIES:
            row = [(factor, (name, *key)) for name, factor in identity.items()]
            if all(is_of_nobody(number[0]) or number in truth for _, number in row):
                yield row


def of_artists(world: World, truth: dict[Number, float]) -> Iterator[Sum]:
    """That an artist is the sum of the tracks, and a scene that of the artists and of what has none."""
    (platform,) = (str(row["scope_id"]) for row in rows(world, "from scope where tier = 'platform'"))
    tracks: dict[tuple[str, str], list[str]] = defaultdict(list)
    # Also a track that nobody heard may be one that few heard.
    for row in rows(
        world,
        """
        select distinct artist_band_id, track_id, period, starts_on from stg_tracks cross join period
        left join track_period using (track_id, period, starts_on)
        where stg_tracks.created_at < period.ends_before or track_period.listens > 0
        """,
    ):
        period = f"{row['period']} {row['starts_on']}"[:15]
        tracks[str(row["artist_band_id"]), period].append(str(row["track_id"]))
    artists: dict[Number, list[Number]] = defaultdict(list)
    for number in truth:
        name, kind, subject, period, _, scope = number
        if kind == "artist" and name in HEARD:
            artists[(name, "scene", "", period, "", scope)].append(number)
            if scope == platform:
                parts = [(name, "track", track, period, "", scope) for track in tracks[subject, period]]
                row = [(1, number), *((-1, part) for part in parts)]
                assert total(row, truth) == 0
                yield row
    for whole, parts in artists.items():
        yield [(1, whole), *((-1, part) for part in parts), (-1, (f"~{whole[0]} of no artist", *whole[1:]))]


def told(world: World) -> set[Number]:
    """The numbers about few people, or nobody, that are pinned."""
    people = people_of(truth_of(world))
    return {
        n
        for n in pinned(publication(world))
        if n[0] not in THINGS and not is_of_nobody(n[0]) and people.get(n, 0) < FLOOR
    }


def people_of(truth: dict[Number, float]) -> dict[Number, float]:
    """How many people each number is about."""
    return {(name, *key): truth.get((PEOPLE_OF.get(name, name), *key), 0) for name, *key in truth}


def shown_of(world: World) -> dict[Number, float]:
    """All that the published tables show."""
    return {n: v for table, whole in SHOWN.items() for n, v in numbers(world, table, whole).items()}


def test_nothing_shown_is_about_few_people(world: World) -> None:
    people, shown = people_of(truth_of(world)), shown_of(world)
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    assert {kind for _, kind, *_ in shown} == {"scene", "artist", "track", "cohort"}
    few = {n for n in shown if people[n] < FLOOR and not (people[n] == 0 and n[-1] in nobody)}
    assert few == set()


def test_nothing_shown_leaves_few_people(world: World) -> None:
    """Nor is a share shown of which few are not part, nor how many moved if few joined, or few left."""
    few = f"between 1 and {FLOOR - 1}"
    queries = {
        "verified": f"from scene_week where members - gps_verified_members {few}",
        "joined": f"from scene_week where joined {few} or departed {few}",
        "aware": f"from artist_timeline where aware_listeners {few}",
        "unaware": f"from artist_timeline where scope_listeners - aware_listeners {few}",
        **{name: f"from member_cohort where size - {name} {few}" for name in COHORT},
    }
    assert {name: rows(world, query) for name, query in queries.items() if rows(world, query)} == {}


def test_a_month_is_shown_only_if_every_week_that_touches_it_is(world: World) -> None:
    shown, touching = shown_of(world), defaultdict(list)
    for row in rows(
        world,
        """
        select months.starts_on as month, weeks.starts_on as week, weeks.ends_before
        from period as months join period as weeks
            on weeks.starts_on < months.ends_before and weeks.ends_before > months.starts_on
        where months.period = 'month' and weeks.period = 'week'
        """,
    ):
        touching[f"month {row['month']}"[:15]].append((f"week {row['week']}"[:15], row["ends_before"]))
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    born = {str(row["track_id"]): row["created_at"] for row in rows(world, "from stg_tracks")}
    of_months, bare = set(), set()
    for number in shown:
        name, kind, subject, period, _, scope = number
        if period.startswith("month") and scope not in nobody:
            of_months.add(kind)
            for week, ends_before in touching[period]:
                there = kind != "track" or born[subject] < ends_before
                if there and (name, kind, subject, week, "", scope) not in shown:
                    bare.add((number, week))
    assert of_months == {"scene", "artist", "track"}
    assert bare == set()


def test_a_month_is_not_shown_before_its_last_week_has_ended(world: World) -> None:
    """Nobody knows yet whether that week will be withheld. What the floor does not touch is told at once."""
    months = rows(
        world,
        """
        select strftime(ends_before, '%Y-%m-%d') as as_of from period
        where period = 'month' and dayofweek(ends_before) <> 1 order by 1 desc limit 1
        """,
    )
    (as_of,) = (row["as_of"] for row in months)
    month = f"period = 'month' and starts_on = timestamp '{as_of}' - interval 1 month"
    floored = f"select count(*) as shown from {{}} where {month} and listens > 0"
    tables = ("scene_week", "artist_week", "track_week")
    assert all(rows(world, floored.format(table))[0]["shown"] for table in tables)
    with world.undone():
        world.connection.execute(
            f"update as_of set as_of = timestamp '{as_of}', as_of_date = date '{as_of}' - 1"
        )
        trends = PROJECT_DIR / "models" / "analytics" / "trends"
        world.build([path.stem for path in trends.rglob("*.sql")])
        assert not any(rows(world, floored.format(table))[0]["shown"] for table in tables)
        assert rows(world, f"select sum(adds) as adds from scene_week where {month}")[0]["adds"] > 0


def test_who_has_every_other_number_of_a_period_can_tell_no_withheld_one(world: World) -> None:
    attacked = publication(world)
    assert len(attacked.withheld) > 1000
    assert len(attacked.shown) > 1000
    assert told(world) == set()


def test_without_the_second_step_the_attack_tells_many(world: World) -> None:
    """Withholding the small cells alone is not enough."""
    with world.undone():
        for decision in DECISIONS:
            world.connection.execute(
                f"""
                create or replace table {decision} as
                select cell_key, scope_id, people < {FLOOR} or coalesce(others between 1 and 4, false)
                    as is_withheld
                from trend_cell semi join {decision} using (cell_key, scope_id)
                """
            )
        world.build(["trend_shown", "scene_week", "artist_week", "artist_timeline", "member_cohort"])
        assert {kind for _, kind, *_ in told(world)} >= {"scene", "artist"}


def test_without_another_beside_it_the_attack_tells_of_a_track(world: World) -> None:
    with world.undone():
        names = ", ".join(
            f"case when listeners >= {FLOOR} then {name} end as {name}" for name in (*HEARD, "listeners")
        )
        world.connection.execute(
            f"""
            create or replace table track_week as
            select period, starts_on, track_id, {names}
            from track_period semi join stg_tracks using (track_id)
            """
        )
        assert {kind for _, kind, *_ in told(world)} == {"track"}


def test_every_cell_is_decided_once(world: World) -> None:
    decided = " union all ".join(f"from {decision}" for decision in DECISIONS)
    undecided = f"select cohort_group from trend_cell anti join ({decided}) using (cell_key, scope_id)"
    assert rows(world, undecided) == []
    (counted,) = rows(
        world, f"select count(*) as decisions, count(distinct (cell_key, scope_id)) as cells from ({decided})"
    )
    assert counted["decisions"] == counted["cells"] > 1000
