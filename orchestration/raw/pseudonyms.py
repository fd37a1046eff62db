"""Pseudonyms for ids that must not be kept: HMAC-SHA256 under a key that only this installation has.

`erased.parquet` holds the pseudonyms in force and never an id. Later ingestion compares its ids with this
file, so an erased id is erased again wherever it is delivered.
"""

import os
import re
import secrets
from pathlib import Path

import duckdb

from orchestration.database import files, literal, quoted
from orchestration.places import move_for_good
from orchestration.raw.check import row_hash
from orchestration.raw.contract import Column, Table
from orchestration.settings import HinderedError, Settings

KEY_BYTES = 32
BLOCK_BYTES = 64
PRIVATE = 0o600
# The pseudonym of this id, kept beside the others, tells whether the key is the one that made them.
NO_ID = "00000000-0000-0000-0000-000000000000"


class ErasureKeyError(HinderedError):
    """The key is missing, malformed, or not the one that made the pseudonyms in force."""


def load(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give a connection the table `erased` (pseudonym, reason) of the pseudonyms in force, and two macros.

    `pseudonym(id)` makes a pseudonym from an id. `erased_as(id)` does the same, but leaves a pseudonym as it
    is. The first call that needs the key makes it. The key reaches DuckDB as a value, so it is in no
    statement and no message.

    Raises:
        ErasureKeyError: pseudonyms are in force, and the key is not the one that made them.
    """
    file = settings.erased_file
    file.parent.mkdir(parents=True, exist_ok=True)
    connection.execute("create or replace temp table erased (pseudonym uuid, reason varchar)")
    if file.exists():
        connection.execute(f"insert into erased from read_parquet({files(file)})")
    in_force = connection.sql("select 1 from erased where reason <> 'key'").fetchone() is not None
    block = _key(settings, may_make=not in_force).ljust(BLOCK_BYTES, b"\0")
    connection.execute(
        "create or replace temp table erasure_key as select $1::blob as inner_pad, $2::blob as outer_pad",
        [bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)],
    )
    connection.execute(
        """
        create or replace temp macro pseudonym(id) as sha256(
            (select outer_pad from erasure_key)
            || unhex(sha256((select inner_pad from erasure_key) || encode(id::varchar)))
        )[:32]::uuid
        """
    )
    connection.execute(
        """
        create or replace temp macro erased_as(id) as
        case when id in (select pseudonym from erased) then id else pseudonym(id) end
        """
    )
    is_theirs = "pseudonym = (select pseudonym(?::uuid)) from erased where reason = 'key'"
    match = connection.execute(f"select {is_theirs}", [NO_ID]).fetchone()
    if match and not match[0] and in_force:
        raise ErasureKeyError(
            f"the key of {settings.warehouse_dir} is not the one its pseudonyms were made with; "
            "put the right one back (docs/privacy.md)"
        )
    if not match or not match[0]:
        connection.execute("delete from erased where reason = 'key'")
        connection.execute("insert into erased select pseudonym(?::uuid), 'key'", [NO_ID])
        write_erased(connection, "erased", file)


def _key(settings: Settings, *, may_make: bool) -> bytes:
    text, where = settings.erasure_key, "ERASURE_KEY"
    if not text:
        where = str(settings.key_file)
        if not settings.key_file.exists():
            if not may_make:
                raise ErasureKeyError(
                    f"the key {where} is gone, and members are erased under it; put it back (docs/privacy.md)"
                )
            _make_key(settings.key_file)
        text = settings.key_file.read_text().strip()
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * KEY_BYTES}}}", text):
        raise ErasureKeyError(f"{where} is not a key of {KEY_BYTES} bytes in hexadecimal")
    return bytes.fromhex(text)


def _make_key(path: Path) -> None:
    """Write a new key, synced beside its place first: nobody could recover a key that a crash cut off."""
    draft = path.with_name(".key.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    move_for_good(draft, path)


def write_erased(connection: duckdb.DuckDBPyConnection, relation: str, path: Path) -> None:
    """Write pseudonyms in a stable order; the file takes its place in one move."""
    draft = path.with_name(f".{path.name}.new")
    rows = f"from {relation} order by pseudonym, reason"
    connection.execute(f"copy ({rows}) to {literal(draft)} (format parquet, compression zstd)")
    move_for_good(draft, path)


def erase_again(connection: duckdb.DuckDBPyConnection, table: Table, relation: str) -> None:
    """Erase every id whose pseudonym is in force from a temporary table that was just read.

    Rows of the users snapshots stay for now: only when all nights are in is it known who left.
    """
    nobody = connection.sql("select 1 from erased where reason <> 'key'").fetchone() is None
    if nobody or not table.erasable or table.is_members:
        return
    connection.execute(
        f"""
        create or replace temp table substitution as
        select id as old_id, pseudonym(id) as new_id
        from (select distinct id from ({ids_in(table, relation)}))
        where id is not null and pseudonym(id) in (select pseudonym from erased)
        """
    )
    if connection.sql("select 1 from substitution").fetchone():
        connection.execute(f"create or replace temp table {relation} as {substituted(table, relation)}")


def ids_in(table: Table, relation: str) -> str:
    """The SQL of every id, with its night, in the columns that may hold ids of members or of their rows."""
    return " union all ".join(
        f"select {_ids(column)} as id, night from {relation} as rows" for column in table.erasable
    )


def substituted(table: Table, relation: str) -> str:
    """The SQL of rows with the new_id of the table `substitution` for each old_id, and a new row_hash."""
    columns = ", ".join(f"{_substituted(column)} as {quoted(column.name)}" for column in table.erasable)
    return f"""
        select * replace ({row_hash(table)} as row_hash)
        from (select * replace ({columns}) from {relation} as rows)
    """


def _ids(column: Column) -> str:
    name = f"rows.{quoted(column.name)}"
    return f"try_cast(unnest({_elements(name)}) as uuid)" if column.member == "list" else name


def _substituted(column: Column) -> str:
    name = f"rows.{quoted(column.name)}"
    if column.member != "list":
        return f"coalesce((select new_id from substitution where old_id = {name}), {name})"
    return f"""
        coalesce((
            select to_json(list(coalesce(new_id::varchar, element) order by position))::varchar
            from (
                select unnest({_elements(name)}) as element, unnest(range(len({_elements(name)}))) as position
            )
            left join substitution on try_cast(element as uuid) = old_id
            having count(old_id) > 0
        ), {name})
    """


def _elements(name: str) -> str:
    return f"json_extract_string({name}, '$[*]')"
