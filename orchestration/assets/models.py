"""The dbt models, seeds and tests as assets and checks: the wall, then `dbt build`."""

import logging
import os
import re
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DbtCliInvocation, DbtProject, dbt_assets
from packaging.version import Version

from orchestration.assets.descriptions import InWords, with_check_descriptions
from orchestration.assets.retries import trying_again
from orchestration.build import dbt
from orchestration.build.manifest import PARSED, manifest
from orchestration.build.run import run_to_build
from orchestration.build.wall import breaches
from orchestration.build.working import finish, relations, start_from
from orchestration.database import files
from orchestration.lists import LAWS
from orchestration.lock import hold
from orchestration.policy.checks import SEEDS_DIR, problems
from orchestration.settings import PROJECT_DIR, HinderedError, Settings, settings

log = logging.getLogger("warehouse")
PROGRESS_EVERY = 25
ROWS_SHOWN = 5
RUN_RESULTS = "run_results.json"
NOT_PUBLISHED = "Not published; yesterday's file keeps serving."
# A line of the table in which dbt shows how a model and its contract differ: column, type of each, why.
DIFFERS_FROM_CONTRACT = re.compile(r"\| (\w+) *\| *(.*?) *\| *(.*?) *\| (?:missing in|data type mismatch)")


@cache
def dbt_project() -> DbtProject:
    """The project as dagster-dbt knows it."""
    return DbtProject(project_dir=PROJECT_DIR, target_path=settings().parsed_dir)


@cache
def described_manifest() -> dict[str, Any]:
    """The manifest as Dagster is told of it."""
    return with_check_descriptions(manifest())


@cache
def warehouse_models() -> dg.AssetsDefinition:
    """An asset for every model and seed, and a check for every test."""
    return dbt_assets(
        manifest=described_manifest(),
        project=dbt_project(),
        name="warehouse",
        dagster_dbt_translator=InWords(),
    )(_build)


def _build(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Build and test the models chosen."""
    config = settings()
    with trying_again(context):
        hold(config)
    if broken := breaches(manifest()):
        raise dg.Failure("The wall does not hold: " + "; ".join(broken))
    if wrong := problems(SEEDS_DIR):
        raise dg.Failure("The point rules cannot be used: " + "; ".join(wrong))
    if config.engine == "spark" and context.is_subset:
        raise dg.Failure("On Spark a build is whole: run the job nightly, or set ENGINE to duckdb.")
    with trying_again(context):
        start_from(config)
    started: list[DbtCliInvocation] = []
    run = _on_spark if config.engine == "spark" else _on_duckdb
    yield from _with_sizes(_with_progress(run(config, context, started), started, context), config, started)
    _finish(config, started[-1], whole=not context.is_subset)


def _on_duckdb(
    config: Settings, context: dg.AssetExecutionContext, started: list[DbtCliInvocation]
) -> Iterator[Any]:
    """Dagster's events while dbt builds what was chosen; `started` gets what was started."""
    started.append(_start_dbt(config, context, config.dbt_dir, *_selection(context)))
    yield from started[-1].stream()


def _on_spark(
    config: Settings, context: dg.AssetExecutionContext, started: list[DbtCliInvocation]
) -> Iterator[Any]:
    """The same while Spark builds everything and DuckDB takes it over, then for the laws that need DuckDB.

    Raises:
        dg.Failure: Spark cannot be started, or DuckDB cannot take over what it built.
    """
    from orchestration.build import spark  # what a build by DuckDB need not load

    try:
        spark.require(config)
        config.run_results.unlink(missing_ok=True)
        options, told = spark.arguments(config), spark.environment(config)
        started.append(_start_dbt(config, context, config.spark_dbt_dir, *options, **told))
        config.spark_process.write_text(str(started[-1].process.pid))
        yield from started[-1].stream()
        if not started[-1].is_successful():
            return
        log.info("DuckDB takes over what Spark built")
        spark.take_over(config)
        started.append(_start_dbt(config, context, config.dbt_dir, "--select", spark.OF_DUCKDB))
        yield from started[-1].stream()
        if started[-1].is_successful():
            spark.join_results(config)
    except (HinderedError, duckdb.Error) as error:
        raise dg.Failure(f"{NOT_PUBLISHED}\n{error}") from error


def _start_dbt(
    config: Settings, context: dg.AssetExecutionContext, folder: Path, *options: str, **told: str
) -> DbtCliInvocation:
    """Let dbt build what the options say; its artefacts lie in `folder` then.

    The resource of dagster-dbt would first run `dbt --version` and load an adapter that is not needed here:
    three seconds of every night.
    """
    _artefacts(config, folder)
    told |= {
        "DBT_LOG_FORMAT": "json",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_ENV_CUSTOM_ENV_RUN": run_to_build(config),  # dbt writes it into its results
        "PYTHONUNBUFFERED": "1",
    }
    return DbtCliInvocation.run(
        args=[str(dbt.EXECUTABLE), "build", "--exclude-resource-type", "unit_test", *options],
        env=os.environ | dbt.environment(folder) | told,
        manifest=described_manifest(),
        dagster_dbt_translator=InWords(),
        project_dir=config.warehouse_dir,  # where it is started
        target_path=folder,
        raise_on_error=False,
        context=context,
        adapter=None,
        cli_version=Version(version("dbt-core")),
        dbt_project=dbt_project(),
    )


def _selection(context: dg.AssetExecutionContext) -> list[str]:
    """The arguments by which dbt builds some models and runs the tests chosen with them, and no others.

    Of the tests that come with the models, those are left out that read others, too: these may not be built.
    """
    if not context.is_subset:
        return []
    models = {key.path[-1] for key in context.selected_asset_keys}
    chosen = {key.name for key in context.selected_asset_check_keys}
    nodes = manifest()["nodes"]
    beyond = {
        node["name"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and not {nodes[read]["name"] for read in node["depends_on"]["nodes"] if read in nodes} <= models
    }
    tests = chosen - beyond if models else chosen
    return ["--select", *sorted(models | tests), "--indirect-selection", "empty"]


def law_checks() -> list[dg.AssetCheckKey]:
    """The laws of tests/laws as Dagster shows them, by name."""
    keys = warehouse_models().check_keys
    return sorted((key for key in keys if key.name in LAWS), key=lambda key: key.name)


def _artefacts(config: Settings, folder: Path) -> None:
    """The folder of dbt's artefacts. A first build, or one of changed code, starts from what was parsed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_RESULTS).unlink(missing_ok=True)  # an earlier build's, which says nothing of this one
    parsed, ours = config.parsed_dir / PARSED, folder / PARSED
    if parsed.exists() and not (ours.exists() and ours.stat().st_mtime > parsed.stat().st_mtime):
        shutil.copyfile(parsed, ours)


def _with_progress(
    events: Iterator[Any], started: list[DbtCliInvocation], context: dg.AssetExecutionContext
) -> Iterator[Any]:
    """Dagster's events for every model and test, with a line on the way now and then.

    Raises:
        dg.Failure: dbt ended well without a word of some model. Dagster would skip what follows, and no more.
    """
    models = len(context.selected_asset_keys)
    total = models + len(context.selected_asset_check_keys)
    told_of = 0
    for done, event in enumerate(events, start=1):
        told_of += isinstance(event, dg.Output)
        if done % PROGRESS_EVERY == 0:
            log.info("dbt: %d of about %d models and tests", done, total)
        yield event
    if started[-1].is_successful() and told_of < models:
        raise dg.Failure(f"{NOT_PUBLISHED}\ndbt ended well, but told of {told_of} of the {models} models.")


def _with_sizes(events: Iterator[Any], config: Settings, started: list[DbtCliInvocation]) -> Iterator[Any]:
    """The same events, with the rows and the columns of each relation beside it.

    While dbt builds, no other program can open the database. So these events come when dbt has ended.
    """
    made: list[dg.Output] = []
    for event in events:
        if isinstance(event, dg.Output):
            made.append(event)
        else:
            yield event
    built = relations(config) if started[-1].is_successful() else {}
    for output in made:
        node = manifest()["nodes"][output.metadata["unique_id"].value]
        rows, columns = built.get(node["name"], (None, []))
        metadata = dict(output.metadata)
        if rows is not None:
            metadata["dagster/row_count"] = rows
        if columns:
            metadata["dagster/column_schema"] = _schema(node, columns)
        yield output.with_metadata(metadata)


def _schema(node: dict[str, Any], columns: list[tuple[str, str]]) -> dg.TableSchema:
    """The columns with their types as built and their descriptions as written."""
    described = {name: column["description"] for name, column in node["columns"].items()}
    return dg.TableSchema(
        columns=[dg.TableColumn(name, kind, described.get(name) or None) for name, kind in columns]
    )


def _finish(config: Settings, invocation: DbtCliInvocation, *, whole: bool) -> None:
    """Put a good build in its place; say of a bad one which laws failed on which rows."""
    if not invocation.is_successful():
        raise dg.Failure(failure_message(config, invocation))
    try:
        finish(config, whole=whole)
    except HinderedError as error:
        raise dg.Failure(f"{NOT_PUBLISHED}\n{error}") from error


def failure_message(config: Settings, invocation: DbtCliInvocation) -> str:
    """Which models could not be built and which laws or tests failed, with the first rows of each.

    If there are none: how dbt ended, and the errors it printed.
    """
    results = []
    if (invocation.target_path / RUN_RESULTS).exists():
        results = invocation.get_artifact(RUN_RESULTS)["results"]
    lines = []
    for result in results:
        name = result["unique_id"].split(".")[2]
        if result["status"] == "error":
            lines.append(f"{name} could not be built: {_why_not_built(result)}")
        elif result["status"] == "fail":
            law = "law" if name in LAWS else "test"
            rows = _first_rows(config, result["relation_name"])
            lines.append(f"{law} {name} failed on {result['failures']} rows, the first of them:\n{rows}")
    if lines:
        return "\n".join([NOT_PUBLISHED, *lines])
    return f"{_how_it_ended(config, invocation)}\n{NOT_PUBLISHED}"


def _why_not_built(result: dict[str, Any]) -> str:
    """What dbt said of a model, on one line; if columns differ from the contract, their names and types."""
    differing = DIFFERS_FROM_CONTRACT.findall(result["message"])
    if not differing:
        return " ".join(result["message"].split())
    file = manifest()["nodes"][result["unique_id"]]["patch_path"].partition("://")[2]
    columns = [
        f"{column} (model: {made or 'none'}, contract: {written or 'none'})"
        for column, made, written in differing
    ]
    return f"its contract in {file} must list the columns of the model: {', '.join(columns)}"


def _first_rows(config: Settings, relation: str) -> str:
    """The first rows of a table of failures, from the database, or from where Spark wrote it."""
    database = config.building_file if config.building_file.exists() else ":memory:"
    with duckdb.connect(str(database), read_only=config.building_file.exists()) as connection:
        if not config.building_file.exists():
            from orchestration.build.spark import table_dir

            relation = f"read_parquet({files(table_dir(config, relation), '*.parquet')})"
        return connection.sql(f"from {relation} limit {ROWS_SHOWN}").df().to_string(index=False)


def _how_it_ended(config: Settings, invocation: DbtCliInvocation) -> str:
    """Why dbt ended too early, as far as we can tell."""
    code = invocation.process.returncode
    ended = f"dbt ended before it was done, with exit code {code}"
    more = f"{config.dbt_log} may say more."
    if code == -signal.SIGKILL:
        return f"{ended} (-9: killed, mostly for want of memory); {more}"
    _, _, said = invocation.get_error().description.partition("Errors parsed from dbt logs:")
    said = " ".join(said.split())
    return f"{ended}: {said}" if said else f"{ended} and without a reason; {more}"
