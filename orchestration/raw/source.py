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
    """

    relation: str
    columns: dict[str, str]
    no_text: dict[str, str] = field(default_factory=dict)


def require_text(copy: Path, name: str, unwanted: dict[bytes, str]) -> None:
    """Refuse a file that is not UTF-8 or holds an unwanted character, with the message for that character.

    DuckDB's database breaks on other bytes in a CSV file that has more columns than are read.
    """
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with copy.open("rb") as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
                found = {chunk.find(character): said for character, said in unwanted.items()}
                found.pop(-1, None)
                if found:
                    first = min(found)
                    line += chunk.count(b"\n", 0, first)
                    raise RefusedError(f"{name} cannot be read at line {line}: {found[first]}")
                line += chunk.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise RefusedError(f"{name} cannot be read at line {line}: it is not UTF-8") from error
