"""Artists: how many there are in a scope, and what share of them plays, releases and tours."""

from collections.abc import Iterator

import pandas as pd

from metric_oracle.base import (
    DAY,
    POINT_IN_TIME,
    Cell,
    Night,
    Scope,
    Window,
    distinct,
    divided,
    once,
    oracle,
    ratio,
)

SOME_TIME = (30, 90)
TOUR_MAX_GAP = 14 * DAY
TOUR_MIN_CITIES = 2


def active_artists(night: Night, scope: Scope) -> set[str]:
    """The artists of the songs in rotation in the scope."""
    return distinct(night.rotation["artist"][scope.has(night.rotation["sceneId"])])


def events_created(night: Night, window: Window) -> pd.DataFrame:
    """Events as of the night that were created in the window, of all scenes."""
    events = night.table("events")
    return events[night.inside(events["createdAt"], window)]


@once
def ended_events(night: Night, window: Window) -> pd.DataFrame:
    """Events as of the night that ended in the window, of all scenes."""
    events = night.table("events")
    return events[night.inside(events["endDate"], window)]


def releases(night: Night, window: Window) -> pd.DataFrame:
    """Rotation entries as of the night in scenes of tier city that entered in the window."""
    entries = night.rotation
    in_city = entries["sceneId"].isin(night.scenes.index)
    return entries[in_city & night.inside(entries["enteredPoolAt"], window)]


# I.B artist population


@oracle("artists", POINT_IN_TIME)
def artists(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(len(night.of_scope(scope)))


@oracle("active_artists", POINT_IN_TIME)
def active(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(len(active_artists(night, scope)))


@oracle("new_artists")
def new_artists(night: Night, scope: Scope, window: Window) -> Cell:
    known = night.artists
    new = known["id"][night.inside(known["createdAt"], window)]
    return Cell(len(night.of_scope(scope) & distinct(new)))


@oracle("artists_with_event")
def artists_with_event(night: Night, scope: Scope, window: Window) -> Cell:
    with_event = distinct(events_created(night, window)["artistBandId"])
    return Cell(len(night.of_scope(scope) & with_event))


@oracle("songs_per_artist", POINT_IN_TIME)
def songs_per_artist(night: Night, scope: Scope, _: Window) -> Cell:
    ours, tracks = night.of_scope(scope), night.table("tracks")
    ready = tracks[(tracks["status"] == "ready") & tracks["artistBandId"].isin(ours)]
    return ratio(len(ready), len(ours))


# I.0 artist intensity


def all_tours(night: Night) -> list[dict[str, object]]:
    """Every tour: the artist, and when its first event starts."""
    events = night.table("events")
    events = events[events["artistBandId"].notna() & (events["startDate"] < night.as_of)]
    found = []
    for artist, theirs in events.groupby("artistBandId"):
        run: list[object] = []
        for event in [*theirs.sort_values("startDate").itertuples(), None]:
            if run and (event is None or event.startDate - run[-1].startDate > TOUR_MAX_GAP):
                if len(cities(night, run)) >= TOUR_MIN_CITIES:
                    found.append({"artist": artist, "first": run[0].startDate})
                run = []
            run.append(event)
    return found


def cities(night: Night, events: list[object]) -> set[tuple[str, str | None]]:
    """The (city, state) of the events' scenes; a scene without a city is in none."""
    scenes = [night.scenes.loc[e.communityId] for e in events if e.communityId in night.scenes.index]
    return {(scene["city"], scene["state"]) for scene in scenes if pd.notna(scene["city"])}


@oracle("tours", (30, 90, None))
def tours(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    found = night.kept("tours", lambda: all_tours(night))
    found = pd.DataFrame(found, columns=["artist", "first"]).astype({"first": "datetime64[ms]"})
    home = night.look_up(found["artist"], "artist_bands", "homeSceneId")
    ours = found[scope.has(home) & night.inside(found["first"], window)]
    events = night.table("events")
    held = events[scope.has(events["communityId"]) & night.inside(events["startDate"], window)]
    coverage = divided(int(held["artistBandId"].notna().sum()), len(held))
    yield Cell(len(ours), coverage=coverage)
    for artist, theirs in ours.groupby("artist"):
        yield Cell(len(theirs), coverage=coverage, subject_type="artist", subject_id=artist)


@oracle("events_per_active_artist", SOME_TIME)
def events_per_active_artist(night: Night, scope: Scope, window: Window) -> Cell:
    playing, events = active_artists(night, scope), events_created(night, window)
    theirs = events[scope.has(events["communityId"]) & events["artistBandId"].isin(playing)]
    return ratio(len(theirs), len(playing))


@oracle("artists_hosting_share", SOME_TIME)
def artists_hosting_share(night: Night, scope: Scope, window: Window) -> Cell:
    ours = night.of_scope(scope)
    return ratio(len(ours & distinct(ended_events(night, window)["artistBandId"])), len(ours))


@oracle("artists_releasing_share", SOME_TIME)
def artists_releasing_share(night: Night, scope: Scope, window: Window) -> Cell:
    ours = night.of_scope(scope)
    return ratio(len(ours & distinct(releases(night, window)["artist"])), len(ours))


@oracle("artist_participation_density", SOME_TIME)
def artist_participation_density(night: Night, scope: Scope, window: Window) -> Cell:
    ours = night.of_scope(scope)
    events, entries = events_created(night, window), releases(night, window)
    released = entries["trackId"][entries["artist"].isin(ours)].nunique()
    return ratio(int(events["artistBandId"].isin(ours).sum()) + released, len(ours))


@oracle("artists_repeat_hosting_share", SOME_TIME)
def artists_repeat_hosting_share(night: Night, scope: Scope, window: Window) -> Cell:
    ended = ended_events(night, window)
    hosted = ended["artistBandId"][ended["artistBandId"].isin(night.of_scope(scope))].value_counts()
    return ratio(int((hosted >= 2).sum()), len(hosted))


# IX archive


@oracle("artists_ever", (None,))
def artists_ever(night: Night, scope: Scope, _: Window) -> Cell:
    ever = night.rows("artist_bands")
    return Cell(ever["id"][scope.has(ever["homeSceneId"])].nunique())
