"""The filter of GetPartitions: a WHERE clause over partition keys, compared by the keys' types."""

from __future__ import annotations

import operator
import re
from typing import Any

import sqlglot
from sqlglot import exp

from .api import ApiError

COMPARISONS = {
    exp.EQ: operator.eq, exp.NEQ: operator.ne, exp.GT: operator.gt,
    exp.GTE: operator.ge, exp.LT: operator.lt, exp.LTE: operator.le,
}
NUMBER = re.compile(r"(tiny|small|big)?int|double|float|decimal")


class Filter:
    """Glue allows = != <> > >= < <= BETWEEN IN LIKE IS NULL AND OR NOT, in at most 2,048 characters."""

    def __init__(self, text: str, keys: list[dict[str, Any]]) -> None:
        if len(text) > 2048:
            raise ApiError("InvalidInputException", "Expression is longer than 2048 characters")
        self.text = text
        self.types = {key["Name"].lower(): key.get("Type", "string") for key in keys}
        self.tree = self._parse()

    def _parse(self) -> exp.Expression:
        try:
            tree = sqlglot.parse_one(f"SELECT 1 WHERE {self.text}", read="hive").find(exp.Where).this
        except (sqlglot.errors.SqlglotError, AttributeError):
            raise self._unsupported() from None
        for column in tree.find_all(exp.Column):
            if column.name.lower() not in self.types:
                raise ApiError("InvalidInputException", f"Unknown column '{column.name}' in '{self.text}'")
        return tree

    def _unsupported(self) -> ApiError:
        return ApiError("InvalidInputException", f"Unsupported expression '{self.text}'")

    def keeps(self, values: list[str]) -> bool:
        return self._holds(self.tree, dict(zip(self.types, values)))

    def _holds(self, node: exp.Expression, row: dict[str, str]) -> bool:
        match node:
            case exp.Paren():
                return self._holds(node.this, row)
            case exp.Not():
                return not self._holds(node.this, row)
            case exp.And():
                return self._holds(node.left, row) and self._holds(node.right, row)
            case exp.Or():
                return self._holds(node.left, row) or self._holds(node.right, row)
            case exp.In():
                return any(self._compare(exp.EQ, node.this, item, row) for item in node.expressions)
            case exp.Between():
                low, high = node.args["low"], node.args["high"]
                return self._compare(exp.GTE, node.this, low, row) and self._compare(exp.LTE, node.this, high, row)
            case exp.Like():
                pattern = re.escape(self._value(node.expression, row)).replace("%", ".*").replace("_", ".")
                return re.fullmatch(pattern, self._value(node.this, row), re.DOTALL) is not None
            case exp.Is():
                return self._value(node.this, row) == "__HIVE_DEFAULT_PARTITION__"
        if type(node) not in COMPARISONS:
            raise self._unsupported()
        return self._compare(type(node), node.this, node.expression, row)

    def _compare(self, kind: type, left: exp.Expression, right: exp.Expression, row: dict[str, str]) -> bool:
        a, b = self._value(left, row), self._value(right, row)
        columns = [side.name.lower() for side in (left, right) if isinstance(side, exp.Column)]
        if any(NUMBER.match(self.types[name]) for name in columns):
            try:
                return COMPARISONS[kind](float(a), float(b))
            except ValueError:
                raise self._unsupported() from None
        return COMPARISONS[kind](a, b)

    def _value(self, node: exp.Expression, row: dict[str, str]) -> str:
        match node:
            case exp.Column():
                return row[node.name.lower()]
            case exp.Neg():
                return "-" + self._value(node.this, row)
            case exp.Literal():
                return node.this
            case exp.Cast() | exp.TsOrDsToDate() | exp.Paren():
                return self._value(node.this, row)
        raise self._unsupported()
