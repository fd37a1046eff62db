"""What an engineer sees in Dagster: assets, checks, the schedule, the sensor."""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import duckdb
import pytest
from conftest import publish_until
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from golden.world import EXPORTS, expected, golden_run, undisturbed

from orchestration.assets import schedules
from orchestration.assets.descriptions import says
from orchestration.assets.models import _artefacts, law_checks, warehouse_models
from orchestration.assets.published import ANALYTICS
from orchestration.assets.raw_tables import delivery_books, raw_key, raw_tables
from orchestration.assets.retries import trying_again
from orchestration.assets.schedules import complete_night
from orchestration.assets.unchanged import nothing_is_new, what_holds
from orchestration.build import dbt, working
from orchestration.build.manifest import (
    PARSED,
    export_tables,
    manifest,
    owner,
    prepare_manifest,
    sliced_models,
)
from orchestration.build.publication import published_tables
from orchestration.build.working import is_built, is_published, start_from
from orchestration.definitions import all_definitions
from orchestration.lock import WarehouseBusyError, hold, let_go
from orchestration.raw.discover import LAST_NIGHT_NAME
from orchestration.settings import PROJECT_DIR, Settings, settings

REQUIRED = (
    "users", "communities", "tracks", "track_engagements", "signals", "signal_actions", "rotation_entries",
)  # fmt: skip
UNBUILT = "Not published: the warehouse is not the whole build of what is in raw now; run the job nightly."


@pytest.fixture(scope="module")
def graph() -> BaseAssetGraph:
    return all_definitions().resolve_asset_graph()


def test_there_is_an_asset_for_every_raw_table_model_and_the_publication(graph: BaseAssetGraph) -> None:
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    models = {n["name"] for n in manifest()["nodes"].values() if n["resource_type"] in ("model", "seed")}
    assert {f"raw/{name}" for name in export_tables()} <= keys
    assert models <= keys
    assert "published/analytics" in keys


def test_every_asset_has_a_group_kinds_an_owner_and_a_description(graph: BaseAssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.owners, key
        assert node.description, key


def test_all_has_one_owner_which_a_variable_may_name(
    graph: BaseAssetGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = owner()
    assert {who for key in graph.get_all_asset_keys() for who in graph.get(key).owners} == {usual}
    monkeypatch.setattr(Settings, "parsed_dir", tmp_path)
    for named in ("first@example.org", "second@example.org", ""):
        monkeypatch.setenv("WAREHOUSE_OWNER", named)
        prepare_manifest()
        parsed = json.loads((tmp_path / "manifest.json").read_bytes())
        owned = [*parsed["groups"].values(), *parsed["exposures"].values()]
        assert {thing["owner"]["email"] for thing in owned} == {named or usual}


def test_changed_code_is_parsed_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dbt keeps of other code would cost a law its description if only its SQL has changed."""
    kept = []

    def parse(*_: str, target: Path, **__: Path) -> None:
        kept.append((target / PARSED).exists())
        for name in (PARSED, "manifest.json"):
            (target / name).touch()

    monkeypatch.setattr(dbt, "run", parse)
    monkeypatch.setattr(Settings, "parsed_dir", tmp_path)
    prepare_manifest()  # nothing is there
    monkeypatch.setenv("WAREHOUSE_OWNER", "another@example.org")
    prepare_manifest()  # dbt sees for itself who the owner is
    monkeypatch.setattr("orchestration.build.manifest.code_version", lambda: "other code")
    prepare_manifest()
    prepare_manifest()  # nothing has changed
    assert kept == [False, True, False]


def test_a_build_starts_from_what_was_parsed_after_its_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = tmp_path / "parsed" / PARSED
    parsed.parent.mkdir()
    monkeypatch.setattr(Settings, "parsed_dir", parsed.parent)
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    for number, (written_at, found) in enumerate([(1, "0"), (3, "1"), (2, "1")]):
        parsed.write_text(str(number))
        os.utime(parsed, (written_at, written_at))
        folder = settings().dbt_dir
        _artefacts(settings(), folder)
        assert (folder / PARSED).read_text() == found
        os.utime(folder / PARSED, (2.5, 2.5) if number == 0 else (4, 4))


def test_what_was_parsed_serves_a_warehouse_wherever_it_lies(tmp_path: Path) -> None:
    dbt.run("parse", warehouse_dir=tmp_path, target=tmp_path / "parsed")
    elsewhere = tmp_path / "another [1] 'place"
    elsewhere.mkdir()
    done = subprocess.run(  # noqa: S603
        [dbt.EXECUTABLE, "parse", "--partial-parse-file-path", tmp_path / "parsed" / PARSED],
        capture_output=True, text=True, check=True, cwd=elsewhere,
        env=os.environ | dbt.environment(elsewhere / "dbt"),
    )  # fmt: skip
    assert "partial pars" not in done.stdout, "dbt says why it begins anew"


def test_every_law_is_an_asset_check() -> None:
    laws = {path.stem for path in (PROJECT_DIR / "tests" / "laws").glob("*.sql")}
    assert {check.name for check in law_checks()} == laws
    assert len(laws) == 8


def test_the_publication_follows_every_published_table(graph: BaseAssetGraph) -> None:
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["published", "analytics"])).parent_keys}
    assert {"activity_point", "analytics_summary", "point_rule", "row_account"} <= parents


def test_lineage_runs_from_the_export_to_the_ledger(graph: BaseAssetGraph) -> None:
    above = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey("activity_point"))}
    assert "raw/signal_actions" in above
    assert "raw/track_engagements" not in above


def test_the_schedule_fires_at_a_quarter_past_three_utc() -> None:
    schedule = all_definitions().resolve_schedule_def("nightly_at_0315")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 3 * * *", "UTC")
    context = dg.build_schedule_context(
        scheduled_execution_time=dt.datetime(2026, 1, 2, 3, 15, tzinfo=dt.UTC)
    )
    assert len(schedule.evaluate_tick(context).run_requests) == 1


def sensor_says(instance: dg.DagsterInstance) -> dg.RunRequest | str:
    """The run it asks for, or why it asks for none."""
    with dg.build_sensor_context(instance) as context:
        said = complete_night(context)
    return said if isinstance(said, dg.RunRequest) else said.skip_message


def deliver(exports_dir: Path, night: str, tables: tuple[str, ...], content: str = "id\n") -> None:
    for table in tables:
        folder = exports_dir / table / night
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "part-0000.csv").write_text(content)


@pytest.fixture
def exports_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exports and a warehouse of this test alone, with nothing in them."""
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    return tmp_path / "exports"


def test_the_sensor_starts_a_run_for_a_new_complete_night(tmp_path: Path, exports_dir: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert sensor_says(instance) == f"no complete night in {exports_dir}"
        deliver(exports_dir, "2026-01-01", REQUIRED)
        first = sensor_says(instance)
        assert first.run_key.startswith("2026-01-01 ")
        assert sensor_says(instance) == first, "asked for twice, it is the same run to Dagster"
        deliver(exports_dir, "2026-01-02", REQUIRED[:-1])
        assert sensor_says(instance) == first
        deliver(exports_dir, "2026-01-02", REQUIRED[-1:])
        assert sensor_says(instance).run_key.startswith("2026-01-02 ")
        publish_until(tmp_path / "analytics.duckdb", "2026-01-02")
        assert sensor_says(instance) == "2026-01-02 is published and no later night is complete"


def test_a_failed_night_is_tried_again_a_few_times_and_anew_when_it_is_corrected(
    exports_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = all_definitions().resolve_job_def("nightly")

    def start(instance: dg.DagsterInstance) -> dg.DagsterRun:
        """Start the run it asks for."""
        return instance.create_run_for_job(job, tags=dict(sensor_says(instance).tags))

    deliver(exports_dir, "2026-01-01", REQUIRED)
    with dg.DagsterInstance.ephemeral() as instance:
        keys = set()
        for _ in range(3):
            monkeypatch.setattr(schedules, "TRIED_AGAIN_AFTER", dt.timedelta(0))
            keys.add(sensor_says(instance).run_key)
            run = start(instance)
            assert sensor_says(instance) == "a run for 2026-01-01 is under way"
            instance.report_run_failed(run)
            monkeypatch.setattr(schedules, "TRIED_AGAIN_AFTER", dt.timedelta(minutes=15))
            assert "2026-01-01 failed" in sensor_says(instance)
        assert len(keys) == 3, "Dagster runs a key once"
        monkeypatch.setattr(schedules, "TRIED_AGAIN_AFTER", dt.timedelta(0))
        given_up = "2026-01-01 failed 3 times; the schedule or a new delivery tries it again"
        assert sensor_says(instance) == given_up
        deliver(exports_dir, "2026-01-01", REQUIRED[:1], "id\n1\n")
        corrected = sensor_says(instance)
        assert corrected.run_key not in keys
        instance.report_run_failed(start(instance))
        assert sensor_says(instance).tags == corrected.tags
        (exports_dir / "users" / "2026-01-01" / "_manifest.json").write_text("{}")
        assert sensor_says(instance).tags != corrected.tags


def test_what_was_published_and_rolled_back_is_left_to_the_schedule(
    tmp_path: Path, exports_dir: Path
) -> None:
    deliver(exports_dir, "2026-01-02", REQUIRED)
    with dg.DagsterInstance.ephemeral() as instance:
        job = all_definitions().resolve_job_def("nightly")
        tags = dict(sensor_says(instance).tags)
        instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.SUCCESS)
        publish_until(tmp_path / "analytics.duckdb", "2026-01-01")
        assert sensor_says(instance) == "2026-01-02 was published before; the schedule publishes it again"


def test_a_run_with_nothing_new_says_what_each_check_found_in_the_build_that_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path))
    publish_until(tmp_path / "analytics.duckdb", "2026-01-02")
    results = [
        {"unique_id": spec.metadata["dagster_dbt/unique_id"], "status": "pass", "failures": 0}
        for spec in warehouse_models().check_specs
    ]
    results[3] |= {"status": "warn", "failures": 2}
    warned = list(warehouse_models().check_specs)[3].key
    (tmp_path / "dbt").mkdir()
    (tmp_path / "dbt" / "run_results.json").write_text(json.dumps({"results": results}))
    *events, observed = what_holds(settings(), dg.DagsterRun(job_name="nightly"))
    said = {event.asset_check_key: event for event in events}
    graph = all_definitions().resolve_asset_graph()
    assert said.keys() == graph.asset_check_keys
    assert {key.name for key, event in said.items() if not event.passed} == {
        warned.name, "data_is_as_fresh_as_expected", "shows_what_is_published",  # no site was written here
    }  # fmt: skip
    assert said[warned].severity == dg.AssetCheckSeverity.WARN
    assert said[warned].metadata["dagster_dbt/failed_row_count"].value == 2
    assert {said[key].metadata["holds since run"].value for key in warehouse_models().check_keys} == {"a run"}
    assert observed.asset_key == dg.AssetKey(["published", "analytics"])
    assert observed.metadata["holds since run"].value == "a run"
    only_raw = dg.DagsterRun(job_name="nightly", asset_selection=frozenset(delivery_books().keys))
    assert list(what_holds(settings(), only_raw)) == []


def test_a_part_of_the_models_is_neither_published_nor_built_upon(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse_dir = tmp_path / "warehouse"
    monkeypatch.setenv("EXPORTS_DIR", str(EXPORTS))
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))

    def materialize(*keys: str) -> tuple[bool, str]:
        """What choosing these assets in the UI launches."""
        job = all_definitions().resolve_implicit_global_asset_job_def()
        chosen = [dg.AssetKey(key.split("/")) for key in keys]
        run = job.execute_in_process(asset_selection=chosen, raise_on_error=False)
        failed = [event.step_failure_data for event in run.all_events if event.is_step_failure]
        return run.success, "".join(data.user_failure_data.description for data in failed)

    try:
        raw = [key.to_user_string() for key in delivery_books().keys]
        assert materialize("published/analytics") == (False, UNBUILT)
        assert materialize(*raw, "as_of", "delivery", "stg_sect_tags") == (True, "")
        assert (warehouse_dir / "warehouse.duckdb").exists()
        assert materialize("published/analytics") == (False, UNBUILT)
        assert not (warehouse_dir / "analytics.duckdb").exists()
        start_from(settings())
        assert list(settings().building_dir.iterdir()) == []
        let_go(settings())
        # The whole of it instead.
        shutil.rmtree(warehouse_dir)
        shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, warehouse_dir)
        assert nothing_is_new(settings(), dg.DagsterRun(job_name="nightly"))
        # Nothing is new now, but who chooses a part wants it built.
        assert materialize(*raw, "stg_sect_tags") == (True, "")
        assert materialize("published/analytics") == (False, UNBUILT)
        assert is_published(settings())
        assert not is_built(settings())
    finally:
        let_go(settings())


@pytest.mark.parametrize("can_be_copied", [True, False])
def test_after_a_corrected_night_the_slices_are_left_if_they_can_be_copied(
    can_be_copied: bool,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, tmp_path / "warehouse")
    config = settings()
    (delivered,) = (config.raw_dir / "follows").glob("2026-01-02/delivered.parquet")
    with duckdb.connect() as connection:
        connection.execute(f"create table account as from '{delivered}'")
        connection.execute(f"copy (from account select * replace (uuid() as delivery_id)) to '{delivered}'")
    before = rows_of(config.warehouse_file, sliced_models())
    if not can_be_copied:
        monkeypatch.setattr(working, "sliced_models", lambda: [*sliced_models(), "no_such_table"])
    hold(config)
    try:
        start_from(config)
    finally:
        let_go(config)
    assert not config.warehouse_file.exists()
    assert config.building_file.exists() == can_be_copied
    if can_be_copied:
        assert rows_of(config.building_file) == before


def rows_of(file: Path, tables: Collection[str] = ()) -> dict[str, list[tuple[object, ...]]]:
    """The sorted rows of some tables of a database, or of all."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute("select table_name from duckdb_tables()").fetchall()
        return {
            name: connection.execute(f"from {name} order by all").fetchall()
            for (name,) in sorted(found)
            if not tables or name in tables
        }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """What Dagster remembers of the run that published the golden nights."""
    home = tmp_path_factory.mktemp("recorded") / "dagster"
    shutil.copytree(undisturbed(tmp_path_factory) / "warehouse" / "dagster", home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def test_the_nights_taken_in_are_partitions_and_a_refused_one_says_why(recorded: dg.DagsterInstance) -> None:
    parts = [part for part in EXPORTS.glob("*/*/part-*") if part.parents[1].name in export_tables()]
    delivered = {(part.parents[1].name, part.parent.name) for part in parts}
    refused = {("events", "2026-01-03")}
    taken_in = {
        (table, night)
        for table in {table for table, _ in delivered}
        for night in recorded.get_materialized_partitions(raw_key(table))
    }
    assert taken_in == delivered - refused
    (seen,) = recorded.fetch_observations(raw_key("events"), limit=5).records
    assert seen.partition_key == "2026-01-03"
    assert seen.asset_observation.metadata["refused"].value == (
        "part-0000.csv disagrees with _manifest.json: rows is 4, not 5"
    )


def test_every_model_shows_its_rows_and_its_columns(
    recorded: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = undisturbed(tmp_path_factory) / "warehouse" / "analytics.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        for table in published_tables(manifest()).values():
            shown = recorded.get_latest_materialization_event(
                dg.AssetKey(table)
            ).asset_materialization.metadata
            relation = connection.table(table)
            schema = shown["dagster/column_schema"].schema
            assert [column.name for column in schema.columns] == relation.columns, table
            assert [column.type for column in schema.columns] == [str(kind) for kind in relation.types], table
            assert all(column.description for column in schema.columns), table
            is_view = manifest()["nodes"][unique_id(table)]["config"]["materialized"] == "view"
            rows = None if is_view else len(relation)
            assert (shown["dagster/row_count"].value if "dagster/row_count" in shown else None) == rows, table


def unique_id(table: str) -> str:
    """What dbt calls a published table."""
    return next(found for found, name in published_tables(manifest()).items() if name == table)


def test_what_is_published_shows_in_numbers(recorded: dg.DagsterInstance) -> None:
    shown = recorded.get_latest_materialization_event(ANALYTICS).asset_materialization.metadata
    points = [int(row["points"]) for row in expected("activity_point")]
    assert shown["points"].value == sum(points)
    # One of the 33 rows of the ledger takes another back (tests/golden/README.md).
    assert shown["awards"].value == len(points) - 1
    assert shown["nights behind"].value > 0
    assert shown["bytes"].value > shown["rows"].value > 100
    assert shown["product"].value.endswith("/product/manifest.json")


def test_every_check_says_what_it_promises_and_a_law_says_it_as_the_page_does() -> None:
    said = {spec.name: spec.description for spec in warehouse_models().check_specs}
    assert all(said.values())
    page = (PROJECT_DIR / "docs" / "laws.md").read_text()
    rows = [
        line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ") and "`" in line
    ]
    laws = {row[0].split("`")[1]: row[1] for row in rows if len(row) == 4 and "`" in row[0]}
    assert set(laws) == {key.name for key in law_checks()}
    for name, sentence in laws.items():
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", sentence)
        assert said[name] == f"{plain[0].upper()}{plain[1:]}.", name


def test_a_test_of_a_kind_that_has_no_words_is_found() -> None:
    test = {"description": "", "attached_node": "model.x", "test_metadata": {"name": "odd", "kwargs": {}}}
    with pytest.raises(KeyError):
        says(test, {"nodes": {"model.x": {"name": "x"}}})


def test_who_uses_the_tables_stands_at_the_end_of_the_lineage(graph: BaseAssetGraph) -> None:
    for name, exposure in ((e["name"], e) for e in manifest()["exposures"].values()):
        node = graph.get(dg.AssetKey(["exposure", name]))
        assert not node.is_materializable
        assert {key.to_user_string() for key in node.parent_keys} == {
            manifest()["nodes"][parent]["name"] for parent in exposure["depends_on"]["nodes"]
        }


@pytest.mark.parametrize(
    ("tags", "raised"), [({}, WarehouseBusyError), ({"dagster/schedule_name": "nightly"}, dg.RetryRequested)]
)
def test_a_busy_warehouse_is_tried_again_where_nobody_is_waiting(
    tags: dict[str, str], raised: type[Exception]
) -> None:
    context = SimpleNamespace(run=SimpleNamespace(tags=tags))
    with pytest.raises(raised), trying_again(context):
        raise WarehouseBusyError("another run")
    with pytest.raises(dg.Failure), trying_again(context):
        raise dg.Failure("a law does not hold")


def test_nights_can_be_read_again_from_the_ui(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse_dir = tmp_path / "warehouse"
    shutil.copytree(golden_run(tmp_path_factory).warehouse_dir, warehouse_dir)
    monkeypatch.setenv("EXPORTS_DIR", str(EXPORTS))
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))
    first, last = "2026-01-02", "2026-01-03"  # on the latter no votes were delivered
    nights = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    for loaded in (raw_tables, all_definitions):
        loaded.cache_clear()  # partitions begin with the first night there was when they were loaded

    def read_again(*tables: str) -> dg.ExecuteInProcessResult:
        """What a backfill of these nights launches."""
        return all_definitions().resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[raw_key(table) for table in tables], tags=nights,
            raise_on_error=False, instance=instance,
        )  # fmt: skip

    try:
        with dg.DagsterInstance.ephemeral() as instance:
            assert is_built(settings())
            assert read_again("tracks").success
            assert instance.get_materialized_partitions(raw_key("tracks")) == {first, last}
            assert not is_built(settings())
            failed = read_again("track_votes")
            assert not failed.success
            (step,) = [event.step_failure_data for event in failed.all_events if event.is_step_failure]
            assert "track_votes 2026-01-03: it was not delivered" in step.user_failure_data.description
            assert instance.get_materialized_partitions(raw_key("track_votes")) == {first}
    finally:
        let_go(settings())


@pytest.mark.parametrize(("ended", "last"), [("2026-01-03", "2026-01-03"), ("", "2026-11-24")])
def test_of_exports_that_have_ended_no_later_night_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str, last: str
) -> None:
    shutil.copytree(EXPORTS, tmp_path / "exports")
    (tmp_path / "exports" / LAST_NIGHT_NAME).write_text(ended)
    monkeypatch.setenv("EXPORTS_DIR", str(tmp_path / "exports"))
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    raw_tables.cache_clear()
    nights = raw_tables().specs_by_key[raw_key("tracks")].partitions_def
    raw_tables.cache_clear()
    keys = nights.get_partition_keys(current_time=dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC))
    assert (keys[0], keys[-1]) == ("2026-01-01", last)
