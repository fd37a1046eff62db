"""What an engineer sees in Dagster: assets, checks, the schedule, the sensor."""

import datetime as dt
import json
import shutil
from pathlib import Path

import dagster as dg
import pytest
from conftest import publish_until
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster_dbt import DbtProject
from golden.world import EXPORTS, golden_run

from orchestration import schedules, transformation
from orchestration.definitions import defs, law_checks
from orchestration.exports import contract
from orchestration.lock import let_go
from orchestration.raw_assets import raw_tables
from orchestration.schedules import complete_night
from orchestration.settings import PROJECT_DIR, settings
from orchestration.transformation import MANIFEST, OWNER, is_built, is_published, start_from, warehouse_models
from orchestration.unchanged import nothing_is_new, what_holds

REQUIRED = (
    "users", "communities", "tracks", "track_engagements", "signals", "signal_actions", "rotation_entries",
)  # fmt: skip
UNBUILT = "Not published: the warehouse is not the whole build of what is in raw now; run the job nightly."


@pytest.fixture(scope="module")
def graph() -> BaseAssetGraph:
    return defs.resolve_asset_graph()


def test_there_is_an_asset_for_every_raw_table_model_and_the_publication(graph: BaseAssetGraph) -> None:
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    models = {n["name"] for n in MANIFEST["nodes"].values() if n["resource_type"] in ("model", "seed")}
    assert {f"raw/{name}" for name in contract(MANIFEST)} <= keys
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
    assert {owner for key in graph.get_all_asset_keys() for owner in graph.get(key).owners} == {OWNER}
    project = DbtProject(project_dir=PROJECT_DIR, target_path=tmp_path)
    monkeypatch.setattr(transformation, "DBT_PROJECT", project)
    for owner in ("first@example.org", "second@example.org", ""):
        monkeypatch.setenv("WAREHOUSE_OWNER", owner)
        manifest = transformation.prepare_manifest()
        owned = [*manifest["groups"].values(), *manifest["exposures"].values()]
        assert {thing["owner"]["email"] for thing in owned} == {owner or OWNER}


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
    schedule = defs.resolve_schedule_def("nightly_at_0315")
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
    job = defs.resolve_job_def("nightly")

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
        job = defs.resolve_job_def("nightly")
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
        for spec in warehouse_models.check_specs
    ]
    results[3] |= {"status": "warn", "failures": 2}
    warned = list(warehouse_models.check_specs)[3].key
    (tmp_path / "dbt").mkdir()
    (tmp_path / "dbt" / "run_results.json").write_text(json.dumps({"results": results}))
    *events, observed = what_holds(settings(), dg.DagsterRun(job_name="nightly"))
    said = {event.asset_check_key: event for event in events}
    graph = defs.resolve_asset_graph()
    assert said.keys() == graph.asset_check_keys
    assert {key.name for key, event in said.items() if not event.passed} == {
        warned.name, "data_is_as_fresh_as_expected",
    }  # fmt: skip
    assert said[warned].severity == dg.AssetCheckSeverity.WARN
    assert said[warned].metadata["dagster_dbt/failed_row_count"].value == 2
    assert {said[key].metadata["holds since run"].value for key in warehouse_models.check_keys} == {"a run"}
    assert observed.asset_key == dg.AssetKey(["published", "analytics"])
    assert observed.metadata["holds since run"].value == "a run"
    only_raw = dg.DagsterRun(job_name="nightly", asset_selection=frozenset(raw_tables.keys))
    assert list(what_holds(settings(), only_raw)) == []


def test_a_part_of_the_models_is_neither_published_nor_built_upon(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse_dir = tmp_path / "warehouse"
    monkeypatch.setenv("EXPORTS_DIR", str(EXPORTS))
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse_dir))

    def materialize(*keys: str) -> tuple[bool, str]:
        """What choosing these assets in the UI launches."""
        job = defs.resolve_implicit_global_asset_job_def()
        chosen = [dg.AssetKey(key.split("/")) for key in keys]
        run = job.execute_in_process(asset_selection=chosen, raise_on_error=False)
        failed = [event.step_failure_data for event in run.all_events if event.is_step_failure]
        return run.success, "".join(data.user_failure_data.description for data in failed)

    try:
        raw = [key.to_user_string() for key in raw_tables.keys]
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
