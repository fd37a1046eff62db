"""What members do: signals, collections, follows, events, projects and proofs of support."""

import numpy as np
import pandas as pd

from orchestration.sample.world import (
    ADJECTIVES,
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NEW_SCENE,
    SECOND,
    World,
    between,
    choose,
    draw,
    first_of,
    moments,
    ms,
    some,
    texts,
    uuids,
)

TRAPS = 8  # signals that only the traps act on


def add_participation(world: World) -> None:
    """Add the tables of the domain."""
    _signals(world)
    _events(world)
    _support(world)


def _signals(world: World) -> None:
    """Signals, what members did with them, and their collections."""
    rng, n = world.rng("signals"), max(24, world.size.actions // 6)
    i = np.arange(n)
    creator = np.where(i < TRAPS, i + 1, world.anybody(rng, n))
    created = np.where(i < TRAPS, world.end - 10 * DAY, world.when(rng, creator, world.start))
    scene = world.column("users", "_scene")[creator]
    band = world.ids("artist_bands", rng.integers(0, len(world.base["artist_bands"]), n))
    notes = ('{"note": "he said \\"loud\\", twice 🎸", ', '{"note": "", ', "{")
    titled = choose(rng, notes, n) + '"title": "Signal ' + texts("", i, '"')
    metadata = titled + np.where(rng.random(n) < 0.6, ', "artistBandId": "' + band + '"}', "}")
    world.add("signals", {
        "type": choose(rng, ("song", "album", "merch", "flyer", "Flyer", "video"), n),
        "metadata": some(rng, metadata, 0.8), "communityId": np.where(rng.random(n) < 0.04, -1, scene),
        "createdById": np.where((rng.random(n) < 0.04) & (i >= TRAPS), -1, creator), "createdAt": created,
        "_scene": scene,
    })  # fmt: skip
    _actions(world)
    keepers = np.flatnonzero(np.arange(world.size.members) % 5 < 3)
    world.add("collections", {
        "name": choose(rng, ("Favourites", 'My "shelf"', "loud, louder", ""), len(keepers)),
        "userId": keepers, "createdAt": world.column("users", "createdAt")[keepers] + SECOND,
    })  # fmt: skip
    actions = world.base["signal_actions"]
    added = actions[(actions["type"] == "ADD") & (actions["_user"] >= 0)]
    collection = np.full(world.size.members, -1)
    collection[world.column("collections", "_userId")] = np.arange(len(world.base["collections"]))
    collection = collection[added["_user"]]
    world.add("collection_items", {
        "collectionId": collection, "signalId": added["_signalId"].to_numpy(),
        "createdAt": np.where(collection < 0, NEVER, ms(added["createdAt"]) + 3),
    })  # fmt: skip


def _actions(world: World) -> None:
    """What members did with signals, the traps first."""
    rng, n = world.rng("actions"), world.size.actions
    born, creator = world.column("signals", "createdAt"), world.column("signals", "_createdById")
    popularity = 1 / (1 + rng.permutation(len(born))) ** 0.8
    popularity[:TRAPS] = 0
    user = world.anybody(rng, 3 * n)
    taste = np.where(rng.random(3 * n) < 0.8, world.column("users", "_scene")[user], -1)
    signal = draw(rng, world.column("signals", "_scene"), popularity, taste)
    at = moments(rng, born[signal], born[signal] + HOUR + rng.exponential(6 * DAY, 3 * n).astype(int))
    kind = choose(rng, ("ADD", "BLAST", "RECOMMEND"), 3 * n, (0.6, 0.3, 0.1))
    kind[(at < world.start + world.size.history_days * DAY // 3) & (rng.random(3 * n) < 0.15)] = "SUPPORT"
    possible = world.there(user, at)
    user, signal, at, kind = user[possible], signal[possible], at[possible], kind[possible]
    echo = np.flatnonzero((kind == "BLAST") & (rng.random(len(kind)) < 0.05))
    own = np.flatnonzero((rng.random(len(born)) < 0.1) & (creator >= 0))
    week, strangers = world.end - 7 * DAY - 6 * HOUR, np.array([-1, -2])
    acts = [
        # An ADD exactly a week after another member's BLAST, one a millisecond later, one a millisecond
        # earlier.
        (np.full(3, 1), np.arange(3), np.full(3, week), "BLAST"),
        (np.full(3, 2), np.arange(3), week + 7 * DAY + np.array([0, 1, -1]), "ADD"),
        # One member who adds what they blasted, two who blast their own signals, and two who are in no
        # snapshot.
        (np.full(1, 1), np.full(1, 3), np.full(1, week), "BLAST"),
        (np.full(1, 1), np.full(1, 3), np.full(1, week + HOUR), "ADD"),
        (creator[4:6], np.arange(4, 6), np.full(2, week), "BLAST"),
        (strangers, np.arange(6, 8), np.full(2, world.end - 5 * HOUR), "ADD"),
        # The same, more often.
        (user[echo], signal[echo], at[echo] + HOUR, "ADD"),
        (creator[own], own, born[own] + MINUTE, "BLAST"),
    ]  # fmt: skip
    kind = np.concatenate([*(np.full(len(act[0]), act[3], object) for act in acts), kind])
    user, signal, at = (
        np.concatenate([*(act[part] for act in acts), drawn]) for part, drawn in enumerate((user, signal, at))
    )
    possible = (at < world.end) & ((user < 0) | world.there(user, at))
    kept = np.flatnonzero(possible & first_of(user, signal, kind))[:n]
    unknown = uuids(world.rng("strangers"), 2)[user[kept] % 2]
    world.add("signal_actions", {
        "type": kind[kept], "userId": np.where(user[kept] < 0, unknown, world.ids("users", user[kept])),
        "signalId": signal[kept], "createdAt": at[kept], "_user": user[kept],
    })  # fmt: skip


def _events(world: World) -> None:
    """Follows, events and who came."""
    rng, n, bands = world.rng("events"), world.size.members, world.base["artist_bands"]
    user = world.anybody(rng, 2 * n)
    what = choose(rng, ("artistBand", "band", "artist", "community"), 2 * n, (0.6, 0.1, 0.1, 0.2))
    band = (len(bands) * rng.random(2 * n) ** 2).astype(int)
    scene = world.ids("communities", rng.integers(0, NEW_SCENE, 2 * n))
    thing = np.where(what == "community", scene, world.ids("artist_bands", band))
    at = world.when(rng, user, world.start)
    again = np.flatnonzero((what == "artistBand") & (at > NEVER))[: n // 20]  # by another name
    twice = np.concatenate([np.arange(2 * n), again])
    world.add("follows", {
        "followerId": user[twice], "entityId": thing[twice],
        "entityType": np.concatenate([what, bands["entityType"].to_numpy(object)[band[again]]]),
        "createdAt": np.concatenate([at, at[again] + 1]),
    }, once="followerId entityType entityId")  # fmt: skip

    count = max(12, n // 10)
    i = np.arange(count)
    creator = np.where(i < 3, i + 1, world.anybody(rng, count))
    created = np.where(i < 3, world.end - 6 * DAY, world.when(rng, creator, world.start))
    begins = (created // DAY + rng.integers(2, 20, count)) * DAY + rng.integers(0, 4, count) * HOUR
    begins[:3] = world.end - 20 * HOUR - np.arange(3) * DAY
    scene = np.maximum(world.column("users", "_scene")[creator], 0)
    world.add("events", {
        "title": choose(rng, ADJECTIVES, count) + texts(" Night ", i), "startDate": begins,
        "endDate": begins + 3 * HOUR, "locationName": texts("Hall, ", i % 9),
        "description": choose(rng, ("", "Doors at 8,\nmusic at 9.", 'Bring "ears" 🎧'), count),
        "address": texts("", i, " Nowhere St, Austin"), "createdById": creator,
        "communityId": scene, "attendeeCount": 0,
        "maxAttendees": pd.array(np.where(i % 3 == 0, None, 100), "Int64"), "createdAt": created,
        "artistBandId": np.where(i % 3 == 1, -1, i % len(bands)), **_places(world, scene),
    })  # fmt: skip
    creator, scene = world.column("events", "_createdById"), world.column("events", "_communityId")
    held = _held(world)
    visited = held[(len(held) * rng.random(n) ** 1.5).astype(int)]
    event = np.concatenate([held[::2], visited])  # the first of them by their makers
    user = np.concatenate([creator[held[::2]], world.members(rng, scene[visited])])
    begins = world.column("events", "startDate")[event]
    arrived = between(rng, begins, begins + 2 * HOUR)
    method = choose(rng, ("qr_scan", "location", "manual"), len(user), (0.6, 0.3, 0.1))
    noted = arrived + np.where(method == "manual", rng.integers(0, 18 * HOUR, len(user)), 2 * SECOND)
    noted = np.where(world.there(user, arrived), noted, NEVER)
    twice = np.flatnonzero((method == "qr_scan") & (noted > NEVER))[:8]
    again = np.concatenate([np.arange(len(user)), twice])
    world.add("event_attendances", {
        "userId": user[again], "eventId": event[again], "checkedInAt": arrived[again],
        "method": np.concatenate([method, np.full(len(twice), "location", object)]),
        "createdAt": noted[again],
    }, once="userId eventId method")  # fmt: skip


def _places(world: World, scene: np.ndarray) -> dict[str, np.ndarray]:
    """Somewhere in these scenes."""
    rng, centre = world.rng("event places"), world.base["communities"].iloc[scene]
    return {
        name: np.round(centre[f"_{name}"].to_numpy() + rng.normal(0, 0.1, len(scene)), 6)
        for name in ("latitude", "longitude")
    }


def _held(world: World) -> np.ndarray:
    """The events that are over."""
    return np.flatnonzero(world.column("events", "endDate") < world.end)


def _support(world: World) -> None:
    """Projects, their supporters, proofs of support, referrals and corrections."""
    rng, n, home = world.rng("support"), world.size.members, world.column("users", "_scene")
    i = np.arange(max(5, n // 60))
    creator = rng.integers(0, n // 3, len(i))
    created = world.when(rng, creator, world.start)
    status = np.array(["active", "completed", "active", "cancelled"], object)[i % 4]
    world.add("projects", {
        "name": texts("Project, ", i), "communityId": np.maximum(home[creator], 0), "createdById": creator,
        "status": status, "createdAt": created,
    })  # fmt: skip
    finished = np.flatnonzero((status == "active") & (created < world.changing))[:1]
    world.revise("projects", finished, world.changing + 12 * HOUR, status="completed")
    more = rng.integers(0, len(i), max(20, n // 4))
    project = np.concatenate([i[::2], more])  # the first of them by their makers
    user = np.concatenate([creator[::2], world.members(rng, home[creator[more]])])
    world.add("project_supports", {
        "projectId": project, "userId": user, "createdAt": world.when(rng, user, created[project]),
        "kind": choose(rng, ("contribution", "labor", "promotion"), len(user)),
    }, once="projectId userId kind")  # fmt: skip
    _proofs(world)
    recruited = np.arange(n // 4, n, 4)
    pioneer = (recruited * rng.random(len(recruited))).astype(int)
    brought = world.column("users", "createdAt")[recruited] + rng.integers(SECOND, 2 * DAY, len(recruited))
    both = world.there(pioneer, brought) & world.there(recruited, brought)
    world.add("pioneer_referrals", {
        "pioneerId": pioneer, "recruitedUserId": recruited, "communityId": np.maximum(home[recruited], 0),
        "createdAt": np.where(both, brought, NEVER),
    })  # fmt: skip
    i = np.arange(max(8, n // 100))
    user = np.where(i < 1, 1, world.anybody(rng, len(i)))
    world.add("activity_point_adjustments", {
        "userId": user, "decidedById": i * 0, "points": np.array([-25, 10, -5, 5])[i % 4],
        "reason": choose(rng, ("counted twice", 'helped, "a lot"', "spam"), len(i)),
        "createdAt": np.where(i < 1, world.end - 3 * HOUR, world.when(rng, user, world.start)),
    })  # fmt: skip


def _proofs(world: World) -> None:
    """Proofs of support are filed, then decided on, and some are revoked later."""
    rng, n, name = world.rng("proofs"), max(60, world.size.members // 4), "proof_of_support"
    kind = choose(rng, ("attendance", "ticket", "merch", "donation"), n)
    at_event = np.isin(kind, ["attendance", "ticket"])
    to_project = (kind == "donation") & (rng.random(n) < 0.5)
    event = rng.choice(_held(world), n)
    band = rng.integers(0, len(world.base["artist_bands"]), n)
    project = rng.integers(0, len(world.base["projects"]), n)
    founder = world.column("artist_bands", "_createdById")[band]
    user = np.where((kind == "merch") & (rng.random(n) < 0.2), founder, world.anybody(rng, n))
    begins = world.column("events", "startDate")[event]
    filed = world.when(rng, user, np.where(at_event, begins, world.start))
    decided = np.where(at_event, SECOND, rng.integers(MINUTE, 2 * DAY, n)) + filed
    world.add(name, {
        "userId": user, "kind": kind, "status": "pending", "createdAt": filed, "verifiedAt": NEVER,
        "eventId": np.where(at_event, event, -1), "projectId": np.where(to_project, project, -1),
        "artistBandId": np.where(at_event | to_project, -1, band), "revokedAt": NEVER, "_decided": decided,
        "method": np.where(at_event, choose(rng, ("qr_scan", "location"), n), "artist_confirmation"),
    })  # fmt: skip
    decided = world.column(name, "_decided")
    i = np.arange(len(decided))
    verified, rejected = i[i % 10 < 6], i[i % 10 == 6]
    world.revise(name, verified, decided[verified], status="verified", verifiedAt=decided[verified])
    early = np.flatnonzero(decided[verified] < world.changing)[::9]
    revoked = np.minimum(decided[verified][early] + 9 * DAY, world.changing)
    revoked[0] = world.changing + 11 * HOUR
    world.revise(name, len(i) + early, revoked, status="revoked", revokedAt=revoked)
    world.revise(name, rejected, decided[rejected], status="rejected")
