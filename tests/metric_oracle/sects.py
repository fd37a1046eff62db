"""Sects: who holds them, their artists, what holders listen to and vote for, how near they are to more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from metric_oracle.artists import active_artists
from metric_oracle.base import POINT_IN_TIME, Cell, Night, Scope, Window, distinct, divided, oracle, ratio

SOME_TIME = (30, 90)
SECT_MIN_SOURCES, SECT_MIN_SECONDS, SOURCE_MAX_SECONDS = 5, 2700, 900
NEAR_THRESHOLD = 0.8


def tags(night: Night) -> pd.DataFrame:
    """Tags that members laid down before as-of of sects there are: who holds which sect, and since when."""
    return night.kept("tags", lambda: _tags(night))


def _tags(night: Night) -> pd.DataFrame:
    rows = night.rows("user_tags")
    rows = rows[(rows["createdAt"] < night.as_of) & rows["userId"].isin(night.users["id"])]
    rows = rows[rows["sectTagId"].isin(night.table("sect_tags")["id"])]
    return rows.groupby(["sectTagId", "userId"], as_index=False)["createdAt"].min()


def holders(night: Night, sect: str) -> set[str]:
    held = tags(night)
    return distinct(held["userId"][held["sectTagId"] == sect])


def sects_of(night: Night, scope: Scope) -> pd.DataFrame:
    """The sects of the scope's scenes."""
    sects = night.table("sect_tags")
    return sects[scope.has(sects["parentCommunityId"])]


def holders_of_any(night: Night, scope: Scope) -> set[str]:
    """Who holds any of the scope's sects."""
    held = tags(night)
    return distinct(held["userId"][held["sectTagId"].isin(sects_of(night, scope)["id"])])


def band_members(night: Night) -> pd.DataFrame:
    """Members of the artists there are."""
    members = night.table("artist_band_members")
    return members[members["artistBandId"].isin(night.artists["id"])]


def band_members_holding(night: Night, sect: str) -> pd.DataFrame:
    members = band_members(night)
    return members[members["userId"].isin(holders(night, sect))]


def share_with_a_sect(night: Night, artists: set[str]) -> float | None:
    """The share of the artists with a band member who holds any sect."""
    members = band_members(night)
    with_one = distinct(members["artistBandId"][members["userId"].isin(tags(night)["userId"])])
    return divided(len(artists & with_one), len(artists))


def per_sect(
    metric: str, windows: tuple[Window, ...] = POINT_IN_TIME
) -> Callable[[Callable[..., Cell]], Callable[..., Cell]]:
    """Enter a function of night, scope, window and sect: a row for every sect with a holder."""

    def enter(answer: Callable[..., Cell]) -> Callable[..., Cell]:
        @oracle(metric, windows, ("city",))
        def cells(night: Night, scope: Scope, window: Window) -> Iterator[Cell]:
            # A sect of no city scene has no place in which it could be told.
            for sect in () if scope.is_unscoped else sects_of(night, scope)["id"]:
                if holders(night, sect):
                    cell = answer(night, scope, window, sect)
                    yield Cell(**{**vars(cell), "subject_type": "sect", "subject_id": sect})

        return answer

    return enter


# Things of a scene


@oracle("active_sects", POINT_IN_TIME)
def active_sects(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(int((sects_of(night, scope)["status"] == "active").sum()))


@oracle("official_sects", POINT_IN_TIME)
def official_sects(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(int(scope.has(night.table("sects")["parentCommunityId"]).sum()))


@oracle("new_sect_tags")
def new_sect_tags(night: Night, scope: Scope, window: Window) -> Cell:
    return Cell(int(night.inside(sects_of(night, scope)["createdAt"], window).sum()))


@oracle("artists_cross_sect_share", POINT_IN_TIME)
def artists_cross_sect_share(night: Night, scope: Scope, _: Window) -> Cell:
    ours, members = night.of_scope(scope), band_members(night)
    members = members[members["artistBandId"].isin(ours)].merge(tags(night), on="userId")
    sects = members.groupby("artistBandId")["sectTagId"].nunique()
    coverage = share_with_a_sect(night, ours)
    return ratio(int((sects >= 2).sum()), len(sects), coverage=coverage, people=distinct(members["userId"]))


# Holders


@per_sect("sect_members")
def sect_members(night: Night, _: Scope, __: Window, sect: str) -> Cell:
    held_by = holders(night, sect)
    return Cell(len(held_by), people=held_by)


@per_sect("sect_growth_rate", SOME_TIME)
def sect_growth_rate(night: Night, _: Scope, window: int, sect: str) -> Cell:
    since = tags(night)[tags(night)["sectTagId"] == sect].set_index("userId")["createdAt"]
    joined = int(night.inside(since, window).sum())
    before = int((since < night.since(window)).sum())
    return ratio(joined, before, people=min(joined, before))


@per_sect("sect_share_of_tags")
def sect_share_of_tags(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    held_by = holders(night, sect)
    of_all = sum(len(holders(night, other)) for other in sects_of(night, scope)["id"])
    return ratio(len(held_by), of_all, people=held_by)


@per_sect("sect_membership_density")
def sect_membership_density(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    joined = distinct(night.joined["userId"][scope.has(night.joined["communityId"])])
    holding = joined & holders(night, sect)
    return ratio(len(holding), len(joined), people=holding)


# Artists of a sect


@dataclass(frozen=True)
class Band:
    """Artists of a sect, and their members who hold it."""

    artists: set[str]
    members: set[str]


def sect_artists_of(night: Night, sect: str, among: set[str] | None = None) -> Band:
    """The sect's artists, or those of them that are among others."""
    members = band_members_holding(night, sect)
    if among is not None:
        members = members[members["artistBandId"].isin(among)]
    return Band(distinct(members["artistBandId"]), distinct(members["userId"]))


@per_sect("sect_artists")
def sect_artists(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    band = sect_artists_of(night, sect)
    coverage = share_with_a_sect(night, night.of_scope(scope))
    return Cell(len(band.artists), coverage=coverage, people=band.members)


@per_sect("sect_artists_in_rotation")
def sect_artists_in_rotation(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    playing = active_artists(night, scope)
    band = sect_artists_of(night, sect, among=playing)
    return Cell(len(band.artists), coverage=share_with_a_sect(night, playing), people=band.members)


@per_sect("sect_artist_density")
def sect_artist_density(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    held_by, coverage = holders(night, sect), share_with_a_sect(night, night.of_scope(scope))
    return ratio(len(sect_artists_of(night, sect).artists), len(held_by), coverage=coverage, people=held_by)


def progress(night: Night, sect: str) -> tuple[float, Band]:
    """How near a sect is to becoming official, and the artists whose songs count for it."""
    tracks = night.table("tracks")
    ready = tracks[tracks["status"] == "ready"]
    sources = sect_artists_of(night, sect, among=distinct(ready["artistBandId"]))
    songs = ready[ready["artistBandId"].isin(sources.artists)]
    seconds = songs["duration"].fillna(0).groupby(songs["artistBandId"]).sum().clip(upper=SOURCE_MAX_SECONDS)
    reached = min(1, len(sources.artists) / SECT_MIN_SOURCES, float(seconds.sum()) / SECT_MIN_SECONDS)
    return reached, sources


@per_sect("sect_threshold_progress")
def sect_threshold_progress(night: Night, scope: Scope, _: Window, sect: str) -> Cell:
    reached, sources = progress(night, sect)
    coverage = share_with_a_sect(night, night.of_scope(scope))
    return Cell(reached, coverage=coverage, people=sources.members)


def bare(name: str) -> str:
    """A name as sects are compared by: lower case and trimmed."""
    return name.strip().lower()


@oracle("sects_near_threshold", POINT_IN_TIME)
def sects_near_threshold(night: Night, scope: Scope, _: Window) -> Cell:
    official = night.table("sects")
    known = {
        (scene, bare(name)) for scene, name in official[["parentCommunityId", "name"]].itertuples(index=False)
    }
    near = [
        sect
        for sect in sects_of(night, scope).itertuples()
        if (sect.parentCommunityId, bare(sect.name)) not in known
        and progress(night, sect.id)[0] >= NEAR_THRESHOLD
    ]
    return Cell(len(near), coverage=share_with_a_sect(night, night.of_scope(scope)))


# What holders do


def listens_at_home(night: Night, scope: Scope, window: Window) -> pd.DataFrame:
    listens = night.listens
    return listens[scope.has(listens["home"]) & night.inside(listens["createdAt"], window)]


def _sect_engagement(
    night: Night, scope: Scope, window: int, sect: str
) -> tuple[int, int, float | None, set]:
    """Points of the sect's holders, of all, the share of who hold any sect, and which holders listen."""
    listens = listens_at_home(night, scope, window)
    ours = listens[listens["userId"].isin(holders(night, sect))]
    any_sect = listens["score"][listens["userId"].isin(holders_of_any(night, scope))].sum()
    of_all = int(listens["score"].sum())
    return int(ours["score"].sum()), of_all, divided(int(any_sect), of_all), distinct(ours["userId"])


@per_sect("sect_engagement_points", SOME_TIME)
def sect_engagement_points(night: Night, scope: Scope, window: int, sect: str) -> Cell:
    points, _, coverage, people = _sect_engagement(night, scope, window, sect)
    return Cell(points, coverage=coverage, people=people)


@per_sect("sect_engagement_share", SOME_TIME)
def sect_engagement_share(night: Night, scope: Scope, window: int, sect: str) -> Cell:
    points, of_all, coverage, people = _sect_engagement(night, scope, window, sect)
    return ratio(points, of_all, coverage=coverage, people=people)


@per_sect("sect_votes", SOME_TIME)
def sect_votes(night: Night, scope: Scope, window: int, sect: str) -> Cell:
    votes = night.votes
    votes = votes[scope.has(votes["sceneId"]) & night.inside(votes["createdAt"], window)]
    ours = votes[votes["userId"].isin(holders(night, sect))]
    any_sect = int(votes["userId"].isin(holders_of_any(night, scope)).sum())
    return Cell(len(ours), coverage=divided(any_sect, len(votes)), people=distinct(ours["userId"]))
