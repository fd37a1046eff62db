"""Parquet files byte by byte: DuckDB, which reads them, writes only some of the types that others write.

One row group, plain values, no nulls. The layout is that of github.com/apache/parquet-format.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

PHYSICAL = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
# The numbers of the older marks (converted types).
UTF8, ENUM, DECIMAL, DATE, TIME_MILLIS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS = 0, 4, 5, 6, 7, 9, 10
UINT_64, JSON, BSON, INTERVAL = 14, 19, 20, 21


class I8(int):
    """A number that Thrift writes in one byte."""


class I64(int):
    """A number that Thrift calls a long one."""


@dataclass(frozen=True)
class Marked:
    """A column: its values as they are stored, and the marks that say what they mean.

    `older` is a converted type, `newer` the fields of a logical type by their numbers.
    """

    name: str
    physical: str
    values: Collection[Any]
    older: int | None = None
    newer: dict[int, Any] | None = None
    length: int | None = None
    scale: int | None = None
    precision: int | None = None

    @property
    def schema(self) -> dict[int, Any]:
        """Its element of the schema; every value is there."""
        return {
            1: PHYSICAL.index(self.physical), 2: self.length, 3: 0, 4: self.name, 6: self.older,
            7: self.scale, 8: self.precision, 10: self.newer,
        }  # fmt: skip

    @property
    def plain(self) -> bytes:
        """The values, one after the other."""
        if self.physical == "BOOLEAN":
            bits = sum(int(value) << n for n, value in enumerate(self.values))
            return bits.to_bytes((len(self.values) + 7) // 8, "little")
        if self.physical == "BYTE_ARRAY":
            return b"".join(struct.pack("<I", len(value)) + value for value in self.values)
        form = {"INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}.get(self.physical)
        return b"".join(struct.pack(form, value) if form else value for value in self.values)


def parquet_file(*columns: Marked) -> bytes:
    """A file of these columns, all of as many values."""
    rows = len(columns[0].values)
    content, chunks = b"PAR1", []
    for column in columns:
        size = len(column.plain)
        page = _thrift({1: 0, 2: size, 3: size, 5: {1: rows, 2: 0, 3: 3, 4: 3}}) + column.plain
        start, length = I64(len(content)), I64(len(page))
        described = {
            1: PHYSICAL.index(column.physical), 2: [0], 3: [column.name], 4: 0, 5: I64(rows), 6: length,
            7: length, 9: start,
        }  # fmt: skip
        chunks.append({2: start, 3: described})
        content += page
    group = {1: chunks, 2: I64(len(content)), 3: I64(rows)}
    schema = [{4: "rows", 5: len(columns)}, *(column.schema for column in columns)]
    footer = _thrift({1: 1, 2: schema, 3: I64(rows), 4: [group]})
    return content + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _thrift(value: Any) -> bytes:
    """A value in Thrift's compact protocol; a struct is given as its fields by their numbers."""
    match value:
        case bool():
            return b""  # the kind of the field says which
        case I8():
            return bytes([value])
        case int():
            return _variable(value << 1 if value >= 0 else ~(value << 1))
        case str():
            return _variable(len(value.encode())) + value.encode()
        case list():
            return bytes([0xF0 | _kind(value[0])]) + _variable(len(value)) + b"".join(map(_thrift, value))
    content = b""
    before = 0
    for number, field in value.items():
        if field is not None:
            content += bytes([(number - before) << 4 | _kind(field)]) + _thrift(field)
            before = number
    return content + b"\0"


def _kind(value: Any) -> int:
    """Thrift's number of the type of a value."""
    if isinstance(value, bool):
        return 1 if value else 2
    kinds = {I8: 3, int: 5, I64: 6, str: 8, list: 9, dict: 12}
    return kinds[type(value)]


def _variable(number: int) -> bytes:
    """A number in as many bytes as it needs, the lowest seven bits first."""
    content = []
    while number > 127:
        content.append(number & 127 | 128)
        number >>= 7
    return bytes([*content, number])
