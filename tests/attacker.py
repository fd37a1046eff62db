"""An attacker who has every number of one publication, and all that must hold among them."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog
from worlds import World

# A number that many see: what is counted, of which subject and bucket, in which window and scope.
Number = tuple[str, ...]
Row = dict[str, Any]
Sum = list[tuple[int, Number]]
# Numbers that may be less than 0.
DIFFERENCES = {
    "engagement points gained", "net_member_growth", "days to the first vote", "days to the first attendance",
    "votes gained",
}  # fmt: skip
# What holds of the numbers of one scope, window and subject: each says that a sum is 0. A name that begins
# with ~ is of people, or of what they did, whom no table counts: there are none, or some.
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
# Of people are the cohorts, the parts of shares of people, and these.
OF_PEOPLE = {
    "local listeners of the scope's tracks", "holders before the window", "joined in the window",
    "new users who voted", "new users who attended", "listeners with a session",
}  # fmt: skip
# The columns of an artist's page, and what each counts.
OF_CITIES = {
    "engagement_points": "engagement_points", "listens": "listens", "listeners": "unique_listeners",
    "adds": "artist_adds", "followers": "followers", "adders": "adders", "aware_people": "awareness_union",
    "attendance": "artist_attendance", "attendees": "artist_attendees",
    "repeat_attendees": "artist_repeat_attendees",
}  # fmt: skip


@dataclass
class Publication:
    """What a reader has: numbers that are shown, the others, and sums that must hold among them.

    A sum is a list of numbers with the factors that make them add up to 0.
    """

    shown: dict[Number, float]
    withheld: set[Number]
    sums: list[Sum]


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


def components(publication: Publication) -> list[tuple[list[Number], list[Sum]]]:
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
    together: dict[Number, tuple[list[Number], list[Sum]]] = defaultdict(lambda: ([], []))
    for number in sorted(publication.withheld, key=str):
        together[lead(number)][0].append(number)
    for row in standing:
        unknown = next(number for _, number in row if number in leader)
        together[lead(unknown)][1].append(row)
    return list(together.values())


def rows(world: World, query: str) -> list[Row]:
    """The rows of a query, by column."""
    found = world.connection.execute(query).df()
    return found.astype(object).replace({np.nan: None}).to_dict("records")


def publication(world: World) -> Publication:
    """What is shown in a world and what is not, and all the sums that hold of it."""
    registry = {row["metric"]: row for row in rows(world, "from known_metric")}
    truth = numbers(rows(world, "from metric_value"), registry)
    shown = in_tables(world, registry) | told_otherwise(world, truth)
    _, of_places = of_cities(world)
    sums = of_scopes(world, truth) + of_one_scope(truth, registry) + of_sects(world, truth) + of_places
    everything = {number for row in sums for _, number in row} | set(truth)
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    public = {metric for metric, line in registry.items() if not line["is_floored"]}
    shown |= {n: truth.get(n, 0.0) for n in everything if n[0] in public}
    shown |= {n: 0.0 for n in everything - set(truth) if n[-1] in nobody and not is_of_nobody(n[0])}
    # Where a scene has no members, all that members do is nothing.
    theirs = of_members()
    for number in everything:
        kind, subject, _, _, scope = number[1:]
        members = ("members", kind, subject, "None", "", scope)
        if number[0] in theirs and kind == "scene" and truth[members] == 0:
            shown[number] = 0.0
    return Publication(shown, everything - set(shown), sums)


def in_tables(world: World, registry: dict[str, Row]) -> dict[Number, float]:
    """The numbers that stand in the published tables."""
    places, _ = of_cities(world)
    summary, breakdown = (rows(world, f"from analytics_{table}") for table in ("summary", "breakdown"))
    return numbers(summary, registry) | numbers(breakdown, registry) | on_the_map(world) | places


def about_few(world: World) -> set[Number]:
    """The numbers shown that count 1 to 4 people, and the metrics shown of which one of two sides has so few.

    The lesser of two numbers of people may be 0: then the other side is somebody, or there would be no row.
    """
    registry = {row["metric"]: row for row in rows(world, "from known_metric")}
    floored = {metric: line for metric, line in registry.items() if line["is_floored"]}
    of_people = OF_PEOPLE | {line["cohort"] for line in floored.values()}
    for (metric, line), part in itertools.product(floored.items(), ("numerator", "denominator")):
        if line["is_share_of_people"]:
            of_people.add(PARTS.get((metric, part), line[part]))
    of_people -= registry.keys() - floored.keys()
    lesser = rows(
        world,
        """
        select metric, numbers.subject_type, window_days, tier
        from analytics_summary as numbers join metric using (metric)
        where cohort like 'the lesser of %' and value is not null and cohort_size < 5
        """,
    )
    return {
        number
        for number, people in in_tables(world, registry).items()
        if number[0] in of_people and 0 < people < 5
    } | {tuple(map(str, row.values())) for row in lesser}


def is_of_nobody(name: str) -> bool:
    """Whether no table counts it."""
    return name.startswith("~")


def of_members() -> set[str]:
    """Whatever is counted of members alone."""
    found = {"members"}
    for _, (whole, *parts) in itertools.product(range(3), IDENTITIES):
        if whole in found:
            found.update(parts)
    return found


def numbers(told_rows: list[Row], registry: dict[str, Row]) -> dict[Number, float]:
    """The numbers that rows of metrics tell: values that count, numerators, denominators, people."""
    found = {}
    for row in told_rows:
        line = registry[row["metric"]]
        if row["value"] is None:
            continue
        subject = "" if row["subject_type"] == "scene" else str(row["subject_id"])
        bucket = row.get("bucket") or ""
        key = (row["subject_type"], subject, str(row["window_days"]), bucket, str(row["scope_id"]))
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


def on_the_map(world: World) -> dict[Number, float]:
    """Active people of the points of the map that are a scope."""
    found = {}
    for row in rows(world, "from scene_map where point_scope_id is not null"):
        for days in ("7", "30"):
            people = row[f"active_users_{days}d"]
            if people is not None:
                found[("active_users", "scene", "", days, "", str(row["point_scope_id"]))] = float(people)
    return found


def of_cities(world: World) -> tuple[dict[Number, float], list[Sum]]:
    """What the artists' pages show of cities, and that a city is the sum of its scenes."""
    scopes = defaultdict(list)
    for row in rows(world, "from scope where tier = 'city'"):
        scopes[row["state"], row["city"]].append(str(row["scope_id"]))
    places: dict[Number, float] = {}
    sums: list[Sum] = []
    for row in rows(world, "from artist_analytics"):
        place = row["state"], row["city"]
        for column, name in OF_CITIES.items():
            if row[column] is not None:
                key = (name, "artist", str(row["artist_band_id"]), str(row["window_days"]), "")
                whole = (*key, f"place {place}")
                places[whole] = float(row[column])
                sums.append([(1, whole), *((-1, (*key, scope)) for scope in scopes[place])])
    return places, sums


def told_otherwise(world: World, truth: dict[Number, float]) -> dict[Number, float]:
    """Numbers that a product or a coverage tells without a sum, as far as it really tells them."""
    found = {}
    (platform,) = (str(row["scope_id"]) for row in rows(world, "from scope where tier = 'platform'"))
    homeless = "from scope where tier = 'city' and is_unscoped"
    (unscoped,) = (str(row["scope_id"]) for row in rows(world, homeless))

    def guess(number: Number, value: float) -> None:
        if abs(truth.get(number, 0) - value) < 1e-6:
            found[number] = truth.get(number, 0.0)

    for number, members in truth.items():
        if number[:5] == ("members", "scene", "", "None", ""):
            # Whoever is a member was new once.
            found[("new_users", *number[1:])] = members
    for row in rows(world, "from analytics_summary where value is not null"):
        scope, window, subject = str(row["scope_id"]), str(row["window_days"]), str(row["subject_id"])
        of_artist, of_night = ("artist", subject, window, ""), ("scene", "", "None", "", scope)
        match row["metric"]:
            case "artist_engagement_share":
                guess(("engagement_points", *of_artist, platform), row["denominator"])
            case "engagement_density_index":
                everywhere = truth["engagement_points", *of_artist, platform]
                guess(("unique_listeners", "scene", "", window, "", scope), row["denominator"] / everywhere)
            case "returning_users" | "churn_rate":
                guess(("active_users", *of_night), row["coverage"] * truth["members", *of_night])
            case "cross_scene_listeners":
                listens = truth["listens", *of_artist, platform]
                guess(("listens", *of_artist, unscoped), (1 - row["coverage"]) * listens)
            case "sects_near_threshold" if row["coverage"] is not None:
                guess(("artists of a sect", *of_night), row["coverage"] * truth["artists", *of_night])
    return found


def of_scopes(world: World, truth: dict[Number, float]) -> list[Sum]:
    """That a scope is the sum of its parts, of all numbers of which this is so in the whole world."""
    families: dict[str, list[str]] = defaultdict(list)
    for row in rows(
        world,
        "select scope_id, parent_id from scope_parent "
        "union all select part_id as scope_id, scope_id as parent_id from unscoped_part",
    ):
        families[str(row["parent_id"])].append(str(row["scope_id"]))
    nobody = {str(row["scope_id"]) for row in rows(world, "from sceneless_scope")}
    scopes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, kind, *_, scope in truth:
        scopes[name, kind].add(scope)
    sums, broken = [], set()
    keys = sorted({number[:-1] for number in truth}, key=str)
    for (name, *key), (whole, children) in itertools.product(keys, families.items()):
        there = scopes[name, key[0]]
        if whole in there and there.issuperset(set(children) - nobody):
            row = [(1, (name, *key, whole)), *((-1, (name, *key, child)) for child in children)]
            sums.append(row)
            if abs(total(row, truth)) > 1e-6:
                broken.add((name, key[0]))
    additive = {row["metric"] for row in rows(world, "from known_metric where is_additive and is_floored")}
    assert not additive & {name for name, kind in broken if kind == "scene"}
    return [row for row in sums if row[0][1][:2] not in broken]


def of_one_scope(truth: dict[Number, float], registry: dict[str, Row]) -> list[Sum]:
    """What holds among the numbers of one scope; a ratio has no parts where it divides by 0."""
    told = {(name, kind, window, bool(bucket)) for name, kind, _, window, bucket, _ in truth}
    of_the_night = {metric for metric, line in registry.items() if line["windows"] == "point_in_time"}
    found: dict[tuple[tuple[int, Number], ...], Sum] = {}
    keys = sorted({number[1:] for number in truth}, key=str)
    for identity, key in itertools.product(IDENTITIES, keys):
        kind, subject, _, _, scope = key
        row = [
            (factor, (name, *((kind, subject, "None", "", scope) if name in of_the_night else key)))
            for name, factor in identity.items()
        ]
        real = [number for _, number in row if not is_of_nobody(number[0])]
        rests = [factor for factor, number in row if is_of_nobody(number[0])]
        there = all((n[0], n[1], n[3], bool(n[4])) in told for n in real)
        if not there or not any(number[1:] == key for number in real):
            continue
        rest = total(row, truth)
        holds = len(rests) > 1 or (-rests[0] * rest > -1e-6 if rests else abs(rest) < 1e-6)
        assert holds or any(number not in truth for number in real), row
        if holds:
            found[tuple(row)] = row
    return list(found.values())


def of_sects(world: World, truth: dict[Number, float]) -> list[Sum]:
    """That the holders of a name in a scene are those of its sects of that name."""
    sects = defaultdict(list)
    for row in rows(world, "from sect"):
        sects[row["sect_name"], str(row["scene_id"])].append(str(row["sect_tag_id"]))
    found = []
    for (name, scene), ids in sects.items():
        of_name = ("sect_name_population", "scene", "", "None", name, scene)
        row = [(1, of_name), *((-1, ("sect_members", "sect", sect, "None", "", scene)) for sect in ids)]
        if all(number in truth for _, number in row) and total(row, truth) == 0:
            found.append(row)
    return found


def total(row: Sum, truth: dict[Number, float]) -> float:
    """What a sum comes to; a number that has no row is 0."""
    return sum(factor * truth.get(number, 0) for factor, number in row)
