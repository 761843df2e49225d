"""Lands two deliveries on S3, compacts and publishes each, and reads the tables by other people's clients.

    read_published.py FIRELAKE SERVE SCRATCH     the program, tests/aws/serve, and an empty folder to work in
"""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

ACCOUNT = "424242424242"
BUCKET = "clients"
LAKE, LANDING, RESULTS = f"s3://{BUCKET}/lake", f"s3://{BUCKET}/landing/web", f"s3://{BUCKET}/results/"
DATABASE, TABLE = "logs", "access"
DAY = "2026-11-20"

# The day 2026-11-20 gets files of both, so that its published copy supersedes the first folder.
DELIVERIES = [("2026-11-19T20:00:00Z", "1"), ("2026-11-20T02:00:00Z", "2")]


def main(firelake, serve, scratch):
    os.chdir(scratch)
    server = subprocess.Popen([serve], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        use(server.stdout.readline().strip())
        publish(firelake)
        truth = Truth()
        files = [line.split("\t")[0] for line in run(firelake, "files", "--lake", LAKE, "--table", TABLE).splitlines()]
        check(len(files) >= 3, f"too few files to tell anything: {files}")
        for read in (awswrangler_parquet, awswrangler_athena, pyathena, duckdb_files, polars_files):
            read(truth, files)
            print(f"ok: {read.__name__}")
        report_in_ci(firelake, truth)
        print("ok: report_in_ci")
    finally:
        server.stdin.close()
        server.wait()


def use(url):
    """Every client finds the stand-in as it would find AWS: by the environment."""
    check(url.startswith("http://127.0.0.1:"), f"the stand-in gave no address: {url!r}")
    os.environ.update(
        AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID=ACCOUNT, AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="none",
    )


def run(firelake, *args):
    done = subprocess.run([firelake, *args], stdout=subprocess.PIPE, text=True)
    check(done.returncode == 0, f"firelake {' '.join(args)} ended with {done.returncode}")
    return done.stdout


def publish(firelake):
    import boto3

    boto3.client("s3").create_bucket(Bucket=BUCKET)
    for start, seed in DELIVERIES:
        run(firelake, "generate", "--landing", LANDING, "--hours", "6", "--rate", "0.2", "--broken", "1%", "--late", "5%",
            "--start", start, "--seed", seed)
        run(firelake, "compact", "--landing", LANDING, "--lake", LAKE, "--schema", "combined_apache", "--table", TABLE,
            "--catalog", "glue", "--no-merge")


class Truth:
    """What the landed objects hold, read by nobody's code but this."""

    def __init__(self):
        self.rows, self.rejected = [], 0
        for line in landed_lines():
            try:
                self.rows.append(row(json.loads(line)))
            except (ValueError, KeyError, TypeError):
                self.rejected += 1
        check(len(self.rows) > 5000 and self.rejected > 20, f"{len(self.rows)} rows, {self.rejected} rejected")

    def of_day(self, day):
        return [row for row in self.rows if row["ts"].strftime("%Y-%m-%d") == day]

    def by_status(self):
        return Counter(row["status"] for row in self.rows)


def landed_lines():
    import boto3

    s3 = boto3.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="landing/"):
        for entry in page["Contents"]:
            body = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            yield from gzip.decompress(body).splitlines()


def row(event):
    ts = datetime.strptime(event["datetime"], "%d/%b/%Y:%H:%M:%S %z").astimezone(timezone.utc).replace(tzinfo=None)
    size = None if event["bytes"] is None else int(event["bytes"])
    return {"ts": ts, "client_ip": event["host"], "status": int(event["response"]), "bytes": size, "agent": event["agent"]}


def awswrangler_parquet(truth, _files):
    """Reads by Glue's partitions, not by a listing of the table's folder."""
    import awswrangler as wr

    read = wr.s3.read_parquet_table
    day = read(database=DATABASE, table=TABLE, partition_filter=lambda values: values["dt"] == DAY)
    expected = truth.of_day(DAY)
    same("rows of a day", len(expected), len(day))
    same("days", {DAY}, set(day["dt"]))
    same("sum of bytes", sum(row["bytes"] or 0 for row in expected), int(day["bytes"].sum()))
    same("rows without bytes", sum(row["bytes"] is None for row in expected), int(day["bytes"].isna().sum()))
    same("newest", max(row["ts"] for row in expected), day["ts"].max().to_pydatetime().replace(tzinfo=None))
    same("type of status", "Int32", str(day["status"].dtype))
    # without a filter it lists the table's own folder, superseded files and all: docs/catalog.md warns of that
    everything = read(database=DATABASE, table=TABLE, columns=["status"], partition_filter=lambda _: True)
    same("rows by status", truth.by_status(), Counter(int(status) for status in everything["status"]))
    same("rejected records", truth.rejected, len(read(database=DATABASE, table=f"{TABLE}_rejected", partition_filter=lambda _: True)))


def awswrangler_athena(truth, _files):
    import awswrangler as wr

    sql = f"SELECT status, count(*) AS n, max(ts) AS newest FROM {TABLE} WHERE dt = '{DAY}' GROUP BY status"
    expected = {}
    for row in truth.of_day(DAY):
        count, newest = expected.get(row["status"], (0, row["ts"]))
        expected[row["status"]] = (count + 1, max(newest, row["ts"]))
    for how in ({"ctas_approach": False}, {"ctas_approach": True}, {"ctas_approach": False, "unload_approach": True}):
        output = RESULTS + "-".join(f"{key}-{value}" for key, value in how.items()) + "/"
        frame = wr.athena.read_sql_query(sql, database=DATABASE, s3_output=output, **how)
        found = {int(r.status): (int(r.n), r.newest.to_pydatetime().replace(tzinfo=None)) for r in frame.itertuples()}
        same(f"rows by status, {how}", expected, found)


def pyathena(truth, _files):
    import pyathena

    cursor = pyathena.connect(
        s3_staging_dir=RESULTS, schema_name=DATABASE, endpoint_url=os.environ["AWS_ENDPOINT_URL"]).cursor()
    rows = cursor.execute(f"SELECT status, count(*) FROM {TABLE} GROUP BY status").fetchall()
    same("rows by status", dict(truth.by_status()), dict(rows))
    newest = cursor.execute(f"SELECT max(ts), count(*), count(bytes), cast(avg(bytes) AS decimal(20,3)) FROM {TABLE}")
    sizes = [row["bytes"] for row in truth.rows if row["bytes"] is not None]
    mean = (Decimal(sum(sizes)) / len(sizes)).quantize(Decimal("0.001"))
    found = newest.fetchone()
    same("newest, rows, rows with bytes", (max(r["ts"] for r in truth.rows), len(truth.rows), len(sizes)), found[:3])
    check(abs(found[3] - mean) <= Decimal("0.001"), f"mean of bytes: {found[3]} and {mean}")
    [count] = cursor.execute(f"SELECT count(*) FROM {TABLE}_rejected WHERE length(reason) > 0").fetchone()
    same("rejected records", truth.rejected, count)
    [client] = cursor.execute(f"SELECT count(*) FROM {TABLE} WHERE client_ip = %(ip)s", {"ip": truth.rows[0]["client_ip"]}).fetchone()
    same("rows of a client", sum(row["client_ip"] == truth.rows[0]["client_ip"] for row in truth.rows), client)


def duckdb_files(truth, files):
    """The files that `firelake files` names, on S3."""
    import duckdb
    import duckdb_extension_httpfs

    connection = duckdb.connect()
    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    connection.load_extension(str(folder / "httpfs.duckdb_extension"))
    host = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{ACCOUNT}', SECRET 'secret', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)")
    rows = connection.execute("SELECT status, count(*) FROM read_parquet($1) GROUP BY 1", [files]).fetchall()
    same("rows by status", dict(truth.by_status()), dict(rows))
    [(ts, status)] = connection.execute("SELECT typeof(any_value(ts)), typeof(any_value(status)) FROM read_parquet($1)", [files]).fetchall()
    same("types", ("TIMESTAMP WITH TIME ZONE", "INTEGER"), (ts, status))


def polars_files(truth, files):
    import polars as pl

    options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_region": "us-east-1", "aws_allow_http": "true",
               "aws_access_key_id": ACCOUNT, "aws_secret_access_key": "secret"}
    frame = pl.scan_parquet(files, storage_options=options, hive_partitioning=False)
    counts = frame.group_by("status").len().collect()
    same("rows by status", dict(truth.by_status()), dict(counts.iter_rows()))
    newest = frame.select(pl.col("ts").max()).collect().item()
    same("newest", max(row["ts"] for row in truth.rows), newest.replace(tzinfo=None))
    same("types", (pl.Datetime("ms", "UTC"), pl.Int32), (frame.collect_schema()["ts"], frame.collect_schema()["status"]))


CHECKS = {
    "a_passing": "-- How many requests there are\n-- expect: n > 0\nSELECT count(*) AS n FROM access\n",
    "b_failing": "-- No request fails\n-- expect: rows = 0\nSELECT ts, status FROM access WHERE status >= 500 ORDER BY ts\n",
    "c_broken": "-- expect: rows > 0\nSELECT stauts FROM access\n",
}


def report_in_ci(firelake, truth):
    """A passing, a failing and a broken query, asked of Athena; the report is read by another project's parser."""
    from junitparser import Error, Failure, JUnitXml

    Path("checks").mkdir()
    for name, sql in CHECKS.items():
        Path(f"checks/{name}.sql").write_text(sql)
    outputs = ["--junit", "report.xml", "--markdown", "report.md", "--output-location", RESULTS]
    done = subprocess.run([firelake, "report", "--engine", "athena", "checks", *outputs], capture_output=True, text=True)
    same("exit code", 1, done.returncode)
    cases = [(suite.name, case) for suite in JUnitXml.fromfile("report.xml") for case in suite]
    same("suites", [f"checks/{name}.sql" for name in CHECKS], [name for name, _ in cases])
    same("kinds of result", [[], [Failure], [Error]], [[type(result) for result in case.result] for _, case in cases])
    failing = sum(row["status"] >= 500 for row in truth.rows)
    check(f"found {failing}" in cases[1][1].result[0].message, f"the failure says {cases[1][1].result[0].message!r}")
    check("line 2, column 8" in cases[2][1].result[0].message, f"the error says {cases[2][1].result[0].message!r}")
    page = Path("report.md").read_text()
    check("1 ok, 1 failed, 1 broken" in page and "scanned" in page, f"the page is\n{page}")
    passing = subprocess.run([firelake, "report", "--engine", "athena", "checks/a_passing.sql", *outputs[4:]], capture_output=True)
    same("exit code of what passes", 0, passing.returncode)
    failed = subprocess.run(
        [firelake, "report", "--engine", "athena", "checks/a_passing.sql", "checks/b_failing.sql", *outputs[4:]], capture_output=True)
    same("exit code of what fails", 3, failed.returncode)


def same(what, expected, found):
    check(expected == found, f"{what}: expected {shown(expected)}, found {shown(found)}")


def shown(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}…"


def check(holds, message):
    if not holds:
        sys.exit(f"error: {message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
