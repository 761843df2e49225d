"""A Glue table as a relation of DuckDB: the files of the partitions that Glue names, columns as the table has them."""

from __future__ import annotations

import csv
import functools
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
from sqlglot import exp

from . import glue, storage
from .failure import QueryFailed
from .results import csv_line

Table = dict[str, Any]
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

# What Trino's Parquet reader takes for a column of the table's type, beside the same type.
PROMOTIONS = {
    "SMALLINT": {"TINYINT"}, "INTEGER": {"TINYINT", "SMALLINT"}, "BIGINT": {"TINYINT", "SMALLINT", "INTEGER"},
    "DOUBLE": {"FLOAT"}, "VARCHAR": {"BLOB", "ENUM"}, "BLOB": {"VARCHAR"},
    "TIMESTAMP": {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"},
}
HIVE_PROMOTIONS = {("tinyint", "smallint"), ("smallint", "int"), ("int", "bigint"), ("tinyint", "int"),
                   ("tinyint", "bigint"), ("smallint", "bigint"), ("float", "double")}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@functools.cache
def duckdb_type(hive: str) -> str:
    """Glue's word for a type in the spelling that DuckDB has for it."""
    translated = exp.DataType.build(hive, dialect="hive").sql("duckdb")
    return duckdb.connect().execute(f"SELECT typeof(CAST(NULL AS {translated}))").fetchone()[0]


def outermost(kind: str) -> str:
    """`LIST` of `INTEGER[]`, `DECIMAL` of `DECIMAL(10,2)`."""
    return "LIST" if kind.endswith("]") else kind.split("(")[0]


class TableScan:
    """One table in one query: copies its files into a folder, and names the relation to put in its place."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path, number: int, database: str, table: Table) -> None:
        self.con, self.folder, self.number, self.table = con, folder / f"t{number}", number, table
        self.database, self.name = database, table["Name"]
        self.descriptor = table["StorageDescriptor"]
        self.keys = [(key["Name"], duckdb_type(key.get("Type", "string"))) for key in table.get("PartitionKeys") or []]
        self.columns = [(c["Name"], duckdb_type(c.get("Type", "string"))) for c in self.descriptor.get("Columns") or []]
        self.files: list[str] = []
        self.library = (self.descriptor.get("SerdeInfo") or {}).get("SerializationLibrary") or ""

    def sources(self) -> list[tuple[list[str], str]]:
        """Values and location of each partition: only what Glue names, never what lies below the table's location."""
        if not self.keys:
            return [([], self.descriptor["Location"])]
        found = []
        for partition in glue.partitions_of(self.database, self.name):
            self.check_schema(partition)
            found.append((partition["Values"], partition["StorageDescriptor"]["Location"]))
        return found

    def check_schema(self, partition: dict[str, Any]) -> None:
        """A partition's own columns must have the table's types, or types that promote to them."""
        declared = {column["Name"]: column["Type"].lower() for column in self.descriptor.get("Columns") or []}
        for column in (partition.get("StorageDescriptor") or {}).get("Columns") or []:
            name, theirs = column["Name"], column["Type"].lower()
            ours = declared.get(name, theirs)
            if ours != theirs and (theirs, ours) not in HIVE_PROMOTIONS:
                where = "/".join(f"{key}={value}" for (key, _), value in zip(self.keys, partition["Values"]))
                raise QueryFailed(
                    "HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas. The "
                    f"types are incompatible and cannot be coerced. The column '{name}' in table "
                    f"'{self.database}.{self.name}' is declared as type '{ours}', but partition '{where}' declared "
                    f"column '{name}' as type '{theirs}'.",
                )

    def wanted(self, values: list[str], conditions: list[str]) -> bool:
        """Whether a partition can have rows, by the conditions of the query that name partition keys only."""
        if not conditions or not self.keys:
            return True
        keyed = zip(values, self.keys)
        row = ", ".join(f"{self.key_value(value, kind)} AS {quoted(name)}" for value, (name, kind) in keyed)
        test = " AND ".join(f"({condition})" for condition in conditions)
        try:
            return bool(self.con.execute(f"SELECT count(*) FROM (SELECT {row}) WHERE {test}").fetchone()[0])
        except duckdb.Error:
            return True  # the query itself will tell

    @staticmethod
    def key_value(value: str, kind: str) -> str:
        return f"CAST({'NULL' if value == NULL_PARTITION else literal(value)} AS {kind})"

    def relation(self, conditions: list[str], with_path: bool) -> str:
        """A sub-query of DuckDB: the declared columns, the partition keys and, where asked for, Trino's "$path"."""
        self.folder.mkdir()
        listed = []
        for values, location in self.sources():
            if self.wanted(values, conditions):
                for bucket, key in storage.below(location):
                    listed.append((self.copy(bucket, key), f"s3://{bucket}/{key}", values))
        keys = "".join(f", {quoted(name)} {kind}" for name, kind in self.keys)
        self.con.execute(f'CREATE TEMP TABLE __files{self.number} (__path VARCHAR, "$path" VARCHAR{keys})')
        for path, url, values in listed:
            row = "".join(", " + self.key_value(value, kind) for value, (_, kind) in zip(values, self.keys))
            self.con.execute(f"INSERT INTO __files{self.number} VALUES ({literal(path)}, {literal(url)}{row})")
        names = [f"f.{quoted(name)}" for name, _ in self.keys] + (['f."$path"'] if with_path else [])
        select = ", ".join(self.projection() + names)
        return f"(SELECT {select} FROM {self.reader()} r JOIN __files{self.number} f ON r.__file = f.__path)"

    def copy(self, bucket: str, key: str) -> str:
        data = storage.read(bucket, key)
        path = self.folder / f"{len(self.files)}{'.gz' if key.endswith('.gz') else ''}"
        path.write_bytes(data)
        self.files.append(str(path))
        return str(path)

    def bytes_of(self, columns: set[str] | None) -> int:
        """Parquet: the column chunks of the columns that the query names (None: of all); text: all of it."""
        if "parquet" not in self.library.lower() or not self.files:
            return sum(Path(file).stat().st_size for file in self.files)
        rows = self.con.execute(
            f"SELECT path_in_schema, sum(total_compressed_size) FROM parquet_metadata({self.file_list()}) GROUP BY 1"
        ).fetchall()
        return int(sum(size for path, size in rows if columns is None or path.split(",")[0].strip().lower() in columns))

    # ---- formats ----

    def file_list(self) -> str:
        return "[" + ", ".join(literal(file) for file in self.files) + "]"

    def reader(self) -> str:
        library = self.library.lower()
        if not self.files:
            columns = "".join(f", CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in self.columns)
            return f"(SELECT CAST(NULL AS VARCHAR) AS __file{columns} WHERE FALSE)"
        if "parquet" in library:
            files = self.file_list()
            return f"read_parquet({files}, union_by_name = true, hive_partitioning = false, filename = '__file')"
        if "json" in library:
            columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in self.columns)
            return (f"read_json({self.file_list()}, format = 'newline_delimited', ignore_errors = true, "
                    f"hive_partitioning = false, columns = {{{columns}}}, filename = '__file')")
        if "opencsv" in library:
            return self.text_reader(self.open_csv)
        if "lazysimple" in library:
            return self.text_reader(self.lazy_simple)
        raise QueryFailed(f"HIVE_UNSUPPORTED_FORMAT: the stand-in does not read {self.library!r}")

    def projection(self) -> list[str]:
        """Parquet by name, whatever the case; a column that no file has is NULL; a type of another kind is an error."""
        if "parquet" not in self.library.lower() or not self.files:
            return [f"CAST(r.{quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in self.columns]
        described = self.con.execute(f"DESCRIBE SELECT * FROM {self.reader()}").fetchall()
        found = {row[0].lower(): (row[0], row[1]) for row in described}
        projected = []
        for name, kind in self.columns:
            there, file_type = found.get(name.lower(), (None, kind))
            self.check_type(name, kind, file_type)
            value = f"r.{quoted(there)}" if there else "NULL"
            projected.append(f"CAST({value} AS {kind}) AS {quoted(name)}")
        return projected

    def check_type(self, name: str, declared: str, file_type: str) -> None:
        """Trino reads no text as a number, and no wide number as a narrow one."""
        simple, wanted = outermost(file_type), outermost(declared)
        if simple != wanted and simple not in PROMOTIONS.get(wanted, ()):
            raise QueryFailed(
                f"HIVE_BAD_DATA: Field {name}'s type {file_type} in parquet file is incompatible with type {declared} "
                "defined in table schema",
            )

    def text_reader(self, rows_of: Callable[[str], Iterator[list[str | None]]]) -> str:
        """Text is split here as Hive does it, and handed to DuckDB in a form that nobody can misread."""
        skip = int((self.table.get("Parameters") or {}).get("skip.header.line.count", 0))
        for file in self.files:
            raw = Path(file).read_bytes()
            decoded = (gzip.decompress(raw) if file.endswith(".gz") else raw).decode("utf-8", "replace")
            # The input format cuts at line ends before a SerDe sees quotes.
            lines = [line.removesuffix("\r") for line in decoded.split("\n")]
            lines = (lines if lines[-1] else lines[:-1])[skip:]
            width = len(self.columns)
            rows = ((next(rows_of(line)) + [None] * width)[:width] for line in lines)
            Path(file + ".rows").write_text("".join(csv_line(row) for row in rows), newline="")
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, _ in self.columns)
        files = "[" + ", ".join(literal(file + ".rows") for file in self.files) + "]"
        read = (f"read_csv({files}, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
                f"allow_quoted_nulls = false, hive_partitioning = false, columns = {{{columns}}}, filename = '__file')")
        return f"(SELECT * REPLACE (left(__file, -5) AS __file) FROM {read})"

    def parameters(self) -> dict[str, str]:
        return (self.descriptor.get("SerdeInfo") or {}).get("Parameters") or {}

    def open_csv(self, line: str) -> Iterator[list[str | None]]:
        """Quotes are doubled or escaped; an empty field is an empty string, never NULL."""
        given = self.parameters()
        yield next(csv.reader(
            [line], delimiter=given.get("separatorChar", ","), quotechar=given.get("quoteChar", '"'),
            escapechar=given.get("escapeChar", "\\"), doublequote=True,
        ), [""])

    def lazy_simple(self, line: str) -> Iterator[list[str | None]]:
        """No quotes at all; `\\N` is NULL."""
        given = self.parameters()
        mark = given.get("field.delim", given.get("serialization.format", "\x01"))
        null = given.get("serialization.null.format", "\\N")
        fields = line.split("\x01" if mark == "1" else mark)
        yield [None if value == null else value for value in fields]


def partition_path(keys: list[str], values: list[str]) -> str:
    return "/".join(f"{key}={value}" for key, value in zip(keys, values))


def partition_values(path: str) -> list[str]:
    """The values of `dt=2026-11-20/hour=03/`."""
    return [unquote(part.split("=", 1)[1]) for part in path.strip("/").split("/") if "=" in part]
