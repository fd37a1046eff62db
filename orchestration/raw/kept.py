"""What is kept of a value that must not be kept itself: the forms that a contract names with `kept_as`."""

import csv
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.database import literal
from orchestration.settings import PROJECT_DIR

# A cell of the map is 0.05 degrees high and wide.
CELLS_PER_DEGREE = 20
# A point in WKB, which names no system of coordinates, or in EWKB with SRID 4326, whose coordinates are
# degrees: the order of the bytes, the type, the SRID if it is EWKB, longitude and latitude.
POINT = "(01(01000000|01000020E6100000)|00(00000001|20000001000010E6))[0-9A-F]{32}"
# The instrument that each word means. Words are in lower case, with single spaces between them.
with (PROJECT_DIR / "seeds" / "instrument.csv").open(newline="", encoding="utf-8") as seed:
    INSTRUMENTS = {row["word"]: row["instrument"] for row in csv.DictReader(seed)}


@dataclass(frozen=True)
class Form:
    """A form in which something of a value is kept.

    `of` is the type that is delivered, and `kept` makes the SQL of what is kept of its text. If that is null,
    the row stays, and nothing of the value is kept: without its point a scene or an event is still there.
    `once` says that this takes long, so that it is made once of texts that are repeated.
    """

    of: str
    kept: Callable[[str], str]
    once: bool = False


def _degrees(text: str) -> str:
    """A text as a decimal. As binary fractions, 0.15 / 0.05 would be less than 3.

    It is exact, so that it can be rounded: cast to two digits only, DuckDB makes 0.01 of the text 5e-5.
    """
    return f"try_cast({text} as decimal(33, 30))"


def _within(degrees: str, limit: int) -> str:
    return f"{degrees} between -{limit} and {limit}"


def _cell(text: str, limit: int) -> str:
    """The number of a cell, counted from 0 degrees, negative to the south and the west."""
    degrees = _degrees(text)
    return f"case when {_within(degrees, limit)} then floor({degrees} * {CELLS_PER_DEGREE})::integer end"


def _centre(text: str, digits: str, limit: int) -> str:
    """A coordinate of a point, given its hexadecimal digits, to 0.01 degrees."""
    highest_first = " || ".join(f"{digits}[{at}:{at + 1}]" for at in range(15, 0, -2))
    bits = f"case {text}[:2] when '00' then {digits} else {highest_first} end"
    degrees = _degrees(f"(try_cast('0x' || {bits} as ubigint)::bit::double)::varchar")
    is_point = f"regexp_full_match(upper({text}), {literal(POINT)})"
    return f"case when {is_point} and {_within(degrees, limit)} then {degrees}::decimal(5, 2) end"


def _instrument(text: str) -> str:
    """The instrument that a text names first; of words that begin together the longest counts: bass clarinet.

    Null if it names none: `other` would call texts such as `manager` an instrument.
    """
    plain = f"strip_accents(lower({text}))"
    words = rf"' ' || regexp_replace({plain}, '[^\p{{L}}\p{{N}}]+', ' ', 'g') || ' '"
    longest_first = "|".join(sorted(INSTRUMENTS, key=len, reverse=True))
    named = " ".join(f"when {literal(w)} then {literal(instrument)}" for w, instrument in INSTRUMENTS.items())
    return f"case regexp_extract({words}, ' ({longest_first}) ', 1) {named} end"


FORMS = {
    # `pseudonym` is the macro that every connection of ingestion has.
    "keyed_hash": Form("varchar", lambda text: f"pseudonym({text})", once=True),
    "latitude_cell": Form("double", lambda text: _cell(text, 90)),
    "longitude_cell": Form("double", lambda text: _cell(text, 180)),
    "longitude_of_point": Form("varchar", lambda text: _centre(text, f"{text}[-32:-17]", 180)),
    "latitude_of_point": Form("varchar", lambda text: _centre(text, f"{text}[-16:]", 90)),
    "instrument": Form("varchar", _instrument),
}
