"""Delivers the sample: plants faults in the last night, splits nights into parts, writes the formats."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from orchestration.sample.world import BORN, COLUMNS, FOREVER, HOUR, World, uuids

FAULT_ROWS = {
    "late": {"track_engagements": 5, "signal_actions": 3, "follows": 2},
    "duplicate": {"track_engagements": 6, "signal_actions": 4, "users": 1},
    "corrected": {"track_engagements": 2, "signal_actions": 2},
    "broken": {"track_engagements": 5, "signal_actions": 3, "users": 1},
}
JSON_COLUMNS = {
    "metadata", "payload", "thresholds", "reanchoredSourceIds", "cutoverListenerIds", "capacitySnapshot",
}  # fmt: skip
SPLIT_ROWS = 10_000  # a night with more rows comes in two parts


def plant_faults(world: World, faults: Collection[str]) -> None:
    """Plant faults in the last night, beside correct rows."""
    if world.size.nights == 1 and set(faults) - {"broken"}:
        raise ValueError("late, duplicate and corrected rows need two nights")
    for name in ("track_engagements", "signal_actions", "follows"):
        counts = {fault: FAULT_ROWS[fault].get(name, 0) if fault in faults else 0 for fault in FAULT_ROWS}
        if any(counts.values()):
            world.tables[name] = _faulty(world, name, counts)
    users = world.tables["users"]
    standing = users[(users["_from"] < world.first) & (users["_to"] == FOREVER)].assign(_from=world.end - 1)
    for fault, changes in (("duplicate", {}), ("broken", {"id": None})):
        if fault in faults:
            again = standing[: FAULT_ROWS[fault]["users"]].assign(**changes)
            world.tables["users"] = pd.concat([world.tables["users"], again], ignore_index=True)


def _faulty(world: World, name: str, counts: dict[str, int]) -> pd.DataFrame:
    """An append table with the given number of rows of each fault."""
    frame, last = world.tables[name].assign(_garbled=False), world.size.nights - 1
    half = counts["duplicate"] // 2
    earlier = np.flatnonzero(frame["_night"] < last)[::-1]
    recent = world.rng(f"faults {name}").permutation(earlier[:30])
    late, again = recent[: counts["late"]], recent[10 : 10 + half]
    twice = np.flatnonzero(frame["_night"] == last)[:half]
    corrections = {"type": "RECOMMEND"}
    may_change = np.zeros(len(frame), bool)
    if name == "track_engagements":  # of tracks in no rotation, so that the platform's scores stay right
        corrections = {"type": "full", "score": 3}
        may_change = (frame["type"] == "partial") & ~world.column("tracks", "_rotates")[frame["_trackId"]]
    elif name == "signal_actions":
        may_change = (frame["type"] == "ADD") & ~frame.duplicated(["userId", "signalId"], keep=False)
    corrected = earlier[30:][np.asarray(may_change)[earlier[30:]]][: counts["corrected"]]
    planted = {"late": len(late), "duplicate": len(again) + len(twice), "corrected": len(corrected)}
    if any(planted[fault] < counts[fault] for fault in planted):
        raise ValueError(f"the sample has too few {name} for its faults")
    delivered = frame.copy()
    delivered.loc[late, "_night"] = last
    parts = [
        delivered,
        frame.iloc[again].assign(_night=last),
        frame.iloc[twice],
        frame.iloc[corrected].assign(_night=last, **corrections),
        _broken(world, name, frame.iloc[-counts["broken"] :]) if counts["broken"] else frame.iloc[:0],
    ]
    return pd.concat(parts, ignore_index=True)


def _broken(world: World, name: str, good: pd.DataFrame) -> pd.DataFrame:
    """New rows of the last night: copies of these good rows, with one defect each."""
    created = np.full(len(good), world.end - HOUR).astype("datetime64[ms]")
    ids = uuids(world.rng(f"broken {name}"), len(good))
    rows = good.assign(id=world.typed("id", ids, len(good)), createdAt=created, _night=world.size.nights - 1)
    rows = rows.reset_index(drop=True)
    rows.loc[0, "id"] = None
    rows.loc[1, "type"] = "LIKE"
    rows.loc[2, "createdAt"] = pd.Timestamp(world.end + HOUR, unit="ms")
    if name == "track_engagements":
        rows.loc[3, "_garbled"] = True
        rows.loc[4, ["type", "score"]] = ["full", 1]
    return rows


def write_tables(world: World, names: Sequence[str], exports_dir: Path, formats: Sequence[str]) -> None:
    """Write these tables, using the formats in turn."""
    with duckdb.connect() as connection:
        # One thread, so that the bytes are always the same.
        connection.execute("set threads = 1; set preserve_insertion_order = true")
        for number, name in enumerate(names):
            turn = number % len(formats)
            _write_table(connection, world, name, exports_dir / name, [*formats[turn:], *formats[:turn]])


def _write_table(
    connection: duckdb.DuckDBPyConnection, world: World, name: str, folder: Path, formats: Sequence[str]
) -> None:
    """Write every night of a table, a large one in two parts."""
    frame = world.tables[name]
    connection.register("frame", frame)
    connection.execute("create or replace temp table exported as from frame")
    kinds = {column: kind for column, kind, *_ in connection.execute("describe exported").fetchall()}
    for night, end in enumerate(world.ends):
        folder_of_night = folder / world.nights[night].isoformat()
        folder_of_night.mkdir(parents=True, exist_ok=True)
        for old in folder_of_night.glob("part-*"):
            old.unlink()
        where = f"_night = {night}" if name in BORN else f"_from < {end} and _to >= {end}"
        (rows,) = connection.execute(f"from exported select count(*) where {where}").fetchone()
        # Identical rows share a part.
        halves = (f"{where} and coalesce(id < '8', true)", f"{where} and id >= '8'")
        for number, condition in enumerate(halves if rows > SPLIT_ROWS else (where,)):
            form = formats[(night + number) % len(formats)]
            garbled = night == world.size.nights - 1 and "_garbled" in frame
            columns = ", ".join(
                f'{_rendered(c, kinds[c], form, garbled)} as "{c}"' for c in COLUMNS[name].split()
            )
            target = str(folder_of_night / f"part-{number:04}.{form}").replace("'", "''")
            options = {"csv": "csv, header", "jsonl": "json", "parquet": "parquet"}[form.removesuffix(".gz")]
            packed = ", compression gzip" if form.endswith(".gz") else ""
            query = f"from exported select {columns} where {condition}"
            connection.execute(f"copy ({query}) to '{target}' (format {options}{packed})")


def _rendered(column: str, kind: str, form: str, garbled: bool) -> str:
    """The SQL of a column in the form that a format needs; CSV as PostgreSQL prints it."""
    value = f'"{column}"'
    if column == "score" and garbled:
        if form.startswith("jsonl"):
            return f"""case when _garbled then '"three"'::json else to_json({value}) end"""
        return f"case when _garbled then 'three' else {value}::varchar end"
    if form.startswith("jsonl") and column in JSON_COLUMNS:
        return f"{value}::json"
    if form.startswith("jsonl") and kind.startswith("TIMESTAMP"):
        return f"replace({value}::timestamp::varchar, ' ', 'T')"
    if form.startswith("csv") and kind == "BOOLEAN":
        return f"case when {value} then 't' when not {value} then 'f' end"
    if form.startswith("csv") and kind == "DOUBLE":
        return f"regexp_replace({value}::varchar, '[.]0$', '')"
    return f"{value}::timestamp" if kind.startswith("TIMESTAMP") else value
