"""What Athena makes of rows: the names of types, the texts of values, and the CSV in the output location."""

from __future__ import annotations

import datetime
import decimal
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# Type ▶ precision, as GetQueryResults tells it.
PRECISIONS = {
    "boolean": 0, "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "float": 17, "double": 17, "date": 0,
    "timestamp": 3, "timestamp with time zone": 3, "time": 3, "varchar": 2147483647, "char": 1, "string": 0,
    "varbinary": 1073741824,
}

# DuckDB's type ▶ Athena's; the longer beginnings first.
DUCKDB_TYPES = (
    ("STRUCT", "row"), ("MAP", "map"), ("DECIMAL", "decimal"), ("TIMESTAMP WITH", "timestamp with time zone"),
    ("TIMESTAMP", "timestamp"), ("TIME", "time"), ("HUGEINT", "bigint"), ("UBIGINT", "bigint"), ("BIGINT", "bigint"),
    ("UINTEGER", "bigint"), ("INTEGER", "integer"), ("SMALLINT", "smallint"), ("TINYINT", "tinyint"),
    ("FLOAT", "float"), ("DOUBLE", "double"), ("BOOLEAN", "boolean"), ("DATE", "date"), ("BLOB", "varbinary"),
    ("JSON", "json"),
)


@dataclass(frozen=True)
class Column:
    """A column of a result; `kind` without its parameters, which are precision and scale."""

    name: str
    kind: str
    precision: int = 0
    scale: int = 0

    def info(self) -> dict[str, Any]:
        return {
            "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": self.name, "Label": self.name,
            "Type": self.kind, "Precision": self.precision, "Scale": self.scale, "Nullable": "UNKNOWN",
            "CaseSensitive": self.kind in ("varchar", "char"),
        }


@dataclass(frozen=True)
class Result:
    """What a statement answers: rows as texts, None for NULL."""

    columns: list[Column] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)


def lines(name: str, rows: Iterable[str]) -> Result:
    """What SHOW, DESCRIBE and EXPLAIN answer: one column of text."""
    return Result([Column(name, "string")], [[row] for row in rows])


def column(name: str, kind: str, numbers: str = "") -> Column:
    """`numbers` are a type's parameters: of decimal(12,2), of varchar(10)."""
    given = [int(number) for number in re.findall(r"\d+", numbers)]
    if kind == "decimal":
        precision, scale = (given + [38, 0])[:2] if given else (38, 0)
        return Column(name, kind, precision, scale)
    if kind in ("varchar", "char") and given:
        return Column(name, kind, given[0])
    return Column(name, kind, PRECISIONS.get(kind, 0))


def duckdb_column(name: str, duckdb_type: Any) -> Column:
    text = str(duckdb_type).upper()
    if text.endswith("]"):
        return column(name, "array")
    kind = next((ours for beginning, ours in DUCKDB_TYPES if text.startswith(beginning)), "varchar")
    return column(name, kind, text if kind == "decimal" else "")


# ---- values ----


def text(value: Any, kind: str = "") -> str | None:
    """A value as Athena prints it. Nested values have no quotes: `[a, b]`, `{k=v}`."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return java_double(shortest_float(value) if kind == "float" else value)
        case datetime.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.") + milliseconds(value) + (" UTC" if value.tzinfo else "")
        case datetime.time():
            return value.strftime("%H:%M:%S.") + milliseconds(value)
        case list() | tuple():
            return "[" + ", ".join(inner(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{inner(key)}={inner(item)}" for key, item in value.items()) + "}"
        case bytes() | bytearray() | memoryview():
            return " ".join(f"{byte:02x}" for byte in bytes(value))
    return str(value)


def inner(value: Any) -> str:
    return "null" if value is None else text(value) or ""


def milliseconds(value: datetime.datetime | datetime.time) -> str:
    return f"{value.microsecond // 1000:03d}"


def shortest_float(value: float) -> float:
    """The shortest number that is this one in 32 bits: 0.1 rather than 0.10000000149011612."""
    if value != value or abs(value) == float("inf"):
        return value
    candidates = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((short for short in candidates if struct.pack("f", short) == struct.pack("f", value)), value)


def java_double(value: float) -> str:
    """As Java's Double.toString, which Athena uses: 1.0E7, 1.0E-4."""
    if value != value or abs(value) == float("inf"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = decimal.Decimal(repr(value)).as_tuple()
    shown = "".join(map(str, digits))
    exponent += len(shown) - 1
    shown = shown.rstrip("0") or "0"
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{exponent}"


# ---- files ----


def csv_line(values: Iterable[str | None]) -> str:
    """All fields quoted; NULL is an empty field without quotes, an empty string is `\"\"`."""
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"


def csv_file(result: Result) -> bytes:
    header = [csv_line(column.name for column in result.columns)] if result.columns else []
    return "".join(header + [csv_line(row) for row in result.rows]).encode()


def txt_file(result: Result) -> bytes:
    """What DDL and utility statements leave: tabs between fields, no header."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in result.rows).encode()
