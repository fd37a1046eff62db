"""Musicians: who is named, by account, in the registration of a band."""

import re
from collections.abc import Iterator

import pandas as pd

from metric_oracle.base import (
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


@once
def named(night: Night) -> pd.DataFrame:
    """The rows of band members in registrations, with the `person` and the `scene` of the registration."""
    rows = night.table("registrar_artist_members")
    person = rows["claimedUserId"].where(rows["claimedUserId"].notna(), rows["existingUserId"])
    return rows.assign(
        person=person,
        scene=night.look_up(rows["registrarEntryId"], "registrar_entries", "sceneId"),
        band=night.look_up(rows["registrarEntryId"], "registrar_entries", "artistBandId"),
    )


@once
def known(night: Night) -> float | None:
    """The share of these rows that lead to somebody in users."""
    rows, users = night.table("registrar_artist_members"), set(night.users["id"])
    leads = rows["claimedUserId"].isin(users) | rows["existingUserId"].isin(users)
    return divided(int(leads.sum()), len(rows))


def musicians_of(night: Night, scope: Scope) -> set[str]:
    """The members of the scope who are musicians."""
    return distinct(named(night)["person"]) & night.members(scope)


@oracle("musicians", windows=POINT_IN_TIME)
def musicians(night: Night, scope: Scope, _: Window) -> Cell:
    """How many members are musicians."""
    people = musicians_of(night, scope)
    return Cell(len(people), coverage=known(night), people=people)


@oracle("musician_share", windows=POINT_IN_TIME)
def musician_share(night: Night, scope: Scope, _: Window) -> Cell:
    """Musicians among the members."""
    people = musicians_of(night, scope)
    return ratio(len(people), len(night.members(scope)), coverage=known(night), people=people)


def played(text: str | None, instruments: dict[str, str]) -> str | None:
    """The instrument of the first of these words that is in the text; of two that begin there, the longer."""
    written = " ".join((text or "").lower().split())
    found = {}
    for word, instrument in instruments.items():
        if there := re.search(rf"(?<!\w){re.escape(word)}(?!\w)", written):
            found[there.start(), -len(word)] = instrument
    return found[min(found)] if found else None


def by_instrument(night: Night, people: set[str]) -> dict[str, set[str]]:
    """Who of these people plays what."""
    rows = named(night)
    plays = [played(text, night.instruments) for text in rows["instrument"]]
    rows = rows.assign(plays=pd.Series(plays, rows.index, dtype=object))
    rows = rows[rows["person"].isin(people)].dropna(subset="plays")
    return {plays: distinct(there["person"]) for plays, there in rows.groupby("plays")}


@oracle("musicians_by_instrument", windows=POINT_IN_TIME)
def musicians_by_instrument(night: Night, scope: Scope, _: Window) -> Iterator[Cell]:
    """How many members play each instrument."""
    for instrument, people in by_instrument(night, musicians_of(night, scope)).items():
        yield Cell(len(people), coverage=known(night), people=people, bucket=instrument)


@oracle("sect_musicians_by_instrument", windows=POINT_IN_TIME, tiers=("city",))
def sect_musicians_by_instrument(night: Night, scope: Scope, _: Window) -> Iterator[Cell]:
    """How many holders of each sect of the scene play each instrument."""
    tags, sects = night.rows("user_tags"), night.table("sect_tags")
    tags = tags[(tags["createdAt"] < night.as_of) & tags["userId"].isin(set(night.users["id"]))]
    here = scope.has(sects["parentCommunityId"]) & (not scope.is_unscoped)
    for sect in sects["id"][here]:
        holders = distinct(tags["userId"][tags["sectTagId"] == sect])
        for instrument, people in by_instrument(night, holders).items():
            yield Cell(
                len(people),
                coverage=known(night),
                people=people,
                subject_type="sect",
                subject_id=sect,
                bucket=instrument,
            )


@oracle("new_musicians", windows=(30, 90))
def new_musicians(night: Night, scope: Scope, window: Window) -> Cell:
    """The musicians who are named for the first time in the window."""
    first = named(night).groupby("person")["createdAt"].min()
    people = set(first.index[night.inside(first, window)]) & night.members(scope)
    return Cell(len(people), coverage=known(night), people=people)


@oracle("active_musicians", windows=(30, 90))
def active_musicians(night: Night, scope: Scope, window: Window) -> Cell:
    """The musicians who are active anywhere."""
    people = musicians_of(night, scope) & night.active(window)
    return Cell(len(people), coverage=known(night), people=people)


@oracle("musician_conversion_share", windows=(90, None))
def musician_conversion_share(night: Night, scope: Scope, window: Window) -> Cell:
    """Of the rows of registrations here, those whose claimant is now a member of the band."""
    rows = named(night)
    rows = rows[night.inside(rows["createdAt"], window) & scope.has(rows["scene"])]
    mates = night.table("artist_band_members")
    in_bands = set(zip(mates["artistBandId"], mates["userId"], strict=True))
    joined = [pair in in_bands for pair in zip(rows["band"], rows["claimedUserId"], strict=True)]
    return ratio(
        sum(joined),
        len(rows),
        coverage=divided(int(rows["band"].notna().sum()), len(rows)),
        people=distinct(rows["claimedUserId"][joined]),
    )
