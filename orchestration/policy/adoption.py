"""Turns a proposal into policy: writes its lines from a day on into the seeds, with dates.

The lines of the seeds for earlier days stay, so no act gets a new price.
"""

import datetime as dt
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from orchestration.policy.checks import POLICY_FILES, Line, by_key, key_of, name_problem, problems, read
from orchestration.settings import UsageError

# A field as it is written, with its quotes and the comma before it.
WRITTEN_FIELD = re.compile(r'(\A|,)("(?:[^"]|"")*"|[^,]*)')
DATING = {"policy_version", "valid_from", "valid_to"}


class AdoptionError(UsageError):
    """The proposal cannot be adopted in this way; nothing was written."""


@dataclass(frozen=True)
class Adopted:
    """One policy file before and after, and the scheduled lines that the new plan replaces."""

    name: str
    before: str
    after: str
    replaced: list[Line]


def adopt(
    seeds: Path, candidate: Path, first_day: dt.date, version: str, published_until: dt.date | None
) -> list[Adopted]:
    """Write a candidate's plan from a day on into the seeds, each file whole or not at all.

    Args:
        seeds: the folder of the policy in force; its two files are replaced.
        candidate: a folder with the same two files.
        first_day: the first day the candidate prices.
        version: what the new lines are called.
        published_until: the last published day; the candidate may only price days after it.

    Returns:
        What became of each file that changes.

    Raises:
        AdoptionError: the message says what hinders it. Nothing was written.
        OSError: a file cannot be written.
    """
    if published_until and first_day <= published_until:
        raise AdoptionError(
            f"{first_day} is published already, and what is published keeps its price: "
            f"the first day that can be priced anew is {published_until + dt.timedelta(days=1)}"
        )
    if problem := name_problem(version):
        raise AdoptionError(f"the name of the version {problem} (is {version!r})")
    if found := problems(seeds):
        raise AdoptionError("the policy in force has mistakes itself:\n" + "\n".join(found))
    if found := problems(candidate):
        raise AdoptionError("\n".join(found))
    standing = {name: read(seeds / name) for name in POLICY_FILES}
    if any(line["policy_version"] == version for _, *lines in standing.values() for line in lines):
        raise AdoptionError(f"there is a version {version} already; give the new one another name")
    changed = [
        adopted
        for name, lines in standing.items()
        if (adopted := _adopted(name, lines, read(candidate / name), first_day.isoformat(), version))
    ]
    if not changed:
        raise AdoptionError(f"from {first_day} on the candidate does not differ from the policy in force")
    _check(changed, seeds)
    _write(changed, seeds)
    return changed


def _adopted(
    name: str, standing: list[Line], candidate: list[Line], day: str, version: str
) -> Adopted | None:
    """A file with the candidate's plan in it; None if it already says the same from that day on."""
    header, *lines = standing
    plans = {key: [line for line in own if _holds_on(line, day)] for key, own in by_key(name, candidate[1:])}
    changing = {key for key, own in by_key(name, lines) if _terms(own, day) != _terms(plans[key], day)}
    if not changing:
        return None
    last = {key_of(name, line): line for line in lines}
    written, replaced = [_written(header)], []
    for line in lines:
        key = key_of(name, line)
        if key not in changing or not _holds_on(line, day):
            written.append(_written(line))
        elif line["valid_from"] < day:
            written.append(_written(line, valid_to=day))
        else:
            replaced.append(line)
        if key in changing and line is last[key]:
            written += [
                _written(new, policy_version=version, valid_from=max(new["valid_from"], day))
                for new in plans[key]
            ]
    return Adopted(
        name,
        before="".join(line.text for line in standing),
        after="".join(text + header.end for text in written),
        replaced=replaced,
    )


def _holds_on(line: Line, day: str) -> bool:
    """Whether a line prices that day or a later one."""
    return not line["valid_to"] or line["valid_to"] > day


def _terms(lines: list[Line], day: str) -> tuple[list[tuple[str, list[str]]], str]:
    """What the lines of one rule say from a day on, however they are split: each change, and the end."""
    said = [
        (
            max(line["valid_from"], day),
            [value for column, value in line.values.items() if column not in DATING],
        )
        for line in lines
        if _holds_on(line, day)
    ]
    return [next(same) for _, same in groupby(said, key=itemgetter(1))], lines[-1]["valid_to"] if said else ""


def _written(line: Line, **values: str) -> str:
    """A line without its line break, with some values replaced and everything else unchanged."""
    columns = iter(line.values)
    return WRITTEN_FIELD.sub(
        lambda field: field[1] + values.get(next(columns), field[2]), line.text.removesuffix(line.end)
    )


def _check(changed: list[Adopted], seeds: Path) -> None:
    """Check the resulting policy: it has no problem, such as a gap between the old and the new lines."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in POLICY_FILES:
            shutil.copy(seeds / name, scratch)
        for file in changed:
            Path(scratch, file.name).write_bytes(file.after.encode())
        if found := problems(Path(scratch)):
            raise AdoptionError(
                "together with the earlier lines this would not be a valid policy:\n" + "\n".join(found)
            )


def _write(changed: list[Adopted], seeds: Path) -> None:
    """Replace the files, each in one step, after all of them are safely on disk beside the old ones."""
    drafts = []
    for file in changed:
        draft = seeds / f".{file.name}.new"
        with draft.open("wb") as opened:
            opened.write(file.after.encode())
            opened.flush()
            os.fsync(opened.fileno())
        shutil.copymode(seeds / file.name, draft)
        drafts.append((draft, seeds / file.name))
    for draft, place in drafts:
        draft.replace(place)
