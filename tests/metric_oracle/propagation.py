"""How songs of cities come into the rotation of a state, and of the nation."""

import pandas as pd

from metric_oracle.base import POINT_IN_TIME, Cell, Night, Scope, Window, distinct, divided, oracle, ratio

PLACE_OF = {"state": ["state", "music_community"], "national": ["music_community"]}
ADVANCED = (30, 90, None)


def higher_scenes(night: Night, tier: str) -> pd.DataFrame:
    """Communities of a tier above the city, as last known, by id."""
    known = night.rows("communities").rename(columns={"musicCommunity": "music_community"})
    return known[known["tier"] == tier].set_index("id")


def places(tier: str, scenes: pd.Series, of: pd.DataFrame) -> list[tuple[str, ...] | None]:
    """The parts of the place of each scene that the tier looks at; None where one is not known."""
    known = {scene: tuple(parts) for scene, *parts in of[PLACE_OF[tier]].itertuples()}
    found = [known.get(scene) for scene in scenes]
    return [place if place and None not in place else None for place in found]


def entries_in(night: Night, tier: str, *, ever: bool = False) -> pd.DataFrame:
    """Rotation entries in scenes of the tier, with the track's own scene; of the night, or ever delivered."""
    entries = night.rows("rotation_entries") if ever else night.rotation
    entries = entries[entries["sceneId"].isin(higher_scenes(night, tier).index)]
    return entries.assign(own=night.look_up(entries["trackId"], "tracks", "communityId"))


def came_from(night: Night, tier: str, entries: pd.DataFrame) -> pd.Series:
    """Whether the track's own scene is a city scene of the place of the entry's."""
    there = places(tier, entries["sceneId"], higher_scenes(night, tier))
    own = places(tier, entries["own"], night.scenes)
    same = [place is not None and place == other for place, other in zip(there, own, strict=True)]
    return pd.Series(same, entries.index, dtype=bool)


def share_explained(night: Night, scope: Scope, tier: str) -> float | None:
    """The coverage of what is said of the tier."""
    return night.kept("share explained", lambda: _share_explained(night, scope, tier), scope, tier)


def _share_explained(night: Night, scope: Scope, tier: str) -> float | None:
    """Of the entries in the tier's scenes of the scope's music community: those known to come from a city.

    The platform looks at all music communities. What has no music community has no such scenes.
    """
    entries, scenes = entries_in(night, tier), higher_scenes(night, tier)
    if scope.tier != "platform":
        music = scope.place_of["music_community"]
        alike = scenes.index[scenes["music_community"] == music] if music is not None else scenes.index[:0]
        entries = entries[entries["sceneId"].isin(alike)]
    there = places(tier, entries["sceneId"], scenes)
    of_cities = night.rotation[night.rotation["sceneId"].isin(night.scenes.index)]
    played_in = set(zip(of_cities["trackId"], places(tier, of_cities["sceneId"], night.scenes), strict=True))
    plays = [
        place is not None and (track, place) in played_in
        for track, place in zip(entries["trackId"], there, strict=True)
    ]
    explained = came_from(night, tier, entries) | pd.Series(plays, entries.index, dtype=bool)
    return divided(int(explained.sum()), len(entries))


def _advanced(metric: str, tier: str) -> None:
    @oracle(metric, ADVANCED)
    def answer(night: Night, scope: Scope, window: Window) -> Cell:
        entries = entries_in(night, tier)
        entries = entries[night.inside(entries["createdAt"], window) & came_from(night, tier, entries)]
        songs = distinct(entries["trackId"][scope.has(entries["own"])])
        return Cell(len(songs), coverage=share_explained(night, scope, tier))


_advanced("songs_advanced_to_state", "state")
_advanced("songs_advanced_to_national", "national")


@oracle("national_songs_from_here", POINT_IN_TIME)
def national_songs_from_here(night: Night, scope: Scope, _: Window) -> Cell:
    entries = entries_in(night, "national")
    songs = distinct(entries["trackId"][scope.has(entries["own"])])
    return Cell(len(songs), coverage=share_explained(night, scope, "national"))


@oracle("songs_ever_national", (None,))
def songs_ever_national(night: Night, scope: Scope, _: Window) -> Cell:
    entries = entries_in(night, "national", ever=True)
    last_known = night.rows("tracks").set_index("id")["communityId"].to_dict()
    own = [last_known.get(track) for track in entries["trackId"]]
    songs = distinct(entries["trackId"][scope.has(own)])
    return Cell(len(songs), coverage=share_explained(night, scope, "national"))


def _reached(metric: str, tier: str, tiers: tuple[str, ...]) -> None:
    @oracle(metric, (90, None), tiers)
    def answer(night: Night, scope: Scope, window: Window) -> Cell:
        ever = night.rows("rotation_entries")
        in_city = ever["sceneId"].isin(night.scenes.index)
        entered = in_city & scope.has(ever["sceneId"]) & night.inside(ever["enteredPoolAt"], window)
        songs = distinct(ever["trackId"][entered])
        reached = songs & distinct(entries_in(night, tier, ever=True)["trackId"])
        return ratio(len(reached), len(songs), coverage=share_explained(night, scope, tier))


_reached("city_to_national_ratio", "national", ("city", "state", "national"))
_reached("city_to_state_ratio", "state", ("city", "state"))


# XIII.geo: the same, of one artist


@oracle("artist_songs_in_state", (None,), ("state",))
def artist_songs_in_state(night: Night, scope: Scope, _: Window) -> list[Cell]:
    entries = entries_in(night, "state", ever=True)
    here = (scope.place_of["state"], scope.place_of["music_community"])
    there = places("state", entries["sceneId"], higher_scenes(night, "state"))
    is_here = [place is not None and place == here for place in there]
    entries = entries[pd.Series(is_here, entries.index, dtype=bool)]
    return _of_artists(night, entries, share_explained(night, scope, "state"))


@oracle("artist_songs_in_nation", (None,), ("state",))
def artist_songs_in_nation(night: Night, scope: Scope, _: Window) -> list[Cell]:
    entries = entries_in(night, "national", ever=True)
    entries = entries[scope.has(entries["own"])]
    return _of_artists(night, entries, share_explained(night, scope, "national"))


def _of_artists(night: Night, entries: pd.DataFrame, coverage: float | None) -> list[Cell]:
    artist = night.look_up(entries["trackId"], "tracks", "artistBandId")
    songs = entries["trackId"].groupby(artist.astype(object)).nunique() if len(entries) else {}
    return [
        Cell(int(count), coverage=coverage, subject_type="artist", subject_id=one)
        for one, count in songs.items()
    ]
