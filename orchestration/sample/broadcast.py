"""What is played: tracks and their release, rotation and its nightly job, listening, and votes."""

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
    ms,
    some,
    texts,
    uuids,
)

WINDOW = 14 * DAY  # of recurrence
JOB_EARLIEST, JOB_SPREAD = 20 * HOUR, 190 * MINUTE  # late in the day, including everything that follows it


def add_broadcast(world: World) -> None:
    """Add the tables of the domain."""
    _tracks(world)
    _rotation(world)


def _tracks(world: World) -> None:
    """Tracks of bands, tracks of people who only wrote a name, and the deck for their release."""
    rng, n = world.rng("broadcast"), world.size.tracks
    i = np.arange(n)
    band = (len(world.base["artist_bands"]) * rng.random(n) ** 1.5).astype(int)
    formed = world.column("artist_bands", "createdAt")[band]
    created = np.maximum(world.ages(rng, n, before=0.6, during=0.07), formed + HOUR)
    order = np.argsort(created, kind="stable")
    band, created = band[order], created[order]
    scene = np.where(rng.random(n) < 0.05, -1, world.column("artist_bands", "_homeSceneId")[band])
    status = np.where(i % 33 == 5, "processing", np.where(i % 33 == 11, "failed", "ready"))
    popularity = (1 / (1 + rng.permutation(n)) ** 0.9) * (status == "ready")
    popularity[7] = max(popularity[7], 0.3)
    rotates = (status == "ready") & (scene >= 0) & (i % 15 != 7)
    founder = world.column("artist_bands", "_createdById")[band]
    unnamed = rng.random(n) < 0.08
    title = choose(rng, ADJECTIVES, n) + " " + choose(rng, ("Street", "Song", "Night,\nPart Two"), n)
    world.add("tracks", {
        "title": title + texts(" ", i), "album": some(rng, texts("Album ", i % 9), 0.4),
        "artist": np.where(unnamed, texts("Someone ", i), world.column("artist_bands", "name")[band]),
        "duration": np.where(i % 5 == 0, 0.5, 0) + rng.integers(90, 400, n), "uploadedById": founder,
        "fileUrl": texts("https://files.example.invalid/track-", i, ".mp3"), "communityId": scene,
        "playCount": 0, "likeCount": 0, "status": status, "createdAt": created,
        "artistBandId": np.where(unnamed, -1, band),
        "_popularity": popularity, "_rotates": rotates,
    })  # fmt: skip
    finished = np.flatnonzero((status == "processing") & (created < world.changing))[:1]
    world.revise("tracks", finished, world.changing + 13 * HOUR, status="ready")
    deck = np.flatnonzero(rotates & ~unnamed & (i > n * 0.6))
    chosen = rng.random(len(deck)) < 0.3
    released = between(rng, created[deck] + HOUR, created[deck] + 5 * DAY)
    world.add("release_deck_schedules", {
        "trackId": deck, "communityId": scene[deck], "artistBandId": band[deck], "status": "scheduled",
        "assignmentMode": np.where(chosen, "chosen", "soonest"), "scheduledFor": released,
        "requestedFor": np.where(chosen, released, NEVER), "createdById": founder[deck],
        "capacitySnapshot": choose(rng, (None, '{"slots": 5, "taken": 2}'), len(deck)),
        "createdAt": created[deck],
    })  # fmt: skip
    world.revise("release_deck_schedules", np.arange(len(deck)), released, status="ingested")
    world.add("fair_play_config", {
        "scope": np.array(["global"], object), "recurrenceRollingWindowDays": pd.array([None], "Int64"),
        "maxTracksPerArtist": pd.array([None], "Int64"), "voteCooldownHours": pd.array([12], "Int64"),
    })  # fmt: skip
    stated, said_at = pd.array([WINDOW // DAY], "Int64"), world.changing + 9 * HOUR  # null means the same
    world.revise("fair_play_config", np.array([0]), said_at, recurrenceRollingWindowDays=stated)


def _rotation(world: World) -> None:
    """Rotation entries, listening, and every night's recurrence scores, which follow from the listening."""
    rng, count, nights = world.rng("rotation"), world.size.scenes, world.size.nights
    own, created = world.column("tracks", "_communityId"), world.column("tracks", "createdAt")
    plays = np.flatnonzero(world.column("tracks", "_rotates"))
    other = rng.integers(0, count, len(plays))
    also = (rng.random(len(plays)) < 0.25) & (other != own[plays]) & (other != NEW_SCENE)
    track = np.concatenate([plays, plays[also], plays[:4]])
    scene = np.concatenate([own[plays], other[also], np.full(len(plays[:4]), count)])  # four in a state's
    entered = created[track] + rng.integers(0, 5 * DAY, len(track))
    window = np.array([14, 7, 30])[scene % 3]
    in_city = scene < count

    # One job per scene and day, at no fixed time. Some older entries graduate during the exported nights.
    days = (world.end - world.opened) // DAY + 40
    time_of_day = JOB_EARLIEST + rng.integers(0, JOB_SPREAD, (count + 1, days))
    jobs = world.opened + DAY * np.arange(days) + time_of_day
    nightly = jobs[scene][:, (world.first - world.opened) // DAY + np.arange(nights)]
    graduates = np.flatnonzero(in_city & (created[track] < world.first - 31 * DAY))[1::12]
    due = nightly[graduates, np.arange(len(graduates)) % nights] - rng.integers(0, 20 * HOUR, len(graduates))
    entered[graduates] = due - window[graduates] * DAY
    due = entered + window * DAY
    day = np.minimum((due - world.opened) // DAY, days - 2)
    graduated = np.where(jobs[scene, day] >= due, jobs[scene, day], jobs[scene, day + 1])

    # Some entries that graduate change again in the same night. Engagement is planted between as-of and
    # updatedAt, at both edges of the window, and just outside them.
    delay = rng.integers(0, 5 * SECOND + 1, nightly.shape)
    settled = np.flatnonzero(in_city & (graduated < world.first))
    slow, edges = settled[:3], settled[3:5]
    delay[slow], delay[edges] = 3 * SECOND, 0
    touched = graduates[::2]
    delay[touched] = np.where(nightly[touched] == graduated[touched, None], 30 * MINUTE, delay[touched])
    rows = np.concatenate([np.repeat(slow, nights), touched, np.tile(edges, 4)])
    just_after, edge = (nightly[slow] + SECOND).ravel(), nightly[edges, -1]
    planted = [just_after, graduated[touched] + MINUTE, edge, edge + 1, edge - WINDOW, edge - WINDOW - 1]
    _listening(world, track[rows], np.concatenate(planted))

    ids = uuids(world.rng("rotation_entries id"), len(track))
    states = []
    for night, end in enumerate(world.ends):
        as_of = nightly[:, night]
        main = (graduated <= as_of) & in_city
        score = _score(world, track, as_of - WINDOW, as_of)
        states.append(pd.DataFrame({
            "id": ids, "trackId": track, "sceneId": scene, "enteredPoolAt": entered, "createdAt": entered,
            "pool": np.where(main | ~in_city, "MAIN_ROTATION", "NEW_RELEASES"), "newWindowDays": window,
            "recurrenceScore": np.where(in_city, np.where(main, score, 0), 5).astype(float),
            "graduatedAt": np.where(main, graduated, np.where(in_city, NEVER, entered)),
            "lastPlayedAt": np.where(main, as_of - rng.integers(0, 6 * HOUR, len(track)), NEVER),
            "updatedAt": np.where(main, as_of + delay[:, night], entered), "_from": end - DAY, "_to": end,
        })[entered < end])  # fmt: skip
    world.add("rotation_entries", {name: values.to_numpy() for name, values in pd.concat(states).items()})
    _votes(world, track[in_city], scene[in_city], entered[in_city])


def _listening(world: World, planted_track: np.ndarray, planted_at: np.ndarray) -> None:
    """Engagement in sessions: those planted for the rotation job, one over midnight, then random ones."""
    rng, n, planted = world.rng("listening"), world.size.engagements, len(planted_track)
    created, popularity = world.column("tracks", "createdAt"), world.column("tracks", "_popularity")
    listener = world.anybody(rng, n // 2 + 50)
    began = world.when(rng, listener, world.start)
    length = np.where(began > NEVER, rng.geometric(1 / 6, len(listener)), 0)
    session = np.repeat(np.arange(len(listener)), length)
    position = np.arange(len(session)) - np.repeat(np.cumsum(length) - length, length)
    at = began[session] + position * 210 * SECOND + rng.integers(0, MINUTE, len(session))
    user = listener[session]
    taste = np.where(rng.random(len(user)) < 0.8, world.column("users", "_scene")[user], -1)
    track = draw(rng, world.column("tracks", "_communityId"), popularity, taste)
    possible = (at < world.end) & world.there(user, at) & (at >= created[track])
    midnight = np.flatnonzero((popularity > 0) & (created < world.end - 2 * DAY))[:4]
    over_midnight = world.end - DAY - 5 * MINUTE + np.arange(len(midnight)) * 3 * MINUTE
    kept = np.flatnonzero(possible & first_of(session, track))[: n - planted - len(midnight)]
    user = np.concatenate([np.arange(planted) % 9, np.zeros(len(midnight), int), user[kept]])
    track = np.concatenate([planted_track, midnight, track[kept]])
    alone, together = np.arange(planted), np.full(len(midnight), planted)
    session = np.concatenate([alone, together, planted + 1 + session[kept]])
    score = rng.choice(4, len(user), p=[0.15, 0.2, 0.2, 0.45])
    score[:planted] = 1 + np.arange(planted) % 3  # planted engagement must count
    world.add("track_engagements", {
        "userId": user, "trackId": track, "score": score,
        "type": np.array(["skip", "partial", "majority", "full"], object)[score],
        "sessionId": uuids(world.rng("session"), planted + 1 + len(listener))[session],
        "createdAt": np.concatenate([planted_at, over_midnight, at[kept]]),
    })  # fmt: skip


def _score(world: World, track: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The sum of each track's engagement scores from low to high, both included."""
    engagements, beyond_time = world.base["track_engagements"], 2**45
    key = engagements["_trackId"].to_numpy() * beyond_time + ms(engagements["createdAt"])
    order = np.argsort(key, kind="stable")
    key, sums = key[order], np.concatenate([[0], np.cumsum(engagements["score"].to_numpy()[order])])
    low, high = track * beyond_time + low, track * beyond_time + high
    return sums[np.searchsorted(key, high, "right")] - sums[np.searchsorted(key, low, "left")]


def _votes(world: World, track: np.ndarray, scene: np.ndarray, entered: np.ndarray) -> None:
    """Votes of listeners for a track, in the scene where it plays."""
    rng, engagements = world.rng("votes"), world.base["track_engagements"]
    entries = pd.DataFrame({"_trackId": track, "scene": scene, "entered": entered})
    cast = engagements[rng.random(len(engagements)) < 0.05].merge(entries, on="_trackId")
    at = ms(cast["createdAt"]) + 30 * SECOND
    allowed = (at > cast["entered"]) & (rng.random(len(at)) < 0.9)
    world.add("track_votes", {
        "userId": cast["_userId"].to_numpy(), "trackId": cast["_trackId"].to_numpy(),
        "sceneId": cast["scene"].to_numpy(), "tier": "city", "createdAt": np.where(allowed, at, NEVER),
        "playbackSessionId": cast["sessionId"].to_numpy(object),
    }, once="userId trackId sceneId")  # fmt: skip
