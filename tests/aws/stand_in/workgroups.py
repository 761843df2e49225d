"""Athena's workgroups: where results go, and what a query may scan."""

from __future__ import annotations

import copy
import time
from typing import Any

from ministack.services import athena as ministack

from .api import Action, Reply, Request, invalid_request, page

LEAST_CUTOFF = 10_000_000
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


def ensure_primary() -> None:
    """Each account has it from the start, without an output location."""
    if "primary" not in ministack._workgroups:
        add("primary", {"EnforceWorkGroupConfiguration": False}, "")


def add(name: str, given: dict[str, Any], description: str) -> None:
    configuration = {
        "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": False, "RequesterPaysEnabled": False,
        "ResultConfiguration": {}, "EngineVersion": ENGINE, **copy.deepcopy(given),
    }
    check(configuration)
    ministack._workgroups[name] = {
        "Name": name, "State": "ENABLED", "Description": description, "CreationTime": time.time(),
        "Configuration": configuration,
    }


def check(configuration: dict[str, Any]) -> None:
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < LEAST_CUTOFF:
        raise invalid_request(f"BytesScannedCutoffPerQuery must be at least {LEAST_CUTOFF} bytes")
    if managed(configuration) and (configuration.get("ResultConfiguration") or {}).get("OutputLocation"):
        raise invalid_request("A workgroup with managed query results has no output location")


def managed(configuration: dict[str, Any]) -> bool:
    """Athena keeps the results itself: no output location, no file, rows through the API only."""
    return bool((configuration.get("ManagedQueryResultsConfiguration") or {}).get("Enabled"))


def need(name: str) -> dict[str, Any]:
    ensure_primary()
    found = ministack._workgroups.get(name)
    if found is None:
        raise invalid_request(f"WorkGroup {name} is not found.")
    return found


def create(request: Request) -> Reply:
    ensure_primary()
    if request["Name"] in ministack._workgroups:
        raise invalid_request("WorkGroup is already created")
    add(request["Name"], request.get("Configuration") or {}, request.get("Description") or "")
    return {}


def update(request: Request) -> Reply:
    """Merges; Remove… takes a setting away."""
    found = need(request["WorkGroup"])
    updates = copy.deepcopy(request.get("ConfigurationUpdates") or {})
    results = updates.pop("ResultConfigurationUpdates", {})
    changed = copy.deepcopy(found["Configuration"])
    if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
        changed.pop("BytesScannedCutoffPerQuery", None)
    if results.pop("RemoveOutputLocation", False):
        changed["ResultConfiguration"].pop("OutputLocation", None)
    changed["ResultConfiguration"].update({name: v for name, v in results.items() if not name.startswith("Remove")})
    changed.update({name.removesuffix("Updates"): value for name, value in updates.items()})
    check(changed)
    found["Configuration"] = changed
    found.update({name: request[name] for name in ("Description", "State") if name in request})
    return {}


def delete(request: Request) -> Reply:
    need(request["WorkGroup"])
    if request["WorkGroup"] == "primary":
        raise invalid_request("The primary WorkGroup cannot be deleted")
    ministack._workgroups.pop(request["WorkGroup"], None)
    return {}


def get(request: Request) -> Reply:
    return {"WorkGroup": need(request["WorkGroup"])}


def list_all(request: Request) -> Reply:
    ensure_primary()
    listed = [
        {**{name: group[name] for name in ("Name", "State", "Description", "CreationTime")}, "EngineVersion": ENGINE}
        for group in ministack._workgroups.values()
    ]
    return page(listed, request, "WorkGroups", 50)


ACTIONS: dict[str, Action] = {
    "CreateWorkGroup": create, "UpdateWorkGroup": update, "DeleteWorkGroup": delete, "GetWorkGroup": get,
    "ListWorkGroups": list_all,
}
