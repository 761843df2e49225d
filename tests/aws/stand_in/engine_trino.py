"""SELECT by a real Trino, the engine inside of Athena: ATHENA_TRINO=http://127.0.0.1:PORT."""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.request
from typing import Any

from .failure import OTHER, SYSTEM, USER, QueryFailed
from .results import Column, Result, column, inner, text

URL = os.environ.get("ATHENA_TRINO", "").rstrip("/")
# Past any proxy: it is on this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The types under the names that GetQueryResults has for them.
NAMES = {"real": "float"}


class Trino:
    """One query over Trino's protocol: POST the text, then follow nextUri."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.scanned = 0
        self.next: str | None = None

    def call(self, method: str, url: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {
            "X-Trino-User": "athena", "X-Trino-Catalog": "awsdatacatalog", "X-Trino-Schema": self.database,
            "X-Trino-Time-Zone": "UTC",
        }
        with DIRECT.open(urllib.request.Request(url, body, headers, method=method)) as answer:
            received = answer.read()
        return json.loads(received) if received else {}

    def interrupt(self) -> None:
        if self.next:
            self.call("DELETE", self.next)

    def execute(self, sql: str) -> Result:
        columns: list[dict[str, Any]] = []
        rows: list[list[Any]] = []
        step = self.call("POST", f"{URL}/v1/statement", sql.encode())
        while True:
            columns = step.get("columns") or columns
            rows += step.get("data") or []
            self.scanned = step.get("stats", {}).get("physicalInputBytes", 0)
            if "error" in step:
                raise as_athena(step["error"])
            self.next = step.get("nextUri")
            if not self.next:
                break
            step = self.call("GET", self.next)
        types = [found["type"] for found in columns]
        shown = [[as_text(value, kind) for value, kind in zip(row, types)] for row in rows]
        return Result([as_column(found["name"], found["type"]) for found in columns], shown)


def check_syntax(sql: str) -> None:
    """Trino parses what it prepares, and looks at no table for it; the text stands one line lower there."""
    try:
        Trino("default").execute(f"PREPARE checked FROM\n{sql}")
    except QueryFailed as failure:
        if failure.message.startswith("SYNTAX_ERROR: "):
            message = failure.message.removeprefix("SYNTAX_ERROR: ")
            message = re.sub(r"^line (\d+)", lambda line: f"line {int(line[1]) - 1}", message)
            raise QueryFailed(message, 1100) from failure


def as_column(name: str, kind: str) -> Column:
    """`decimal(12,2)` and `timestamp(3) with time zone` as Athena's type, precision and scale."""
    simple = re.sub(r"\(.*\)", "", kind)
    return column(name, NAMES.get(simple, simple), kind if simple in ("decimal", "varchar", "char") else "")


def as_athena(error: dict[str, Any]) -> QueryFailed:
    """Athena says Trino's name of the error, its place and its words."""
    message, place = error["message"], error.get("errorLocation")
    if place and not message.startswith("line "):
        message = f"line {place['lineNumber']}:{place['columnNumber']}: {message}"
    if error["errorName"] == "COLUMN_NOT_FOUND":
        message += " or requester is not authorized to access requested resources"
    kinds = {"USER_ERROR": USER, "INTERNAL_ERROR": SYSTEM, "INSUFFICIENT_RESOURCES": OTHER, "EXTERNAL": OTHER}
    return QueryFailed(f"{error['errorName']}: {message}", 1006, kinds.get(error["errorType"], SYSTEM))


def arguments(kind: str) -> list[str]:
    """The arguments of a type, outermost only: of `map(varchar, row(a integer, b date))` these two."""
    found, depth, current = [], 0, ""
    for letter in kind[kind.index("(") + 1 : kind.rindex(")")]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            found.append(current.strip())
            current = ""
        else:
            current += letter
    return [*found, current.strip()]


def as_text(value: Any, kind: str) -> str | None:
    """A value of Trino's JSON as Athena prints it."""
    if value is None:
        return None
    if kind.startswith("array("):
        of = arguments(kind)[0]
        return "[" + ", ".join(inner(as_text(item, of)) for item in value) + "]"
    if kind.startswith("map("):
        key_kind, of = arguments(kind)
        pairs = (f"{as_text(key, key_kind)}={inner(as_text(item, of))}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if kind.startswith("row("):
        fields = enumerate(zip(value, arguments(kind)))
        return "{" + ", ".join(field_text(item, at, of) for at, (item, of) in fields) + "}"
    if kind == "varbinary":
        return text(base64.b64decode(value))
    if kind in ("double", "real") and isinstance(value, (int, float)):
        return text(float(value))
    return text(value)


def field_text(value: Any, at: int, kind: str) -> str:
    """A field of a row: `name=value`; a field without a name is `field0=`."""
    named = re.match(r'("(?:[^"]|"")*"|\w+) (.+)', kind)
    if named and not kind.startswith(("timestamp(", "time(", "timestamp with", "time with")):
        return f"{named[1].strip(chr(34))}={inner(as_text(value, named[2]))}"
    return f"field{at}={inner(as_text(value, kind))}"
