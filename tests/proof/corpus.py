"""Corrupt deliveries of every kind, one line each: what lies in the exports, and what becomes of it.

A part is `part-0000.csv` of signal_actions unless said otherwise. `{}` in a reason is the name of the part.
"""

import gzip
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from conftest import uid
from ingesting import act as any_act
from ingesting import as_csv, as_jsonl, as_parquet
from ingesting import signal as any_signal
from parquet_files import BSON, Marked, parquet_file

MAX_UNPACKED_BYTES = 12_000_000
BEFORE = {"createdAt": "2024-12-24 20:00:00"}


@dataclass(frozen=True)
class Accepted:
    """The night stands with so many rows; rejected: row number, column, reason, value."""

    rows: int
    rejected: tuple[tuple[int, str, str, str | None], ...] = ()


@dataclass(frozen=True)
class Refused:
    """Nothing of the night stands, and this is why."""

    reason: str


@dataclass(frozen=True)
class PassedOver:
    """It is no delivery."""


@dataclass(frozen=True)
class Case:
    """One corrupt delivery: bytes, or what puts something at the path it is given."""

    kind: str
    content: bytes | Callable[[Path], object]
    outcome: Accepted | Refused | PassedOver
    name: str = "part-0000.csv"
    table: str = "signal_actions"

    def deliver(self, exports_dir: Path, night: object) -> None:
        """Put it into the exports."""
        path = exports_dir / self.table / str(night) / self.name
        if isinstance(self.content, bytes):
            path.parent.mkdir(parents=True)
            path.write_bytes(self.content)
        else:
            self.content(path)


# Good rows, and files of them


def act(number: int, **changes: Any) -> dict[str, Any]:
    """A member's act on a signal, neither of them known."""
    return any_act(number) | BEFORE | changes


def listen(number: int, **changes: Any) -> dict[str, Any]:
    """An engagement."""
    return {
        "id": uid(7, number), "userId": uid(2, number), "trackId": uid(5, 1), "type": "full", "score": 3,
        "sessionId": "s-1", **BEFORE,
    } | changes  # fmt: skip


def track(number: int, **changes: Any) -> dict[str, Any]:
    """A track that no later snapshot knows."""
    return {
        "id": uid(5, number), "title": f"Track {number}", "duration": 180.5, "uploadedById": uid(2, 1),
        "communityId": uid(4, 1), "status": "ready", **BEFORE,
    } | changes  # fmt: skip


def band(number: int, **changes: Any) -> dict[str, Any]:
    """A band that no later snapshot knows."""
    return {
        "id": uid(6, number), "name": f"Band {number}", "slug": f"band-{number}", "entityType": "band",
        "createdById": uid(2, 1), **BEFORE,
    } | changes  # fmt: skip


def audit(number: int, listeners: object) -> dict[str, Any]:
    """The activation of a scene, with whatever stands for its listeners."""
    return {
        "id": uid(8, number), "sceneId": uid(4, number), "createdScene": True,
        "cutoverListenerIds": listeners, **BEFORE,
    }  # fmt: skip


def adjustment(number: int, points: object) -> dict[str, Any]:
    """A moderator's correction, of their own points."""
    member = uid(2, number)
    return {"id": uid(9, number), "userId": member, "points": points, "decidedById": member, **BEFORE}


def event(number: int, **changes: Any) -> dict[str, Any]:
    """An event that no later snapshot knows."""
    return {
        "id": uid(10, number), "title": "A night", "startDate": "2024-12-24 20:00:00",
        "endDate": "2024-12-24 23:00:00", "latitude": 30.2672, "longitude": -97.7431,
        "communityId": uid(4, 1), "createdById": uid(2, 1), **BEFORE,
    } | changes  # fmt: skip


def signal(number: int, metadata: str) -> dict[str, Any]:
    """A signal with whatever metadata."""
    return any_signal(number, metadata=metadata, **BEFORE)


CSV, JSONL, PARQUET = (write([act(1), act(2)]) for write in (as_csv, as_jsonl, as_parquet))
HEADER, ROW = CSV.splitlines(keepends=True)[:2]
GZIP = gzip.compress(CSV, mtime=0)
ONE_BIT_OFF = GZIP[:-8] + bytes([GZIP[-8] ^ 1]) + GZIP[-7:]
WIDE = {f"c{n}": "1" for n in range(100_000)}
FORMULA, SCRIPT = "=cmd|'/C calc'!A0", "<script>alert(1)</script>"
NESTED = 'struct("is" varchar)'
ODD_NAME = "part '\"; drop table users; -- $(reboot) %s {0}.csv"
LONG_NAME = "part-" + "0" * 246 + ".csv"


def repeated(times: int) -> bytes:
    """Parquet of one row repeated, in a few hundred bytes."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "repeated.parquet"
        connection.sql("select 7 as id from range($1)", params=[times]).write_parquet(str(path))
        return path.read_bytes()


def unmarked(name: bytes, *others: Marked) -> bytes:
    """Parquet of one band whose texts are not marked as text, as Impala and ClickHouse write them."""
    row = band(1) | {"name": name}
    texts = [(key, value if isinstance(value, bytes) else value.encode()) for key, value in row.items()]
    return parquet_file(*(Marked(key, "BYTE_ARRAY", [text]) for key, text in texts), *others)


# What can lie in the exports beside files


def folder(path: Path) -> None:
    """A folder of the name of a part, with a part in it."""
    path.mkdir(parents=True)
    (path / "part-0000.csv").write_bytes(CSV)


def pipe(path: Path) -> None:
    """A pipe nobody writes to: whoever opens it waits."""
    path.parent.mkdir(parents=True)
    os.mkfifo(path)


def listener(path: Path) -> None:
    """A socket; bound by a relative name, for such names are short."""
    path.parent.mkdir(parents=True)
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def link(to: str, *, of_night: bool = False) -> Callable[[Path], None]:
    """A link at the place of a part or of a night; `to` may name {exports} and what lies {outside}."""

    def put(path: Path) -> None:
        exports_dir = path.parents[2]
        for place in (exports_dir / "elsewhere", exports_dir.parent / "outside"):
            place.mkdir(parents=True, exist_ok=True)
            (place / "part-0000.csv").write_bytes(CSV)
        target = to.format(exports=exports_dir, outside=exports_dir.parent / "outside")
        place = path.parent if of_night else path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    return put


def in_folder(name: str) -> Callable[[Path], None]:
    """A good part in a folder of another name than a night's."""

    def put(path: Path) -> None:
        place = path.parent.with_name(name)
        place.mkdir(parents=True)
        (place / path.name).write_bytes(CSV)

    return put


def files(**contents: bytes) -> Callable[[Path], None]:
    """Several files of one night; part_0000 is part-0000.csv, and _manifest is _manifest.json."""

    def put(path: Path) -> None:
        path.parent.mkdir(parents=True)
        for name, content in contents.items():
            file = "_manifest.json" if name == "_manifest" else name.replace("_", "-") + ".csv"
            (path.parent / file).write_bytes(content)

    return put


def with_manifest(manifest: object) -> Callable[[Path], None]:
    """A good part beside a manifest, as bytes or as what JSON makes of it."""
    content = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return files(part_0000=CSV, _manifest=content)


def with_manifest_at(put: Callable[[Path], None]) -> Callable[[Path], None]:
    """A good part beside what something puts at the place of the manifest."""

    def put_both(path: Path) -> None:
        put(path.with_name("_manifest.json"))
        path.write_bytes(CSV)

    return put_both


def night_is_a_file(path: Path) -> None:
    """The part, where its folder should be."""
    path.parents[1].mkdir(parents=True, exist_ok=True)
    path.parent.write_bytes(CSV)


# Of the cases of duplicate keys: the rows that stand (act, type, part), and the account of each part
# (delivered, accepted, duplicate, superseded, rejected).
DUPLICATES = {
    "duplicate keys in a part": (
        {(71, "ADD", "part-0000.csv"), (72, "BLAST", "part-0000.csv")},
        {("part-0000.csv", 5, 2, 1, 2, 0)},
    ),
    "duplicate keys across parts": (
        {(73, "ADD", "part-0001.csv"), (74, "BLAST", "part-0000.csv")},
        {("part-0000.csv", 2, 1, 0, 1, 0), ("part-0001.csv", 2, 1, 1, 0, 0)},
    ),
}

UNPACKED = Refused("{} is truncated or damaged: it cannot be unpacked")
NO_PARQUET = Refused("{} cannot be read as Parquet: truncated, damaged or something else")
NO_MANIFEST = Refused("_manifest.json cannot be read as a manifest")
TOO_LARGE = Refused("{} unpacks to more than 12,000,000 bytes, the limit that MAX_UNPACKED_BYTES sets")
LEADS_OUT = Refused("{} cannot be read: it is a link out of the exports directory")
NO_FILE = Refused("{} cannot be read: it is not a file")
NO_LINE_BREAK = "{{}} is half-written: line {}, its last, has no line break at its end"
NO_FORMAT = Refused("{} is in none of the formats csv, csv.gz, jsonl, jsonl.gz, parquet")
LACKS_ALL = Refused("{} lacks the required column id, type, userId, signalId, createdAt")
MAY_BE = "is not one of ADD, BLAST, RECOMMEND, SUPPORT"
NO_SCORE = "impossible score for its type"


def refused(reason: str, space: str = " ") -> Refused:
    """A part that cannot be read."""
    return Refused(f"{{}} cannot be read{space}{reason}")


def accepted(rows: int, *rejected: tuple[int, str, str, str | None]) -> Accepted:
    """A night that stands."""
    return Accepted(rows, rejected)


CASES = [
    # Packed files
    Case("truncated gzip", GZIP[:-30], UNPACKED, "part-0000.csv.gz"),
    Case("gzip cut in its checksum", GZIP[:-5], UNPACKED, "part-0000.csv.gz"),
    Case("gzip of a wrong checksum", ONE_BIT_OFF, UNPACKED, "part-0000.csv.gz"),
    Case("gzip of wrong magic", b"\x1f\x8c" + GZIP[2:], UNPACKED, "part-0000.csv.gz"),
    Case("plain text called gzip", CSV, UNPACKED, "part-0000.csv.gz"),
    Case("empty file called gzip", b"", UNPACKED, "part-0000.csv.gz"),
    Case("gzip and garbage", GZIP + b"garbage", UNPACKED, "part-0000.csv.gz"),
    Case("gzip of nothing", gzip.compress(b""), Refused("{} is empty: not even a header line"),
         "part-0000.csv.gz"),
    Case("gzip padded with zeros", GZIP + bytes(512), accepted(2), "part-0000.csv.gz"),
    Case("gzip in two members", GZIP + gzip.compress(as_csv([act(3)]).partition(b"\n")[2]), accepted(3),
         "part-0000.csv.gz"),
    Case("gzip in gzip", gzip.compress(GZIP, mtime=0), refused("at line 1: it is not UTF-8"),
         "part-0000.csv.gz"),
    Case("gzip bomb", gzip.compress(HEADER + ROW * 100_000), TOO_LARGE, "part-0000.csv.gz"),
    Case("gzip bomb of JSON", gzip.compress(b" " * 30_000_000), TOO_LARGE, "part-0000.jsonl.gz"),
    # Parquet
    Case("truncated Parquet", PARQUET[: len(PARQUET) // 2], NO_PARQUET, "part-0000.parquet"),
    Case("Parquet without its last byte", PARQUET[:-1], NO_PARQUET, "part-0000.parquet"),
    Case("Parquet of wrong magic", b"PAR2" + PARQUET[4:-4] + b"PAR2", NO_PARQUET, "part-0000.parquet"),
    Case("empty file called Parquet", b"", NO_PARQUET, "part-0000.parquet"),
    Case("CSV called Parquet", CSV, NO_PARQUET, "part-0000.parquet"),
    Case("Parquet with a damaged page", PARQUET[:4] + bytes(40) + PARQUET[44:],
         Refused("{} cannot be read: it is damaged"), "part-0000.parquet"),
    Case("Parquet bomb", repeated(13_000_000), TOO_LARGE, "part-0000.parquet"),
    Case("Parquet without a column", as_parquet([{"id": uid(1, 1), "type": "ADD"}]),
         Refused("{} lacks the required column userId, signalId, createdAt"), "part-0000.parquet"),
    Case("Parquet of better types", as_parquet([act(1), act(2)], id="uuid", userId="uuid", signalId="uuid"),
         accepted(2), "part-0000.parquet"),
    Case("Parquet of other types", as_parquet([listen(1), listen(2)], sessionId="blob", createdAt="date"),
         accepted(2, *((n, "createdAt", "is not of type timestamp", "2024-12-24") for n in (1, 2))),
         "part-0000.parquet", "track_engagements"),
    Case("places off the map", as_csv([event(1, latitude=90.5), event(2, longitude="here"), event(3)]),
         accepted(3), table="events"),
    Case("Parquet of fractions for integers",
         as_parquet([listen(1, score=2.5), listen(2, score=2), listen(3)], score="double"),
         accepted(3, (1, "score", "is not of type integer", "2.5"), (2, "score", NO_SCORE, "2.0")),
         "part-0000.parquet", "track_engagements"),
    Case("Parquet of nested types",
         as_parquet([act(1, id=[uid(1, 1)], type={"is": "ADD"})], id="varchar[]", type=NESTED),
         accepted(1, (1, "id", "is not of type uuid", None)), "part-0000.parquet"),
    Case("Parquet of nested text", as_parquet([act(1, type={"is": "ADD"})], type=NESTED),
         accepted(1, (1, "type", MAY_BE, None)), "part-0000.parquet"),
    Case("Parquet of NaN and infinities",
         as_parquet([track(1, duration=float("nan")), track(2, duration=float("-inf")), track(3)],
                    duration="double"),
         accepted(3, (1, "duration", "is not of type double", "nan"),
                  (2, "duration", "is not of type double", "-inf")), "part-0000.parquet", "tracks"),
    Case("Parquet text without its mark", unmarked("Señor Loud's".encode()), accepted(1), "part-0000.parquet",
         "artist_bands"),
    Case("Parquet text in Latin-1", unmarked(b"Se\xf1or"), refused(": its column name is not UTF-8", ""),
         "part-0000.parquet", "artist_bands"),
    Case("Parquet text with a NUL", unmarked(b"a\0b"),
         refused("at row 1: its column name holds a NUL character"), "part-0000.parquet", "artist_bands"),
    Case("Parquet of fractions for text", as_parquet([band(1, name=1999.0)], name="double"),
         refused(": its column name holds DOUBLE where text is due", ""), "part-0000.parquet",
         "artist_bands"),
    Case("Parquet with BSON", unmarked(b"x", Marked("extra", "BYTE_ARRAY", [b"\x05"], older=BSON)),
         refused("as Parquet: it has a column of a type that cannot be read, such as BSON"),
         "part-0000.parquet", "artist_bands"),
    # CSV as a whole
    Case("empty file", b"", Refused("{} is empty: not even a header line")),
    Case("only a line break", b"\n", Refused("{} is empty: not even a header line")),
    Case("header only", HEADER, accepted(0)),
    Case("half a header", HEADER[:-5], Refused(NO_LINE_BREAK.format(1))),
    Case("binary", bytes(range(128, 256)) * 99, refused("at line 1: it is not UTF-8")),
    Case("UTF-16", CSV.decode().encode("utf-16"), refused("at line 1: it is not UTF-8")),
    Case("UTF-16 without a mark", CSV.decode().encode("utf-16-le"),
         refused("at line 1: it holds a NUL character")),
    Case("byte order mark", b"\xef\xbb\xbf" + CSV, accepted(2)),
    Case("Latin-1", as_csv([track(1), track(2, title="Café")]).decode().encode("latin-1"),
         refused("at line 3: it is not UTF-8"), table="tracks"),
    Case("embedded NUL", CSV + b"a\0b,,,,\n", refused("at line 4: it holds a NUL character")),
    Case("bare quote", as_csv([track(1), track(2, title="12 inch")]).replace(b"12 inch", b'12"'),
         refused("at line 3: unterminated quote"), table="tracks"),
    Case("quote never closed", CSV + b'"x,y,z,0\n', refused("at line 4: unterminated quote")),
    Case("text after a quote", CSV + b'"x"y,"",,,\n', refused("at line 4: unterminated quote")),
    Case("field of 10 MB", CSV + b"x" * 10_000_000 + b",,,,\n",
         refused("at line 4: Maximum line size of 2000000 bytes exceeded")),
    Case("100,000 columns", as_csv([act(1) | WIDE]),
         Refused("{} has 100005 columns in line 1; a table has at most 1600")),
    Case("duplicate header", HEADER.replace(b"userId", b"type") + ROW,
         Refused("{} gives columns 2 and 3 the same name in line 1")),
    Case("header in small letters", HEADER.lower() + ROW,
         Refused("{} lacks the required column userId, signalId, createdAt")),
    Case("no header", ROW, LACKS_ALL),
    Case("semicolons", CSV.replace(b",", b";"), LACKS_ALL),
    Case("tabs", CSV.replace(b",", b"\t"), LACKS_ALL),
    Case("CRLF", CSV.replace(b"\n", b"\r\n"), accepted(2)),
    Case("CRLF here and there", CSV.replace(b"\n", b"\r\n", 1), Refused("{} cannot be read: it is damaged")),
    Case("too few fields", CSV + b"x,y\n", refused("at line 4: Expected Number of Columns: 5 Found: 2")),
    Case("too many fields", CSV + ROW[:-1] + b",x\n",
         refused("at line 4: Expected Number of Columns: 5 Found: 6")),
    Case("no line break at the end", CSV[:-1], Refused(NO_LINE_BREAK.format(3))),
    Case("cut in its last unquoted field", CSV[:-6], Refused(NO_LINE_BREAK.format(3))),
    Case("cut in a quoted field", as_csv([track(1, title="a\nb, c")]).partition(b"b, c")[0],
         refused("at line 2: unterminated quote"), table="tracks"),
    # JSON
    Case("broken JSON", JSONL + b'{"id": }\n', refused("at line 3: it is not JSON"), "part-0000.jsonl"),
    Case("truncated JSON", JSONL[:-9], refused("at line 2: it is not JSON"), "part-0000.jsonl"),
    Case("JSON over several lines", json.dumps(act(1), indent=1).encode(),
         refused("at line 1: it is not JSON"), "part-0000.jsonl"),
    Case("one JSON array", json.dumps([act(1), act(2)]).encode(),
         Refused("{} cannot be read: its record 1 is not a JSON object"), "part-0000.jsonl"),
    Case("JSON that is no object", JSONL + b"\n7\n",
         Refused("{} cannot be read: its record 3 is not a JSON object"), "part-0000.jsonl"),
    Case("JSON with half a character", JSONL + b'{"id": "\\ud83c"}\n',
         refused("at line 3: it is not JSON"), "part-0000.jsonl"),
    Case("JSON with NaN", JSONL + JSONL.replace(b'"BLAST"', b"NaN", 1), refused("at line 3: it is not JSON"),
         "part-0000.jsonl"),
    Case("JSON with a comma too many", JSONL + b'{"x": [1,]}\n', refused("at line 3: it is not JSON"),
         "part-0000.jsonl"),
    Case("JSON with a form feed", JSONL + b"\f\n", refused("at line 3: it is not JSON"), "part-0000.jsonl"),
    Case("JSON with a key twice", JSONL + JSONL[:1] + b'"\\u0069d": 1, ' + JSONL[1:],
         refused("at line 3: it gives a key twice"), "part-0000.jsonl"),
    Case("JSON with an escaped NUL", JSONL + JSONL[:1] + b'"x": {"y": ["\\u0000"]}, ' + JSONL[1:],
         refused("at line 3: it holds a NUL character"), "part-0000.jsonl"),
    Case("JSON of fractions for text", as_jsonl([band(1, name=1999.0), band(2)]),
         accepted(2, (1, "name", "is not of type varchar", "1999.0")), "part-0000.jsonl", "artist_bands"),
    Case("JSON in Latin-1", JSONL + b'{"id": "\xe9"}\n', refused("at line 3: it is not UTF-8"),
         "part-0000.jsonl"),
    Case("JSON with a field of 10 MB", as_jsonl([act(1), act(2) | {"note": "x" * 10_000_000}]), accepted(2),
         "part-0000.jsonl"),
    Case("JSON with 100,000 keys", as_jsonl([act(1), act(2) | WIDE]), accepted(2), "part-0000.jsonl"),
    Case("deep JSON", b"[" * 100_000 + b"]" * 100_000,
         Refused("{} cannot be read: its record 1 is not a JSON object"), "part-0000.jsonl"),
    Case("deep JSON beside what is read", JSONL + JSONL[:1] + b'"x": ' + b"[" * 9999 + b"]" * 9999 + b","
         + JSONL[1:], accepted(4), "part-0000.jsonl"),
    Case("JSON in CSV broken", as_csv([signal(1, '{"a": '), signal(2, "{}")]),
         accepted(2, (1, "metadata", "is not of type json", None)), table="signals"),
    Case("deep JSON in CSV", as_csv([signal(1, '{"a":' * 99_999 + "1" + "}" * 99_999)]), accepted(1),
         table="signals"),
    Case("JSON in CSV with NaN, a key twice, a NUL", as_csv([signal(n, text) for n, text in enumerate(
        ['{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\u0000"}', '{"a": "NaN"}'], start=1)]),
         accepted(4, *((n, "metadata", "is not of type json", None) for n in (1, 2, 3))), table="signals"),
    Case("JSON of other shapes", as_csv([audit(n, shape) for n, shape in enumerate(
        ["7", "null", "{}", '"x"', '["x", 7, null, [], {"a": 1}]', "[" * 999 + "]" * 999])]),
         accepted(6), table="community_activation_audits"),
    # Rows
    Case("numbers as words", as_csv([listen(1, score="three"), listen(2)]),
         accepted(2, (1, "score", "is not of type integer", "three")), table="track_engagements"),
    Case("NaN and infinities", as_csv([track(n, duration=d) for n, d in enumerate(
        ["NaN", "Infinity", "-inf", "1e400", "1e308"], start=1)]),
         accepted(5, *((n, "duration", "is not of type double", d) for n, d in enumerate(
             ["NaN", "Infinity", "-inf", "1e400"], start=1))), table="tracks"),
    Case("dates 0001 and 9999", as_csv([act(1, createdAt="0001-01-01 00:00:00"),
                                        act(2, createdAt="9999-12-31 23:59:59.999")]),
         accepted(2, (2, "createdAt", "lies after the end of its night", "9999-12-31 23:59:59.999"))),
    Case("dates 0001 and 9999 in a snapshot", as_csv([track(1, createdAt="0001-01-01 00:00:00"),
                                                      track(2, createdAt="9999-12-31 23:59:59.999")]),
         accepted(2), table="tracks"),
    Case("days there never were", as_csv([act(n, createdAt=day) for n, day in enumerate(
        ["2023-02-29 10:00:00", "0000-01-01 00:00:00", "infinity", "2024-12-24 25:00:00"], start=1)]),
         accepted(4, *((n, "createdAt", "is not of type timestamp", day) for n, day in enumerate(
             ["2023-02-29 10:00:00", "0000-01-01 00:00:00", "infinity", "2024-12-24 25:00:00"], start=1)))),
    Case("negative integers", as_csv([listen(1, score=-3), listen(2, type="skip", score="-0")]),
         accepted(2, (1, "score", NO_SCORE, "-3")), table="track_engagements"),
    Case("overflowing integers", as_csv([adjustment(1, 2**31), adjustment(2, -(2**63) - 1),
                                         adjustment(3, 2**31 - 1), adjustment(4, -(2**31))]),
         accepted(4, (1, "points", "is not of type integer", "2147483648"),
                  (2, "points", "is not of type integer", "-9223372036854775809")),
         table="activity_point_adjustments"),
    Case("null keys", as_csv([act(1, id=None), act(2)]), accepted(2, (1, "id", "is null", None))),
    Case("unknown enums", as_csv([act(1, type="add"), act(2, type=""), act(3)]),
         accepted(3, (1, "type", MAY_BE, "add"), (2, "type", MAY_BE, ""))),
    Case("score not matching type", as_csv([listen(1, type="skip"), listen(2)]),
         accepted(2, (1, "score", NO_SCORE, "3")), table="track_engagements"),
    Case("orphan references", as_csv([act(1, userId=uid(99, 1), signalId=uid(99, 2))]), accepted(1)),
    Case("self references", as_csv([{"id": uid(10, 1), "pioneerId": uid(2, 1), "recruitedUserId": uid(2, 1),
                                     "communityId": uid(4, 1), **BEFORE}]),
         accepted(1), table="pioneer_referrals"),
    Case("duplicate keys in a part", as_csv([act(71), act(72), act(71), act(71, type="ADD"), act(72)]),
         accepted(5)),
    Case("duplicate keys across parts",
         files(part_0000=as_csv([act(73), act(74)]), part_0001=as_csv([act(73, type="ADD"), act(74)])),
         accepted(4)),
    Case("formulas and script tags in names", as_csv([band(1, name=FORMULA), band(2, name=SCRIPT)]),
         accepted(2), table="artist_bands"),
    Case("more bad rows than good", as_csv([act(n, type="x") for n in range(11)]),
         Refused(f"11 of 11 rows were rejected; the first is row 1 of {{}}, whose type {MAY_BE}")),
    # Names
    Case("name of quotes and spaces", CSV, accepted(2), ODD_NAME),
    Case("name that leads upwards", CSV, accepted(2), "part-0000-..%2f..\\..\\passwd.csv"),
    Case("name with a line break", b"\n", Refused("{} is empty: not even a header line"),
         "part\n\x1b[31m-0000.csv"),
    Case("name that is no UTF-8", CSV, accepted(2), os.fsdecode(b"part-\xff.csv")),
    Case("name of 255 letters", CSV, accepted(2), LONG_NAME),
    Case("name of a pattern", CSV, accepted(2), "part-[0-9]*?.csv"),
    Case("name in capitals", CSV, NO_FORMAT, "PART-0000.CSV"),
    Case("format of another kind", CSV, NO_FORMAT, "part-0000.csv.zip"),
    Case("name of a hidden file", CSV, PassedOver(), ".part-0000.csv"),
    Case("name of a file being written", CSV, PassedOver(), "part-0000.csv.tmp"),
    *(Case(f"folder {name}, no date", in_folder(name), PassedOver())
      for name in ("latest", "2025-3-1", "20250301", "2025-02-30", "2025-03-01 ", "0000-00-00",
                   "1025-03-01")),
    # What is no file
    Case("folder named like a part", folder, NO_FILE),
    Case("pipe named like a part", pipe, NO_FILE),
    Case("socket named like a part", listener, Refused("{} cannot be read: No such device or address")),
    Case("link to a file of the exports", link("{exports}/elsewhere/part-0000.csv"), accepted(2)),
    Case("link to a file outside", link("{outside}/part-0000.csv"), LEADS_OUT),
    Case("link upwards", link("../../../outside/part-0000.csv"), LEADS_OUT),
    Case("link to a device", link("/dev/zero"), LEADS_OUT),
    Case("link to a folder", link("{exports}/elsewhere"), NO_FILE),
    Case("link to nothing", link("{exports}/nothing"),
         Refused("{} cannot be read: No such file or directory")),
    Case("link to itself", link("part-0000.csv"),
         Refused("{} cannot be read: Too many levels of symbolic links")),
    Case("night that is a link into the exports", link("{exports}/elsewhere", of_night=True), accepted(2)),
    Case("night that is a link outside", link("{outside}", of_night=True), LEADS_OUT),
    Case("night that is a link to nothing", link("{exports}/nothing", of_night=True),
         Refused("{night} cannot be read: No such file or directory")),
    Case("night that is a file", night_is_a_file, Refused("{night} cannot be read: Not a directory")),
    # Manifests
    Case("manifest of other rows", with_manifest({"parts": {"part-0000.csv": {"rows": 3}}}),
         Refused("{} disagrees with _manifest.json: rows is 2, not 3")),
    Case("manifest of another checksum", with_manifest({"parts": {"part-0000.csv": {"sha256": "ab" * 32}}}),
         Refused(f"{{}} disagrees with _manifest.json: sha256 is {hashlib.sha256(CSV).hexdigest()}, "
                 f"not {'ab' * 32}")),
    Case("manifest of a missing part", with_manifest({"parts": {"part-0000.csv": {}, "part-0001.csv": {}}}),
         Refused("part-0001.csv is listed in _manifest.json but not there")),
    Case("manifest without its parts", files(_manifest=b'{"parts": {"b.csv": {}, "a.csv": {}}}'),
         Refused("a.csv is listed in _manifest.json but not there")),
    Case("manifest of nothing", files(_manifest=b'{"parts": {}}'), PassedOver()),
    Case("broken manifest and nothing else", files(_manifest=b"{"), NO_MANIFEST),
    Case("manifest of negative rows", with_manifest({"parts": {"part-0000.csv": {"rows": -1}}}), NO_MANIFEST),
    Case("manifest of words for rows", with_manifest({"parts": {"part-0000.csv": {"rows": "two"}}}),
         NO_MANIFEST),
    Case("manifest of 5,000 digits", with_manifest(b'{"parts": {"p.csv": {"rows": ' + b"9" * 5000 + b"}}}"),
         NO_MANIFEST),
    Case("manifest of lists", with_manifest({"parts": [["part-0000.csv", 2]]}), NO_MANIFEST),
    Case("manifest of a checksum that is text",
         with_manifest({"parts": {"part-0000.csv": {"sha256": "<script>"}}}), NO_MANIFEST),
    Case("manifest with a part twice", with_manifest(b'{"parts": {"part-0000.csv": {"rows": 2},'
                                                     b' "part-0000.csv": {}}}'), NO_MANIFEST),
    Case("manifest with NaN", with_manifest(b'{"parts": {"part-0000.csv": {}}, "x": NaN}'), NO_MANIFEST),
    Case("deep manifest", with_manifest(b'{"parts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), NO_MANIFEST),
    Case("manifest of 20 MB", with_manifest(b" " * 20_000_000),
         Refused("_manifest.json is larger than 10,000,000 bytes")),
    Case("manifest that is a pipe", with_manifest_at(pipe), NO_MANIFEST),
    Case("manifest that is a link outside", with_manifest_at(link("{outside}/part-0000.csv")), NO_MANIFEST),
    Case("manifest that is a link to nothing", with_manifest_at(link("{exports}/nothing")), NO_MANIFEST),
]  # fmt: skip
