"""The common form of a delivered part of any format: a relation whose columns are texts."""

import codecs
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.raw.refuse import CHUNK, RefusedError

NUL_FOUND = "it holds a NUL character"


@dataclass(frozen=True)
class Source:
    """A readable part: a relation to select from, and for each of its columns the text of its value.

    `no_text` holds SQL by column. It finds the values that a text column must not hold.
    `at_once` is the relation as all threads together read it; empty if they may not. What they read is right
    if it has `records` rows. Else one thread reads `relation`, first into a table if `in_turn` says so.
    """

    relation: str
    columns: dict[str, str]
    no_text: dict[str, str] = field(default_factory=dict)
    at_once: str = ""
    records: int = 0
    in_turn: bool = False


def require_text(copy: Path, name: str, unwanted: dict[bytes, str]) -> None:
    """Refuse a file that is not UTF-8 or holds an unwanted character, with the message for that character.

    DuckDB's database breaks on other bytes in a CSV file that has more columns than are read.
    """
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    whole = decoder.getstate()
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                if decoder.getstate() != whole or not chunk.isascii():
                    decoder.decode(chunk)
                found = {chunk.find(character): said for character, said in unwanted.items()}
                found.pop(-1, None)
                if found:
                    line = _line_at(copy, before + min(found))
                    raise RefusedError(f"{name} cannot be read at line {line}: {found[min(found)]}")
                before += len(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            # Bytes of the chunk before may come first in what could not be decoded.
            line = _line_at(copy, file.tell() - len(error.object) + error.start)
            raise RefusedError(f"{name} cannot be read at line {line}: it is not UTF-8") from error


def _line_at(copy: Path, position: int) -> int:
    """The line in which a byte of a file lies."""
    with copy.open("rb") as file:
        chunks = (file.read(min(CHUNK, position - at)) for at in range(0, position, CHUNK))
        return 1 + sum(chunk.count(b"\n") for chunk in chunks)
