"""Rotation: what is in it, how it came in and left, and how full it is."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pandas as pd

from metric_oracle.artists import active_artists
from metric_oracle.base import (
    DAY,
    KEY,
    NUMBERS_OF_A_ROW,
    ORACLE,
    POINT_IN_TIME,
    TIERS,
    Cell,
    Night,
    Scope,
    Window,
    distinct,
    divided,
    median,
    oracle,
    ratio,
    whole_days,
)

SLOTS_PER_SOURCE = 3
CONFIG_DAYS = 30
STAYS = (90, None)


def entries_of(night: Night, scope: Scope) -> pd.DataFrame:
    """The rotation entries as of the night in the scope's scenes."""
    return night.rotation[scope.has(night.rotation["sceneId"])]


def entries_ever(night: Night, scope: Scope) -> pd.DataFrame:
    """Every rotation entry ever delivered of the scope's scenes, as last known."""
    ever = night.rows("rotation_entries")
    return ever[scope.has(ever["sceneId"])]


def nights_with(night: Night) -> dict[str, list[dt.date]]:
    """By id of an entry, the delivered nights that hold it, oldest first."""
    found: dict[str, list[dt.date]] = {}
    for delivered, entries in night.snapshots("rotation_entries").items():
        for entry in entries["id"]:
            found.setdefault(entry, []).append(delivered)
    return found


def in_window(night: Night, day: dt.date, days: int) -> bool:
    """Whether a night is one of the days of the window."""
    return 0 <= (night.day - day).days < days


# II.A fair-play structure


@oracle("songs_in_rotation", POINT_IN_TIME)
def songs_in_rotation(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(len(night.songs(scope)))


def _in_pool(metric: str, pool: str) -> None:
    @oracle(metric, POINT_IN_TIME)
    def answer(night: Night, scope: Scope, _: Window) -> Cell:
        entries = entries_of(night, scope)
        return Cell(entries["trackId"][entries["pool"] == pool].nunique())


_in_pool("tracks_in_new_releases", "NEW_RELEASES")
_in_pool("tracks_in_main_rotation", "MAIN_ROTATION")


def songs_by_artist(night: Night, scope: Scope) -> dict[str, int]:
    """How many songs each active artist of the scope has in rotation there."""
    entries = entries_of(night, scope)
    return entries.dropna(subset=["artist"]).groupby("artist")["trackId"].nunique().to_dict()


def share_naming_an_artist(night: Night, scope: Scope) -> float | None:
    """The share of the songs in rotation whose track names an artist."""
    entries = entries_of(night, scope)
    return divided(entries["trackId"][entries["artist"].notna()].nunique(), len(night.songs(scope)))


def slots_occupied(night: Night, scope: Scope) -> int:
    return sum(min(songs, SLOTS_PER_SOURCE) for songs in songs_by_artist(night, scope).values())


@oracle("rotation_slots_occupied", POINT_IN_TIME)
def rotation_slots_occupied(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(slots_occupied(night, scope), coverage=share_naming_an_artist(night, scope))


@oracle("slot_utilisation_share", POINT_IN_TIME)
def slot_utilisation_share(night: Night, scope: Scope, _: Window) -> Cell:
    slots = SLOTS_PER_SOURCE * len(active_artists(night, scope))
    return ratio(slots_occupied(night, scope), slots, coverage=share_naming_an_artist(night, scope))


@oracle("slot_saturation_share", POINT_IN_TIME)
def slot_saturation_share(night: Night, scope: Scope, _: Window) -> Cell:
    full = [songs for songs in songs_by_artist(night, scope).values() if songs >= SLOTS_PER_SOURCE]
    coverage = share_naming_an_artist(night, scope)
    return ratio(len(full), len(active_artists(night, scope)), coverage=coverage)


# II.B song lifecycle


@oracle("songs_entered_rotation")
def songs_entered_rotation(night: Night, scope: Scope, window: Window) -> list[Cell]:
    entries = entries_of(night, scope)
    entered = entries[night.inside(entries["enteredPoolAt"], window)]
    of_artists = entered.dropna(subset=["artist"]).groupby("artist")["trackId"].nunique()
    return [
        Cell(entered["trackId"].nunique()),
        *(Cell(int(n), subject_type="artist", subject_id=artist) for artist, n in of_artists.items()),
    ]


@oracle("songs_removed", (7, 30, 90))
def songs_removed(night: Night, scope: Scope, window: int) -> Cell:
    snapshots = list(night.snapshots("rotation_entries").items())
    removed, compared = set(), 0
    for (_, before), (day, after) in pairwise(snapshots):
        if in_window(night, day, window):
            compared += 1
            there, still = (distinct(rows["trackId"][scope.has(rows["sceneId"])]) for rows in (before, after))
            removed |= there - still
    return Cell(len(removed), coverage=compared / window)


@oracle("songs_graduated")
def songs_graduated(night: Night, scope: Scope, window: Window) -> Cell:
    entries = entries_of(night, scope)
    return Cell(entries["trackId"][night.inside(entries["graduatedAt"], window)].nunique())


def stays(night: Night, scope: Scope, window: Window) -> tuple[list[int], int]:
    """The whole days of each stay in the main rotation, and how many of the stays have ended.

    A stay ends with the first delivered night without the entry, once the entry was seen and has graduated.
    """
    delivered = night.nights("rotation_entries")
    seen = night.kept("nights with", lambda: nights_with(night))
    ever = entries_ever(night, scope)
    days, ended = [], 0
    for entry in ever[night.inside(ever["graduatedAt"], window)].itertuples():
        there, graduated = seen[entry.id], entry.graduatedAt.date()
        without = [n for n in delivered if n > there[0] and n >= graduated and n not in there]
        ended += bool(without)
        days.append((min(without, default=night.day) - graduated).days)
    return days, ended


@oracle("main_rotation_days_avg", STAYS)
def main_rotation_days_avg(night: Night, scope: Scope, window: Window) -> Cell:
    days, ended = stays(night, scope, window)
    return ratio(sum(days), len(days), coverage=divided(ended, len(days)))


@oracle("main_rotation_days_median", STAYS)
def main_rotation_days_median(night: Night, scope: Scope, window: Window) -> Cell:
    days, ended = stays(night, scope, window)
    return Cell(median(pd.Series(days, dtype=float)), coverage=divided(ended, len(days)))


@oracle("new_window_survival_share", (30, 90, None))
def new_window_survival_share(night: Night, scope: Scope, window: Window) -> Cell:
    entries = entries_of(night, scope)
    entries = entries[night.inside(entries["enteredPoolAt"], window)]
    ends = entries["enteredPoolAt"] + entries["newWindowDays"] * DAY
    due = entries[ends <= night.as_of]
    return ratio(int((due["graduatedAt"] < night.as_of).sum()), len(due))


# IX archive


@oracle("longest_rotation_days", (None,))
def longest_rotation_days(night: Night, scope: Scope, _: Window) -> Cell | None:
    ever = entries_ever(night, scope)
    if ever.empty:
        return None
    seen = night.kept("nights with", lambda: nights_with(night))
    last = pd.Series([pd.Timestamp(seen[entry][-1]) for entry in ever["id"]], ever.index)
    still_there = ever["id"].isin(night.rotation["id"]).sum()
    return Cell(int(whole_days(ever["createdAt"], last).max()), coverage=still_there / len(ever))


@oracle("songs_ever_in_rotation", (None,))
def songs_ever_in_rotation(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(entries_ever(night, scope)["trackId"].nunique())


# X structural pressure


def new_count(night: Night, scope: Scope) -> int:
    entries = entries_of(night, scope)
    graduated = entries["graduatedAt"]
    odd = (entries["pool"] == "MAIN_ROTATION") & graduated.isna()
    is_new = (entries["enteredPoolAt"] < night.as_of) & (graduated.isna() | (graduated >= night.as_of))
    return int((is_new & ~odd).sum())


@oracle("active_new_count", POINT_IN_TIME)
def active_new_count(night: Night, scope: Scope, _: Window) -> Cell:
    return Cell(new_count(night, scope))


@oracle("new_window_days", POINT_IN_TIME)
def new_window_days(night: Night, scope: Scope, _: Window) -> Cell | None:
    entries = entries_of(night, scope)
    days = entries["newWindowDays"][entries["pool"] == "NEW_RELEASES"]
    return None if days.empty else Cell(int(days.max()))


def new_window_config_changes(night: Night) -> list[dict[str, Any]]:
    """One row, of no scope: the nights in the window whose settings differ from the night before."""
    nights = night.nights("fair_play_config")
    settings = [_new_window_settings(night.snapshot("fair_play_config", day)) for day in nights]
    changed = [
        day
        for day, (before, now) in zip(nights[1:], pairwise(settings), strict=True)
        if before != now and in_window(night, day, CONFIG_DAYS)
    ]
    delivered = sum(in_window(night, day, CONFIG_DAYS) for day in nights)
    return [dict.fromkeys((*KEY, *NUMBERS_OF_A_ROW)) | {
        "metric": "new_window_config_changes", "subject_type": "scene", "is_unscoped": False,
        "window_days": CONFIG_DAYS, "value": len(changed), "coverage": delivered / CONFIG_DAYS,
    }]  # fmt: skip


def _new_window_settings(config: pd.DataFrame) -> dict[str, str]:
    """The newWindow* settings of the global row that are not null."""
    rows = config[config["scope"] == "global"].to_dict("records")
    return {
        name: value
        for row in rows[:1]
        for name, value in row.items()
        if name.startswith("newWindow") and value is not None
    }


ORACLE["new_window_config_changes"] = new_window_config_changes


@oracle("release_wait_days_avg", (30, 90))
def release_wait_days_avg(night: Night, scope: Scope, window: int) -> Cell:
    entries, decks = entries_of(night, scope), night.table("release_deck_schedules")
    entries = entries[night.inside(entries["enteredPoolAt"], window)]
    wished = decks.assign(wished=decks["requestedFor"].fillna(decks["createdAt"]))
    both = entries.merge(
        wished[["trackId", "communityId", "wished"]], left_on=["trackId", "sceneId"],
        right_on=["trackId", "communityId"],
    )  # fmt: skip
    waited = whole_days(both["wished"], both["enteredPoolAt"]).clip(lower=0)
    return ratio(int(waited.sum()), len(both))


@oracle("broadcast_congestion_ratio", POINT_IN_TIME)
def broadcast_congestion_ratio(night: Night, scope: Scope, _: Window) -> Cell:
    decks, entries = night.table("release_deck_schedules"), entries_of(night, scope)
    waiting = (decks["status"] == "scheduled") & scope.has(decks["communityId"])
    new = entries[entries["pool"] == "NEW_RELEASES"]
    coverage = divided(int(new["trackId"].isin(decks["trackId"]).sum()), len(new))
    return ratio(int(waiting.sum()), new_count(night, scope), coverage=coverage)


@oracle("sect_motions", (7, 30, 90, None), TIERS)
def sect_motions(night: Night, scope: Scope, window: Window) -> Cell:
    filed = night.table("registrar_entries")
    motions = filed[(filed["type"] == "sect_motion") & night.inside(filed["createdAt"], window)]
    motions = motions[scope.has(motions["sceneId"])]
    return Cell(len(motions), people=distinct(motions["createdById"]))
