"""Athena's API: a query's life from QUEUED to SUCCEEDED, FAILED or CANCELLED, and its results.

A query's text can say how long it takes, in a comment of steps that come before its execution:

    /* stand-in: queue 2s */                        QUEUED for two seconds
    /* stand-in: run 30s */                         RUNNING for thirty seconds
    /* stand-in: run 1s, queue 1s, run 1s */        RUNNING goes back to QUEUED
    /* stand-in: run 1s, fail */                    then FAILED by a system error that is worth a retry
"""

from __future__ import annotations

import asyncio
import copy
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from ministack.services import athena as store

from . import engine_trino, glue, sql, statements, storage, workgroups
from .api import Action, ApiError, Reply, Request, answering, invalid_request, page
from .failure import SYSTEM, QueryFailed
from .results import Result, csv_file, txt_file

SCRATCH = Path()
MOST_QUERY_BYTES = 262_144
MOST_ROWS = 1000
HINT = re.compile(r"/\*\s*stand-in:(.*?)\*/", re.DOTALL)
STEP = re.compile(r"(queue|run)\s+(\d+(?:\.\d+)?)s|fail")
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
# A cancel comes from the event loop, an end from a query's thread: who is first wins.
LOCK = threading.Lock()


class Query:
    """One execution. `shown` is what GetQueryExecution tells of it."""

    def __init__(self, request: Request, workgroup: dict[str, Any]) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.text = request["QueryString"]
        self.parameters = request.get("ExecutionParameters") or []
        self.workgroup = workgroup["Name"]
        self.configuration = copy.deepcopy(workgroup["Configuration"])
        context = request.get("QueryExecutionContext") or {}
        self.database = (context.get("Database") or "default").strip("`\"").lower()
        self.output = self.output_location()
        self.created = time.time()
        self.started: float | None = None
        self.stopped = threading.Event()
        self.result = Result()
        self.run = statements.Run(self.id, self.workgroup, self.database, self.output, SCRATCH)
        self.shown = self.described(context)

    def output_location(self) -> str | None:
        """The workgroup's where it is enforced, else the client's, else the workgroup's; none where Athena keeps it."""
        asked = (self.request.get("ResultConfiguration") or {}).get("OutputLocation")
        if workgroups.managed(self.configuration):
            if asked:
                raise invalid_request(
                    "ResultConfiguration cannot be given where the workgroup's ManagedQueryResultsConfiguration is on"
                )
            return None
        own = (self.configuration.get("ResultConfiguration") or {}).get("OutputLocation")
        enforced = self.configuration.get("EnforceWorkGroupConfiguration") and own
        location = own if enforced else asked or own
        if not location:
            raise invalid_request(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input.", "INVALID_INPUT",
            )
        return location

    def described(self, context: dict[str, str]) -> dict[str, Any]:
        kind, substatement = sql.kind_of(self.text)
        shown = {
            "QueryExecutionId": self.id, "Query": self.text, "StatementType": kind, "SubstatementType": substatement,
            "WorkGroup": self.workgroup, "EngineVersion": workgroups.ENGINE,
            "QueryExecutionContext": {"Database": self.database, "Catalog": context.get("Catalog") or "awsdatacatalog"},
            "Status": {"State": "QUEUED", "SubmissionDateTime": self.created},
            "Statistics": {},
        }
        if self.output is None:
            shown["ManagedQueryResultsConfiguration"] = {"Enabled": True}
        else:
            suffix = "csv" if kind == "DML" else "txt"
            shown["ResultConfiguration"] = {"OutputLocation": f"{self.output.rstrip('/')}/{self.id}.{suffix}"}
        for name in ("ExecutionParameters", "ResultReuseConfiguration"):
            if self.request.get(name):
                shown[name] = self.request[name]
        return shown

    @property
    def state(self) -> str:
        return self.shown["Status"]["State"]

    # ---- its life ----

    async def live(self) -> None:
        steps = STEP.finditer(" ".join(HINT.findall(self.text)))
        try:
            await self.hold("QUEUED", 0.02)
            for step in steps:
                if step[0] == "fail":
                    raise QueryFailed("GENERIC_INTERNAL_ERROR: the stand-in was asked to fail", 1, SYSTEM, True)
                await self.hold("QUEUED" if step[1] == "queue" else "RUNNING", float(step[2]))
            self.move("RUNNING")
            if not self.stopped.is_set():
                await asyncio.to_thread(self.work)
        except QueryFailed as failure:
            self.fail(failure)
        except Exception as problem:  # noqa: BLE001: whatever goes wrong in an engine is the query's failure
            self.fail(QueryFailed(f"GENERIC_INTERNAL_ERROR: {problem}", 1, SYSTEM))

    async def hold(self, state: str, seconds: float) -> None:
        self.move(state)
        until = time.monotonic() + seconds
        while not self.stopped.is_set() and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.02))

    def move(self, state: str) -> None:
        with LOCK:
            if self.state not in ENDED:
                self.shown["Status"]["State"] = state
                if state == "RUNNING":
                    self.started = self.started or time.time()

    def work(self) -> None:
        """Executes, writes the result and ends; runs in a thread of its own."""
        former = reusable(self)
        if former:
            self.result = former.result
        else:
            bound = sql.bind(self.text, self.parameters) if self.parameters else self.text
            self.result = statements.execute(self.run, bound)
        statistics = self.shown["Statistics"]
        statistics["DataScannedInBytes"] = self.run.scanned
        statistics["ResultReuseInformation"] = {"ReusedPreviousResult": former is not None}
        cutoff = self.configuration.get("BytesScannedCutoffPerQuery")
        if cutoff and self.run.scanned > cutoff:
            self.end("CANCELLED", StateChangeReason="Bytes scanned limit was exceeded")
        elif not self.stopped.is_set():
            self.write_files()
            self.end("SUCCEEDED")

    def write_files(self) -> None:
        """The rows, Athena's binary .metadata beside them, and the manifest of files that the statement wrote."""
        if self.output is None:
            return
        bucket, key = self.shown["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").split("/", 1)
        csv = self.shown["StatementType"] == "DML"
        storage.write(bucket, key, csv_file(self.result) if csv else txt_file(self.result))
        storage.write(bucket, key + ".metadata", b"\x08")
        if self.run.written:
            manifest = f"{self.output.rstrip('/')}/{self.id}-manifest.csv"
            self.shown["Statistics"]["DataManifestLocation"] = manifest
            storage.write(bucket, manifest.removeprefix(f"s3://{bucket}/"), "\n".join(self.run.written).encode())

    def fail(self, failure: QueryFailed) -> None:
        self.end("FAILED", StateChangeReason=failure.message, AthenaError=failure.athena_error())

    def end(self, state: str, **status: Any) -> bool:
        """Only the first end counts. A cancelled query keeps what it had scanned."""
        with LOCK:
            if self.state in ENDED:
                return False
            now = time.time()
            started = self.started or now
            self.shown["Statistics"].setdefault("DataScannedInBytes", self.run.scanned)
            self.shown["Statistics"].update(
                QueryQueueTimeInMillis=int((started - self.created) * 1000),
                EngineExecutionTimeInMillis=int((now - started) * 1000),
                TotalExecutionTimeInMillis=int((now - self.created) * 1000) + 1,
                QueryPlanningTimeInMillis=1, ServiceProcessingTimeInMillis=1,
            )
            self.shown["Status"].update(State=state, CompletionDateTime=now, **status)
            return True


# ---- the API ----


def queries() -> list[Query]:
    return list(store._executions.values())


def need(request: Request) -> Query:
    found = store._executions.get(request["QueryExecutionId"])
    if found is None:
        raise invalid_request(f"QueryExecution {request['QueryExecutionId']} was not found")
    return found


def start(request: Request) -> Reply:
    token = request.get("ClientRequestToken")
    if token is not None and not 32 <= len(token) <= 128:
        raise invalid_request(f"ClientRequestToken must have 32 to 128 characters, not {len(token)}")
    if not 1 <= len(request["QueryString"].encode()) <= MOST_QUERY_BYTES:
        raise invalid_request(f"QueryString must have 1 to {MOST_QUERY_BYTES} bytes")
    for query in queries():
        if token and query.request.get("ClientRequestToken") == token:
            if query.request != request:
                raise invalid_request("Idempotent parameters do not match")
            return {"QueryExecutionId": query.id}
    workgroup = workgroups.need(request.get("WorkGroup") or "primary")
    if workgroup["State"] != "ENABLED":
        raise invalid_request(f"WorkGroup {workgroup['Name']} is disabled")
    query = Query(request, workgroup)
    try:
        sql.check(request["QueryString"], engine_trino.check_syntax if engine_trino.URL else sql.parse)
    except QueryFailed as failure:
        raise invalid_request(failure.message, "MALFORMED_QUERY") from failure
    store._executions[query.id] = query
    LIVES.add(life := asyncio.get_running_loop().create_task(query.live()))
    life.add_done_callback(LIVES.discard)
    return {"QueryExecutionId": query.id}


LIVES: set[asyncio.Task[None]] = set()


def reusable(query: Query) -> Query | None:
    """The newest former execution of the same SELECT, young enough (ResultReuseByAgeConfiguration, at most 7 days)."""
    wish = (query.request.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    if not wish.get("Enabled"):
        return None
    oldest = time.time() - 60 * wish.get("MaxAgeInMinutes", 60)
    same = [
        other for other in queries()
        if other is not query and other.state == "SUCCEEDED" and other.shown["SubstatementType"] == "SELECT"
        and (other.text, other.parameters, other.workgroup, other.database)
        == (query.text, query.parameters, query.workgroup, query.database)
        and other.shown["Status"]["CompletionDateTime"] > oldest
    ]
    return same[-1] if same else None


def get_execution(request: Request) -> Reply:
    return {"QueryExecution": need(request).shown}


def batch_get_execution(request: Request) -> Reply:
    found = [store._executions.get(wanted) for wanted in request["QueryExecutionIds"]]
    missing = [wanted for wanted, query in zip(request["QueryExecutionIds"], found) if query is None]
    return {
        "QueryExecutions": [query.shown for query in found if query],
        "UnprocessedQueryExecutionIds": [{"QueryExecutionId": wanted, "ErrorCode": "NOT_FOUND"} for wanted in missing],
    }


def stop(request: Request) -> Reply:
    """Stopping what has ended does nothing."""
    query = need(request)
    query.stopped.set()
    if query.end("CANCELLED", StateChangeReason="Query cancelled by user"):
        query.run.interrupt()
    return {}


def list_executions(request: Request) -> Reply:
    workgroup = workgroups.need(request.get("WorkGroup") or "primary")["Name"]
    newest_first = [query.id for query in reversed(queries()) if query.workgroup == workgroup]
    return page(newest_first, request, "QueryExecutionIds", 50)


def get_results(request: Request) -> Reply:
    """At most 1000 rows a page; the first row of a DML result's first page is the header."""
    query, size = need(request), request.get("MaxResults", MOST_ROWS)
    if not 1 <= size <= MOST_ROWS:
        raise invalid_request(f"MaxResults is more than maximum allowed length {MOST_ROWS}")
    if query.state in ("QUEUED", "RUNNING"):
        raise invalid_request(f"Query has not yet finished. Current state: {query.state}")
    if query.state != "SUCCEEDED":
        raise invalid_request(f"Query did not finish successfully. Final query state: {query.state}")
    columns = query.result.columns
    header = [[column.name for column in columns]] if columns and query.shown["StatementType"] == "DML" else []
    cut = page(header + query.result.rows, {**request, "MaxResults": size}, "Rows", MOST_ROWS)
    rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in cut["Rows"]]
    reply = {
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": [column.info() for column in columns]}},
        "UpdateCount": 0,
    }
    return reply | ({"NextToken": cut["NextToken"]} if "NextToken" in cut else {})


def get_table_metadata(request: Request) -> Reply:
    """Glue's table in Athena's words; one that is not there is a MetadataException."""
    table = glue.find_table(request["DatabaseName"], request["TableName"])
    if table is None:
        raise ApiError("MetadataException", f"Entity Not Found: table {request['TableName']}")
    return {"TableMetadata": store._glue_table_to_metadata(table)}


ACTIONS: dict[str, Action] = {
    "GetTableMetadata": get_table_metadata,
    "StartQueryExecution": start, "GetQueryExecution": get_execution, "BatchGetQueryExecution": batch_get_execution,
    "StopQueryExecution": stop, "ListQueryExecutions": list_executions, "GetQueryResults": get_results,
    **workgroups.ACTIONS,
}


def perform(action: str, request: Request) -> Reply | None:
    return ACTIONS[action](request) if action in ACTIONS else None


def install(scratch: Path) -> None:
    global SCRATCH
    SCRATCH = scratch
    store._ensure_default_workgroup = workgroups.ensure_primary
    store.handle_request = answering(perform, store.handle_request)
