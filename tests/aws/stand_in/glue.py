"""The Glue Data Catalog: databases, tables with versions, partitions. What is not here, ministack's Glue answers."""

from __future__ import annotations

import copy
import threading
import time
import zlib
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id
from ministack.services import glue as store

from .api import Action, ApiError, Reply, Request, answering, page, too_long
from .glue_expression import Filter

Table = dict[str, Any]
Partition = dict[str, Any]

# Queries change the catalog from threads of their own: each action is one step.
LOCK = threading.RLock()

# "database/table" ▶ its former versions, oldest first
ARCHIVE = AccountRegionScopedDict()

DATABASE_FIELDS = ("Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions", "TargetDatabase")
TABLE_FIELDS = (
    "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor", "PartitionKeys",
    "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable",
)


def perform(action: str, request: Request) -> Reply | None:
    """Answers one request; None where the action is not one of ours."""
    if action not in ACTIONS:
        return None
    with LOCK:
        return ACTIONS[action](lower_names(request))


def lower_names(request: Request) -> Request:
    """Glue folds the names of databases and tables to lower case; columns and partition values it keeps."""
    folded = copy.deepcopy(request)
    for holder in (folded, folded.get("TableInput") or {}, folded.get("DatabaseInput") or {}):
        for name in ("Name", "DatabaseName", "TableName"):
            if isinstance(holder.get(name), str):
                holder[name] = holder[name].lower()
    return folded


# ---- reading, for this module and for queries ----


def key_of(database: str, table: str) -> str:
    return f"{database.lower()}/{table.lower()}"


def find_table(database: str, table: str) -> Table | None:
    return store._tables.get(key_of(database, table))


def partitions_of(database: str, table: str) -> list[Partition]:
    """In the order of their values, as Glue lists them."""
    return sorted(store._partitions.get(key_of(database, table), []), key=lambda partition: partition["Values"])


def need_database(name: str) -> dict[str, Any]:
    found = store._databases.get(name.lower())
    if found is None:
        raise ApiError("EntityNotFoundException", f"Database {name} not found.")
    return found


def need_table(request: Request, name: str = "TableName") -> Table:
    need_database(request["DatabaseName"])
    found = find_table(request["DatabaseName"], request[name])
    if found is None:
        raise ApiError("EntityNotFoundException", f"Entity Not Found: table {request[name]}")
    return found


# ---- databases ----


def create_database(request: Request) -> Reply:
    given = request["DatabaseInput"]
    name = given["Name"]
    if not name:
        raise ApiError("InvalidInputException", "Database name cannot be empty")
    if name in store._databases:
        raise ApiError("AlreadyExistsException", "Database already exists.")
    fields = {field: given[field] for field in DATABASE_FIELDS if field in given}
    store._databases[name] = {"Name": name, **fields, "CreateTime": time.time(), "CatalogId": get_account_id()}
    return {}


def update_database(request: Request) -> Reply:
    """Replaces, it does not merge."""
    found, given = need_database(request["Name"]), request["DatabaseInput"]
    for field in DATABASE_FIELDS:
        found.pop(field, None)
    found.update({field: given[field] for field in DATABASE_FIELDS if field in given})
    return {}


def delete_database(request: Request) -> Reply:
    need_database(request["Name"])
    for table in tables_of(request["Name"]):
        forget_table(request["Name"], table["Name"])
    del store._databases[request["Name"]]
    return {}


def get_database(request: Request) -> Reply:
    return {"Database": need_database(request["Name"])}


def get_databases(request: Request) -> Reply:
    return page(sorted(store._databases.values(), key=lambda database: database["Name"]), request, "DatabaseList", 100)


# ---- tables ----


def tables_of(database: str) -> list[Table]:
    prefix = database.lower() + "/"
    return sorted((t for k, t in store._tables.items() if k.startswith(prefix)), key=lambda table: table["Name"])


def create_table(request: Request) -> Reply:
    database, given = request["DatabaseName"], request["TableInput"]
    need_database(database)
    if not given["Name"]:
        raise ApiError("InvalidInputException", "Table name cannot be empty")
    if find_table(database, given["Name"]):
        raise ApiError("AlreadyExistsException", "Table already exists.")
    now = time.time()
    store._tables[key_of(database, given["Name"])] = {
        "Name": given["Name"], "DatabaseName": database, "CatalogId": get_account_id(),
        **{field: given[field] for field in TABLE_FIELDS if field in given},
        "CreateTime": now, "UpdateTime": now, "IsRegisteredWithLakeFormation": False, "VersionId": "0",
    }
    return {}


def update_table(request: Request) -> Reply:
    """Replaces, it does not merge. VersionId makes it a compare-and-swap; SkipArchive keeps no old version."""
    given = request["TableInput"]
    found = need_table({"DatabaseName": request["DatabaseName"], "TableName": given["Name"]})
    current = found["VersionId"]
    if request.get("VersionId") not in (None, current):
        raise ApiError(
            "ConcurrentModificationException",
            f"Update table failed due to concurrent modifications: version is {current}, not {request['VersionId']}.",
        )
    if not request.get("SkipArchive"):
        ARCHIVE.setdefault(key_of(request["DatabaseName"], given["Name"]), []).append(copy.deepcopy(found))
    for field in TABLE_FIELDS:
        found.pop(field, None)
    found.update({field: given[field] for field in TABLE_FIELDS if field in given})
    found.update(UpdateTime=time.time(), VersionId=str(int(current) + 1))
    return {}


def forget_table(database: str, table: str) -> None:
    for kept in (store._tables, store._partitions, store._partition_indexes, ARCHIVE):
        kept.pop(key_of(database, table), None)


def delete_table(request: Request) -> Reply:
    need_table(request, "Name")
    forget_table(request["DatabaseName"], request["Name"])
    return {}


def batch_delete_table(request: Request) -> Reply:
    limit_list(request, "TablesToDelete", 100)
    need_database(request["DatabaseName"])
    errors = []
    for name in request["TablesToDelete"]:
        if find_table(request["DatabaseName"], name):
            forget_table(request["DatabaseName"], name)
        else:
            errors.append({"TableName": name, "ErrorDetail": detail("EntityNotFoundException", "Table not found")})
    return with_errors(errors)


def get_table(request: Request) -> Reply:
    return {"Table": need_table(request, "Name")}


def get_tables(request: Request) -> Reply:
    """Expression is a pattern with `*` and `|`, as ministack reads it."""
    need_database(request["DatabaseName"])
    tables, pattern = tables_of(request["DatabaseName"]), request.get("Expression")
    if pattern:
        tables = [table for table in tables if store._simple_glob_match(pattern, table["Name"])]
    return page(tables, request, "TableList", 100)


def versions_of(request: Request) -> list[Reply]:
    found = need_table(request)
    former = ARCHIVE.get(key_of(request["DatabaseName"], request["TableName"]), [])
    return [{"Table": table, "VersionId": table["VersionId"]} for table in [found, *reversed(former)]]


def get_table_versions(request: Request) -> Reply:
    return page(versions_of(request), request, "TableVersions", 100)


def get_table_version(request: Request) -> Reply:
    versions = versions_of(request)
    wanted = request.get("VersionId", versions[0]["VersionId"])
    for version in versions:
        if version["VersionId"] == wanted:
            return {"TableVersion": version}
    raise ApiError("EntityNotFoundException", f"Table version {wanted} not found.")


# ---- partitions ----


def detail(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def with_errors(errors: list[Reply]) -> Reply:
    """Batch calls answer HTTP 200 whatever happened to the items."""
    return {"Errors": errors} if errors else {}


def limit_list(request: Request, member: str, limit: int) -> None:
    if len(request[member]) > limit:
        raise too_long(member[0].lower() + member[1:], limit)


def stored(request: Request) -> list[Partition]:
    """The table's own list of partitions, to be changed in place."""
    need_table(request)
    return store._partitions.setdefault(key_of(request["DatabaseName"], request["TableName"]), [])


def index_of(partitions: list[Partition], values: list[str]) -> int | None:
    return next((at for at, partition in enumerate(partitions) if partition["Values"] == values), None)


def check_values(request: Request, values: list[str]) -> None:
    if len(values) != len(need_table(request).get("PartitionKeys") or []):
        raise ApiError(
            "InvalidInputException", "The number of partition keys do not match the number of partition values"
        )


def add_partition(request: Request, given: Partition) -> None:
    partitions = stored(request)
    if index_of(partitions, given["Values"]) is not None:
        raise ApiError("AlreadyExistsException", "Partition already exists.")
    names = {"DatabaseName": request["DatabaseName"], "TableName": request["TableName"]}
    partitions.append({**given, **names, "CreationTime": time.time(), "CatalogId": get_account_id()})


def replace_partition(request: Request, old: list[str], given: Partition) -> None:
    """The last writer wins: there is no compare-and-swap for partitions."""
    partitions = stored(request)
    at = index_of(partitions, old)
    if at is None:
        raise ApiError("EntityNotFoundException", "Partition not found.")
    values = given.get("Values", old)
    check_values(request, values)
    if values != old and index_of(partitions, values) is not None:
        raise ApiError("AlreadyExistsException", "Partition already exists.")
    kept = {name: partitions[at][name] for name in ("DatabaseName", "TableName", "CreationTime", "CatalogId")}
    partitions[at] = {**given, "Values": values, **kept}


def remove_partition(request: Request, values: list[str]) -> None:
    partitions = stored(request)
    at = index_of(partitions, values)
    if at is None:
        raise ApiError("EntityNotFoundException", "Partition not found.")
    del partitions[at]


def create_partition(request: Request) -> Reply:
    check_values(request, request["PartitionInput"]["Values"])
    add_partition(request, request["PartitionInput"])
    return {}


def update_partition(request: Request) -> Reply:
    replace_partition(request, request["PartitionValueList"], request["PartitionInput"])
    return {}


def delete_partition(request: Request) -> Reply:
    remove_partition(request, request["PartitionValues"])
    return {}


def each_item(items: list[Reply], act: Any, values: Any, named: str) -> Reply:
    """Does what can be done, and tells of the rest."""
    errors = []
    for item in items:
        try:
            act(item)
        except ApiError as error:
            errors.append({named: values(item), "ErrorDetail": detail(error.code, error.message)})
    return with_errors(errors)


def batch_create_partition(request: Request) -> Reply:
    """At most 100. A wrong number of values refuses the whole call; one that is there is an item's error."""
    limit_list(request, "PartitionInputList", 100)
    items = request["PartitionInputList"]
    for item in items:
        check_values(request, item["Values"])
    return each_item(items, lambda item: add_partition(request, item), lambda item: item["Values"], "PartitionValues")


def batch_update_partition(request: Request) -> Reply:
    limit_list(request, "Entries", 100)
    need_table(request)

    def act(item: Reply) -> None:
        replace_partition(request, item["PartitionValueList"], item["PartitionInput"])

    return each_item(request["Entries"], act, lambda item: item["PartitionValueList"], "PartitionValueList")


def batch_delete_partition(request: Request) -> Reply:
    limit_list(request, "PartitionsToDelete", 25)
    need_table(request)
    items = request["PartitionsToDelete"]
    return each_item(
        items, lambda item: remove_partition(request, item["Values"]), lambda item: item["Values"], "PartitionValues"
    )


def get_partition(request: Request) -> Reply:
    partitions = stored(request)
    at = index_of(partitions, request["PartitionValues"])
    if at is None:
        raise ApiError("EntityNotFoundException", "Cannot find partition.")
    return {"Partition": partitions[at]}


def batch_get_partition(request: Request) -> Reply:
    """UnprocessedKeys are the values of those that were not returned, missing ones among them."""
    limit_list(request, "PartitionsToGet", 1000)
    partitions = {tuple(partition["Values"]): partition for partition in stored(request)}
    wanted = [tuple(item["Values"]) for item in request["PartitionsToGet"]]
    return {
        "Partitions": [partitions[values] for values in wanted if values in partitions],
        "UnprocessedKeys": [{"Values": list(values)} for values in wanted if values not in partitions],
    }


def in_segment(partition: Partition, segment: dict[str, int]) -> bool:
    spread = zlib.crc32("\0".join(partition["Values"]).encode())
    return spread % segment["TotalSegments"] == segment["SegmentNumber"]


def get_partitions(request: Request) -> Reply:
    table = need_table(request)
    partitions = partitions_of(request["DatabaseName"], request["TableName"])
    if request.get("Expression"):
        wanted = Filter(request["Expression"], table.get("PartitionKeys") or [])
        partitions = [partition for partition in partitions if wanted.keeps(partition["Values"])]
    if segment := request.get("Segment"):
        if not 0 <= segment["SegmentNumber"] < segment["TotalSegments"] <= 10:
            raise ApiError("InvalidInputException", "Segment is out of range: at most 10 segments, counted from 0")
        partitions = [partition for partition in partitions if in_segment(partition, segment)]
    if request.get("ExcludeColumnSchema"):
        partitions = [without_columns(partition) for partition in partitions]
    return page(partitions, request, "Partitions", 1000)


def without_columns(partition: Partition) -> Partition:
    descriptor = partition.get("StorageDescriptor") or {}
    return {**partition, "StorageDescriptor": {name: v for name, v in descriptor.items() if name != "Columns"}}


def delete_partition_index(request: Request) -> Reply:
    need_table(request)
    key = key_of(request["DatabaseName"], request["TableName"])
    indexes = store._partition_indexes.get(key, [])
    store._partition_indexes[key] = [index for index in indexes if index["IndexName"] != request["IndexName"]]
    return {}


ACTIONS: dict[str, Action] = {
    "CreateDatabase": create_database, "UpdateDatabase": update_database, "DeleteDatabase": delete_database,
    "GetDatabase": get_database, "GetDatabases": get_databases,
    "CreateTable": create_table, "UpdateTable": update_table, "DeleteTable": delete_table,
    "BatchDeleteTable": batch_delete_table, "GetTable": get_table, "GetTables": get_tables,
    "GetTableVersions": get_table_versions, "GetTableVersion": get_table_version,
    "CreatePartition": create_partition, "UpdatePartition": update_partition, "DeletePartition": delete_partition,
    "BatchCreatePartition": batch_create_partition, "BatchUpdatePartition": batch_update_partition,
    "BatchDeletePartition": batch_delete_partition, "GetPartition": get_partition,
    "BatchGetPartition": batch_get_partition, "GetPartitions": get_partitions,
    "DeletePartitionIndex": delete_partition_index,
}


def install() -> None:
    store.handle_request = answering(perform, store.handle_request)
