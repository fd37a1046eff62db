"""The community: scenes, users and their memberships, sects and tags, bands, and the registrar."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestration.sample.world import (
    ADJECTIVES,
    DAY,
    FOREVER,
    HOUR,
    MINUTE,
    NEVER,
    NEW_SCENE,
    SECOND,
    World,
    between,
    choose,
    some,
    texts,
    uuids,
)

# Two scenes with the same name, one without a state, and one that is activated during the nights (NEW_SCENE).
PLACES = [
    ("Austin", "Texas", "punk"), ("Austin", "Texas", "punk"), ("Laredo", None, "punk"),
    ("Nashville", "Tennessee", "punk"), ("Houston", "Texas", "punk"), ("Austin", "Texas", "hip-hop"),
    ("Memphis", "Tennessee", "hip-hop"), ("Nashville", "Tennessee", "folk"),
]  # fmt: skip
PLACE = ("city", "state", "musicCommunity")
ORIGIN = ("sourceOriginCity", "sourceOriginState", "sourceOriginMusicCommunity")
HOME_TEXT = ("homeSceneCity", "homeSceneState", "homeSceneCommunity")
NOUNS = ("Sirens", "Porch, The", "Engines", "Wolves", "Motels 🎸", "Parade", "Rivers", "Alibis", "Ghosts")
TAGS = ("basement", "d-beat", "all ages, DIY", "boom bap", "banjo")
INSTRUMENTS = ("drums", "bass, vocals", 'the "other" guitar', "Lead Vocals", "DJ / sampler", "sound person")
BIOS = (None, "", "Here for the music.", 'Says "hi",\nand means it 🎶', "bass; drums, sometimes")


def add_community(world: World) -> None:
    """Add the tables of the domain."""
    _scenes(world)
    _people(world)
    _scene_life(world)
    _artists(world)
    _registrar(world)


def _scenes(world: World) -> None:
    """The first communities: scenes, one of a state, one of the nation. Members are counted later."""
    count, i = world.size.scenes, np.arange(world.size.scenes + 2)
    numbers = range(len(PLACES), count)
    more = [(f"{PLACES[k % 8][0]} {k // 8}", PLACES[k % 8][1], PLACES[k % 7][2]) for k in numbers]
    places = [*[*PLACES, *more][:count], (None, "Texas", "punk"), (None, None, "punk")]
    city, state, music = np.array(places, dtype=object).T
    descriptions = ("", "All ages, always.", 'Ask for "the room",\nthen go left')
    latitude, longitude = 30 + i % 99 / 9, -90 - i % 99 / 7
    points = np.column_stack([longitude, latitude]).astype("<f8").tobytes().hex().upper()
    geofence = [None if k % 4 == 3 else "0101000020E6100000" + points[k * 32 : k * 32 + 32] for k in i]
    where = pd.Series(city).fillna(pd.Series(state)).fillna("National") + " " + pd.Series(music)
    world.add("communities", {
        "name": where.to_numpy(object), "slug": texts("scene-", i), "city": city, "state": state,
        "description": choose(world.rng("description"), descriptions, len(i)), "isPrivate": False,
        "createdAt": np.where(i == NEW_SCENE, world.activated, world.opened + i % 28 * DAY + (i + 1) * HOUR),
        "geofence": geofence, "radius": np.where(i % 4 == 3, np.nan, 25_000.0),
        "isActive": i != count - 1, "musicCommunity": music,
        "tier": np.where(i < count, "city", np.where(i == count, "state", "national")),
        "_latitude": latitude, "_longitude": longitude,
    })  # fmt: skip


def _place(world: World, scene: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """City, state and music community of these scenes, under these names; null where there is no scene."""
    columns = (world.column("communities", column) for column in PLACE)
    return {name: np.where(scene < 0, None, c[scene]) for name, c in zip(names, columns, strict=True)}


def _people(world: World) -> None:
    """Users and their homes. A home is given by id, by text alone, or not at all, and some homes change."""
    rng, count, n = world.rng("people"), world.size.scenes, world.size.members
    i = np.arange(n)
    weights = 1 / (1 + np.arange(count))
    weights[1:3] *= 0.3
    weights[NEW_SCENE] = 0
    scene = rng.choice(count, n, p=weights / weights.sum())
    created = world.ages(rng, n, before=0.7, during=0.06)
    created[:9] = world.opened + i[:9] * SECOND
    cutover = np.arange(n // 3, n // 3 + max(3, n // 60))  # these users wait for a scene of their own
    movers = np.arange(n // 2, n // 2 + max(3, n // 50))
    gains = np.arange(n * 3 // 5, n * 3 // 5 + max(3, n // 50))
    leavers = n * 2 // 5 + np.arange(2 if n >= 300 and world.size.nights > 1 else 0)
    scene[cutover] = 0
    stale = (rng.random(n) < 0.03) & (i > n * 3 // 4)
    text = np.where(stale, 0, np.where(np.isin(i, cutover), NEW_SCENE, scene))
    unmigrated = ((i > 7) & (i < n // 5) & (rng.random(n) < 0.5)) | (i == 4) | (i == 5)
    nowhere = (i == 6) | ((i > 7) & (rng.random(n) < 0.03) & ~np.isin(i, cutover))
    elsewhere = unmigrated & ((i % 4 == 1) | (i == 5))
    home_text = _place(world, np.where(nowhere, -1, text), HOME_TEXT)
    home_text["homeSceneCity"][elsewhere & ~nowhere] = "Waco"  # their home is in a place without a scene
    home = np.where(unmigrated | nowhere, -1, np.where(i == 7, count, scene))  # one lives in a state
    visited = rng.integers(0, NEW_SCENE, n)
    tuned = np.where(rng.random(n) < 0.5, visited, -1)
    left = np.full(n, FOREVER)
    left[leavers] = world.sometime(rng, leavers)
    world.add("users", {
        "email": texts("member-", i, "@example.invalid"), "username": texts("member", i),
        "displayName": choose(rng, ("Sam ", 'Jo "J" ', "Zoë, ", "The 🎸 "), n) + texts("", i),
        "password": texts("$2b$12$not-a-real-hash-", i), "bio": choose(rng, BIOS, n),
        "avatar": some(rng, texts("https://files.example.invalid/avatar-", i, ".png"), 0.4),
        "latitude": np.where(rng.random(n) < 0.6, 1 + i / 100_000, np.nan),
        "longitude": np.where(rng.random(n) < 0.6, 2 + i / 100_000, np.nan),
        "city": some(rng, world.column("communities", "city")[visited], 0.5),
        "country": choose(rng, (None, "US"), n), "isVerified": False, "createdAt": created,
        "homeSceneTag": some(rng, choose(rng, TAGS, n), 0.1),
        "gpsVerified": (rng.random(n) < 0.55) & ~np.isin(i, gains), "tunedSceneId": tuned,
        "tunedSceneUpdatedAt": np.where(tuned < 0, NEVER, created), "collectionDisplayEnabled": i % 3 > 0,
        "homeSceneId": home, "_scene": np.where(nowhere | elsewhere | (i == 7), -1, scene), "_left": left,
        "_cutover": np.isin(i, cutover), **home_text,
    })  # fmt: skip
    target = np.where(scene[movers] == 0, 1, 0)
    moved = world.sometime(rng, movers)
    world.revise("users", movers, moved, homeSceneId=target, **_place(world, target, HOME_TEXT))
    world.revise("users", gains, world.sometime(rng, gains), gpsVerified=True)
    cut_at = world.activated + np.where(cutover == cutover[-1], 2 * HOUR, 0)
    world.revise("users", cutover, cut_at, homeSceneId=np.full(len(cutover), NEW_SCENE))
    world.tables["users"].loc[leavers, "_to"] = left[leavers]
    homes = np.concatenate([home, target, np.full(len(cutover), NEW_SCENE)])
    _memberships(world, np.concatenate([i, movers, cutover]), homes, np.concatenate([created, moved, cut_at]))


def _memberships(world: World, user: np.ndarray, scene: np.ndarray, joined: np.ndarray) -> None:
    """Memberships, and each night's communities with a member count that is slightly wrong."""
    rng = world.rng("memberships")
    recorded = (scene >= 0) & (rng.random(len(user)) > 0.05)  # some paths in the app make no membership
    guest = world.anybody(rng, world.size.members // 8)
    visited = rng.integers(0, world.size.scenes, len(guest))
    opened = world.column("communities", "createdAt")
    user, scene = np.concatenate([user[recorded], guest]), np.concatenate([scene[recorded], visited])
    joined = np.concatenate([joined[recorded] + 2 * SECOND, world.when(rng, guest, opened[visited])])
    world.add("community_members", {
        "userId": user, "communityId": scene, "role": np.where(user < 5, "moderator", "member"),
        "joinedAt": np.where(joined > NEVER, np.maximum(joined, opened[scene] + SECOND), NEVER),
    }, once="userId communityId")  # fmt: skip
    i = np.arange(len(opened))
    communities, members = world.base["communities"], world.base["community_members"]
    communities["createdById"] = world.typed("createdById", i % 4, len(i))
    states = []
    for end in world.ends:
        then = members[members["_from"] < end]
        counted = np.bincount(then["_communityId"], minlength=len(i)) + i % 4 - 1
        latest = then.groupby("_communityId")["joinedAt"].max().reindex(i).fillna(communities["createdAt"])
        state = communities.assign(memberCount=np.maximum(counted, 0), updatedAt=latest)
        states.append(state.assign(_from=end - DAY, _to=end)[opened < end])
    world.tables["communities"] = pd.concat(states, ignore_index=True)


def _scene_life(world: World) -> None:
    """Sects and their tags, saved scenes, and requests for new ones."""
    rng, count, n = world.rng("scene life"), world.size.scenes, world.size.members
    i = np.arange(2 * count)
    created = np.maximum(world.column("communities", "createdAt")[i // 2], world.opened + 40 * DAY) + i
    incubating = i % 3 == 1
    world.add("sect_tags", {
        "name": choose(rng, TAGS, len(i)) + texts(" ", i), "parentCommunityId": i // 2,
        "status": np.where(incubating, "incubating", "active"), "createdAt": created,
    })  # fmt: skip
    world.revise("sect_tags", np.flatnonzero(incubating)[:1], world.changing + 10 * HOUR, status="active")
    world.add("sects", {
        "parentCommunityId": i[::4] // 2, "name": texts("Sect ", i[::4]), "slug": texts("sect-", i[::4]),
        "createdAt": created[::4] + HOUR,
    })  # fmt: skip
    user = world.anybody(rng, n)
    scene = world.column("users", "_scene")[user]
    tag = np.where(scene < 0, rng.integers(0, NEW_SCENE, n), scene) * 2 + rng.integers(0, 2, n)
    tagged = world.when(rng, user, created[tag])
    world.add("user_tags", {"userId": user, "sectTagId": tag, "createdAt": tagged}, once="userId sectTagId")
    user = world.anybody(rng, n // 10)
    world.add("user_saved_scenes", {
        "userId": user, "communityId": rng.integers(0, NEW_SCENE, len(user)),
        "reason": choose(rng, ("visited", "activation"), len(user)),
        "context": choose(rng, (None, "", 'on tour, "soon"'), len(user)),
        "savedAt": world.when(rng, user, world.start),
    }, once="userId communityId")  # fmt: skip
    user = world.anybody(rng, max(3, n // 80))
    world.add("music_community_requests", {
        "userId": user, "requestedName": " Noise  Rock", "requestedNameNormalized": "noise rock",
        "city": "Marfa", "cityNormalized": "marfa", "state": "Texas", "stateNormalized": "texas",
        "status": choose(rng, ("pending", "approved", "declined"), len(user)),
        "createdAt": world.when(rng, user, world.start),
    })  # fmt: skip


def _artists(world: World) -> None:
    """Bands and their members, and the activation of a scene, which moves bands but not their tracks."""
    rng, n = world.rng("artists"), world.size.members
    count = max(6, world.size.tracks // 5)
    i = np.arange(count)
    founder = np.concatenate([[0, 1], rng.integers(0, n // 3, count - 2)])
    created = between(rng, world.column("users", "createdAt")[founder] + HOUR, world.start)
    scene = np.where(i < 2, 0, world.column("users", "_scene")[founder])
    world.add("artist_bands", {
        "name": "The " + choose(rng, ADJECTIVES, count) + " " + choose(rng, NOUNS, count) + texts(" ", i),
        "slug": texts("band-", i), "entityType": np.where(rng.random(count) < 0.6, "band", "artist"),
        "registrarEntryRef": uuids(world.rng("registrar_entries id"), count),  # entry i registers band i
        "homeSceneId": scene, "createdById": founder, "createdAt": created, "bio": choose(rng, BIOS, count),
        "officialWebsiteUrl": some(rng, texts("https://band-", i, ".example.invalid"), 0.5),
        "merchUrl": some(rng, texts("https://merch.example.invalid/?band=", i, "&sizes=s,m"), 0.3),
        **_place(world, scene, ORIGIN),
    })  # fmt: skip
    moving = i[:2]
    world.revise("artist_bands", moving, world.activated, homeSceneId=np.full(2, NEW_SCENE))
    band = np.concatenate([i, rng.integers(0, count, 2 * count)])
    user = np.concatenate([founder, rng.integers(0, n // 3, 2 * count)])
    joined = world.when(rng, user, created[band])
    world.add("artist_band_members", {
        "artistBandId": band, "userId": user, "role": np.where(user == founder[band], "founder", "member"),
        "createdAt": np.where(np.arange(len(band)) < count, created[band], joined),
    }, once="artistBandId userId")  # fmt: skip

    # An old audit, the new scene's activation, and a second activation that names one of the same listeners.
    cutover = np.flatnonzero(world.column("users", "_cutover"))
    listeners, bands = [np.arange(1, 4), cutover[:-1], cutover[[0, -1]]], [i[:0], moving, i[:0]]
    scene = np.array([0, NEW_SCENE, NEW_SCENE])
    world.add("community_activation_audits", {
        "sceneId": scene, **_place(world, scene, PLACE),
        "createdScene": np.array([True, True, False]), "savedAwaySceneCount": np.array([0, 1, 0]),
        "reanchoredSourceIds": [json.dumps(world.ids("artist_bands", moved).tolist()) for moved in bands],
        "cutoverListenerIds": [json.dumps(world.ids("users", group).tolist()) for group in listeners],
        "activationNoticeCount": np.array([len(group) for group in listeners]),
        "thresholds": '{"artists": 2, "listeners": 3}',
        "createdAt": np.array([world.start + HOUR, world.activated, world.activated + 2 * HOUR]),
    })  # fmt: skip


def _registrar(world: World) -> None:
    """Registrations: one for each band, some others, and the capabilities granted for them."""
    rng, bands = world.rng("registrar"), len(world.base["artist_bands"])
    i = np.arange(bands + 8)
    band = np.where(i < bands, i, -1)
    by = np.where(band < 0, i % 9, world.column("artist_bands", "_createdById")[band])
    scene = np.where(band < 0, 0, np.maximum(world.column("artist_bands", "_homeSceneId")[band], 0))
    filed = np.where(band < 0, world.first - DAY, world.column("artist_bands", "createdAt")[band]) - i
    kinds = np.array(["promoter_registration", "project_registration", "sect_motion"], object)
    states = np.array(["submitted", "rejected", "approved", "submitted"], object)
    status = np.where(band < 0, states[i % 4], "materialized")
    world.add("registrar_entries", {
        "type": np.where(band < 0, kinds[i % 3], "artist_band_registration"), "status": status,
        "sceneId": scene, "createdById": by, "artistBandId": band, "createdAt": filed,
        "payload": choose(rng, (None, '{"name": "A \\"new\\" thing, 🎶", "genres": ["punk"]}'), len(i)),
        **_place(world, scene, ORIGIN),
    })  # fmt: skip
    submitted = np.flatnonzero(status == "submitted")
    world.revise("registrar_entries", submitted[:2], world.changing + 16 * HOUR, status="approved")
    k = np.arange(2 * bands)
    known = np.where(k % 3 == 0, rng.integers(0, world.size.members // 3, len(k)), -1)
    claimed = np.where(k % 6 == 0, known, -1)
    invited = filed[k // 2] + SECOND
    world.add("registrar_artist_members", {
        "registrarEntryId": k // 2, "name": texts("Invitee ", k), "city": "Austin",
        "email": texts("invitee-", k, "@example.invalid"),
        "instrument": choose(world.rng("instrument"), INSTRUMENTS, len(k)),
        "inviteStatus": np.where(claimed < 0, "pending", "claimed"), "createdAt": invited,
        "existingUserId": known, "claimedUserId": claimed,
        "inviteToken": np.where(claimed < 0, texts("not-a-real-token-", k), None),
        "inviteTokenExpiresAt": np.where(claimed < 0, invited + 14 * DAY, NEVER),
    })  # fmt: skip
    world.revise(
        "registrar_artist_members", np.array([1]), world.changing + 17 * HOUR, inviteStatus="claimed",
        claimedUserId=np.array([2]), inviteToken=None, inviteTokenExpiresAt=NEVER,
    )  # fmt: skip
    granted, revoked = filed[:bands] + MINUTE, world.changing + 18 * HOUR
    world.add("user_capability_grants", {
        "userId": by[:bands], "capability": "artist_band", "status": "active",
        "sourceRegistrarEntryId": i[:bands], "grantedAt": granted, "revokedAt": NEVER, "createdAt": granted,
    })  # fmt: skip
    world.revise("user_capability_grants", np.array([1]), revoked, status="revoked", revokedAt=revoked)
