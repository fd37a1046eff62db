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
DIFFERENCES = {
    "engagement points gained", "net_member_growth", "days to the first vote", "days to the first attendance",
    "votes gained",
}


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


# What holds of the numbers of one scope, window and subject: each says that a sum is 0. A name that begins with ~ is
# of people, or of what they did, whom no table counts: there are none, or some.
IDENTITIES = [
    {"listens": 1, "full_listens": -1, "majority_listens": -1, "partial_listens": -1, "skips": -1},
    {"engagement_points": 1, "full_listens": -3, "majority_listens": -2, "partial_listens": -1},
    {"engagement_points": 1, "engagement points before": -1, "engagement points gained": -1},
    {"engagement_points": 1, "engagement points on songs in rotation": -1, "~points on other songs": -1},
    {"listens": 1, "unique_listeners": -1, "~further listens": -1},
    {"active_users": 1, "unique_listeners": -1, "~active, but heard nothing": -1},
    {"active_users": 1, "members acting": -1, "members only listening": -1},
    {"members acting": 1, "voters at home": -1, "~members acting, but not voting": -1},
    {"active_users": 1, "returning_users": -1, "~active for the first time": -1},
    {"members acting": 1, "people who added songs": -1, "~members acting, but adding no song": -1},
    {"unique_listeners": 1, "listeners with a session": -1, "~listeners without a session": -1},
    {"unique_listeners": 1, "listeners of songs in rotation": -1, "~listeners of other songs": -1},
    {"active in the window before": 1, "not active again": -1, "returning_users": -1},
    {"members": 1, "gps_verified_members": -1, "~members not verified": -1},
    {"members": 1, "musicians": -1, "~members who are no musicians": -1},
    {"members": 1, "new_users": -1, "~members of old": -1},
    {"members": 1, "members acting": -1, "~members not acting": -1},
    {"members": 1, "members attending": -1, "~members not attending": -1},
    {"members acting": 1, "members acting often": -1, "~members acting seldom": -1},
    {"members attending": 1, "members attending twice": -1, "~members attending once": -1},
    {"unique_listeners": 1, "members only listening": -1, "~members who listen and act": -1},
    {"musicians": 1, "active_musicians": -1, "~musicians at rest": -1},
    {"musicians": 1, "new_musicians": -1, "~musicians of old": -1},
    {"musicians": 1, "musicians of the instrument": -1, "~musicians of others": -1},
    {"new_users": 1, "new users who voted": -1, "new users who did not vote": -1},
    {"new_users": 1, "new users who attended": -1, "~new users who did not attend": -1},
    {"sect_members": 1, "holders before the window": -1, "joined in the window": -1},
    {"sect_members": 1, "joined members holding the sect": -1, "~holders who did not join": -1},
    {"visitors": 1, "visitors who acted": -1, "~visitors who did not act": -1},
    {"artist_adds": 1, "adders": -1, "~further adds": -1},
    {"artist_attendance": 1, "artist_attendees": -1, "~further attendances": -1},
    {"artist_attendees": 1, "artist_repeat_attendees": -1, "~attendees of one event": -1},
    {"awareness_union": 1, "aware listeners": -1, "~aware, but heard nothing": -1},
    {"followers": 1, "~f": -1, "~fa": -1, "~ft": -1, "awareness_all_three": -1},
    {"adders": 1, "~a": -1, "~fa": -1, "~at": -1, "awareness_all_three": -1},
    {"artist_attendees": 1, "~t": -1, "~ft": -1, "~at": -1, "awareness_all_three": -1},
    {"awareness_follower_adder": 1, "~fa": -1, "awareness_all_three": -1},
    {"awareness_follower_attendee": 1, "~ft": -1, "awareness_all_three": -1},
    {"awareness_adder_attendee": 1, "~at": -1, "awareness_all_three": -1},
    {
        "awareness_union": 1, "~f": -1, "~a": -1, "~t": -1, "~fa": -1, "~ft": -1, "~at": -1,
        "awareness_all_three": -1,
    },
]  # fmt: skip
# Where a ratio's parts have no name of their own, or the same name as those of another.
PARTS = {
    ("engagement_growth_rate", "numerator"): "engagement points gained",
    ("engagement_growth_rate", "denominator"): "engagement points before",
    ("sect_growth_rate", "numerator"): "joined in the window",
    ("sect_growth_rate", "denominator"): "holders before the window",
    ("member_tenure_days_avg", "numerator"): "days since they joined",
    ("days_to_first_vote_avg", "numerator"): "days to the first vote",
    ("days_to_first_attendance_avg", "numerator"): "days to the first attendance",
    ("vote_growth_rate", "numerator"): "votes gained",
    ("listening_only_share", "denominator"): "unique_listeners",
}

@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which nobody moves, so that distinct people of the parts add up to those of the whole."""
    return with_nobody_moving(sample_world(tmp_path_factory.mktemp("floor"), seed=5, size=SIZE))


def with_nobody_moving(made: World) -> World:
    """The world had everybody always been at home where they were last."""
    made.connection.execute(
        """
        create or replace table home_scene as
        select user_id, max_by(scene_id, valid_from) as scene_id, min(member_from) as member_from,
            null::date as member_to, date '0001-01-01' as valid_from,
            date '9999-12-31' as valid_to
        from home_scene semi join stg_users using (user_id) group by user_id
        """
    )
    for table in ("track_engagements", "track_votes", "signal_actions", "event_attendances", "follows"):
        made.connection.execute(f"delete from stg_{table} where user_id not in (select user_id from stg_users)")
    made.build([model.name for model in models().values() if model.folder == "analytics"])
    return made


def publication(world: World) -> Publication:
    """What is shown in a world and what is not, and all the sums that hold of it."""
    registry = {row["metric"]: row for row in rows(world, "from known_metric")}
    truth = numbers(rows(world, "from metric_value"), registry)
    shown = numbers(rows(world, "from analytics_summary"), registry)
    shown |= numbers(rows(world, "from analytics_breakdown"), registry)
    shown |= on_the_map(world)
    shown |= told_otherwise(world, registry, truth)
    sums = of_scopes(world, truth) + of_one_scope(truth, registry) + of_sects(world, truth)
    places, of_places = of_cities(world)
    everything = {number for row in sums + of_places for _, number in row} | set(truth)
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    shown |= places | {number: 0.0 for number in everything - set(truth) if number[-1] in nobody and number[0][0]!='~'}
    unfloored = {m for m, line in registry.items() if not line['is_floored']}
    shown |= {n: truth.get(n, 0.0) for n in everything if n[0] in unfloored}
    lives = {"members"}
    for _, (whole, *parts_) in itertools.product(range(3), IDENTITIES):
        if whole in lives:
            lives.update(parts_)
    shown |= {n: 0.0 for n in everything if n[0] in lives and n[1]=='scene' and truth[("members", *n[1:3], "None", "", n[-1])] == 0}
    return Publication(shown, everything - set(shown), sums + of_places)


def numbers(rows_: list[dict], registry: dict[str, dict]) -> dict[Number, float]:
    """The numbers that rows of metrics tell: values that count, numerators, denominators, people."""
    found = {}
    for row in rows_:
        line = registry[row["metric"]]
        if row["value"] is None:
            continue
        subject = "" if row["subject_type"] == "scene" else str(row["subject_id"])
        key = (
            row["subject_type"],
            subject,
            str(row["window_days"]),
            row.get("bucket") or "",
            str(row["scope_id"]),
        )
        told = {}
        if row["denominator"] is None and line["unit"] in ("count", "points"):
            told[row["metric"]] = row["value"]
        if line["is_floored"]:
            for part in ("numerator", "denominator"):
                if row[part] is not None:
                    told.setdefault(PARTS.get((row["metric"], part), line[part]), row[part])
            told.setdefault(line["cohort"], row["cohort_size"])
        for name, number in told.items():
            of_public = name in registry and not registry[name]["is_floored"] and name != row["metric"]
            if name and number is not None and " x " not in name and not of_public:
                found[(name, *key)] = float(number)
    return found


def on_the_map(world):
    found = {}
    for row in rows(world, "from scene_map where point_scope_id is not null"):
        for days in (7, 30):
            if row[f"active_users_{days}d"] is not None:
                found[("active_users", "scene", "", str(days), "", str(row["point_scope_id"]))] = float(row[f"active_users_{days}d"])
    return found


OF_CITIES = {
    "engagement_points": "engagement_points", "listens": "listens", "listeners": "unique_listeners", "adds": "artist_adds",
    "followers": "followers", "adders": "adders", "aware_people": "awareness_union",
    "attendance": "artist_attendance", "attendees": "artist_attendees",
    "repeat_attendees": "artist_repeat_attendees",
}


def of_cities(world):
    scopes = defaultdict(list)
    for row in rows(world, "from scope where tier = 'city'"):
        scopes[(row["state"], row["city"])].append(str(row["scope_id"]))
    places, sums = {}, []
    for row in rows(world, "from artist_analytics"):
        place = (row["state"], row["city"])
        for column, name in OF_CITIES.items():
            if row[column] is not None:
                key = (name, "artist", str(row["artist_band_id"]), str(row["window_days"]), "")
                whole = (*key, f"place {place}")
                places[whole] = float(row[column])
                sums.append([(1, whole), *((-1, (*key, scope)) for scope in scopes[place])])
    return places, sums


def told_otherwise(world, registry, truth):
    """numbers that others tell without a sum"""
    found = {}
    for number in truth:
        name, kind, subject, window, bucket, scope = number
        if number[:5] == ("members", "scene", "", "None", ""):
            found[("new_users", *number[1:])] = truth[number]
    platform = next(str(row["scope_id"]) for row in rows(world, "from scope where tier = 'platform'"))
    unscoped = next(str(row["scope_id"]) for row in rows(world, "from scope where tier = 'city' and is_unscoped"))
    def guess(number, value):
        if abs(truth.get(number, 0) - value) < 1e-6:
            found[number] = truth.get(number, 0.0)
    for row in rows(world, "from analytics_summary where value is not null"):
        scope, window, subject = str(row["scope_id"]), str(row["window_days"]), str(row["subject_id"])
        if row["metric"] == "artist_engagement_share":
            guess(("engagement_points", "artist", subject, window, "", platform), row["denominator"])
        if row["metric"] == "engagement_density_index" :
            everywhere = truth[("engagement_points", "artist", subject, window, "", platform)]
            guess(("unique_listeners", "scene", "", window, "", scope), row["denominator"]/everywhere)
        if row["metric"] in ("returning_users", "churn_rate"):
            guess(("active_users", "scene", "", "None", "", scope), row["coverage"] * truth[("members", "scene", "", "None", "", scope)])
        if row["metric"] == "cross_scene_listeners":
            guess(("listens", "artist", subject, window, "", unscoped), (1 - row["coverage"]) * truth[("listens", "artist", subject, window, "", platform)])
        if row["metric"] == "sects_near_threshold" and row["coverage"] is not None:
            guess(("artists of a sect", "scene", "", "None", "", scope), row["coverage"] * truth[("artists", "scene", "", "None", "", scope)])
    return found


def of_scopes(world, truth):
    parts = rows(world, "select scope_id, parent_id from scope_parent")
    gathered = rows(world, "select part_id as scope_id, scope_id as parent_id from unscoped_part")
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    families: dict[str, list[str]] = defaultdict(list)
    for row in parts + gathered:
        families[str(row["parent_id"])].append(str(row["scope_id"]))
    scopes: dict[str, set[str]] = defaultdict(set)
    for name, kind, *_, scope in truth:
        scopes[name, kind].add(scope)
    sums, broken = [], set()
    for (name, *key), (whole, children) in itertools.product(
        sorted({number[:-1] for number in truth}, key=str), families.items()
    ):
        there = scopes[name, key[0]]
        if whole in there and there.issuperset(set(children) - nobody):
            row = [(1, (name, *key, whole)), *((-1, (name, *key, child)) for child in children)]
            sums.append(row)
            if abs(sum(factor * truth.get(number, 0) for factor, number in row)) > 1e-6:
                broken.add((name, key[0]))
    BROKEN.update(broken)
    return [row for row in sums if row[0][1][:2] not in broken]
BROKEN=set()


def of_one_scope(truth, registry):
    told = {(name, kind, window, bool(bucket)) for name, kind, _, window, bucket, _ in truth}
    of_the_night = {m for m, line in registry.items() if line["windows"] == "point_in_time"}
    found = {}
    for identity, key in itertools.product(IDENTITIES, sorted({number[1:] for number in truth}, key=str)):
        kind, subject, window, bucket, scope = key
        row = []
        for name, factor in identity.items():
            place = key
            if name in of_the_night and name != "musicians of the instrument":
                place = (kind, subject, "None", "", scope)
            row.append((factor, (name, *place)))
        real = [number for _, number in row if number[0][0] != "~"]
        rests = [factor for factor, number in row if number[0][0] == "~"]
        if not all((n[0], n[1], n[3], bool(n[4])) in told for n in real) or not any(n[1:] == key for n in real):
            continue
        total = sum(factor * truth.get(number, 0) for factor, number in row)
        if len(rests) > 1:
            holds = True
        elif rests:
            holds = -rests[0] * total > -1e-6
        else:
            holds = abs(total) < 1e-6
        assert holds or any(number not in truth for number in real), row
        if holds:
            found[tuple(row)] = row
    return list(found.values())


def of_sects(world, truth):
    sects = defaultdict(list)
    for row in rows(world, "from sect"):
        sects[(row["sect_name"], str(row["scene_id"]))].append(str(row["sect_tag_id"]))
    sums = []
    for (name, scene), ids in sects.items():
        row = [(1, ("sect_name_population", "scene", "", "None", name, scene)), *((-1, ("sect_members", "sect", sect, "None", "", scene)) for sect in ids)]
        if all(n in truth for _,n in row) and sum(f * truth[n] for f, n in row) == 0:
            sums.append(row)
    return sums


def rows(world: World, query: str) -> list[dict]:
    """The rows of a query, by column."""
    return world.connection.execute(query).df().astype(object).replace({np.nan: None}).to_dict("records")




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
