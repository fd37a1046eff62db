"""Who listens to an artist, follows, adds and comes: what an artist's own page tells, scope by scope.

An artist that is gone from artist_bands has no page; only its listening is still told.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

import pandas as pd

from metric_oracle.artists import ended_events
from metric_oracle.base import Cell, Night, Scope, Window, distinct, divided, once, oracle, ratio
from metric_oracle.events import ATTENDED, attendances_of, verified

MOST_TIME = (30, 90, None)
SOME_TIME = (30, 90)
LATER = (90, None)
BADGE_MIN_ADDERS, BADGE_MIN_LISTENERS = 5, 20
BADGE_SIZE_EDGES = (Fraction("0.1"), Fraction("0.5"), Fraction(2))
BADGE_COLOUR_EDGES = (Fraction("0.05"), Fraction("0.2"), Fraction("0.5"))
People = dict[str, set[str]]


def of_artist(cell: Cell, artist: str) -> Cell:
    return Cell(**{**vars(cell), "subject_type": "artist", "subject_id": artist})


@once
def listens_in(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """Listens in the window of people at home in the scope."""
    listens = night.listens
    return listens[night.inside(listens["createdAt"], window) & scope.has(listens["home"])]


def by_artist(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each artist that there are rows of."""
    yield from rows.dropna(subset=["artist"]).groupby("artist")


def people_by_artist(rows: pd.DataFrame, person: str = "userId") -> People:
    """Of each artist, the people in its rows."""
    return {artist: distinct(theirs[person]) for artist, theirs in by_artist(rows)}


def band(value: Fraction, edges: tuple[Fraction, ...]) -> int:
    """1, and 1 more for each edge that is not above the value."""
    return 1 + sum(edge <= value for edge in edges)


# Listening


@oracle("unique_listeners")
def unique_listeners(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    listens = listens_in(night, scope, window)
    people = distinct(listens["userId"])
    yield Cell(len(people), people=people)
    for artist, theirs in people_by_artist(listens).items():
        yield of_artist(Cell(len(theirs), people=theirs), artist)


@oracle("artist_engagement_share", MOST_TIME)
def artist_engagement_share(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    everywhere = _points_everywhere(night, window)
    for artist, theirs in by_artist(listens_in(night, scope, window)):
        cell = ratio(int(theirs["score"].sum()), everywhere[artist], people=distinct(theirs["userId"]))
        yield of_artist(cell, artist)


@oracle("engagement_density_index", MOST_TIME)
def engagement_density_index(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    everywhere, listens = _points_everywhere(night, window), listens_in(night, scope, window)
    of_all = night.listens["userId"][night.inside(night.listens["createdAt"], window)].nunique()
    of_scope = listens["userId"].nunique()
    for artist, theirs in by_artist(listens):
        numerator, denominator = int(theirs["score"].sum()) * of_all, everywhere[artist] * of_scope
        yield of_artist(ratio(numerator, denominator, people=distinct(theirs["userId"])), artist)


@once
def _points_everywhere(night: Night, window: Window) -> dict[str, int]:
    """The points of each artist in the window, of all listeners."""
    listens = night.listens[night.inside(night.listens["createdAt"], window)]
    return {artist: int(theirs["score"].sum()) for artist, theirs in by_artist(listens)}


@oracle("cross_scene_listeners", SOME_TIME, ("city", "state", "national"))
def cross_scene_listeners(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    listens = night.listens[night.inside(night.listens["createdAt"], window)]
    scenes = night.artists.set_index("id")["homeSceneId"].to_dict()
    for artist, theirs in by_artist(listens):
        people = distinct(theirs["userId"][scope.has(theirs["home"])])
        if people and artist in scenes and not scope.has([scenes[artist]])[0]:
            coverage = divided(int(theirs["home"].notna().sum()), len(theirs))
            yield of_artist(Cell(len(people), people=people, coverage=coverage), artist)


# Adds, blasts, follows


@once
def actions_in(night: Night, scope: Scope, window: Window, kind: str) -> pd.DataFrame:
    """Signal actions of one type in the window, of people at home in the scope."""
    actions = night.actions[night.actions["type"] == kind]
    return actions[night.inside(actions["createdAt"], window) & scope.has(actions["home"])]


def share_naming(actions: pd.DataFrame) -> float | None:
    """The share of the actions whose signal names an artist."""
    return divided(int(actions["artist"].notna().sum()), len(actions))


@once
def adders_of(night: Night, scope: Scope, window: Window) -> People:
    return people_by_artist(actions_in(night, scope, window, "ADD"))


@once
def adds_coverage(night: Night, scope: Scope, window: Window) -> float | None:
    return share_naming(actions_in(night, scope, window, "ADD"))


def _acts(metric: str, kind: str) -> None:
    @oracle(metric, MOST_TIME)
    def answer(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
        actions = actions_in(night, scope, window, kind)
        for artist, theirs in by_artist(actions):
            cell = Cell(len(theirs), people=distinct(theirs["userId"]), coverage=share_naming(actions))
            yield of_artist(cell, artist)


_acts("artist_adds", "ADD")
_acts("artist_blasts", "BLAST")


@oracle("adders", MOST_TIME)
def adders(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    coverage = adds_coverage(night, scope, window)
    for artist, people in adders_of(night, scope, window).items():
        yield of_artist(Cell(len(people), people=people, coverage=coverage), artist)


@once
def followers_of(night: Night, scope: Scope, window: Window) -> People:
    follows = night.follows[night.follows["entityType"].isin(["artist", "artistBand", "band"])]
    follows = follows[follows["entityId"].isin(night.artists["id"])]
    follows = follows[night.inside(follows["createdAt"], window) & scope.has(follows["home"])]
    return people_by_artist(follows.assign(artist=follows["entityId"]), "followerId")


@oracle("followers", MOST_TIME)
def followers(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, people in followers_of(night, scope, window).items():
        yield of_artist(Cell(len(people), people=people), artist)


# Attendance


@once
def attended(night: Night, window: Window) -> pd.DataFrame:
    """Rows of verified attendance of known artists in the window, in the order of their times."""
    rows = verified(night)
    rows = rows[rows["artist"].isin(night.artists["id"])]
    return rows[night.inside(rows["checkedInAt"], window)].sort_values("checkedInAt", kind="stable")


@oracle("artist_attendance", LATER, needs=ATTENDED)
def artist_attendance(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    first = attended(night, window).drop_duplicates(["eventId", "userId"], keep="first")
    for artist, theirs in by_artist(first[scope.has(first["home"])]):
        yield of_artist(Cell(len(theirs), people=distinct(theirs["userId"])), artist)


@once
def attendees_of(night: Night, scope: Scope, window: Window) -> People:
    rows = attended(night, window)
    return people_by_artist(rows[scope.has(rows["home"])])


@oracle("artist_attendees", MOST_TIME, needs=ATTENDED)
def artist_attendees(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, people in attendees_of(night, scope, window).items():
        yield of_artist(Cell(len(people), people=people), artist)


@oracle("artist_repeat_attendees", LATER, needs=ATTENDED)
def artist_repeat_attendees(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, theirs in by_artist(attended(night, window)):
        last = theirs.drop_duplicates("userId", keep="last")
        events = theirs.groupby("userId")["eventId"].nunique()
        here = distinct(last["userId"][scope.has(last["home"])])
        people = {person for person in here if events[person] >= 2}
        if people:
            yield of_artist(Cell(len(people), people=people), artist)


def ended_of_artists(night: Night, scope: Scope, window: Window) -> Iterator[tuple[str, pd.DataFrame]]:
    """Of each artist the ended events of the window in the scope's scenes."""
    events = ended_events(night, window)
    events = events[events["artistBandId"].isin(night.artists["id"])]
    yield from by_artist(events[scope.has(events["communityId"])].rename(columns={"artistBandId": "artist"}))


@oracle("artist_attendance_per_event", LATER, needs=ATTENDED)
def artist_attendance_per_event(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, events in ended_of_artists(night, scope, window):
        came = attendances_of(night, events["id"])
        yield of_artist(ratio(len(came), len(events), people=distinct(came["userId"])), artist)


@oracle("artist_attendance_per_visit", LATER, needs=ATTENDED)
def artist_attendance_per_visit(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, events in ended_of_artists(night, scope, window):
        came = attendances_of(night, events["id"])
        visits = set(zip(events["communityId"], events["startDate"].dt.date, strict=True))
        yield of_artist(ratio(len(came), len(visits), people=distinct(came["userId"])), artist)


# Awareness


def _awareness(
    metric: str, people_of: Callable[[set[str], set[str], set[str]], set[str]], needs: tuple[str, ...] = ()
) -> None:
    @oracle(metric, SOME_TIME, needs=needs)
    def answer(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
        coverage = adds_coverage(night, scope, window)
        for artist, sets in aware_sets(night, scope, window).items():
            if people := people_of(*sets):
                yield of_artist(Cell(len(people), people=people, coverage=coverage), artist)


@once
def aware_sets(night: Night, scope: Scope, window: Window) -> dict[str, list[set[str]]]:
    """Of each artist: followers, adders, attendees."""
    sets = [of(night, scope, window) for of in (followers_of, adders_of, attendees_of)]
    return {
        artist: [people.get(artist, set()) for people in sets]
        for artist in sorted({a for p in sets for a in p})
    }


_awareness("awareness_union", lambda follow, add, come: follow | add | come)
_awareness("awareness_follower_adder", lambda follow, add, _: follow & add)
_awareness("awareness_follower_attendee", lambda follow, _, come: follow & come, ATTENDED)
_awareness("awareness_adder_attendee", lambda _, add, come: add & come, ATTENDED)
_awareness("awareness_all_three", lambda follow, add, come: follow & add & come, ATTENDED)


@oracle("awareness_share", SOME_TIME)
def awareness_share(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    coverage = adds_coverage(night, scope, window)
    heard = distinct(listens_in(night, scope, window)["userId"])
    for artist, sets in aware_sets(night, scope, window).items():
        if aware := set().union(*sets) & heard:
            yield of_artist(ratio(len(aware), len(heard), people=aware, coverage=coverage), artist)


# XIII.badges


@oracle("event_badge", (None,), needs=ATTENDED)
def event_badge(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    for artist, events in ended_of_artists(night, scope, window):
        came = attendances_of(night, events["id"])
        if len(came):
            yield of_artist(Cell(1, people=distinct(came["userId"])), artist)


@oracle("engagement_badge", SOME_TIME)
def engagement_badge(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    added, coverage = adders_of(night, scope, window), adds_coverage(night, scope, window)
    for artist, heard in people_by_artist(listens_in(night, scope, window)).items():
        if len(added.get(artist, ())) >= BADGE_MIN_ADDERS and len(heard) >= BADGE_MIN_LISTENERS:
            yield of_artist(Cell(1, people=heard, coverage=coverage), artist)


@oracle("badge_size_band", SOME_TIME)
def badge_size_band(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    listens = listens_in(night, scope, window)
    listeners = listens["userId"].nunique()
    for artist, theirs in by_artist(listens):
        size = band(Fraction(int(theirs["score"].sum()), listeners), BADGE_SIZE_EDGES)
        yield of_artist(Cell(size, people=distinct(theirs["userId"])), artist)


@oracle("badge_colour_band", SOME_TIME)
def badge_colour_band(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    heard, coverage = people_by_artist(listens_in(night, scope, window)), adds_coverage(night, scope, window)
    for artist, added in adders_of(night, scope, window).items():
        if artist in heard:
            colour = band(Fraction(len(added), len(heard[artist])), BADGE_COLOUR_EDGES)
            yield of_artist(Cell(colour, people=added, coverage=coverage), artist)
