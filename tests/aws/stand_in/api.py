"""How a request fails, and how lists are cut into pages: the same for Glue and for Athena."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response

Request = dict[str, Any]
Reply = dict[str, Any]
Action = Callable[[Request], Reply]
HttpAnswer = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[HttpAnswer]]


class ApiError(Exception):
    """A request that AWS refuses, by the name of AWS's exception."""

    def __init__(self, code: str, message: str, **members: str) -> None:
        super().__init__(message)
        self.code, self.message, self.members = code, message, members


def invalid_request(message: str, code: str = "INVALID_INPUT") -> ApiError:
    """Athena's refusal; AthenaErrorCode is MALFORMED_QUERY for text that cannot be parsed."""
    return ApiError("InvalidRequestException", message, AthenaErrorCode=code)


def too_long(member: str, limit: int) -> ApiError:
    """What each AWS service says of a list above its limit."""
    return ApiError(
        "ValidationException",
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}",
    )


def page(items: list[Any], request: Request, name: str, most: int) -> Reply:
    """One page of a list: at most `most` items, and a NextToken where more follow."""
    size = request.get("MaxResults") or most
    if not 1 <= size <= most:
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value between 1 and {most}",
        )
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise ApiError("InvalidInputException", "Invalid NextToken")
    start = int(token)
    reply: Reply = {name: items[start : start + size]}
    if start + size < len(items):
        reply["NextToken"] = str(start + size)
    return reply


def answering(perform: Callable[[str, Request], Reply | None], otherwise: Handler) -> Handler:
    """The HTTP side of a service: what `perform` does not know (None), ministack's own handler answers."""

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> HttpAnswer:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            reply = perform(action, json.loads(body or b"{}"))
        except ApiError as error:
            return error_response_json(error.code, error.message, 400, extra=error.members or None)
        except KeyError as missing:
            message = f"1 validation error detected: {missing} is required"
            return error_response_json("ValidationException", message, 400)
        return json_response(reply) if reply is not None else await otherwise(method, path, headers, body, query)

    return handle
