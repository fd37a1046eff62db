"""Voting: by the vote's scene, or by the home scene of the voter on the day."""

import pandas as pd

from metric_oracle.base import Cell, Night, Scope, Window, distinct, oracle, ratio
from metric_oracle.listening import heard, points

SPIKE_VOTES = 10


def cast_here(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The votes in the window in the scope's scenes."""
    rows = night.votes
    return night.kept(
        "cast here",
        lambda: rows[night.inside(rows["createdAt"], window) & scope.has(rows["sceneId"])],
        scope,
        window,
    )


def cast_before(night: Night, scope: Scope, days: int) -> pd.DataFrame:
    """The votes in the window before in the scope's scenes."""
    rows = night.votes
    return rows[night.before(rows["createdAt"], days) & scope.has(rows["sceneId"])]


def cast_at_home(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    """The votes in the window of people at home in the scope, in whatever scene."""
    rows = night.votes
    return rows[night.inside(rows["createdAt"], window) & scope.has(rows["home"])]


def voters(rows: pd.DataFrame) -> set[str]:
    """The people of these votes."""
    return distinct(rows["userId"])


@oracle("votes")
def votes(night: Night, scope: Scope, window: Window) -> Cell:
    """How many votes were cast in the scope."""
    rows = cast_here(night, scope, window)
    return Cell(len(rows), people=voters(rows))


@oracle("votes_per_song_avg")
def votes_per_song_avg(night: Night, scope: Scope, window: Window) -> Cell:
    """Votes on songs in rotation, for each of these songs."""
    rows, songs = cast_here(night, scope, window), night.songs(scope)
    return ratio(int(rows["trackId"].isin(songs).sum()), len(songs), people=voters(rows))


@oracle("votes_per_active_user")
def votes_per_active_user(night: Night, scope: Scope, window: Window) -> Cell:
    """Votes of people at home, for each active user at home."""
    rows = cast_at_home(night, scope, window)
    return ratio(len(rows), len(night.active(window, scope)), people=voters(rows))


@oracle("voting_share")
def voting_share(night: Night, scope: Scope, window: Window) -> Cell:
    """Voters at home among the active users at home."""
    rows = cast_at_home(night, scope, window)
    return ratio(len(voters(rows)), len(night.active(window, scope)), people=voters(rows))


@oracle("vote_gini", windows=(30, 90))
def vote_gini(night: Night, scope: Scope, window: Window) -> Cell:
    """How unevenly votes are spread over the songs in rotation: 0 if every song has as many."""
    rows, songs = cast_here(night, scope, window), night.songs(scope)
    x = sorted(rows["trackId"].value_counts().reindex(sorted(songs), fill_value=0))
    n = len(x)
    weighted = sum((2 * i - n - 1) * votes for i, votes in enumerate(x, start=1))
    return ratio(int(weighted), int(n * sum(x)), people=voters(rows))


@oracle("vote_to_engagement_ratio")
def vote_to_engagement_ratio(night: Night, scope: Scope, window: Window) -> Cell:
    """Votes for each point of engagement, both of people at home."""
    rows = cast_at_home(night, scope, window)
    return ratio(len(rows), points(heard(night, scope, window)), people=voters(rows))


@oracle("vote_spikes", windows=(7,))
def vote_spikes(night: Night, scope: Scope, window: Window) -> Cell:
    """Hours of a scene in which many votes were cast."""
    rows = cast_here(night, scope, window)
    rows = rows.assign(hour=rows["createdAt"].dt.floor("h"))
    rows = rows[rows.groupby(["sceneId", "hour"])["userId"].transform("size") >= SPIKE_VOTES]
    return Cell(len(rows.drop_duplicates(["sceneId", "hour"])), people=voters(rows))


@oracle("share_of_state_votes", tiers=("city",))
def share_of_state_votes(night: Night, scope: Scope, window: Window) -> Cell | None:
    """The votes of the scene among those of its state and music community, if both are known."""
    if scope.is_unscoped or (state := night.scope_of("state", scope.place[0])).is_unscoped:
        return None
    rows = cast_here(night, scope, window)
    return ratio(len(rows), len(cast_here(night, state, window)), people=voters(rows))
