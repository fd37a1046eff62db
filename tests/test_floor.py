"""Few people are withheld, and nobody who has all the other numbers of a publication can tell how many."""

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.optimize import linprog
from worlds import World, models, sample_world

from orchestration.sample import SampleSize

SIZE = SampleSize(members=160, scenes=9, tracks=40, engagements=2500, actions=900, nights=3, history_days=100)
FLOOR = 5
# A number that many see: what is counted, of which subject and bucket, in which window and scope.
Number = tuple[str, ...]
# Numbers that may be less than 0.
DIFFERENCES = {"engagement points gained", "net_member_growth"}


@dataclass
class Publication:
    """What a reader has: numbers that are shown, the others, and sums that must hold among them.

    A sum is a list of numbers with the factors that make them add up to 0.
    """

    shown: dict[Number, float]
    withheld: set[Number]
    sums: list[list[tuple[int, Number]]]


def pinned(publication: Publication) -> set[Number]:
    """The withheld numbers that have but one value, whatever people there are.

    Numbers that hang together by sums are one component. A linear programme finds for each a solution in
    which as many numbers as possible are above 0. What can only be 0 is pinned; of the others, those that
    cannot move while the sums hold.
    """
    found: set[Number] = set()
    for numbers, rows in components(publication):
        place = {number: at for at, number in enumerate(numbers)}
        matrix, totals = np.zeros((len(rows), len(numbers))), np.zeros(len(rows))
        for at, row in enumerate(rows):
            for factor, number in row:
                if number in place:
                    matrix[at, place[number]] += factor
                else:
                    totals[at] -= factor * publication.shown[number]
        count = len(numbers)
        may_be_less = [number[0] in DIFFERENCES for number in numbers]
        # Each number is a slack and what is above it. Slacks are so short that there is enough for all.
        solved = linprog(
            np.concatenate([-np.ones(count), np.zeros(count)]),
            A_eq=np.hstack([matrix, matrix]),
            b_eq=totals,
            bounds=[(0, 0.01)] * count + [(None if signed else 0, None) for signed in may_be_less],
            method="highs",
        )
        assert solved.success, (solved.message, rows)
        value = solved.x[:count] + solved.x[count:]
        free = (value > 1e-4) | may_be_less
        moves = null_space(matrix[:, free]) if free.any() else np.zeros((0, 0))
        can_move = np.zeros(count, dtype=bool)
        if moves.size:
            can_move[free] = np.abs(moves).max(axis=1) > 1e-7
        found |= {number for number in numbers if not can_move[place[number]]}
    return found


def components(publication: Publication) -> list[tuple[list[Number], list[list[tuple[int, Number]]]]]:
    """The withheld numbers that hang together, each with the sums they stand in."""
    leader = {number: number for number in publication.withheld}

    def lead(number: Number) -> Number:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    standing = []
    for row in publication.sums:
        unknown = [number for _, number in row if number in leader]
        if all(number in leader or number in publication.shown for _, number in row) and unknown:
            standing.append(row)
            for one, other in itertools.pairwise(unknown):
                leader[lead(one)] = lead(other)
    together: dict[Number, tuple[list[Number], list[list[tuple[int, Number]]]]] = defaultdict(
        lambda: ([], [])
    )
    for number in sorted(publication.withheld, key=str):
        together[lead(number)][0].append(number)
    for row in standing:
        unknown = next(number for _, number in row if number in leader)
        together[lead(unknown)][1].append(row)
    return list(together.values())


@pytest.mark.parametrize(
    ("shown", "withheld", "sums", "told"),
    [
        # 12 = 7 + ? + ?: one is at most 5, and nobody knows which has how many.
        ({"all": 12, "a": 7}, "bc", ["all=a+b+c"], ""),
        # 12 = 7 + ?
        ({"all": 12, "a": 7}, "b", ["all=a+b"], "b"),
        # 7 = 7 + ? + ?: nobody there.
        ({"all": 7, "a": 7}, "bc", ["all=a+b+c"], "bc"),
        # The same two numbers in two sums: b + c = 5, b - c = 1.
        ({"all": 5, "a": 1}, "bc", ["all=b+c", "b=a+c"], "bc"),
        # Only one of the three is told.
        ({"all": 9, "a": 4, "part": 5}, "bcd", ["all=a+b+c", "part=b+c+d"], "d"),
    ],
)
def test_the_attack_tells_what_a_person_would(
    shown: dict[str, float], withheld: str, sums: list[str], told: str
) -> None:
    rows = []
    for text in sums:
        whole, parts = text.split("=")
        rows.append([(1, (whole,)), *((-1, (part,)) for part in parts.split("+"))])
    numbers = {(name,): float(value) for name, value in shown.items()}
    publication = Publication(numbers, {(name,) for name in withheld}, rows)
    assert pinned(publication) == {(name,) for name in told}


# What holds of the numbers of one scope, window and subject: each says that a sum is 0.
IDENTITIES = [
    {"listens": 1, "full_listens": -1, "majority_listens": -1, "partial_listens": -1, "skips": -1},
    {"engagement_points": 1, "full_listens": -3, "majority_listens": -2, "partial_listens": -1},
    {"new_users": 1, "new users who voted": -1, "new users who did not vote": -1},
    {"active in the window before": 1, "not active again": -1, "returning_users": -1},
    {"engagement_points": 1, "engagement points before": -1, "engagement points gained": -1},
    {"members holding the sect": 1, "holders before the window": -1, "joined in the window": -1},
    {
        "awareness_union": 1, "followers": -1, "adders": -1, "artist_attendees": -1,
        "awareness_follower_adder": 1, "awareness_follower_attendee": 1, "awareness_adder_attendee": 1,
        "awareness_all_three": -1,
    },
]  # fmt: skip
# Where a ratio's parts have no name of their own, or the same name as those of another.
PARTS = {
    ("engagement_growth_rate", "numerator"): "engagement points gained",
    ("engagement_growth_rate", "denominator"): "engagement points before",
    ("sect_growth_rate", "numerator"): "joined in the window",
    ("sect_growth_rate", "denominator"): "holders before the window",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nobody moves, so that distinct people of the parts add up to those of the whole."""
    made = sample_world(tmp_path_factory.mktemp("floor"), seed=5, size=SIZE)
    made.connection.execute(
        """
        create or replace table home_scene as
        select user_id, max_by(scene_id, valid_from) as scene_id, min(member_from) as member_from,
            max_by(member_to, valid_from) as member_to, date '0001-01-01' as valid_from,
            date '9999-12-31' as valid_to
        from home_scene group by user_id
        """
    )
    made.build([model.name for model in models().values() if model.folder == "analytics"])
    return made


def publication(world: World) -> Publication:
    """What is shown in a world and what is not, and all the sums that hold of it."""
    registry = {row["metric"]: row for row in rows(world, "from known_metric")}
    truth, shown = numbers(world, "metric_value", registry), numbers(world, "shown_value", registry)
    parts = rows(world, "select scope_id, parent_id from scope_parent")
    gathered = rows(world, "select part_id as scope_id, scope_id as parent_id from unscoped_part")
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    families: dict[str, list[str]] = defaultdict(list)
    for row in parts + gathered:
        families[str(row["parent_id"])].append(str(row["scope_id"]))

    scopes: dict[str, set[str]] = defaultdict(set)
    for name, *_, scope in truth:
        scopes[name].add(scope)
    sums, broken = [], set()
    for (name, *key), (whole, children) in itertools.product(
        sorted({number[:-1] for number in truth}, key=str), families.items()
    ):
        if whole in scopes[name] and scopes[name].issuperset(set(children) - nobody):
            row = [(1, (name, *key, whole)), *((-1, (name, *key, child)) for child in children)]
            sums.append(row)
            if abs(sum(factor * truth.get(number, 0) for factor, number in row)) > 1e-6:
                broken.add(name)
    sums = [row for row in sums if row[0][1][0] not in broken]
    additive = {metric for metric, row in registry.items() if row["is_additive"] and row["is_floored"]}
    assert additive & broken == set()
    told = {(name, kind, window) for name, kind, _, window, *_ in truth}
    for identity, key in itertools.product(IDENTITIES, sorted({number[1:] for number in truth}, key=str)):
        row = [(factor, (name, *key)) for name, factor in identity.items()]
        if told.issuperset((name, key[0], key[2]) for name in identity):
            holds = abs(sum(factor * truth.get(number, 0) for factor, number in row)) < 1e-6
            # A ratio has no row, and so no parts, where it divides by 0.
            assert holds or any(number not in truth for _, number in row), row
            if holds:
                sums.append(row)
    everything = {number for row in sums for _, number in row} | set(truth)
    shown |= {number: 0.0 for number in everything - set(truth) if number[-1] in nobody}
    return Publication(shown, everything - set(shown), sums)


def numbers(world: World, relation: str, registry: dict[str, dict]) -> dict[Number, float]:
    """The numbers that a relation tells: values that count, numerators, denominators."""
    found = {}
    public = {metric for metric, line in registry.items() if not line["is_floored"]}
    for row in rows(world, f"from {relation} where value is not null"):
        line = registry[row["metric"]]
        if not line["is_floored"]:
            continue
        subject = "" if row["subject_type"] == "scene" else str(row["subject_id"])
        key = (
            row["subject_type"],
            subject,
            str(row["window_days"]),
            row["bucket"] or "",
            str(row["scope_id"]),
        )
        if row["denominator"] is not None:
            for part in ("numerator", "denominator"):
                name = PARTS.get((row["metric"], part), line[part])
                if name and " x " not in name and name not in public:
                    found[(name, *key)] = float(row[part])
        elif line["unit"] in ("count", "points"):
            found[(row["metric"], *key)] = float(row["value"])
    return found


def rows(world: World, query: str) -> list[dict]:
    """The rows of a query, by column."""
    return world.connection.execute(query).df().replace({np.nan: None}).to_dict("records")


# Of these a withheld scope may be told to have none: those of the wider scope all lie in shown ones.
THINGS = {"full_listens", "majority_listens", "partial_listens", "skips"}


def told_people(attacked: Publication) -> set[Number]:
    """The numbers of people, and of all that they did, that are pinned."""
    return {number for number in pinned(attacked) if number[0] not in THINGS}


def test_who_has_every_other_number_can_tell_no_withheld_one(world: World) -> None:
    attacked = publication(world)
    assert len(attacked.withheld) > 1000
    assert len(attacked.shown) > 1000
    assert told_people(attacked) == set()


def test_without_the_second_step_the_attack_tells_many(world: World) -> None:
    """Withholding the small cells alone is not enough."""
    with world.undone():
        for decision in ("first_decision", "second_decision"):
            world.connection.execute(
                f"""
                create or replace table {decision} as
                select cell_key, scope_id, people < {FLOOR} or leaves_few as is_withheld
                from floored_cell semi join {decision} using (cell_key, scope_id)
                """
            )
        world.build(["shown_value"])
        assert len(told_people(publication(world))) > 20


def test_every_cell_is_decided_once(world: World) -> None:
    undecided = """
        select cohort_group, scope_id from floored_cell
        anti join (from first_decision union all from second_decision) using (cell_key, scope_id)
    """
    assert world.connection.sql(undecided).fetchall() == []
    cells = "select count(*), count(distinct (cell_key, scope_id)) from floored_cell"
    ((rows, different),) = world.connection.sql(cells).fetchall()
    assert rows == different > 1000
