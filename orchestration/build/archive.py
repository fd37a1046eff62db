"""The publication that readers find, the ones kept in `publications/`, and how to go back to one of them."""

import datetime as dt
import logging
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.build import product
from orchestration.build.publication import contents, put_in_place
from orchestration.database import one_row
from orchestration.places import LogBesideError, attach, clear, is_sealed, logs_in, remove_logs
from orchestration.settings import HinderedError, Settings, UsageError

log = logging.getLogger("warehouse")


class UnknownPublicationError(UsageError):
    """There is no such publication to go back to."""


class AlteredPublicationError(HinderedError):
    """Somebody wrote to a publication after it was archived."""


@dataclass(frozen=True)
class Publication:
    """A published file, current or archived."""

    file: Path
    as_of_date: dt.date
    as_of: dt.datetime
    run_id: str
    built_at: dt.datetime
    nights_missing: str | None


def read_publication(file: Path) -> Publication:
    """What a published file says about itself.

    Raises:
        duckdb.Error: the file is no publication.
        LogBesideError: a reader would find somebody else's changes in it.
    """
    with duckdb.connect() as connection:
        attach(connection, file, "published")
        row = one_row(
            connection,
            "select as_of_date, as_of, run_id, built_at, nights_missing from published.main.publication",
        )
    return Publication(file, *row)


def current(config: Settings) -> Publication | None:
    """The publication that readers find; None before the first one.

    Raises:
        duckdb.Error, LogBesideError: the published file cannot be read, or not as it was written.
    """
    return read_publication(config.published_file) if config.published_file.exists() else None


def folder_matches(config: Settings, publication: Publication) -> bool:
    """Whether those who load the product's tables find this publication, as it was written."""
    return product.shows(config, publication.as_of_date, publication.run_id)


def archived(config: Settings) -> list[Publication]:
    """The kept publications, in the order they were built. A damaged one is reported and passed over."""
    kept = []
    for file in _files(config):
        try:
            kept.append(read_publication(file))
        except LogBesideError as error:
            log.warning("passed over %s: %s", file, error)
        except duckdb.Error as error:
            log.warning("passed over %s, which cannot be read and may be deleted: %s", file, error)
    return sorted(kept, key=lambda publication: publication.built_at)


def _files(config: Settings) -> list[Path]:
    return sorted(config.publications_dir.glob("[!.]*.duckdb"))


def roll_back(config: Settings, name: str | None = None) -> Publication:
    """Put an archived publication in the place of the published file, at once.

    Args:
        config: the warehouse, held by the caller.
        name: the archived file, with or without `.duckdb`; the one built before the current one if None.

    Raises:
        UnknownPublicationError: it is not there; the message lists those that are.
        AlteredPublicationError: somebody wrote to it since; nothing is put in place.
        duckdb.Error, OSError, HinderedError: a publication cannot be read or put in place; readers still
            find the current one.
    """
    if name is not None:
        name = name.removesuffix(".duckdb")
        files = _files(config)
        if name not in {file.stem for file in files}:
            raise _unknown(config, f"there is no publication {name}", files)
    clear(config.published_file)
    remove_logs(logs_in(config.publications_dir))
    kept = archived(config)
    if name is None:
        now = read_publication(config.published_file)
        wanted = [p for p in kept if p.built_at < now.built_at][-1:]
        missing = "there is no publication before the current one"
    else:
        wanted = [p for p in kept if p.file.stem == name]
        missing = f"{name} cannot be read"
    if not wanted:
        raise _unknown(config, missing, [p.file for p in kept])
    (publication,) = wanted
    written = contents(publication.file)
    if not is_sealed(publication.file, publication.built_at):
        raise AlteredPublicationError(
            f"somebody wrote to {publication.file} after it was published, or an earlier version "
            f"archived it; name another one of {config.publications_dir}"
        )
    if not product.is_whole(config.product_dir / publication.file.stem):
        product.write_folder(config, publication.file)
    put_in_place(config, publication.file, publication.built_at, written)
    return publication


def _unknown(config: Settings, missing: str, files: list[Path]) -> UnknownPublicationError:
    there = "\n".join(file.stem for file in files) or "none"
    return UnknownPublicationError(f"{missing}; kept in {config.publications_dir}:\n{there}")
