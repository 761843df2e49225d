"""Statements other than SELECT: DDL, SHOW and MSCK over Glue; UNLOAD, CTAS and INSERT, which write files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from ministack.services import athena as ministack
from sqlglot import exp

from . import engine_trino, glue, sql, storage
from .api import ApiError
from .engine_duckdb import DuckDb
from .engine_trino import Trino
from .failure import QueryFailed
from .results import Result, column, lines
from .tables import partition_path, partition_values, quoted

WORD = r'[`"]?([\w$]+)[`"]?'
NAME = rf"(?:{WORD}\.)?{WORD}"


@dataclass
class Run:
    """A statement on its way: where it runs, and what it has read and written by now."""

    query_id: str
    workgroup: str
    database: str
    output: str | None
    scratch: Path
    engine: DuckDb | Trino | None = None
    scanned: int = 0
    written: tuple[str, ...] = ()

    def interrupt(self) -> None:
        if self.engine:
            self.engine.interrupt()

    def duckdb(self) -> DuckDb:
        """The engine for this statement; `execute` closes it."""
        self.engine = DuckDb(self.database, self.scratch)
        return self.engine


def execute(run: Run, text: str) -> Result:
    """Runs one statement to its end."""
    try:
        return dispatch(run, sql.stripped(text))
    except ApiError as error:
        raise QueryFailed(f"FAILED: SemanticException {error.code}: {error.message}", 1301) from error
    finally:
        if isinstance(run.engine, DuckDb):
            run.scanned += run.engine.scanned
            run.written += tuple(run.engine.written)
            run.engine.close()
        elif run.engine:
            run.scanned += run.engine.scanned
        run.engine = None


def dispatch(run: Run, text: str) -> Result:
    if engine_trino.URL and sql.first_word(text) in ("select", "with", "values", "table", "explain"):
        return by_trino(run, text)
    if (ddl := ministack._parse_ddl(text)) is not None:
        return create_or_drop_table(run, ddl)
    for pattern, act in STATEMENTS:
        if found := re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL):
            return act(run, found)
    tree = sql.parse(text)
    if isinstance(tree, exp.Insert):
        return insert(run, tree)
    if isinstance(tree, exp.Create) and tree.kind == "TABLE" and tree.expression is not None:
        return create_table_as(run, tree, text)
    if isinstance(tree, exp.Query):
        return run.duckdb().select(tree)
    raise QueryFailed(f"NOT_SUPPORTED: the stand-in does not know this statement: {text[:80]}")


def by_trino(run: Run, text: str) -> Result:
    run.engine = Trino(run.database)
    result = run.engine.execute(text)
    if sql.first_word(text) == "explain":
        return lines("Query Plan", "\n".join(row[0] or "" for row in result.rows).split("\n"))
    return result


# ---- the catalog ----


def named(run: Run, found: re.Match[str], at: int = 1) -> tuple[str, str]:
    return (found[at] or run.database).lower(), found[at + 1].lower()


def need(database: str, name: str) -> glue.Table:
    table = glue.find_table(database, name)
    if table is None:
        raise QueryFailed(f"FAILED: SemanticException [Error 10001]: Table not found {database}.{name}", 1301)
    return table


def keys_of(table: glue.Table) -> list[str]:
    return [key["Name"] for key in table.get("PartitionKeys") or []]


def all_columns(table: glue.Table) -> list[dict[str, Any]]:
    return [*(table["StorageDescriptor"].get("Columns") or []), *(table.get("PartitionKeys") or [])]


def create_or_drop_table(run: Run, ddl: Any) -> Result:
    """CREATE EXTERNAL TABLE and DROP TABLE, as ministack parses them."""
    database, name = (ddl.database or run.database).lower(), ddl.table.lower()
    there = glue.find_table(database, name) is not None
    if isinstance(ddl, ministack._DropTable):
        if there:
            glue.perform("DeleteTable", {"DatabaseName": database, "Name": name})
        elif not ddl.if_exists:
            need(database, name)
    elif not ddl.external:
        raise QueryFailed("External keyword required for table type HIVE", 1100)
    elif not (there and ddl.if_not_exists):
        table = ministack._create_table_input(ddl)
        table["StorageDescriptor"]["Location"] = (ddl.location or "").rstrip("/") + "/"
        glue.perform("CreateTable", {"DatabaseName": database, "TableInput": table})
    return Result()


def create_database(run: Run, found: re.Match[str]) -> Result:
    if not (found[1] and found[2].lower() in glue.store._databases):
        glue.perform("CreateDatabase", {"DatabaseInput": {"Name": found[2]}})
    return Result()


def drop_database(run: Run, found: re.Match[str]) -> Result:
    """RESTRICT unless CASCADE is asked for."""
    name = found[2].lower()
    if found[1] and name not in glue.store._databases:
        return Result()
    if glue.tables_of(name) and "cascade" not in found[0].lower():
        raise QueryFailed(f"FAILED: InvalidOperationException(message:Database {name} is not empty.)", 1400)
    glue.perform("DeleteDatabase", {"Name": name})
    return Result()


def add_partition(database: str, table: glue.Table, values: list[str], location: str, if_not_exists: bool) -> None:
    request = {"DatabaseName": database, "TableName": table["Name"]}
    descriptor = {**table["StorageDescriptor"], "Location": location}
    try:
        given = {"Values": values, "StorageDescriptor": descriptor}
        glue.perform("CreatePartition", {**request, "PartitionInput": given})
    except ApiError as error:
        if not (if_not_exists and error.code == "AlreadyExistsException"):
            raise


def values_in(clause: str, table: glue.Table) -> list[str]:
    """The values of `dt = '2026-11-20', hour = 3` in the order of the table's keys."""
    given = {key.lower(): value for key, value in re.findall(r"[`\"]?(\w+)[`\"]?\s*=\s*'?([^',)]*)'?", clause)}
    missing = [key for key in keys_of(table) if key not in given]
    if missing:
        raise QueryFailed(f"FAILED: SemanticException partition spec lacks {missing}", 1100)
    return [given[key].strip() for key in keys_of(table)]


def add_partitions(run: Run, found: re.Match[str]) -> Result:
    database, name = named(run, found)
    table = need(database, name)
    for clause, location in re.findall(r"PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?", found[4], re.IGNORECASE):
        values = values_in(clause, table)
        below = table["StorageDescriptor"]["Location"].rstrip("/") + "/" + partition_path(keys_of(table), values) + "/"
        add_partition(database, table, values, location or below, bool(found[3]))
    return Result()


def drop_partitions(run: Run, found: re.Match[str]) -> Result:
    database, name = named(run, found)
    table = need(database, name)
    for clause in re.findall(r"PARTITION\s*\(([^)]*)\)", found[4], re.IGNORECASE):
        request = {"DatabaseName": database, "TableName": name, "PartitionValues": values_in(clause, table)}
        try:
            glue.perform("DeletePartition", request)
        except ApiError:
            if not found[3]:
                raise
    return Result()


def msck_repair(run: Run, found: re.Match[str]) -> Result:
    """Registers each folder `key=value/…` below the table's location that Glue has not; removes nothing."""
    database, name = named(run, found)
    table = need(database, name)
    location, keys = table["StorageDescriptor"]["Location"].rstrip("/") + "/", keys_of(table)
    bucket, prefix = storage.split(location)
    known = {tuple(partition["Values"]) for partition in glue.partitions_of(database, name)}
    added = []
    for _, key in storage.below(location):
        parts = key[len(prefix) :].split("/")[: len(keys)]
        values = partition_values("/".join(parts))
        if [part.split("=")[0] for part in parts] == keys and tuple(values) not in known:
            known.add(tuple(values))
            add_partition(database, table, values, location + "/".join(parts), True)
            added.append(f"{name}:{'/'.join(parts)}")
    missing = ["\t".join(["Partitions not in metastore:", *added])] if added else []
    return lines("result", missing + [f"Repair: Added partition to metastore {partition}" for partition in added])


# ---- SHOW and DESCRIBE ----


def show_partitions(run: Run, found: re.Match[str]) -> Result:
    database, name = named(run, found)
    keys = keys_of(need(database, name))
    if not keys:
        raise QueryFailed(f"FAILED: Execution Error: Table {name} is not a partitioned table", 1100)
    return lines("partition", [partition_path(keys, row["Values"]) for row in glue.partitions_of(database, name)])


def show_tables(run: Run, found: re.Match[str]) -> Result:
    return lines("tab_name", [table["Name"] for table in glue.tables_of(found[1] or run.database)])


def show_databases(run: Run, found: re.Match[str]) -> Result:
    return lines("database_name", sorted(glue.store._databases))


def show_columns(run: Run, found: re.Match[str]) -> Result:
    return lines("field", [column["Name"] for column in all_columns(need(*named(run, found)))])


def describe(run: Run, found: re.Match[str]) -> Result:
    table = need(*named(run, found))
    rows = [described(column) for column in all_columns(table)]
    if keys := table.get("PartitionKeys"):
        heading = "\t".join(f"{word:<20}" for word in ("# col_name", "data_type", "comment"))
        rows += ["\t \t ", "# Partition Information\t \t ", heading, "\t \t ", *map(described, keys)]
    return lines("col_name", rows)


def described(column: dict[str, Any]) -> str:
    return f"{column['Name']:<20}\t{column.get('Type', 'string'):<20}\t{column.get('Comment', ''):<20}"


def declared(columns: list[dict[str, Any]]) -> str:
    return ",\n".join(f"  `{column['Name']}` {column['Type']}" for column in columns)


def show_create_table(run: Run, found: re.Match[str]) -> Result:
    database, name = named(run, found)
    table = need(database, name)
    descriptor = table["StorageDescriptor"]
    rows = [f"CREATE EXTERNAL TABLE `{database}.{name}`(", declared(descriptor.get("Columns") or []) + ")"]
    if table.get("PartitionKeys"):
        rows += ["PARTITIONED BY (", declared(table["PartitionKeys"]) + ")"]
    rows += ["ROW FORMAT SERDE", f"  '{descriptor['SerdeInfo']['SerializationLibrary']}'", "STORED AS INPUTFORMAT"]
    rows += [f"  '{descriptor['InputFormat']}'", "OUTPUTFORMAT", f"  '{descriptor['OutputFormat']}'"]
    rows += ["LOCATION", f"  '{descriptor['Location']}'"]
    return lines("createtab_stmt", "\n".join(rows).split("\n"))


# ---- prepared statements, EXPLAIN ----


def prepare(run: Run, found: re.Match[str]) -> Result:
    name = found[1].lower()
    ministack._prepared_statements[f"{run.workgroup}/{name}"] = {
        "StatementName": name, "WorkGroupName": run.workgroup, "QueryStatement": found[2],
        "LastModifiedTime": time.time(),
    }
    return Result()


def deallocate(run: Run, found: re.Match[str]) -> Result:
    ministack._prepared_statements.pop(f"{run.workgroup}/{found[1].lower()}", None)
    return Result()


def execute_prepared(run: Run, found: re.Match[str]) -> Result:
    prepared = ministack._prepared_statements.get(f"{run.workgroup}/{found[1].lower()}")
    if prepared is None:
        raise QueryFailed(f"NOT_FOUND: Prepared statement not found: {found[1]}", 1302)
    given = sqlglot.parse_one(f"SELECT {found[2]}", read="athena").expressions if found[2] else []
    return dispatch(run, sql.bind(prepared["QueryStatement"], [value.sql("athena") for value in given]))


def explain(run: Run, found: re.Match[str]) -> Result:
    return lines("Query Plan", run.duckdb().explain(sql.parse(found[1])).split("\n"))


# ---- statements that write files ----


def property_of(properties: str, name: str) -> str | None:
    found = re.search(rf"\b{name}\s*=\s*'([^']*)'", properties, re.IGNORECASE)
    return found[1] if found else None


def partitioned_by(properties: str) -> list[str]:
    found = re.search(r"partitioned_by\s*=\s*ARRAY\s*\[([^]]*)\]", properties, re.IGNORECASE)
    return re.findall(r"'(\w+)'", found[1]) if found else []


def need_empty(location: str) -> None:
    if storage.below(location):
        raise QueryFailed(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location}", 1006)


def unload(run: Run, found: re.Match[str]) -> Result:
    """Only into an empty location; the manifest names the files."""
    query, location, properties = found[1], found[2], found[3]
    file_format = (property_of(properties, "format") or "").lower()
    if file_format not in ("parquet", "json"):
        raise QueryFailed(f"NOT_SUPPORTED: the stand-in unloads to PARQUET and JSON, not to {file_format!r}")
    need_empty(location)
    engine = run.duckdb()
    engine.write(engine.translate(sql.parse(query)), location, partitioned_by(properties), file_format)
    return Result()


def rows_written() -> Result:
    return Result([column("rows", "bigint")], [])


def register(engine: DuckDb, database: str, table: glue.Table, query: str) -> None:
    """Writes the rows below the table's location, and registers the partitions that they make."""
    location = table["StorageDescriptor"]["Location"].rstrip("/") + "/"
    for folder in engine.write(query, location, keys_of(table)):
        add_partition(database, table, partition_values(folder), f"{location}{folder}/", True)


def insert(run: Run, tree: exp.Insert) -> Result:
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    database, name = (target.db or run.database).lower(), target.name.lower()
    table = need(database, name)
    names = [column["Name"] for column in all_columns(table)]
    given = [item.name for item in tree.this.expressions] if isinstance(tree.this, exp.Schema) else names
    engine = run.duckdb()
    alias = ", ".join(map(quoted, given))
    register(engine, database, table, f"SELECT * FROM ({engine.translate(tree.expression)}) AS x({alias})")
    return rows_written()


def create_table_as(run: Run, tree: exp.Create, text: str) -> Result:
    """Below external_location, else below `tables/` in the output location; Parquet whatever is asked for."""
    database, name = (tree.this.db or run.database).lower(), tree.this.name.lower()
    if glue.find_table(database, name):
        full = f"awsdatacatalog.{database}.{name}"
        raise QueryFailed(f"TABLE_ALREADY_EXISTS: line 1:1: Destination table '{full}' already exists", 1304)
    properties = re.split(r"\bAS\s+(?=SELECT|WITH|\()", text, maxsplit=1, flags=re.IGNORECASE)[0]
    location = property_of(properties, "external_location")
    if location is None:
        if run.output is None:
            raise QueryFailed("NOT_SUPPORTED: CTAS needs external_location where the workgroup manages results", 1100)
        location = f"{run.output.rstrip('/')}/tables/{run.query_id}/"
    need_empty(location)
    engine = run.duckdb()
    query = engine.translate(tree.expression)
    glue.perform("CreateTable", {
        "DatabaseName": database,
        "TableInput": parquet_table(database, name, location, hive_columns(engine, query), partitioned_by(properties)),
    })
    register(engine, database, need(database, name), query)
    return rows_written()


def hive_columns(engine: DuckDb, query: str) -> list[dict[str, str]]:
    found = engine.con.execute(f"DESCRIBE {query}").fetchall()
    types = [exp.DataType.build(row[1], dialect="duckdb").sql("hive").lower() for row in found]
    return [{"Name": row[0].lower(), "Type": kind.replace("text", "string")} for row, kind in zip(found, types)]


def parquet_table(
    database: str, name: str, location: str, columns: list[dict[str, str]], keys: list[str]
) -> glue.Table:
    formats = dict(zip(("input_format", "output_format", "serde"), ministack._STORED_AS["parquet"]))
    table = ministack._create_table_input(ministack._CreateTable(
        database, name, True, columns=[column for column in columns if column["Name"] not in keys],
        partition_keys=[column for column in columns if column["Name"] in keys], location=location, **formats,
    ))
    table["StorageDescriptor"]["Location"] = location.rstrip("/") + "/"
    return table


Act = Callable[[Run, re.Match[str]], Result]
STATEMENTS: list[tuple[str, Act]] = [
    (rf"CREATE\s+(?:DATABASE|SCHEMA)(\s+IF\s+NOT\s+EXISTS)?\s+{WORD}.*", create_database),
    (rf"DROP\s+(?:DATABASE|SCHEMA)(\s+IF\s+EXISTS)?\s+{WORD}.*", drop_database),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD(\s+IF\s+NOT\s+EXISTS)?\s+(PARTITION.*)", add_partitions),
    (rf"ALTER\s+TABLE\s+{NAME}\s+DROP(\s+IF\s+EXISTS)?\s+(PARTITION.*)", drop_partitions),
    (rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}", msck_repair),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", show_partitions),
    (rf"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+{WORD})?.*", show_tables),
    (r"SHOW\s+(?:DATABASES|SCHEMAS).*", show_databases),
    (rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{NAME}", show_columns),
    (rf"SHOW\s+CREATE\s+TABLE\s+{NAME}", show_create_table),
    (rf"DESC(?:RIBE)?(?:\s+(?:FORMATTED|EXTENDED))?\s+{NAME}", describe),
    (rf"PREPARE\s+{WORD}\s+FROM\s+(.*)", prepare),
    (rf"DEALLOCATE\s+PREPARE\s+{WORD}", deallocate),
    (rf"EXECUTE\s+{WORD}(?:\s+USING\s+(.*))?", execute_prepared),
    (r"EXPLAIN(?:\s+ANALYZE)?(?:\s*\((?:TYPE|FORMAT)[^)]*\))?\s+(.*)", explain),
    (r"UNLOAD\s*\((.*)\)\s*TO\s*'([^']*)'\s*WITH\s*\((.*)\)", unload),
]
