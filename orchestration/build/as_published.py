"""Whether anything has changed since everything delivered was published, told without opening a delivery.

A run with nothing new finds that out from every delivered file and the account of every night. If not one of
the files that it looks at has changed since a run found everything published, it would find the same again.
That takes a moment, and neither Dagster nor dbt. If anything is in doubt, the run goes its usual way.

Two hashes are kept. One is of what was delivered and of what decides how it is read, as it was *before* the
run read it; the other is of the warehouse as it was when everything was published.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.archive import current, folder_matches
from orchestration.build.manifest import code_version
from orchestration.places import is_sealed, write_for_good
from orchestration.raw import fingerprints
from orchestration.settings import PACKAGE_DIR, HinderedError, Settings

NOTHING_NEW = "nothing new: the published file already holds these deliveries"


def what_is_delivered(config: Settings) -> str:
    """The exports, the code and the settings as one hash; empty if the next change of a file may not show."""
    began = time.time_ns()
    digest = hashlib.sha256(repr((config, config.erasure_key, code_version(), duckdb.__version__)).encode())
    for source in sorted(PACKAGE_DIR.rglob("*.py")):
        digest.update(source.read_bytes())
    try:
        for name, found in _below(config.exports_dir):
            if found.st_ctime_ns >= began - fingerprints.STEP:
                return ""
            digest.update(_described(name, found))
    except OSError:
        return ""
    return digest.hexdigest()


def _what_is_published(config: Settings) -> str:
    """The warehouse as one hash: all but what no run looks at."""
    not_looked_at = (
        config.dagster_home, config.site_dir, config.what_if_dir, config.lock_file, config.last_run_file,
        config.fingerprints_file, config.as_published_file, config.dbt_log,
    )  # fmt: skip
    digest = hashlib.sha256()
    for name, found in _below(config.warehouse_dir, {str(path) for path in not_looked_at}):
        digest.update(_described(name, found))
    return digest.hexdigest()


def _below(top: Path, left_out: Collection[str] = ()) -> Iterator[tuple[str, os.stat_result]]:
    """Every file and folder below a folder, in order, as the file system describes it.

    What begins with a dot directly below it is a draft, or the site.

    Raises:
        OSError: one cannot be looked at, or a link leads away to where something may change unseen.
    """
    for folder, folders, files in os.walk(top, onerror=_raise):
        if folder == str(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            files = [name for name in files if not name.startswith(".")]
        folders[:] = sorted(name for name in folders if f"{folder}/{name}" not in left_out)
        for name in sorted((*folders, *files)):
            path = f"{folder}/{name}"
            if path in left_out:
                continue
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode) and not Path(path).resolve().is_relative_to(top):
                raise OSError(f"{path} is a link that leads away")
            yield path, found


def _raise(error: OSError) -> None:
    raise error


def _described(name: str, found: os.stat_result) -> bytes:
    return f"{name} {found.st_mode} {fingerprints.state_of(found)}\n".encode(errors="surrogateescape")


def remember_delivered(config: Settings, delivered: str, stays: list[str]) -> None:
    """Write down what has been read now; empty if the next run must look again.

    Args:
        config: the warehouse.
        delivered: what was delivered, as it was before it was read.
        stays: what the run said of nights that no run can read again.
    """
    since = fingerprints.load(config).since
    _write(config, {"since": since, "delivered": delivered, "published": "", "stays": stays})


def remember_published(config: Settings) -> None:
    """Write down that all that has been read is published now."""
    record = _read(config)
    if record:
        with suppress(OSError):
            _write(config, {**record, "published": _what_is_published(config)})


def still_stands(config: Settings) -> list[str] | None:
    """What a run says of nights that no run can read again, if it would find nothing new; else None."""
    record = _read(config)
    if not record or not record["delivered"]:
        return None
    try:
        is_unchanged = (
            record["since"] == fingerprints.load(config).since
            and record["delivered"] == what_is_delivered(config)
            and record["published"] == _what_is_published(config)
        )
        return list(record["stays"]) if is_unchanged and _is_whole(config) else None
    except (OSError, duckdb.Error, HinderedError):
        return None


def _is_whole(config: Settings) -> bool:
    """Whether readers find the publication as it was written, and the next build the warehouse."""
    published = current(config)
    return (
        published is not None
        and is_sealed(config.published_file, published.built_at)
        and is_sealed(config.warehouse_file, published.built_at)
        and folder_matches(config, published)
    )


def _write(config: Settings, record: dict[str, Any]) -> None:
    """Replace the record in one step; if it cannot be, the last one stays, and tells of another state."""
    with suppress(OSError):
        write_for_good(json.dumps(record), config.as_published_file)


def _read(config: Settings) -> dict[str, Any] | None:
    """The record; None if there is none, or none that can be read."""
    try:
        record = json.loads(config.as_published_file.read_bytes())
        return {name: record[name] for name in ("since", "delivered", "published", "stays")}
    except (OSError, ValueError, LookupError, TypeError):
        return None
