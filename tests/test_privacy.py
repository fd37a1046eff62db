"""Nothing personal passes ingestion, who left is nowhere, files are private, names never become SQL."""

import csv
import gzip
import hmac
import io
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import uid, write_part, write_rows
from golden.world import warehouse
from members import KINDS, MEMBER, NIGHTS, TABLES, deliver, ids_of, rows_of
from policies import first_policy
from test_erasure import House
from test_exports import PROMISED

from orchestration import lock
from orchestration.build.manifest import manifest
from orchestration.build.product_contract import product_nodes
from orchestration.cli import dev
from orchestration.database import literal, quoted
from orchestration.raw.account import refusal
from orchestration.raw.contract import Column

DEPARTED, FORGOTTEN = 5, 4


@dataclass
class World:
    """A warehouse of members who told the platform everything, and all that must not be in it."""

    home: Path
    planted: list[str]

    @property
    def exports(self) -> Path:
        """What the platform delivered."""
        return self.home / "exports"

    @property
    def warehouse_dir(self) -> Path:
        """What became of it."""
        return self.home / "warehouse"

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query on the published file."""
        with duckdb.connect(str(self.warehouse_dir / "analytics.duckdb"), read_only=True) as connection:
            return connection.sql(query).fetchall()


def planted_value(table: str, column: str, number: int) -> str | float:
    """Something personal that is found again, of the form such things have."""
    mark = f"planted{KINDS.get(table, 99)}x{column}x{number}"
    place = float(f"47.{KINDS.get(table, 99)}{number}98123" + str(len(column)))
    if column in ("latitude", "longitude"):
        return place
    if column == "geofence":
        return (b"\1\1\0\0\x20\xe6\x10\0\0" + struct.pack("<dd", place, place)).hex()
    if "password" in column:
        return f"$2b$12${mark}"
    return f"{mark}@example.invalid" if "mail" in column else mark


def planted_rows(table: str, members: Iterable[int]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows with something personal in every column that is not kept as it is, and what that is."""
    rows, planted = [], []
    for row, number in zip(rows_of(table, members), members, strict=True):
        for column in (name.rstrip("?") for name in PROMISED[table].split()):
            if column not in row:
                row[column] = planted_value(table, column, number)
                planted.append(str(row[column]))
        if table == "signals":
            planted.append(f"plantednote{number}@example.invalid")
            row["metadata"] = json.dumps(
                {"artistBandId": uid(2, 9), "note": planted[-1], planted[-1]: [planted[-1]]}
            )
        if table == "community_activation_audits":
            planted.append(f"plantedlistener{number}@example.invalid")
            listed = [*json.loads(row["cutoverListenerIds"]), planted[-1], {planted[-1]: [planted[-1]]}]
            row["cutoverListenerIds"] = json.dumps(listed)
        rows.append(row)
    return rows, planted


def takes_any_text(column: Column) -> bool:
    """Whether a column takes whatever text it is given: a public name, or one of which a form is kept."""
    return bool(column.kept_as) or (column.data_type == "varchar" and not column.accepted_values)


def rows_to_reject(table: str) -> tuple[list[dict[str, Any]], list[str]]:
    """For every other column a row that has an e-mail there, and these."""
    rows, planted = [], []
    for number, column in enumerate(TABLES[table].columns, start=100):
        if not takes_any_text(column):
            (row,) = rows_of(table, [number])
            planted.append(f"plantedin{KINDS[table]}x{column.name}@example.invalid")
            rows.append(row | {column.delivered: planted[-1]})
    return rows, planted


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One night of everything, with rows to reject and nights to refuse, run once by the command."""
    home = tmp_path_factory.mktemp("privacy")
    exports, planted = home / "exports", []
    for table in TABLES:
        rows, found = planted_rows(table, range(1, 6))
        bad, found_in_bad = planted_rows(table, [6])
        bad[0]["id"] = "no-id"
        rejected, found_rejected = rows_to_reject(table)
        rejected = [bad[0] | row for row in rejected]
        planted += found + found_in_bad + found_rejected
        too_many = [row | {"createdAt": "plantedday"} for row in rows_of(table, range(10, 40))]
        refused = too_many if table == "user_tags" else []
        write_rows(exports, table, NIGHTS[0], rows + bad + rejected + refused)
    # Without a header its first row would be one; cut off, it cannot be unpacked.
    write_part(
        exports,
        "user_capability_grants",
        NIGHTS[0],
        "plantedheader@example.invalid,plantedcolumn\n1,2\n",
        "part-0001.csv",
    )
    packed = gzip.compress(b"id,userId\nplantedpacked@example.invalid,1\n" * 999)
    write_part(exports, "follows", NIGHTS[0], packed[:-9], "part-0001.csv.gz")
    planted += ["plantedheader@example.invalid", "plantedcolumn"]
    result = command(home, "run", "--exports-dir", exports)
    assert result.returncode == 4, result.stdout + result.stderr
    candidate = first_policy(home / "candidate")
    rules = (candidate / "point_rule.csv").read_text()
    (candidate / "point_rule.csv").write_text(rules.replace("support,support,10,", "support,support,20,"))
    asked = [
        command(home, "what-if", candidate, "--page", home / "shown" / "page.html"),
        command(home, "status", "--json"),
    ]
    assert [answer.returncode for answer in asked] == [0, 0], asked
    (home / "shown" / "said").write_text("".join(x.stdout + x.stderr for x in [result, *asked]))
    return World(home, planted)


def command(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return warehouse(
        *arguments, "--warehouse-dir", home / "warehouse",
        ERASURE_KEY="", MAX_DEPARTED_SHARE="1", MAX_REJECTED_ROWS="20",
    )  # fmt: skip


def texts(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file under a folder: its name, its bytes, and every value in it that a program could read."""
    with duckdb.connect() as reader:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            yield path, path.name.encode() + b"\n" + content
            if path.suffix == ".gz":
                yield path, zlib.decompressobj(wbits=31).decompress(content)
            if path.suffix == ".parquet":
                yield path, decoded(reader, f"read_parquet({literal(path)})")
            if path.suffix == ".duckdb":
                with duckdb.connect(str(path), read_only=True) as connection:
                    for schema, table in connection.sql(
                        "select schema_name, table_name from duckdb_tables()"
                    ).fetchall():
                        yield path, decoded(connection, f"{quoted(schema)}.{quoted(table)}")


def decoded(connection: duckdb.DuckDBPyConnection, relation: str) -> bytes:
    """Every value of a relation as text."""
    rows = connection.execute(f"select columns(*)::varchar from {relation}").fetchall()  # noqa: S608
    return str(rows).encode()


def hits(folder: Path, wanted: Iterable[str]) -> set[tuple[str, str]]:
    """Where under a folder any of the texts stands, in capitals or not; ids also as the bytes they are."""
    ids = {form: text for text in wanted for form in as_id(text)}
    forms = [(text, text.lower().encode()) for text in wanted if not as_id(text)]
    beginnings = {form[:7] for _, form in forms}
    found = set()
    for path, content in texts(folder):
        name, lower = str(path.relative_to(folder)), content.lower()
        for middle, before, length in MIDDLES:
            inside = around(lower if length == 36 else content, middle, before, length)
            found |= {(name, ids[form]) for form in ids.keys() & inside}
        if any(beginning in lower for beginning in beginnings):
            found |= {(name, text) for text, form in forms if form in lower}
    return found


def as_id(text: str) -> list[bytes]:
    """How an id is written: as text, and as Parquet and DuckDB do; nothing if it is none."""
    try:
        identifier = uuid.UUID(text)
    except ValueError:
        return []
    flipped = (identifier.int ^ (1 << 127)).to_bytes(16, "little")
    return [text.encode(), identifier.bytes, flipped]


# Every id that `uid` makes has one of these in its middle: after how many bytes, of how many.
MIDDLES = [(b"-4000-8000-", 13, 36), (b"\x40\x00\x80\x00", 6, 16), (b"\x00\x80\x00\x40", 6, 16)]


def around(content: bytes, middle: bytes, before: int, length: int) -> set[bytes]:
    """The pieces of a given length with this middle. So thousands of ids are searched at once."""
    starts = (match.start() - before for match in re.finditer(re.escape(middle), content))
    return {content[start : start + length] for start in starts if start >= 0}


# Nothing personal past ingestion


def test_of_all_that_was_planted_nothing_is_in_any_file_of_the_warehouse(world: World) -> None:
    assert len(world.planted) > 500
    assert hits(world.warehouse_dir, world.planted) == set()
    assert hits(world.home / "shown", world.planted) == set()


def test_what_is_shown_to_decide_upon_rules_or_to_keep_watch_names_no_member(world: World) -> None:
    page, said = (world.home / "shown" / name for name in ("page.html", "said"))
    assert "support" in page.read_text()
    assert '"nights behind"' in said.read_text()
    everybody = [identifier for member in range(1, 6) for identifier in ids_of(member)]
    assert hits(world.home / "shown", everybody) == set()


def test_the_scan_finds_everything_where_it_was_planted(world: World) -> None:
    assert {text for _, text in hits(world.exports, world.planted)} == set(world.planted)


@pytest.mark.parametrize("name", ["leak.parquet", "leak.duckdb", "leak.wal", "leak.log", "leak.csv.gz"])
def test_the_scan_finds_a_leak_in_any_kind_of_file(tmp_path: Path, name: str) -> None:
    leak, identifier = "ann@example.invalid", uid(MEMBER, 5)
    path = tmp_path / "deep" / name
    path.parent.mkdir()
    if name == "leak.parquet":
        rows = f"select {literal(leak)} as a, {literal(identifier)}::uuid as b from range(9)"  # noqa: S608
        duckdb.execute(f"copy ({rows}) to {literal(path)} (compression zstd)")
    elif name == "leak.duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                f"create table t as select {literal(leak)} as a, {literal(identifier)}::uuid as b"
            )
    elif name in ("leak.log", "leak.wal"):
        *_, of_parquet, of_duckdb = as_id(identifier)
        path.write_bytes(leak.upper().encode() + (of_duckdb if name == "leak.wal" else of_parquet))
    else:
        path.write_bytes(gzip.compress(f"{leak},{identifier}".encode()))
    assert {text for _, text in hits(tmp_path, [leak, identifier])} == {leak, identifier}


def test_rejected_rows_and_refused_nights_are_told_without_their_values(world: World) -> None:
    rejected = world.sql("select table_name, reason, value from rejected_row where table_name = 'signals'")
    assert set(rejected) == {
        ("signals", "is not of type uuid", None),
        ("signals", "is not of type uuid", "no-id"),
        ("signals", "is not of type json", None),
        ("signals", "is not of type timestamp", None),
    }
    refused = dict(world.sql("select distinct table_name, reason from row_account where status = 'refused'"))
    assert refused == {
        "user_tags": "35 of 40 rows were rejected; the first is row 6 of part-0000.csv, "
        "whose id is not of type uuid",
        "user_capability_grants": "part-0001.csv lacks the required column "
        "id, userId, capability, status, grantedAt, createdAt",
        "follows": "part-0001.csv.gz is truncated or damaged: it cannot be unpacked",
    }


# Files are private


def shared(home: Path) -> dict[str, int]:
    """What others than its user may reach, and how."""
    modes = {
        str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode)
        for path in [home / "warehouse", *(home / "warehouse").rglob("*")]
    }
    return {name: mode for name, mode in modes.items() if mode & 0o077}


def to_be_shared(world: World) -> dict[str, int]:
    """What the group may read."""
    (archived,) = (world.warehouse_dir / "publications").iterdir()
    home = world.warehouse_dir / ".site"
    site = [world.warehouse_dir / "site", home, *home.rglob("*")]
    assert any(path.name == "index.html" for path in site)
    return (
        {
            "warehouse": 0o750,
            "warehouse/publications": 0o750,
            "warehouse/analytics.duckdb": 0o440,
            str(archived.relative_to(world.home)): 0o440,
            "warehouse/product": 0o750,
            "warehouse/product/manifest.json": 0o440,
            f"warehouse/product/{archived.stem}": 0o750,
        }
        | {
            f"warehouse/product/{archived.stem}/{name}": 0o440
            for name in ("manifest.json", *(f"{table}.parquet" for table in product_nodes(manifest())))
        }
        | {str(path.relative_to(world.home)): 0o750 if path.is_dir() else 0o440 for path in site}
    )


def test_what_is_written_is_private_and_the_group_may_read_what_is_published(world: World) -> None:
    assert shared(world.home) == to_be_shared(world)
    assert stat.S_IMODE((world.warehouse_dir / "key").stat().st_mode) == 0o600
    for folder in ("raw", "dagster"):
        assert stat.S_IMODE((world.warehouse_dir / folder).stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "wide"),
    [
        ("warehouse.duckdb", 0o640),
        ("key", 0o604),
        ("raw/users", 0o710),
        ("dagster/dagster.yaml", 0o620),
        ("analytics.duckdb", 0o444),
        ("analytics.duckdb", 0o460),
        ("publications", 0o755),
        ("product", 0o755),
        ("product/manifest.json", 0o444),
        (".site", 0o755),
        (".", 0o770),
    ],
)
def test_one_file_or_folder_that_others_may_reach_is_found(world: World, name: str, wide: int) -> None:
    path = world.warehouse_dir / name
    usual = stat.S_IMODE(path.stat().st_mode)
    path.chmod(wide)
    try:
        found = shared(world.home)
    finally:
        path.chmod(usual)
    assert dict(found.items() - to_be_shared(world).items()) == {str(path.relative_to(world.home)): wide}


@pytest.mark.parametrize("guarded", [True, False])
def test_without_its_guard_what_ingestion_writes_would_be_found_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    house = House(tmp_path, tables=("users",))
    deliver(house.settings.exports_dir, NIGHTS[0], [1, 2], ["users"])
    usual = os.umask(0o022)
    try:
        if not guarded:
            monkeypatch.setattr(lock, "make_private", lambda _: None)
        lock.hold(house.settings)
        house.read()
    finally:
        lock.let_go(house.settings)
        os.umask(usual)
    rows = f"warehouse/raw/users/{NIGHTS[0]}/rows.parquet"
    assert shared(tmp_path).get(rows) == (None if guarded else 0o644)


# Who left is nowhere


def test_who_left_and_who_was_forgotten_are_nowhere_and_the_totals_stay(world: World) -> None:
    gone = ids_of(DEPARTED) + ids_of(FORGOTTEN)
    points = world.sql("select activity_type, sum(points) from activity_point group by all order by all")
    members = world.sql("select count(distinct user_id) from user_activity")
    (archived,) = (world.warehouse_dir / "publications").iterdir()
    assert members == [(5,)]
    assert hits(world.warehouse_dir, gone)
    unknown = command(world.home, "forget", uid(MEMBER, 88), "--exports-dir", world.exports)
    assert (unknown.returncode, "ever held" in unknown.stderr) == (2, True)
    # What a run that broke off left, and what nobody can read any more, may name them just as well.
    draft = archived.with_name(".draft.duckdb")
    shutil.copyfile(archived, draft)
    folder = world.warehouse_dir / "product" / archived.stem
    assert hits(folder, ids_of(DEPARTED)), "the product's tables name them"
    unfinished = shutil.copytree(folder, folder.with_name(".draft"))
    torn = archived.with_name("2026-01-01-torn.duckdb")
    torn.write_bytes(archived.read_bytes()[:100_000])
    blotted = archived.with_name("2026-01-01-blotted.duckdb")
    blotted.write_bytes(archived.read_bytes()[:12_288] + b"?" * (archived.stat().st_size - 12_288))
    # That night one left; another asks to be forgotten, although the platform still has them.
    deliver(world.exports, NIGHTS[1], range(1, 5))
    result = command(world.home, "forget", uid(MEMBER, FORGOTTEN), "--exports-dir", world.exports)
    assert result.returncode == 4, result.stdout + result.stderr
    said = " ".join(result.stdout.split())
    assert "2 members erased: they left the platform or asked to be forgotten." in said
    assert hits(world.warehouse_dir, gone) == set()
    assert not any(path.exists() for path in (archived, draft, torn, blotted, folder, unfinished))
    assert (
        world.sql("select activity_type, sum(points) from activity_point group by all order by all") == points
    )
    assert world.sql("select count(distinct user_id) from user_activity") == [(3,)]
    assert hits(world.warehouse_dir, ids_of(1)[:1])
    key = (world.warehouse_dir / "key").read_text()
    assert not named_in_what_is_published(
        world, [pseudonym(key, uid(MEMBER, n)) for n in (DEPARTED, FORGOTTEN)]
    )
    assert named_in_what_is_published(world, [uid(MEMBER, 1)]) == {"publications", "product"}
    (world.warehouse_dir / "key").rename(world.home / "key")
    assert hits(world.warehouse_dir, [key]) == set()
    lost = command(world.home, "run", "--exports-dir", world.exports)
    assert (lost.returncode, "and members are erased under it" in " ".join(lost.stderr.split())) == (1, True)
    assert "Traceback" not in lost.stdout + lost.stderr


def pseudonym(key: str, member: str) -> str:
    """What stands for a member in raw after their erasure."""
    return str(uuid.UUID(hmac.new(bytes.fromhex(key), member.encode(), "sha256").hexdigest()[:32]))


def named_in_what_is_published(world: World, members: list[str]) -> set[str]:
    """Where any of these ids or pseudonyms stands: in a published table, or in a file of the product."""
    return {
        folder
        for folder in ("publications", "product")
        for _, content in texts(world.warehouse_dir / folder)
        if any(member.encode() in content for member in members)
    }


# Nothing listens but here


def test_the_ui_listens_on_this_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    monkeypatch.setattr(os, "execv", lambda _path, arguments: started.append(arguments))
    monkeypatch.chdir(tmp_path)
    dev.dev(None, 3000)
    (arguments,) = started
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    assert "--help" not in arguments
    assert Path(sys.executable).with_name("dagster") == Path(arguments[0])


# Names never become SQL

HOSTILE = [
    "'); drop table night_rows; --",
    '"; drop table erased; --',
    "a'b",
    'say "x" y',
    "$(touch x) `x`",
    "%s {x}",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_hostile_names_and_values_are_read_as_what_they_are(
    tmp_path: Path, hostile: str, ending: str
) -> None:
    house = House(tmp_path / hostile.replace("/", ""), tables=("users", "user_capability_grants"))
    exports = house.settings.exports_dir
    deliver(exports, NIGHTS[0], [1, 2], ["users"])
    deliver(exports, NIGHTS[1], [1], ["users"])
    (row,) = rows_of("user_capability_grants", [1])
    good, bad = row | {"capability": hostile}, row | {"id": uid(9, 9), "status": hostile}
    parts = [{hostile: hostile} | part for part in (good, bad)]
    name = f"part {hostile}.{ending}"
    lines = io.StringIO()
    if ending == "csv":
        writer = csv.DictWriter(lines, parts[0])
        writer.writeheader()
        writer.writerows(parts)
    else:
        lines.write("".join(json.dumps(part) + "\n" for part in parts))
    write_part(exports, "user_capability_grants", NIGHTS[0], lines.getvalue(), name)
    write_part(exports, hostile, NIGHTS[0], "not for us")
    write_part(exports, "users", hostile, "no date")
    lenient = House(tmp_path / hostile, tables=house.tables, max_rejected_rows=1)
    assert lenient.run() == 1
    assert lenient.rows("user_capability_grants", "part", "capability", "userId") == [
        (name, hostile, uid(MEMBER, 1))
    ]
    assert [member for (member,) in lenient.rows("users", "id")].count(uid(MEMBER, 1)) == 2
    assert not (tmp_path / "x").exists()


def test_a_manifest_that_points_elsewhere_reads_nothing_there(tmp_path: Path) -> None:
    house = House(tmp_path, tables=("users",))
    deliver(house.settings.exports_dir, NIGHTS[0], [1], ["users"])
    elsewhere = json.dumps({"parts": {"../../secret.csv": {"rows": 1}, "part-0000.csv": {"rows": 1}}})
    write_part(house.settings.exports_dir, "users", NIGHTS[0], elsewhere, "_manifest.json")
    ((outcome),) = house.read()
    assert outcome.action == "refused"
    assert refusal(outcome) == "../../secret.csv is listed in _manifest.json but not there"
