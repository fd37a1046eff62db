"""Signal actions, by the signal's scene, and follows, by the scene of what is followed."""

import pandas as pd

from metric_oracle.base import (
    WEEK,
    Cell,
    Night,
    Scope,
    Window,
    distinct,
    divided,
    once,
    oracle,
    pearson,
    ratio,
)
from metric_oracle.listening import heard

SONG_SIGNAL_TYPES = ("single", "song", "track", "track_release")
MIN_WEEKS = 8


@once
def on_signals_of(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The actions in the window on signals of the scope's scenes."""
    rows = night.actions
    return rows[night.inside(rows["createdAt"], window) & scope.has(rows["scene"])]


def _count(metric: str, kind: str) -> None:
    @oracle(metric)
    def count(night: Night, scope: Scope, window: Window) -> Cell:
        """How many actions are of this type."""
        rows = on_signals_of(night, scope, window)
        rows = rows[rows["type"] == kind]
        return Cell(len(rows), people=distinct(rows["userId"]))


for _metric, _kind in (("adds", "ADD"), ("blasts", "BLAST"), ("recommends", "RECOMMEND")):
    _count(_metric, _kind)


@oracle("signal_actions")
def signal_actions(night: Night, scope: Scope, window: Window) -> Cell:
    """How many actions of whatever type there are on signals other than flyers."""
    rows = on_signals_of(night, scope, window)
    rows = rows[rows["signal_type"] != "flyer"]
    return Cell(len(rows), people=distinct(rows["userId"]))


@oracle("follows")
def follows(night: Night, scope: Scope, window: Window) -> Cell:
    """How many pairs of who follows and what is followed, each in the scene that any of its rows names."""
    rows = night.follows
    scenes = rows.dropna(subset=["scene"]).drop_duplicates("pair").set_index("pair")["scene"].to_dict()
    rows = rows[night.inside(rows["createdAt"], window)]
    pairs = set(rows["pair"][scope.has([scenes.get(pair) for pair in rows["pair"]])])
    return Cell(len(pairs), people={follower for follower, _ in pairs})


@oracle("add_to_play_ratio")
def add_to_play_ratio(night: Night, scope: Scope, window: Window) -> Cell:
    """Adds of songs for each listen, both of people at home."""
    rows = night.actions
    adds = rows[night.inside(rows["createdAt"], window) & scope.has(rows["home"]) & (rows["type"] == "ADD")]
    of_songs = adds[adds["signal_type"].str.lower().isin(SONG_SIGNAL_TYPES)]
    return ratio(
        len(of_songs),
        len(heard(night, scope, window)),
        coverage=divided(len(of_songs), len(adds)),
        people=distinct(of_songs["userId"]),
    )


def by_week(night: Night, times: pd.Series, amounts: pd.Series, days: int) -> list[int]:
    """The amounts added up in each complete week of the window."""
    return [int(amounts[(times >= monday) & (times < monday + WEEK)].sum()) for monday in night.weeks(days)]


@oracle("blast_engagement_correlation", windows=(90,))
def blast_engagement_correlation(night: Night, scope: Scope, window: int) -> Cell:
    """Whether the scope's artists are listened to more in weeks in which they are blasted more."""
    artists, weeks = night.of_scope(scope), night.weeks(window)
    blasts = night.actions[night.actions["type"] == "BLAST"]
    naming = blasts[blasts["artist"].isin(artists)]
    plays = night.listens[night.listens["artist"].isin(artists)]
    value = None
    if len(weeks) >= MIN_WEEKS:
        value = pearson(
            by_week(night, naming["createdAt"], naming["id"].notna(), window),
            by_week(night, plays["createdAt"], plays["score"], window),
        )
    in_weeks = (naming["createdAt"] >= weeks[0]) & (naming["createdAt"] < weeks[-1] + WEEK)
    here = blasts[night.inside(blasts["createdAt"], window) & scope.has(blasts["scene"])]
    return Cell(
        value,
        coverage=divided(int(here["artist"].notna().sum()), len(here)),
        people=distinct(naming["userId"][in_weeks]),
    )
