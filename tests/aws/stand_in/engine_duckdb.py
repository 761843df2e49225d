"""SELECT by DuckDB: Trino's SQL through sqlglot, each table replaced by the files that Glue names for it."""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from . import glue, sql, storage
from .failure import SYSTEM, QueryFailed
from .results import Result, duckdb_column, text
from .tables import TableScan, literal, quoted

MOST_PARTITIONS = 100


class DuckDb:
    """One query: a connection and a folder of its own."""

    def __init__(self, database: str, scratch: Path) -> None:
        self.database = database
        self.folder = Path(tempfile.mkdtemp(dir=scratch))
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'; SET integer_division = true; SET threads = 2")
        self.scans: list[TableScan] = []
        self.scanned = 0
        self.written: list[str] = []

    def interrupt(self) -> None:
        self.con.interrupt()

    def close(self) -> None:
        self.con.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- reading ----

    def select(self, tree: exp.Expression) -> Result:
        translated = self.translate(name_outputs(tree))
        answer = self.run(tree, translated)
        columns = [duckdb_column(name, kind) for name, kind, *_ in answer.description or []]
        kinds = [column.kind for column in columns]
        rows = [[text(value, kind) for value, kind in zip(row, kinds)] for row in answer.fetchall()]
        return Result(columns, rows)

    def run(self, tree: exp.Expression, translated: str) -> duckdb.DuckDBPyConnection:
        try:
            return self.con.execute(translated)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise as_trino(tree, error) from error

    def explain(self, tree: exp.Expression) -> str:
        self.con.execute("SET explain_output = 'physical_only'")
        return "\n".join(row[-1] for row in self.con.execute("EXPLAIN " + self.translate(tree)).fetchall())

    def translate(self, tree: exp.Expression) -> str:
        """DuckDB's text of a query of Trino's; copies the files that it reads, and counts their bytes."""
        tree = tree.copy()
        used = columns_used(tree)
        names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        databases = {table.db.lower() for table in tree.find_all(exp.Table)}
        for table in list(tree.find_all(exp.Table)):
            is_cte = table.name.lower() in names and not table.db
            if isinstance(table.this, exp.Identifier) and not is_cte:
                replace_table(table, self.relation(tree, table, used))
        for column in tree.find_all(exp.Column):
            if column.db.lower() in databases:  # else it is a field of a row
                column.set("db", None)
                column.set("catalog", None)
        return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)

    def relation(self, tree: exp.Expression, table: exp.Table, used: set[str] | None) -> str:
        database, name = (table.db or self.database).lower(), table.name.lower()
        if database == "information_schema":
            return information_schema(name)
        if name.endswith("$partitions"):
            return partitions_table(self.need(tree, database, name.removesuffix("$partitions")))
        found = self.need(tree, database, name)
        if "StorageDescriptor" not in found or found.get("TableType") == "VIRTUAL_VIEW":
            raise QueryFailed(f"NOT_SUPPORTED: the stand-in reads no views: {database}.{name}")
        scan = TableScan(self.con, self.folder, len(self.scans), database, found)
        self.scans.append(scan)
        relation = scan.relation(pruning(table, [key for key, _ in scan.keys]), names_path(tree))
        self.scanned += scan.bytes_of(used)
        return relation

    def need(self, tree: exp.Expression, database: str, name: str) -> glue.Table:
        found = glue.find_table(database, name)
        if found is None:
            raise no_table(sql.position(tree, name), database, name)
        return found

    # ---- writing ----

    def write(self, query: str, location: str, keys: list[str], file_format: str = "parquet") -> list[str]:
        """Writes a query's rows below a location; returns the folders of the partitions. Athena writes at most 100."""
        bucket, prefix = storage.split(location)
        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        options = "FORMAT parquet, COMPRESSION zstd" if file_format == "parquet" else "FORMAT json"
        if keys:
            target, options = str(out), options + f", PARTITION_BY ({', '.join(map(quoted, keys))})"
        else:
            target = str(out / "rows")
        self.con.execute(f"COPY ({query}) TO {literal(target)} ({options})")
        files = sorted(path for path in out.rglob("*") if path.is_file())
        folders = sorted({str(path.parent.relative_to(out)) for path in files})
        if len(folders) > MOST_PARTITIONS:
            limit = f"Exceeded limit of {MOST_PARTITIONS} open writers for partitions/buckets"
            raise QueryFailed(f"HIVE_TOO_MANY_OPEN_PARTITIONS: {limit}")
        for path in files:
            below = str(path.parent.relative_to(out))
            key = prefix + ("" if below == "." else below + "/") + uuid.uuid4().hex
            storage.write(bucket, key, path.read_bytes())
            self.written.append(f"s3://{bucket}/{key}")
        return [folder for folder in folders if folder != "."]


def name_outputs(tree: exp.Expression) -> exp.Expression:
    """A column without a name of its own is `_col` and its number, counted from 0."""
    tree = tree.copy()
    select = tree
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    if isinstance(select, exp.Select):
        for at, item in enumerate(select.expressions):
            if not isinstance(item, (exp.Alias, exp.Column, exp.Star, exp.Dot)):
                item.replace(exp.alias_(item.copy(), f"_col{at}"))
    return tree


def columns_used(tree: exp.Expression) -> set[str] | None:
    """The names of the columns that a query mentions; None where it wants all."""
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            return None
    return {column.name.lower() for column in tree.find_all(exp.Column)}


def names_path(tree: exp.Expression) -> bool:
    """Trino's "$path" is there for who names it, and not in `*` (here it is in `*` too, where the query names it)."""
    return any(column.name == "$path" for column in tree.find_all(exp.Column))


def pruning(table: exp.Table, keys: list[str]) -> list[str]:
    """Conditions on partition keys alone, of a SELECT that reads this table only."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None or select.args.get("joins") or not keys or not isinstance(table.parent, exp.From):
        return []
    wanted, names = [], {key.lower() for key in keys}
    for part in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        columns = list(part.find_all(exp.Column))
        if columns and not part.find(exp.Query) and all(column.name.lower() in names for column in columns):
            part = part.copy()
            for column in part.find_all(exp.Column):
                for level in ("table", "db", "catalog"):
                    column.set(level, None)
            wanted.append(part.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE))
    return wanted


def replace_table(table: exp.Table, relation: str) -> None:
    put = sqlglot.parse_one(f"SELECT * FROM {relation} AS q", read="duckdb").find(exp.From).this
    put.set("alias", table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    for part in ("joins", "sample"):
        if table.args.get(part):
            put.set(part, table.args[part])
    table.replace(put)


def partitions_table(table: glue.Table) -> str:
    """Trino's hidden table "name$partitions": one row for each partition."""
    keys = [quoted(key["Name"]) for key in table["PartitionKeys"]]
    rows = [partition["Values"] for partition in glue.partitions_of(table["DatabaseName"], table["Name"])]
    if not rows:
        return "(SELECT " + ", ".join(f"CAST(NULL AS VARCHAR) AS {key}" for key in keys) + " WHERE FALSE)"
    values = ", ".join("(" + ", ".join(literal(value) for value in row) + ")" for row in rows)
    return f"(SELECT * FROM (VALUES {values}) AS x({', '.join(keys)}))"


def information_schema(name: str) -> str:
    if name == "schemata":
        rows = [("awsdatacatalog", database) for database in glue.store._databases]
        columns = "catalog_name, schema_name"
    elif name == "tables":
        rows = [("awsdatacatalog", *key.split("/"), "BASE TABLE") for key in glue.store._tables]
        columns = "table_catalog, table_schema, table_name, table_type"
    elif name == "columns":
        rows, columns = columns_rows(), "table_catalog, table_schema, table_name, column_name, data_type"
    else:
        raise no_table("line 1:15", "information_schema", name)
    empty = "(" + ", ".join(["''"] * len(columns.split(","))) + ")"
    values = ", ".join([empty] + ["(" + ", ".join(literal(value) for value in row) + ")" for row in rows])
    return f"(SELECT * FROM (VALUES {values}) AS x({columns}) WHERE {columns.split(',')[0]} <> '')"


def columns_rows() -> list[tuple[str, ...]]:
    return [
        ("awsdatacatalog", table["DatabaseName"], table["Name"], column["Name"], column.get("Type", "string"))
        for table in glue.store._tables.values()
        for column in [*table["StorageDescriptor"].get("Columns", []), *(table.get("PartitionKeys") or [])]
    ]


def no_table(place: str, database: str, name: str) -> QueryFailed:
    return QueryFailed(f"TABLE_NOT_FOUND: {place}: Table 'awsdatacatalog.{database}.{name}' does not exist", 1301)


def as_trino(tree: exp.Expression, error: duckdb.Error) -> QueryFailed:
    """DuckDB's complaint under the name that Trino has for it; the words stay DuckDB's where no rule is here."""
    message = str(error).split("\n")[0]
    if found := re.search(r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"', message):
        name = found[1] or found[2]
        return QueryFailed(
            f"COLUMN_NOT_FOUND: {sql.position(tree, name)}: Column '{name}' cannot be resolved or requester is not "
            "authorized to access requested resources", 1006,
        )
    if found := re.search(r"Function with name (\S+) does not exist", message):
        place = sql.position(tree, found[1])
        return QueryFailed(f"FUNCTION_NOT_FOUND: {place}: Function '{found[1]}' not registered", 1006)
    if "Division by zero" in message:
        return QueryFailed("DIVISION_BY_ZERO: Division by zero", 1100)
    names = {
        duckdb.BinderException: "TYPE_MISMATCH", duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
        duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
        duckdb.InvalidInputException: "INVALID_FUNCTION_ARGUMENT",
    }
    name = names.get(type(error))
    if name is None:
        return QueryFailed(f"GENERIC_INTERNAL_ERROR: {message}", 1, SYSTEM)
    return QueryFailed(f"{name}: line 1:1: {message}", 1100)
