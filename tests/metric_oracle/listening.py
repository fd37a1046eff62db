"""Listening: by the home scene of the listener on the day."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from metric_oracle.base import Cell, Night, Scope, Window, distinct, median, once, oracle, ratio

BUCKET_EDGES = (0, 1, 10, 50, 100, 500)
SPIKE_LISTENS = 3
TYPES = {
    "listens": ("full", "majority", "partial", "skip"),
    "full_listens": ("full",),
    "majority_listens": ("majority",),
    "partial_listens": ("partial",),
    "skips": ("skip",),
}


@once
def heard(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The listens in the window of people at home in the scope."""
    rows = night.listens
    return rows[night.inside(rows["createdAt"], window) & scope.has(rows["home"])]


def heard_before(night: Night, scope: Scope, days: int) -> pd.DataFrame:
    """The listens in the window before of people at home in the scope."""
    rows = night.listens
    return rows[night.before(rows["createdAt"], days) & scope.has(rows["home"])]


def listeners(rows: pd.DataFrame) -> set[str]:
    """The people of these listens."""
    return distinct(rows["userId"])


def points(rows: pd.DataFrame) -> int:
    """The sum of the scores."""
    return int(rows["score"].sum())


def skips(rows: pd.DataFrame) -> int:
    """How many of them are skips."""
    return int((rows["type"] == "skip").sum())


@once
def heard_by_artist(night: Night, scope: Scope, window: Window) -> list[tuple[str, pd.DataFrame]]:
    """The listens of each artist who is in them."""
    return list(heard(night, scope, window).groupby("artist"))


def scene_and_artists(
    night: Night, scope: Scope, window: Window, cell: Callable[[pd.DataFrame], Cell]
) -> Iterator[Cell]:
    """The cell of all listens in the window of people at home in the scope, and of those of each artist."""
    yield cell(heard(night, scope, window))
    for artist, of_artist in heard_by_artist(night, scope, window):
        yield replace(cell(of_artist), subject_type="artist", subject_id=artist)


@oracle("engagement_points")
def engagement_points(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    """The scores of all listens at home, added up."""
    return scene_and_artists(night, scope, window, lambda rows: Cell(points(rows), people=listeners(rows)))


def _count(metric: str, types: tuple[str, ...]) -> None:
    @oracle(metric)
    def count(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
        """How many listens at home are of these types; the cohort has listened, whatever the type."""
        return scene_and_artists(
            night,
            scope,
            window,
            lambda rows: Cell(int(rows["type"].isin(types).sum()), people=listeners(rows)),
        )


for _metric, _types in TYPES.items():
    _count(_metric, _types)


@oracle("skip_rate")
def skip_rate(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    """Skips among all listens at home."""
    return scene_and_artists(
        night, scope, window, lambda rows: ratio(skips(rows), len(rows), people=listeners(rows))
    )


@oracle("engagement_to_skip_ratio")
def engagement_to_skip_ratio(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    """Points for every skip, both at home."""
    return scene_and_artists(
        night, scope, window, lambda rows: ratio(points(rows), skips(rows), people=listeners(rows))
    )


def on_songs(night: Night, scope: Scope, window: Window) -> tuple[pd.Series, set[str]]:
    """The points of people at home on each song in rotation in the scope, and who listened to these songs."""
    songs, rows = night.songs(scope), heard(night, scope, window)
    rows = rows[rows["trackId"].isin(songs)]
    by_song = rows.groupby("trackId")["score"].sum().reindex(sorted(songs), fill_value=0).astype(int)
    return by_song, listeners(rows)


@oracle("engagement_per_song_avg", windows=(7, 30, 90))
def engagement_per_song_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Points on the songs in rotation, for each of these songs."""
    by_song, people = on_songs(night, scope, window)
    return ratio(int(by_song.sum()), len(by_song), people=people)


@oracle("engagement_per_song_median", windows=(7, 30, 90))
def engagement_per_song_median(night: Night, scope: Scope, window: Window) -> Cell:
    """The points of the song in the middle."""
    by_song, people = on_songs(night, scope, window)
    return Cell(median(by_song), people=people)


@oracle("songs_by_engagement", windows=(30,))
def songs_by_engagement(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    """How many songs have points from one edge up to below the next; a bucket is called by its lower edge."""
    by_song, people = on_songs(night, scope, window)
    for lower, upper in zip(BUCKET_EDGES, [*BUCKET_EDGES[1:], float("inf")], strict=True):
        songs = int(((by_song >= lower) & (by_song < upper)).sum())
        yield Cell(songs, people=people, bucket=str(lower))


@oracle("engagement_spikes", windows=(7,))
def engagement_spikes(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
    """Hours in which a track was listened to often at home: of all tracks, and of each that has one."""
    rows = heard(night, scope, window)
    rows = rows.assign(hour=rows["createdAt"].dt.floor("h"))
    rows = rows[rows.groupby(["trackId", "hour"])["userId"].transform("size") >= SPIKE_LISTENS]
    yield Cell(len(rows.drop_duplicates(["trackId", "hour"])), people=listeners(rows))
    for track, of_track in rows.groupby("trackId"):
        hours = of_track["hour"].nunique()
        yield Cell(hours, people=listeners(of_track), subject_type="track", subject_id=track)


@oracle("share_of_state_engagement", tiers=("city",))
def share_of_state_engagement(night: Night, scope: Scope, window: Window) -> Cell | None:
    """The points of the scene among those of its state and music community, if both are known."""
    if scope.is_unscoped or (state := night.scope_of("state", scope.place[0])).is_unscoped:
        return None
    rows = heard(night, scope, window)
    return ratio(points(rows), points(heard(night, state, window)), people=listeners(rows))
