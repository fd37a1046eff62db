"""`warehouse query` shows the whole answer, in every format, on every screen."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from conftest import publish_until
from golden.world import WAREHOUSE
from rich.console import Console
from typer.testing import CliRunner

from orchestration.ask import table
from orchestration.ask.table import Kind, show, show_rows
from orchestration.cli import app, query

IDS = [f"0000000{n}-0000-4000-8000-000000000000" for n in range(1, 4)]
# Names as a markup, a colour, a second line and a wide letter would have them.
NAMES = ["[bold]Loud[/prod]", "two\nlines \x1b[31m", "音楽の家"]
SHOWN_NAMES = ["[bold]Loud[/prod]", r"two\nlines \x1b[31m", "音楽の家"]
WIDE = "select id, name, points, seen, id as again, id as third from thing order by id"


class Screen(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse whose published file holds three things."""
    house = tmp_path / "warehouse"
    house.mkdir()
    publish_until(house / "analytics.duckdb", "2026-01-02")
    with duckdb.connect(str(house / "analytics.duckdb")) as connection:
        connection.execute("create table thing (id uuid, name varchar, points integer, seen timestamp)")
        for id_, name, points in zip(IDS, NAMES, (1, -2000, None), strict=True):
            connection.execute(
                "insert into thing values ($1, $2, $3, '2026-01-02 03:04:05.5')", [id_, name, points]
            )
    (house / "analytics.duckdb").chmod(0o440)
    monkeypatch.setenv("WAREHOUSE_DIR", str(house))
    monkeypatch.setenv("DAGSTER_HOME", "")
    return house


def asked(*arguments: str | Path) -> Result:
    """What the command answers in this process, the table as it is piped."""
    with pytest.MonkeyPatch.context() as patched:
        printed = Console(file=io.StringIO(), width=80)
        patched.setattr(query, "console", printed)
        outcome = CliRunner().invoke(app, ["query", *map(str, arguments)])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    outcome.stdout_bytes += printed.file.getvalue().encode()
    return outcome


def on_screen(sql: str, width: int, **parameters: object) -> list[str]:
    """The lines that a terminal of a width shows of a result."""
    console = Console(file=Screen(), width=width, color_system=None)
    with duckdb.connect() as connection:
        show(console, connection.sql(sql), **parameters)
    return console.file.getvalue().splitlines()


def test_what_is_piped_is_whole_whatever_the_width() -> None:
    header, rule, *rows = asked(WIDE).stdout.strip().splitlines()
    assert header.split() == ["id", "name", "points", "seen", "again", "third"]
    assert set(rule) == {"─"}
    for row, id_, name, points in zip(rows, IDS, SHOWN_NAMES, ("1", "-2,000", "—"), strict=True):
        assert re.split(r" {2,}", row) == [id_, name, points, "2026-01-02 03:04:05.5", id_, id_]


def test_a_terminal_too_narrow_for_a_table_shows_every_column_of_every_row() -> None:
    """Asked as a person does, in a terminal of 80 columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen([WAREHOUSE, "query", WIDE], stdout=follower, env=environment) as process:  # noqa: S603
        os.close(follower)
        seen = b""
        while chunk := _read(leader):
            seen += chunk
    assert process.returncode == 0
    os.close(leader)
    lines = [line.rstrip() for line in seen.decode().splitlines()]
    assert max(map(len, lines)) <= 80
    blocks = "\n".join(lines).strip().split("\n\n")
    assert len(blocks) == 3
    for block, id_, name, points in zip(blocks, IDS, SHOWN_NAMES, ("1", "-2,000", "—"), strict=True):
        assert [re.split(r" {2,}", line) for line in block.splitlines()] == [
            ["id", id_],
            ["name", name],
            ["points", points],
            ["seen", "2026-01-02 03:04:05.5"],
            ["again", id_],
            ["third", id_],
        ]


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # as Linux says that the other side has closed
        return b""


def test_a_text_goes_on_in_a_second_line_where_that_makes_room() -> None:
    sql = f"select uuid '{IDS[0]}' as id, 'one two three four five six' as said, 12 as number"
    assert on_screen(sql, 60) == [
        "id                                    said            number",
        "─" * 60,
        "00000001-0000-4000-8000-000000000000  one two three       12",
        "                                      four five six",
        "",
    ]
    assert len(on_screen(sql, 73)) == 4
    assert on_screen(sql, 57) == [
        "id      00000001-0000-4000-8000-000000000000",
        "said    one two three four five six",
        "number  12",
        "",
    ]


def test_wide_letters_take_two_places() -> None:
    assert on_screen("select '音楽' as a, 'x' as b union all select 'cd', 'y'", 80) == [
        "a     b",
        "───────",
        "音楽  x",
        "cd    y",
        "",
    ]


def test_a_long_result_is_read_a_part_at_a_time_and_every_row_is_there_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", 3)
    lines = on_screen("select unnest(range(8)) as n", 80, title="Numbers")
    assert [line.strip() for line in lines if line.strip().isdigit()] == [str(n) for n in range(8)]
    assert lines.count("n") == 3
    assert lines.count("Numbers") == 1
    assert on_screen("select 1 as nothing where false", 80) == ["nothing", "───────", ""]
    # Where there is no row to show in a block, the names of the columns are shown all the same.
    assert on_screen("select 1 as nothing, 2 as nobody where false", 9)[0] == "nothing  nobody"


def test_columns_of_one_name_and_of_any_type_are_shown() -> None:
    sql = """
        select 1 as a, 2 as a, true as b, [1, 2] as c, {'d': 3} as e, date '0044-03-15 (BC)' as f,
            interval 3 day as g, 1.50 as h, 12345678901234567890123 as i
    """
    header, _, values, _ = on_screen(sql, 200)
    assert header.split() == ["a", "a", "b", "c", "e", "f", "g", "h", "i"]
    assert re.split(r" {2,}", values) == [
        "1", "2", "true", "[1, 2]", "{'d': 3}", "0044-03-15 (BC)", "3 days", "1.50",
        "12,345,678,901,234,567,890,123",
    ]  # fmt: skip


def test_names_of_columns_are_data_too() -> None:
    console = Console(file=Screen(), width=80, color_system=None)
    show_rows(console, ["[red]x", "a\tb"], [Kind.TEXT, Kind.TEXT], [["1", "2"]], "[/title]")
    assert console.file.getvalue().splitlines()[:2] == ["[/title]", r"[red]x  a\tb"]


def test_each_format_holds_the_whole_result(house: Path) -> None:
    expected = duckdb.connect(str(house / "analytics.duckdb"), read_only=True).sql(WIDE).fetchall()
    header, *rows = csv.reader(io.StringIO(asked("--format", "csv", WIDE).stdout))
    assert header == ["id", "name", "points", "seen", "again", "third"]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (IDS[0], NAMES[0], "1"), (IDS[1], NAMES[1], "-2000"), (IDS[2], NAMES[2], ""),
    ]  # fmt: skip
    assert [(row["name"], row["points"]) for row in json.loads(asked("--format", "json", WIDE).stdout)] == [
        (NAMES[0], 1), (NAMES[1], -2000), (NAMES[2], None),
    ]  # fmt: skip
    file = house.with_name("result.parquet")
    assert asked(WIDE, "--output", file).exit_code == 0
    assert duckdb.sql(f"from read_parquet('{file}')").fetchall() == expected
    assert json.loads(asked("--format", "json", f"{WIDE} limit 0").stdout) == []


@pytest.mark.parametrize("name", ["result.csv", "result.json", "result.parquet", "result.txt", "result"])
def test_a_file_is_written_whole_in_the_format_it_is_named_after(tmp_path: Path, name: str) -> None:
    file = tmp_path / "of mine" / name
    file.parent.mkdir()
    file.write_text("an earlier result")
    outcome = asked(WIDE, "--output", file)
    assert (outcome.exit_code, outcome.output) == (0, "")
    assert [path.name for path in file.parent.iterdir()] == [name]
    if file.suffix in (".txt", ""):
        assert file.read_text() == asked(WIDE).stdout
    else:
        read = {".csv": duckdb.read_csv, ".json": duckdb.read_json, ".parquet": duckdb.read_parquet}
        ids = read[file.suffix](str(file)).project("id::varchar").fetchall()
        assert ids == [(id_,) for id_ in IDS]
    assert asked(WIDE, "--output", file, "--format", "csv").exit_code == 0
    assert file.read_text().startswith("id,name,points,seen,again,third\n")


def test_a_file_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "it's [mine].json", "mine.txt"):
        assert asked(WIDE, "--output", name).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["it's [mine].json", "mine.csv", "mine.txt", "warehouse"]
    )


def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    assert asked("select 1 as a", "--output", tmp_path / "MINE.CSV").exit_code == 0
    assert (tmp_path / "MINE.CSV").read_text() == "a\n1\n"


def test_a_mistake_leaves_an_earlier_file_as_it_was(house: Path) -> None:
    file = house.with_name("mine.csv")
    file.write_text("an earlier result")
    for sql in ("selec", "select cast(name as integer) from thing"):
        assert asked(sql, "--output", file, "--format", "csv").exit_code == 2
    assert sorted(path.name for path in house.parent.iterdir()) == ["mine.csv", "warehouse"]
    assert file.read_text() == "an earlier result"


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("nowhere/mine.csv", "there is no directory {tmp}/nowhere\n"),
        ("folder", "{tmp}/folder is not a file\n"),
        (
            "mine.xls",
            "{tmp}/mine.xls ends in none of table, csv, json, parquet and txt; "
            "say with --format how to write it\n",
        ),
        (
            "warehouse/analytics.duckdb",
            "{tmp}/warehouse/analytics.duckdb lies in the warehouse; write to another place\n",
        ),
    ],
)
def test_a_place_that_cannot_be_written_to_is_named(
    tmp_path: Path, house: Path, output: str, sentence: str
) -> None:
    (tmp_path / "folder").mkdir()
    before = (house / "analytics.duckdb").read_bytes()
    outcome = asked("select 1", "--output", tmp_path / output)
    assert (outcome.exit_code, outcome.stderr) == (2, sentence.format(tmp=tmp_path))
    assert (house / "analytics.duckdb").read_bytes() == before


def test_parquet_is_not_printed() -> None:
    outcome = asked("select 1", "--format", "parquet")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == "Parquet cannot be shown; say with --output FILE where to write it\n"


@pytest.mark.parametrize("written_as", ["table", "csv", "json"])
def test_a_limit_says_when_it_cuts(written_as: str) -> None:
    arguments = ("--format", written_as, WIDE, "--limit")
    cut, whole = asked(*arguments, "2"), asked(*arguments, "3")
    assert (cut.exit_code, cut.stderr) == (0, "These are the first 2 rows; there are more.\n")
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert whole.stdout == asked(*arguments[:-1]).stdout
    assert [id_ in cut.stdout for id_ in IDS] == [True, True, False]


@pytest.mark.parametrize("written_as", ["table", "csv"])
@pytest.mark.parametrize(
    ("sql", "sentence", "place"),
    [
        ("selec 1", "Parser Error: ", "LINE 1: selec 1\n        ^\n"),
        ("select points,\n  nothing\nfrom thing", "Binder Error: ", "LINE 2:   nothing\n          ^\n"),
        ("select id\nfrom thin", "Catalog Error: ", "LINE 2: from thin\n             ^\n"),
        (
            "select id,\n cast(name as int)\nfrom thing",
            "Conversion Error: Could not convert string '[bold]Loud[/prod]' to INT32",
            "LINE 2:  cast(name as int)\n         ^\n",
        ),
    ],
)
def test_a_mistake_is_told_in_a_sentence_with_its_place(
    written_as: str, sql: str, sentence: str, place: str
) -> None:
    outcome = asked(sql, "--format", written_as)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(sentence)
    assert outcome.stderr.endswith(place)


@pytest.mark.parametrize(
    "sql",
    [
        "copy thing to '{house}/stolen.csv'",
        "copy thing to '{house}/analytics.duckdb.wal'",
        "explain analyze copy thing to '{house}/analytics.duckdb.wal'",
        "from '{house}/secret.csv'",
        "from read_text('{house}/secret.csv')",
        "attach '{house}/other.duckdb'",
        "create table thing as select 1",
        "create temp table other as select 1",
        "delete from thing",
        "install spatial",
        "set memory_limit = '1TB'",
        "select 1; select 2",
        "select 1) to '{house}/analytics.duckdb.wal' --",
    ],
)
def test_a_query_reads_the_published_file_and_touches_nothing_else(house: Path, sql: str) -> None:
    (house / "secret.csv").write_text("a\n1\n")
    before = {path: path.read_bytes() for path in house.iterdir()}
    outcome = asked(sql.format(house=house))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr
    assert {path: path.read_bytes() for path in house.iterdir()} == before


@pytest.mark.parametrize(
    "sql",
    [
        "from thing",
        "describe thing",
        "show tables",
        "summarize thing",
        "values (1); -- one",
        "pivot thing on name using count(*) group by seen",
        "with result as (select 1 as n) select * from result",
        "-- all there is\nfrom thing",
        "--limit\nfrom thing",
        "/* all */ from thing",
    ],
)
def test_whatever_asks_is_answered_in_every_format(tmp_path: Path, sql: str) -> None:
    for written_as in ("table", "csv", "json", "parquet"):
        outcome = asked(sql, "--format", written_as, "--output", tmp_path / "result")
        assert (outcome.exit_code, outcome.stderr) == (0, "")
        assert (tmp_path / "result").stat().st_size > 0


@pytest.mark.parametrize("mistyped", ["--formt", "--formt=csv", "-- a comment alone", "-f"])
def test_an_option_that_there_is_not_is_refused(mistyped: str) -> None:
    for arguments in ((mistyped,), (mistyped, "from thing"), ("from thing", mistyped)):
        outcome = asked(*arguments)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert "No such option: -" in outcome.stderr


def test_a_mistake_below_a_comment_is_told_with_its_place() -> None:
    outcome = asked("-- points\nselec 1")
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith("LINE 2: selec 1\n        ^\n")


def test_who_has_seen_enough_is_told_nothing() -> None:
    """As with `| head`: the reader goes away while there is more to write than a pipe holds."""
    for written_as in ("table", "csv"):
        with subprocess.Popen(  # noqa: S603
            [WAREHOUSE, "query", "from range(100000)", "--format", written_as],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 1
