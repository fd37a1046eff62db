"""The map: events of the month, the names of sects, what a person collects, and where points are drawn."""

import struct
from collections.abc import Iterator
from typing import Any

import pandas as pd

from metric_oracle.base import POINT_IN_TIME, Cell, Night, Scope, Window, distinct, divided, oracle
from metric_oracle.sects import sects_of, tags

# What the scenes of one point have in common, by the tier of the scope.
POINTS = {"city": "id", "state": "city", "national": "state"}


@oracle("events_this_month", POINT_IN_TIME)
def events_this_month(night: Night, scope: Scope, _: Window) -> Cell:
    events = night.table("events")
    starts = events["startDate"][scope.has(events["communityId"])]
    return Cell(int(((starts.dt.year == night.day.year) & (starts.dt.month == night.day.month)).sum()))


# Names of sects


def named(sects: pd.DataFrame) -> pd.DataFrame:
    """Sects with the `name` by which they are compared."""
    return sects.assign(name=[name.strip().lower() for name in sects["name"]])


def spread_names(night: Night) -> set[tuple[str, str]]:
    """Music communities and the names that sects of more than one of its scenes have."""
    sects = named(night.table("sect_tags"))
    music = night.scenes["music_community"].to_dict()
    sects = sects.assign(
        music=pd.Series([music.get(s) for s in sects["parentCommunityId"]], sects.index, dtype=object)
    )
    scenes = sects.dropna(subset=["music"]).groupby(["music", "name"])["parentCommunityId"].nunique()
    return set(scenes.index[scenes > 1])


@oracle("sect_name_population", POINT_IN_TIME)
def sect_name_population(night: Night, scope: Scope, _: Window) -> Iterator[Cell]:
    sects, spread = named(sects_of(night, scope)), spread_names(night)
    music = night.scenes["music_community"].to_dict()
    in_several = {
        sect.name for sect in sects.itertuples() if (music.get(sect.parentCommunityId), sect.name) in spread
    }
    coverage = divided(len(in_several), sects["name"].nunique())
    for name, alike in sects.groupby("name"):
        people = distinct(tags(night)["userId"][tags(night)["sectTagId"].isin(alike["id"])])
        if people:
            yield Cell(len(people), bucket=name, people=people, coverage=coverage)


# What a person collects


@oracle("collected_artists", POINT_IN_TIME, ("city",))
def collected_artists(night: Night, scope: Scope, _: Window) -> Iterator[Cell]:
    items = night.kept("collected", lambda: _collected(night))
    ours = night.of_scope(scope)
    for person, theirs in items.groupby("person"):
        artists = distinct(theirs["artist"]) & ours
        if artists:
            coverage = divided(int(theirs["artist"].notna().sum()), len(theirs))
            yield Cell(len(artists), coverage=coverage, subject_type="member", subject_id=person)


def _collected(night: Night) -> pd.DataFrame:
    """Items in collections of members, before as-of: whose they are, and the artist that they name."""
    items = night.rows("collection_items")
    items = items[items["createdAt"] < night.as_of]
    named_by = night.signals.set_index("id")["artist"].to_dict()
    items = items.assign(
        person=night.look_up(items["collectionId"], "collections", "userId"),
        artist=pd.Series([named_by.get(s) for s in items["signalId"]], items.index, dtype=object),
    )
    return items[items["person"].isin(night.users["id"])]


# Points of the map


def map_points(night: Night, scope: Scope) -> list[dict[str, Any]]:
    """The points drawn for a scope, and what each of them sums up of the scenes that are there."""
    communities = night.table("communities")
    scenes = communities[communities["id"].isin(scope.scenes) & (communities["tier"] == "city")]
    events, sects, tracks = night.table("events"), night.table("sect_tags"), night.table("tracks")
    found = []
    for _, alike in scenes.groupby(POINTS[scope.tier], dropna=False):
        ids = alike["id"]
        centres = [centre_of(geofence) for geofence in alike["geofence"].dropna()]
        ready = tracks["communityId"].isin(ids) & (tracks["status"] == "ready")
        lately = events["communityId"].isin(ids) & night.inside(events["createdAt"], 7)
        found.append({
            "members": int(alike["memberCount"].sum()), "active_tracks": int(ready.sum()),
            "active_sects": int((sects["parentCommunityId"].isin(ids) & (sects["status"] == "active")).sum()),
            "events_created": int(lately.sum()),
            "latitude": divided(sum(latitude for latitude, _ in centres), len(centres)),
            "longitude": divided(sum(longitude for _, longitude in centres), len(centres)),
        })  # fmt: skip
    return found


def centre_of(geofence: str) -> tuple[float, float]:
    """Latitude and longitude of an EWKB point in hex: byte order, type, SRID, x, y."""
    order = "<" if geofence.startswith("01") else ">"
    longitude, latitude = struct.unpack(f"{order}dd", bytes.fromhex(geofence)[-16:])
    return latitude, longitude


@oracle("scene_map_points", POINT_IN_TIME, tuple(POINTS))
def scene_map_points(night: Night, scope: Scope, _: Window) -> Cell | None:
    if scope.is_unscoped:
        return None
    return Cell(len(map_points(night, scope)))
