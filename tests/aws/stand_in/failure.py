"""How a query fails: Athena's category, type and message."""

from __future__ import annotations

from typing import Any

SYSTEM, USER, OTHER = 1, 2, 3


class QueryFailed(Exception):
    """Becomes StateChangeReason and AthenaError of a FAILED query. The types' numbers are examples, not AWS's list."""

    def __init__(self, message: str, kind: int = 1001, category: int = USER, retryable: bool = False) -> None:
        super().__init__(message)
        self.message, self.kind, self.category, self.retryable = message, kind, category, retryable

    def athena_error(self) -> dict[str, Any]:
        return {
            "ErrorCategory": self.category,
            "ErrorType": self.kind,
            "Retryable": self.retryable,
            "ErrorMessage": self.message,
        }
