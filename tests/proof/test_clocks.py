"""The clock, the time zone and the locale of the machine change nothing: everything is UTC, as delivered.

The golden nights are run under America/St_Johns and the locale C; the clock of that run, of its dbt and of
DuckDB is 27 years ahead. These surroundings are seen to reach a model that looks at them, and the check on
the SQL to find every way in which one could.
"""

import dataclasses
import datetime as dt
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from checkout import copied_project
from conftest import Run
from golden.world import (
    CONFIRM,
    EXPORTS,
    WHOLE,
    assert_same_rows,
    clock_ahead,
    compiled_sql,
    environment,
    expected,
    undisturbed,
)
from runs import command, run, tables

from orchestration.sample import SMALLEST, write_sample
from orchestration.settings import PROJECT_DIR

Tried = Callable[[str, str, int], None]

PROMISE = "the machine's clock, time zone and locale change nothing"
FAR_AHEAD = dt.timedelta(days=9_000)
DBT = str(Path(sys.executable).with_name("dbt"))
CLOCKS = r"""
    \b(now|today|get_current_\w+|transaction_timestamp|age|random|gen_random_uuid|uuid(v\d)?)\s*\(
    |\b(current_(date|(local)?time(stamp)?)|localtime(stamp)?|pg_\w+_time)\b
"""
# What dbt itself could write the time, or a number that differs from run to run, into SQL with.
OF_JINJA = r"\b(run_started_at|invocation_id|modules)\b(?=[^{}]*[%}]})"


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden nights, run where everything about time is wrong."""
    warehouse_dir = undisturbed(tmp_path_factory) / "warehouse"
    return Run(True, None, warehouse_dir / "analytics.duckdb", warehouse_dir)


@pytest.mark.parametrize("table", WHOLE)
def test_under_a_wrong_clock_in_another_zone_the_tables_are_those_worked_out_by_hand(
    strange: Run, table: str, tried: Tried
) -> None:
    assert_same_rows(strange.table(table), expected(table))
    tried(PROMISE, "a table worked out by hand, under a clock 27 years ahead in America/St_Johns", 1)


# The surroundings, seen to be wrong and to matter


def test_the_clock_was_really_wrong_in_the_run_and_in_its_dbt(strange: Run) -> None:
    soonest = dt.datetime.now() + FAR_AHEAD
    ((built_at,),) = strange.sql("select built_at from publication")
    results = json.loads((strange.warehouse_dir / "dbt" / "run_results.json").read_text())
    said = [results["metadata"]["generated_at"]]
    said += [timing["started_at"] for result in results["results"] for timing in result["timing"]]
    assert len(said) > 100
    assert min(built_at, *(dt.datetime.fromisoformat(time).replace(tzinfo=None) for time in said)) > soonest


PLANTED = {
    "today": "select current_date as it",
    "started": "select cast('{{ run_started_at.replace(tzinfo=None) }}' as timestamp) as it",
    "noon": "select cast(timestamptz '2026-01-01 12:00:00+00' as timestamp) as it",
}


def models_that_look(folder: Path, profiles: str) -> dict[str, dt.date]:
    """What models that look at clock and zone find in the surroundings of `golden.world.undisturbed`."""
    (folder / "building").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "profiles.yml").write_text(profiles)
    (folder / "dbt_project.yml").write_text(
        "name: planted\nprofile: activity_warehouse\nmodels: {+materialized: table}\n"
    )
    for name, sql in PLANTED.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    words = [DBT, "run", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    surroundings = clock_ahead() | {"TZ": "America/St_Johns", "LC_ALL": "C", "WAREHOUSE_DIR": str(folder)}
    outcome = run(words, **surroundings)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    with duckdb.connect(str(folder / "building" / "warehouse.duckdb")) as connection:
        return {name: connection.sql(f"select it from {name}").fetchone()[0] for name in PLANTED}


def test_a_model_that_looks_at_the_clock_or_the_zone_would_have_shown_it(tmp_path: Path) -> None:
    ours = (PROJECT_DIR / "profiles.yml").read_text()
    unset = ours.replace("TimeZone: UTC", "threads: 2")
    assert unset != ours
    found, in_the_zone = (
        models_that_look(tmp_path / "ours", ours),
        models_that_look(tmp_path / "unset", unset),
    )
    assert found["today"] > dt.date.today() + FAR_AHEAD
    assert found["started"] > dt.datetime.now() + FAR_AHEAD
    assert found["noon"] == dt.datetime(2026, 1, 1, 12)  # our profile says UTC
    assert in_the_zone["noon"] == dt.datetime(2026, 1, 1, 8, 30)


@pytest.mark.long
def test_a_look_at_the_clock_planted_into_a_model_changes_a_table_worked_out_by_hand(
    tmp_path: Path, strange: Run
) -> None:
    checkout, table = copied_project(tmp_path / "checkout", "orchestration"), "plot_statistics"
    (model,) = (checkout / "models").rglob(f"{table}.sql")
    sql = model.read_text()
    as_of = "select * from {{ ref('as_of') }}"
    looking = as_of.replace("*", "as_of_date, cast(current_date as timestamp) as as_of")
    assert as_of in sql
    model.write_text(sql.replace(as_of, looking))
    words = command(EXPORTS, tmp_path / "warehouse", *CONFIRM)
    outcome = run(words, PYTHONPATH=str(checkout), **clock_ahead())
    assert outcome.returncode == 4, outcome.stdout + outcome.stderr
    published = Run(True, None, tmp_path / "warehouse" / "analytics.duckdb", tmp_path / "warehouse")
    with pytest.raises(AssertionError, match="missing: "):
        assert_same_rows(published.table(table), expected(table))
    assert_same_rows(strange.table(table), expected(table))


# No SQL looks


def test_no_model_and_no_law_looks_at_the_clock(strange: Run, tried: Tried) -> None:
    sql = compiled_sql(strange)
    assert len(sql) > 60
    assert [name for name, text in sql.items() if looks_at_the_clock(text)] == []
    tried(PROMISE, "a compiled model, law or test that never looks at the clock", len(sql))


def test_no_template_writes_the_time_into_sql() -> None:
    folders = [PROJECT_DIR / name for name in ("models", "macros", "seeds", "tests/laws")]
    files = [path for folder in folders for path in folder.rglob("*.*") if path.suffix in (".sql", ".yml")]
    files += [PROJECT_DIR / "dbt_project.yml", PROJECT_DIR / "profiles.yml"]
    assert len(files) > 100
    assert [path.name for path in files if writes_the_time(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "planted",
    [
        "now()", "CURRENT_DATE", "current_timestamp", "today ()", "random()", "get_current_timestamp()",
        "current_time", "localtime", "LOCALTIMESTAMP", "current_localtime()", "current_localtimestamp()",
        "transaction_timestamp()", "age(created_at)", "uuidv7()", "pg_conf_load_time()",
    ],
)  # fmt: skip
def test_a_look_at_the_clock_is_found(planted: str) -> None:
    assert looks_at_the_clock(f"select id\nfrom users where created_at < {planted}")
    assert not looks_at_the_clock("select known() as current_dated, todays, average(1) from renow")


@pytest.mark.parametrize(
    "planted",
    ["{{ run_started_at }}", "{% set t = modules.datetime.date.today() %}", "{{ f(invocation_id) }}"],
)
def test_a_template_that_writes_the_time_is_found(planted: str) -> None:
    assert writes_the_time(f"select 1 as run\nfrom {planted}\nwhere today")
    assert not writes_the_time("select {{ column }} from modules where now = {{ runs_started_at }}")


ASK = """
import json, duckdb
names = duckdb.sql("select distinct function_name from duckdb_functions() where parameters = []"
                   " and function_type in ('scalar', 'macro')").fetchall()
calls = [f'"{name}"()' for (name,) in names]
answers = {}
for call in [*calls, "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"]:
    try:
        answers[call.replace('"', "")] = str(duckdb.connect().sql(f"select {call}").fetchone()[0])
    except duckdb.Error:
        continue
print(json.dumps(answers))
"""


def test_every_function_of_duckdb_that_answers_with_the_clock_or_by_chance_is_known() -> None:
    """Those whose answer is another one a moment later, years ahead."""
    asked = [
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", ASK], capture_output=True, text=True, check=True,
            env=environment(TZ="UTC", **changes),
        )
        for changes in ({}, clock_ahead())
    ]  # fmt: skip
    now, ahead = (json.loads(answer.stdout) for answer in asked)
    telling = {name for name in now if now[name] != ahead[name]}
    assert {"now()", "current_date", "current_localtimestamp()", "random()"} <= telling
    assert {name for name in telling if not looks_at_the_clock(f"select {name}")} == set()


def looks_at_the_clock(sql: str) -> bool:
    """Whether SQL asks what time it is, or for anything else that no export says."""
    return re.search(CLOCKS, sql, re.IGNORECASE | re.VERBOSE) is not None


def writes_the_time(template: str) -> bool:
    """Whether a template asks dbt what time it is, or for the id of its run."""
    return re.search(OF_JINJA, template) is not None


# Other days, zones and a language


@pytest.fixture(scope="module")
def turkish(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A Turkish locale, made here as few machines have one: with commas in numbers, and not in UTF-8."""
    folder = tmp_path_factory.mktemp("locales")
    name = "tr_TR.ISO-8859-9"
    made = ["localedef", "-i", "tr_TR", "-f", "ISO-8859-9", str(folder / name)]
    subprocess.run(made, check=True, capture_output=True)  # noqa: S603
    return {"LOCPATH": str(folder), "LC_ALL": name}


def test_a_terminal_that_lacks_a_letter_ends_no_run(tmp_path: Path) -> None:
    outcome = run(command(tmp_path, tmp_path / "warehouse"), PYTHONIOENCODING="iso8859-9")
    assert "Preparing the models ?" in outcome.stdout, outcome.stderr
    assert (outcome.returncode, "Traceback" in outcome.stderr) == (1, False)


@pytest.mark.long
def test_the_turkish_locale_is_one(turkish: dict[str, str]) -> None:
    """What is not told how to read a file or write a number does it the Turkish way."""
    ask = "import locale as l; l.setlocale(l.LC_ALL, ''); print(l.str(1.5), open('/dev/null').encoding)"
    answer = run([sys.executable, "-c", ask], **turkish)
    assert answer.stdout == "1,5 ISO-8859-9\n", answer.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("last_night", "zone"),
    [
        (dt.date(2026, 3, 29), "Europe/Berlin"),  # 02:00 does not exist
        (dt.date(2026, 11, 1), "America/New_York"),  # 01:00 comes twice
        (dt.date(2028, 2, 29), "Pacific/Kiritimati"),  # already the first of March
        (dt.date(2026, 1, 1), "Pacific/Pago_Pago"),  # still the old year
    ],
)
def test_days_that_are_short_long_or_rare_give_the_same_in_every_zone(
    last_night: dt.date, zone: str, tmp_path: Path, tried: Tried, turkish: dict[str, str]
) -> None:
    """The laws hold, or the run would not publish."""
    write_sample(tmp_path / "exports", dataclasses.replace(SMALLEST, nights=2), last_night=last_night)
    found = []
    for name, surroundings in ((zone, turkish), ("UTC", {"LC_ALL": "C.UTF-8"})):
        outcome = run(command(tmp_path / "exports", tmp_path / name), TZ=name, **surroundings)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        found.append(tables(tmp_path / name / "analytics.duckdb"))
    assert found[0] == found[1]
    assert found[0]["publication"][0][0] == last_night
    tried(PROMISE, f"nights up to {last_night} in UTC and in {zone}, a Turkish locale", 1)
