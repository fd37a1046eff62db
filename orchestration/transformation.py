"""From `raw/` to the warehouse: the wall, then `dbt build` in a database nobody reads yet."""

import datetime as dt
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DbtCliInvocation, DbtCliResource, DbtProject, dbt_assets
from dagster_dbt.errors import DagsterDbtError

from orchestration.exports import nights_behind
from orchestration.lock import WarehouseBusyError, hold
from orchestration.places import (
    closed_to_clients,
    is_sealed,
    logs_beside,
    move,
    move_for_good,
    remove,
    seal,
    take_place,
)
from orchestration.policy.checks import SEEDS_DIR, problems
from orchestration.reading import files, literal
from orchestration.settings import PROJECT_DIR, HinderedError, Settings, settings
from orchestration.wall import breaches

log = logging.getLogger("warehouse")

PROGRESS_EVERY = 25
ROWS_SHOWN = 5
PRIVATE = 0o600
RUN_RESULTS = "run_results.json"
NOT_PUBLISHED = "Not published; yesterday's file keeps serving."
# A line of the table in which dbt shows how a model and its contract differ: column, type of each, why.
DIFFERS_FROM_CONTRACT = re.compile(r"\| (\w+) *\| *(.*?) *\| *(.*?) *\| (?:missing in|data type mismatch)")

# dbt lies beside the interpreter, whether or not the environment was activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
# Under a locale that is not UTF-8 dbt ends with a traceback.
os.environ["LC_ALL"] = "C.UTF-8"
# dbt works in the project's directory, where a relative path would mean another place.
os.environ["WAREHOUSE_DIR"] = str(settings().warehouse_dir)
DBT_PROJECT = DbtProject(project_dir=PROJECT_DIR, target_path=settings().parsed_dir)


def code_version() -> str:
    """Changes with any model, macro, seed, law or contract."""
    digest = hashlib.sha256()
    for folder in ("models", "macros", "seeds", "tests/laws"):
        for path in sorted((PROJECT_DIR / folder).rglob("*.*")):
            digest.update(path.relative_to(PROJECT_DIR).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update((PROJECT_DIR / "dbt_project.yml").read_bytes())
    return digest.hexdigest()[:12]


def prepare_manifest() -> dict[str, Any]:
    """The dbt manifest of the code and the owner as they are now, parsed again only if something changed.

    Raises:
        OSError: it must be parsed again, but what comes of that cannot be written.
        HinderedError: dbt cannot make sense of the project.
    """
    stamp = DBT_PROJECT.manifest_path.with_name("code_version")
    version = f"{code_version()} {settings().owner}"
    if not _is_prepared(stamp, version):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        with (stamp.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_prepared(stamp, version):
                stamp.unlink(missing_ok=True)
                try:
                    DBT_PROJECT.preparer.prepare(DBT_PROJECT)
                except DagsterDbtError as error:
                    reason = _errors_of_dbt(error) or error.description
                    raise HinderedError(f"dbt cannot read the project: {reason}") from error
                stamp.write_text(version)
    return json.loads(DBT_PROJECT.manifest_path.read_bytes())


def _errors_of_dbt(error: DagsterDbtError) -> str:
    """What dbt itself said in its error events, on one line; nothing if it said nothing."""
    _, _, said = error.description.partition("Errors parsed from dbt logs:")
    return " ".join(said.split())


def _is_prepared(stamp: Path, version: str) -> bool:
    return DBT_PROJECT.manifest_path.exists() and stamp.exists() and stamp.read_text() == version


MANIFEST = prepare_manifest()
OWNER = next(group["owner"]["email"] for group in MANIFEST["groups"].values())


@dbt_assets(manifest=MANIFEST, project=DBT_PROJECT, name="warehouse")
def warehouse_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test the models chosen."""
    config = settings()
    hold(config)
    if broken := breaches(MANIFEST):
        raise dg.Failure("The wall does not hold: " + "; ".join(broken))
    if wrong := problems(SEEDS_DIR):
        raise dg.Failure("The point rules cannot be used: " + "; ".join(wrong))
    start_from(config)
    invocation = dbt.cli(
        ["build", "--exclude-resource-type", "unit_test"],
        context=context,
        target_path=_artefacts(config),
        raise_on_error=False,
    )
    yield from _with_progress(invocation, context)
    _finish(config, invocation, whole=not context.is_subset)


def run_results(config: Settings) -> Path:
    """Where dbt says what the last build found."""
    return config.warehouse_dir / "dbt" / RUN_RESULTS


def _artefacts(config: Settings) -> Path:
    """Where dbt keeps its artefacts; what was parsed for the manifest serves a first build here too."""
    folder = config.dbt_dir
    folder.mkdir(exist_ok=True)
    run_results(config).unlink(missing_ok=True)  # an earlier build's, which says nothing of this one
    parsed = DBT_PROJECT.manifest_path.with_name("partial_parse.msgpack")
    if parsed.exists() and not (folder / parsed.name).exists():
        shutil.copyfile(parsed, folder / parsed.name)
    return folder


def run_file(config: Settings) -> Path:
    """Where ingestion writes what the build is for: the source `raw.run`."""
    return config.raw_dir / "run.parquet"


def write_run(config: Settings, as_of_date: dt.date, run_id: str) -> None:
    """Say what the next build is for."""
    draft = config.incoming_dir / "run.parquet"
    draft.parent.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    behind = nights_behind(as_of_date, config.exports_dir, now)
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select
                    $1::date as as_of_date,
                    $2 as run_id,
                    $3 as code_version,
                    $4::timestamp as built_at,
                    $5::bigint as nights_behind,
                    md5(string_agg(pseudonym::varchar, ',' order by pseudonym)) as erasure_version
                from read_parquet({files(config.erased_file)})
            )
            to {literal(draft)} (format parquet)
            """,
            [as_of_date, run_id, code_version(), now.replace(tzinfo=None), behind],
        )
    move_for_good(draft, run_file(config))


def is_published(config: Settings) -> bool:
    """Whether the published file was built by this code, for this as-of, from these very deliveries."""
    return _was_built_from(config.published_file, config, same_deliveries=True)


def is_built(config: Settings) -> bool:
    """Whether the warehouse was, as a whole and under every law; not if a night was read again since."""
    return _was_built_from(config.warehouse_file, config, same_deliveries=True)


def start_from(config: Settings) -> None:
    """Leave in building/ what may be built upon: the last completed build if all it holds still stands.

    New deliveries are added to it. A corrected night, other code or an earlier as-of starts anew, and so does
    a run after one that broke off: the database is away from its place while it is being built. Nor is built
    upon what somebody else wrote to.

    Raises:
        WarehouseBusyError: a client has the database open, or an earlier dbt is still at work.
    """
    _require_nobody_building(config)
    shutil.rmtree(config.building_dir, ignore_errors=True)
    config.building_dir.mkdir(parents=True)
    stands = _was_built_from(config.warehouse_file, config, same_deliveries=False)
    with closed_to_clients(config.warehouse_file, readers_too=True):
        if stands:
            move(config.warehouse_file, config.building_dir / config.warehouse_file.name)
        else:
            remove(config.warehouse_file)


def _require_nobody_building(config: Settings) -> None:
    """A run that was killed alone leaves its dbt behind, which builds on to no purpose for a while.

    Raises:
        WarehouseBusyError: it is still there.
    """
    unfinished = config.building_dir / config.warehouse_file.name
    try:
        with closed_to_clients(unfinished, readers_too=True, patience=0):
            pass
    except WarehouseBusyError:
        raise WarehouseBusyError(
            f"the dbt of a run that broke off is still at work in {config.building_dir}; "
            "run again when it has ended"
        ) from None


def _was_built_from(file: Path, config: Settings, *, same_deliveries: bool) -> bool:
    if not file.exists() or logs_beside(file):
        return False
    delivered = files(config.raw_dir, "*/*/delivered.parquet")
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {literal(file)} as built (read_only)")
            says = connection.table("built.main.publication").columns
        except duckdb.Error:
            return False  # what cannot be opened, or was built in part, cannot be built upon
        if "erasure_version" not in says:
            return False  # built before it could be told who was erased then
        built_at, gone, new, same_making, days_on = connection.execute(
            f"""
            with run as (from read_parquet({files(run_file(config))})),
            standing as (
                select delivery_id, status
                from read_parquet({delivered}, union_by_name = true)
                where night <= (select as_of_date from run)
            ),
            held as (select delivery_id, status from built.main.row_account)
            select
                publication.built_at,
                (select count(*) from (from held except from standing)),
                (select count(*) from (from standing except from held)),
                publication.code_version = run.code_version
                    and publication.erasure_version = run.erasure_version,
                run.as_of_date - publication.as_of_date
            from built.main.publication as publication cross join run
            """
        ).fetchone()
    if not is_sealed(file, built_at):
        return False  # somebody else wrote to it
    if same_deliveries:
        return same_making and days_on == 0 and gone == 0 and new == 0
    return same_making and days_on >= 0 and gone == 0


def _with_progress(invocation: DbtCliInvocation, context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Dagster's events for every model and test, with a line on the way now and then.

    Raises:
        dg.Failure: dbt ended well without a word of some model. Dagster would skip what follows, and no more.
    """
    models = len(context.selected_asset_keys)
    total = models + len(context.selected_asset_check_keys)
    told_of = 0
    for done, event in enumerate(invocation.stream(), start=1):
        told_of += isinstance(event, dg.Output)
        if done % PROGRESS_EVERY == 0:
            log.info("dbt: %d of about %d models and tests", done, total)
        yield event
    if invocation.is_successful() and told_of < models:
        raise dg.Failure(f"{NOT_PUBLISHED}\ndbt ended well, but told of {told_of} of the {models} models.")


def _finish(config: Settings, invocation: DbtCliInvocation, *, whole: bool) -> None:
    """Put a good build in its place; say of a bad one which laws failed on which rows."""
    if not invocation.is_successful():
        raise dg.Failure(failure_message(config, invocation))
    built = config.building_dir / config.warehouse_file.name
    # DuckDB is silent when it cannot close a database: what it holds then is not what the laws looked at.
    if logs_beside(built):
        raise dg.Failure(
            f"{NOT_PUBLISHED}\nThe build could not be written to its end in {config.building_dir}; "
            "make room there, then run again."
        )
    with duckdb.connect(str(built), read_only=whole) as connection:
        if whole:
            (built_at,) = connection.execute("select built_at from publication").fetchone()
        else:
            # No law has looked at what a part leaves together: it is neither published nor built upon.
            connection.execute("drop table if exists publication")
    built.chmod(PRIVATE)
    if whole:
        seal(built, built_at)
    take_place(built, config.warehouse_file)
    shutil.rmtree(config.building_dir)


def failure_message(config: Settings, invocation: DbtCliInvocation) -> str:
    """Which models could not be built and which laws or tests failed, with the first rows of each.

    If none, how dbt ended, and the errors it told of.
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
            law = "law" if result["unique_id"].count(".") == 2 else "test"
            rows = _first_rows(config, result["relation_name"])
            lines.append(f"{law} {name} failed on {result['failures']} rows, the first of them:\n{rows}")
    if lines:
        return "\n".join([NOT_PUBLISHED, *lines])
    return f"{_how_it_ended(config, invocation)}\n{NOT_PUBLISHED}"


def _why_not_built(result: dict[str, Any]) -> str:
    """What dbt said of a model, on one line; of columns that its contract lacks or has besides, no more."""
    differing = DIFFERS_FROM_CONTRACT.findall(result["message"])
    if not differing:
        return " ".join(result["message"].split())
    file = MANIFEST["nodes"][result["unique_id"]]["patch_path"].partition("://")[2]
    columns = [
        f"{column} (model: {made or 'none'}, contract: {written or 'none'})"
        for column, made, written in differing
    ]
    return f"its contract in {file} must list the columns of the model: {', '.join(columns)}"


def _first_rows(config: Settings, relation: str) -> str:
    built = config.building_dir / config.warehouse_file.name
    with duckdb.connect(str(built), read_only=True) as connection:
        return connection.sql(f"from {relation} limit {ROWS_SHOWN}").df().to_string(index=False)


def _how_it_ended(config: Settings, invocation: DbtCliInvocation) -> str:
    """Why dbt ended before it was done, as far as that is known."""
    code = invocation.process.returncode
    ended = f"dbt ended before it was done, with exit code {code}"
    more = f"{config.warehouse_dir / 'dbt.log'} may say more."
    if code == -signal.SIGKILL:
        return f"{ended} (-9: killed, mostly for want of memory); {more}"
    said = _errors_of_dbt(invocation.get_error())
    return f"{ended}: {said}" if said else f"{ended} and without a reason; {more}"
