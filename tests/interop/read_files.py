"""Lands two deliveries, compacts each, and reads the lake with pyarrow, DuckDB and Polars: all must agree with firelake.

    read_files.py FIRELAKE SCRATCH     the program, and an empty folder to work in
"""

import gzip
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlparse

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

TS = pa.timestamp("ms", tz="UTC")
DATA_TYPES = {
    "ts": TS, "client_ip": pa.string(), "ident": pa.string(), "user_name": pa.string(), "request": pa.string(),
    "method": pa.string(), "path": pa.string(), "query_string": pa.string(), "protocol": pa.string(),
    "status": pa.int32(), "bytes": pa.int64(), "referer": pa.string(), "agent": pa.string(), "extra": pa.string(),
}
REJECTED_TYPES = {
    "object": pa.string(), "byte_offset": pa.int64(), "byte_length": pa.int64(), "chunk": pa.int32(),
    "reason": pa.string(), "raw": pa.binary(),
}
DUCKDB_TYPES = {
    TS: "TIMESTAMP WITH TIME ZONE", pa.string(): "VARCHAR", pa.int32(): "INTEGER", pa.int64(): "BIGINT", pa.binary(): "BLOB",
}
POLARS_TYPES = {
    TS: pl.Datetime("ms", "UTC"), pa.string(): pl.String, pa.int32(): pl.Int32, pa.int64(): pl.Int64, pa.binary(): pl.Binary,
}

# Two deliveries of six hours: the day 2026-11-20 gets files of both, so that its published copy supersedes the first folder.
DELIVERIES = [
    ["--start", "2026-11-19T20:00:00Z", "--seed", "1", "--delimiter", "none"],
    ["--start", "2026-11-20T02:00:00Z", "--seed", "2", "--delimiter", "newline"],
]


def main(firelake, scratch):
    os.chdir(scratch)
    program = Firelake(firelake)
    generated, compacted = deliver(program)
    reads, rejects, rows = (total(compacted, key) for key in ("records_read", "records_rejected", "rows_written"))
    same("records read", "generated", total(generated, "records"), "compacted", reads)
    same("records rejected", "generated as broken", total(generated, "broken"), "compacted", rejects)
    same("records", "read", reads, "rows and rejected records", rows + rejects)
    check(rows > 0 and rejects > 0, "there are no rows or no rejected records to compare")
    check_data(program, rows)
    check_rejected(program, rejects)
    check_glob(program, rows)


def deliver(program):
    """Lands and compacts each delivery; gives both programs' own summaries."""
    generated, compacted = [], []
    for options in DELIVERIES:
        fixed = ["--landing", "landing", "--hours", "6", "--rate", "0.5", "--broken", "1%", "--late", "5%"]
        generated += program.json("generate", *fixed, *options, "--json")
        compacted += program.json(
            "compact", "--landing", "landing", "--lake", "lake", "--schema", "combined_apache", "--table", "access",
            "--no-merge", "--json")
    [idle] = program.json("compact", "--lake", "lake", "--table", "access", "--no-merge", "--json")
    same("objects", "landed", total(generated, "objects"), "compacted", total(compacted, "objects"))
    same("objects of a third run", "expected", 0, "compacted", idle["objects"])
    return generated, compacted


def check_data(program, rows):
    files = program.files("access")
    dataset, relation, frame = read(files)
    check(len(files) >= 3, f"too few files to tell anything: {len(files)}")
    check_types(dataset, relation, frame, DATA_TYPES)
    check_rows(program, "access", files, dataset, relation, frame, rows)

    table = dataset.to_table(columns=["ts", "status"])
    counts = table.group_by("status").aggregate([([], "count_all")])
    by_status = {
        "firelake": {row["status"]: row["n"] for row in program.query("SELECT status, count(*) AS n FROM access GROUP BY status")},
        "pyarrow": dict(zip(counts["status"].to_pylist(), counts["count_all"].to_pylist())),
        "DuckDB": dict(relation.aggregate("status, count(*)", "status").fetchall()),
        "Polars": dict(frame.group_by("status").len().collect().iter_rows()),
    }
    all_same("rows by status", by_status)
    check(len(by_status["firelake"]) > 3, f"too few statuses to tell anything: {by_status['firelake']}")

    [bounds] = program.query("SELECT min(ts) AS low, max(ts) AS high FROM access")
    low_high = pc.min_max(table["ts"]).as_py()
    all_same("smallest and largest ts", {
        "firelake": tuple(datetime.fromisoformat(bounds[key]).replace(tzinfo=timezone.utc) for key in ("low", "high")),
        "pyarrow": (low_high["min"], low_high["max"]),
        "DuckDB": tuple(time.astimezone(timezone.utc) for time in relation.aggregate("min(ts), max(ts)").fetchall()[0]),
        "Polars": frame.select(pl.col("ts").min().alias("low"), pl.col("ts").max().alias("high")).collect().row(0),
    })

    [sums] = program.query("SELECT sum(bytes) AS bytes, count(DISTINCT client_ip) AS clients FROM access")
    everything = dataset.to_table(columns=["bytes", "client_ip"])
    all_same("sum of bytes, and clients", {
        "firelake": (sums["bytes"], sums["clients"]),
        "pyarrow": (pc.sum(everything["bytes"]).as_py(), pc.count_distinct(everything["client_ip"]).as_py()),
        "DuckDB": tuple(int(value) for value in relation.aggregate("sum(bytes), count(DISTINCT client_ip)").fetchall()[0]),
        "Polars": frame.select(pl.col("bytes").sum(), pl.col("client_ip").drop_nulls().n_unique()).collect().row(0),
    })


def check_rejected(program, rejects):
    files = program.files("access_rejected")
    dataset, relation, frame = read(files)
    check_types(dataset, relation, frame, REJECTED_TYPES)
    check_rows(program, "access_rejected", files, dataset, relation, frame, rejects)
    by_reason = program.query("SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason")
    all_same("rejected records by reason", {
        "firelake": {row["reason"]: row["n"] for row in by_reason},
        "DuckDB": dict(relation.aggregate("reason, count(*)", "reason").fetchall()),
        "Polars": dict(frame.group_by("reason").len().collect().iter_rows()),
    })
    for row in dataset.to_table().to_pylist():
        landed = gzip.decompress(Path(urlparse(row["object"]).path).read_bytes())
        there = landed[row["byte_offset"]:row["byte_offset"] + row["byte_length"]]
        check(there == row["raw"], f"the rejected record at byte {row['byte_offset']} of {row['object']} is not what landed there")
    print(f"ok  all {rejects} rejected records are byte for byte what landed at their places")


def check_glob(program, rows):
    """What README says: a glob counts superseded files, so `firelake files` is what to read."""
    glob = "lake/logs/access/data/**/*.parquet"
    [(globbed,)] = duckdb.execute("SELECT count(*) FROM read_parquet(?)", [glob]).fetchall()
    copies = [path for path in Path("lake/logs/access/data").glob("p*/**/*.parquet")]
    check(len(copies) >= 2, f"the second delivery made no published copy: {copies}")
    check(globbed > rows, f"globbing {glob} gives {globbed} rows and not more than the table's {rows}: README says otherwise")
    print(f"ok  globbing data/** would count {globbed} rows where there are {rows}: firelake files is what to read")


def read(files):
    """The same files by all three readers."""
    paths = [file["path"] for file in files]
    return (
        ds.dataset(paths, format="parquet"),
        duckdb.read_parquet(paths, hive_partitioning=False),
        pl.scan_parquet(paths, hive_partitioning=False),
    )


def check_types(dataset, relation, frame, expected):
    found = {
        "pyarrow": dict(zip(dataset.schema.names, dataset.schema.types)),
        "DuckDB": dict(zip(relation.columns, map(str, relation.types))),
        "Polars": dict(frame.collect_schema()),
    }
    same("types", "expected", expected, "pyarrow", found["pyarrow"])
    same("types", "expected", {name: DUCKDB_TYPES[word] for name, word in expected.items()}, "DuckDB", found["DuckDB"])
    same("types", "expected", {name: POLARS_TYPES[word] for name, word in expected.items()}, "Polars", found["Polars"])


def check_rows(program, table, files, dataset, relation, frame, expected):
    [counted] = program.query(f"SELECT count(*) AS n FROM {table}")
    all_same(f"rows of {table} in {len(files)} files", {
        "compact": expected,
        "firelake files": total(files, "rows"),
        "firelake query": counted["n"],
        "pyarrow": dataset.count_rows(),
        "DuckDB": relation.aggregate("count(*)").fetchall()[0][0],
        "Polars": frame.select(pl.len()).collect().item(),
    })


class Firelake:
    """The program, as a script would use it: stdout is data only, any exit code but 0 is a failure."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments):
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True)
        check(done.returncode == 0, f"firelake {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return [json.loads(line) for line in self.run(*arguments).splitlines()]

    def query(self, sql):
        return json.loads(self.run("query", "--lake", "lake", "--format", "json", sql))

    def files(self, table):
        """As `firelake files` prints them; both of its formats must say the same."""
        rows = [line.split("\t") for line in self.run("files", "--lake", "lake", "--table", table).splitlines()]
        listed = self.json("files", "--lake", "lake", "--table", table, "--json")
        same(f"files of {table}", "text", [(path, int(rows), int(size)) for path, rows, size in rows],
             "--json", [(file["path"], file["rows"], file["bytes"]) for file in listed])
        for file in listed:
            same(f"size of {file['path']}", "listed", file["bytes"], "on disk", os.path.getsize(file["path"]))
        return listed


def total(rows, key):
    return sum(row[key] for row in rows)


def all_same(what, answers):
    (first, expected), *others = answers.items()
    for name, found in others:
        same(what, first, expected, name, found)
    if isinstance(expected, dict):
        shown = f"{len(expected)} groups"
    else:
        shown = ", ".join(map(str, expected)) if isinstance(expected, tuple) else expected
    print(f"ok  {what}: {shown} ({', '.join(answers)})")


def same(what, name, expected, other, found):
    check(expected == found, f"{what} differ\n  {name}: {expected}\n  {other}: {found}")


def check(holds, otherwise):
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    main(*sys.argv[1:])
