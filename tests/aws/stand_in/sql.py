"""The text of a statement: parsing, parameters, positions in it."""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp

from .failure import QueryFailed

# Literals, quoted names and comments: a `?` in them is not a parameter, a word in them not a keyword.
OPAQUE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
COMMENT = re.compile(r"\A\s*(?:--[^\n]*(?:\n|\Z)|/\*.*?\*/)", re.DOTALL)


def stripped(sql: str) -> str:
    """Without the comments that it begins with, and without a semicolon at its end."""
    while found := COMMENT.match(sql):
        sql = sql[found.end() :]
    return sql.strip().rstrip(";").strip()


def first_word(sql: str) -> str:
    found = re.match(r"[\s(]*([A-Za-z]+)", stripped(sql))
    return found[1].lower() if found else ""


def parse(sql: str) -> exp.Expression:
    """Athena's Trino dialect; what cannot be parsed is refused when it is submitted."""
    try:
        tree = sqlglot.parse_one(sql, read="athena")
    except sqlglot.errors.SqlglotError as error:
        problem = (getattr(error, "errors", None) or [{}])[0]
        at = f"line {problem.get('line') or 1}:{problem.get('col') or 1}"
        near = problem.get("highlight") or ""
        raise QueryFailed(f"{at}: mismatched input '{near}'. {problem.get('description', '')}".strip(), 1100) from None
    if tree is None:
        raise QueryFailed("line 1:1: mismatched input '<EOF>'.", 1100)
    return tree


def bind(sql: str, parameters: list[str]) -> str:
    """ExecutionParameters are SQL text for each `?`, in order; their number must fit."""
    pieces, waiting, asked, end = [], list(parameters), 0, 0
    for found in re.finditer(OPAQUE.pattern + r"|\?", sql, re.DOTALL):
        if found[0] == "?":
            asked += 1
            pieces += [sql[end : found.start()], waiting.pop(0) if waiting else "NULL"]
            end = found.end()
    if asked != len(parameters):
        numbers = f"expected {asked} but found {len(parameters)}"
        raise QueryFailed(f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: {numbers}", 1100)
    return "".join(pieces) + sql[end:]


def position(tree: exp.Expression, name: str) -> str:
    """Where a name stands, as Trino says it: `line 1:8`."""
    for found in tree.find_all(exp.Identifier):
        if found.name.lower() == name.lower() and "line" in found.meta:
            start = found.meta["col"] - (found.meta["end"] - found.meta["start"])
            return f"line {found.meta['line']}:{start}"
    return "line 1:1"


def kind_of(sql: str) -> tuple[str, str]:
    """StatementType (DML, DDL, UTILITY) and SubstatementType."""
    word, whole = first_word(sql), " ".join(OPAQUE.sub("''", stripped(sql)).upper().split())
    if word in ("select", "with", "values", "table"):
        return "DML", "SELECT"
    if word in ("insert", "unload", "execute", "delete", "update", "merge"):
        return "DML", word.upper()
    if word in ("show", "describe", "desc", "explain"):
        return "UTILITY", re.match(r"SHOW \w+|\w+", whole)[0].replace(" ", "_")
    if word == "create" and re.match(r"CREATE TABLE .*\bAS\s+(\(|SELECT|WITH)", whole):
        return "DDL", "CREATE_TABLE_AS_SELECT"
    return "DDL", re.match(r"MSCK REPAIR TABLE|CREATE EXTERNAL TABLE|\w* ?\w*", whole)[0].strip().replace(" ", "_")


KNOWN_WORDS = frozenset(
    "select with values table insert unload execute delete update merge show describe desc explain create drop alter "
    "msck prepare deallocate vacuum optimize analyze".split()
)


def check(sql: str, syntax: Callable[[str], object]) -> None:
    """What Athena finds when a query is submitted: text that is no statement at all, or no SQL, as `syntax` sees it."""
    word = first_word(sql)
    if word not in KNOWN_WORDS:
        raise QueryFailed(f"line 1:1: mismatched input '{word or '<EOF>'}'. Expecting: 'SELECT', 'WITH', <query>", 1100)
    if word in ("select", "with", "values", "insert"):
        syntax(stripped(sql))
