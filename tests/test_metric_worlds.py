"""The random worlds of metrics: the product takes them, and they hold what they are made for."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from metric_oracle import Night
from metric_worlds import COLUMNS, STARRED, write_world
from worlds import World, directories, ingest_nights


def test_a_world_follows_from_its_seed(tmp_path: Path) -> None:
    contents = []
    for place in ("one", "other"):
        write_world(tmp_path / place, 5)
        files = sorted(path for path in (tmp_path / place).rglob("*") if path.is_file())
        contents.append({path.relative_to(tmp_path / place): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


@pytest.mark.seeds(2, 20)
def test_the_product_takes_a_world_whole(seed: int, tmp_path: Path) -> None:
    config = directories(tmp_path)
    nights = write_world(config.exports_dir, seed)
    assert ingest_nights(config, confirmed=nights) == nights[-1]
    world = World()
    world.load(config)
    world.build()
    account = world.connection.sql("select distinct status, rows_rejected > 0 from row_account").fetchall()
    assert account == [("accepted", False)]
    assert world.broken(config) == {}


def traps(night: Night, exports_dir: Path) -> dict[str, bool]:
    """What breaks a naive query, and whether it is in a world."""
    homes = [pd.Series(homes, dtype=object) for homes in night.homes.values()]
    ever = {person for snapshot in homes for person in snapshot.index}
    users, artists, entries = night.users, night.table("artist_bands"), night.rows("rotation_entries")
    by_id = users["homeSceneId"].isin(night.scenes.index)
    cities = night.rows("communities").query("tier == 'city'")
    texts = cities[["city", "state", "musicCommunity"]]
    bands = night.rows("artist_bands").set_index("id")["homeSceneId"]
    nights_of = {table: night.nights(table) for table in COLUMNS}
    held = [set(snapshot["id"]) for snapshot in night.snapshots("rotation_entries").values()]
    came_back = any(held[0] & held[-1] - between for between in held[1:-1])
    listens = night.rows("track_engagements")
    after = exports_dir / "track_engagements" / str(night.day + dt.timedelta(days=1))
    return {
        "people move": any(len({s.get(p) for s in homes} - {None}) > 1 for p in ever),
        "homes by text alone": (users["home"].notna() & ~by_id).any(),
        "nobody's home": users["home"].isna().any(),
        "people leave": len(ever) > len(users),
        "people in no snapshot": not set(listens["userId"]) <= ever,
        "a deleted scene": not set(night.scenes.index) <= set(night.table("communities")["id"]),
        "two scenes of one name": texts.duplicated().any(),
        "scenes without a part": texts.isna().any().any(),
        "an empty scene": not set(night.scenes.index) <= set(users["home"]),
        "bands move": any(
            (bands.reindex(s["id"]).to_numpy() != s["homeSceneId"].to_numpy())[s["homeSceneId"].notna()].any()
            for s in night.snapshots("artist_bands").values()
        ),
        "a deleted band": len(bands) > len(artists),
        "tracks without a band": night.table("tracks")["artistBandId"].isna().any(),
        "tracks of a band there is not": (
            ~night.table("tracks")["artistBandId"].dropna().isin(bands.index)
        ).any(),
        "tracks without a community": night.table("tracks")["communityId"].isna().any(),
        "a deleted track": len(night.rows("tracks")) > len(night.table("tracks")),
        "entries that left": len(entries) > len(night.rotation),
        "entries that came back": came_back,
        "graduations in the last week": (entries["graduatedAt"] >= night.since(7)).any(),
        "entries of higher tiers": (~entries["sceneId"].isin(night.scenes.index)).any(),
        "listens as the window begins": (listens["createdAt"] == night.since(30)).any(),
        "listens just before": (listens["createdAt"] == night.since(30) - pd.Timedelta("1ms")).any(),
        "rows that wait": after.exists(),
        "signals from after as-of": (night.table("signals")["createdAt"] >= night.as_of).any(),
        "an append row twice": any(
            pd.concat([night.read(table, day) for day in nights_of[table]])["id"].duplicated().any()
            for table in ("track_engagements", "signal_actions")
        ),
        "a table that is absent": any(not nights_of[table] for table in STARRED),
        "tables that miss a night": len({len(nights) for nights in nights_of.values()}) > 1,
    }


def test_worlds_hold_what_breaks_a_naive_query(tmp_path: Path) -> None:
    never = None
    for seed in range(8):
        place = tmp_path / str(seed)
        nights = write_world(place, seed)
        lacking = {trap for trap, is_there in traps(Night(place, nights[-1]), place).items() if not is_there}
        never = lacking if never is None else never & lacking
    assert never == set()
