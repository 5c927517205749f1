"""Errors of ours and of the framework's as problems."""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError
from psycopg.errors import QueryCanceled
from starlette.exceptions import HTTPException

from headend.api.problem import Problem, of_status
from headend.commands.errors import Conflict, Denied, Forbidden, Unknown
from headend.errors import HeadendError
from protocols.errors import ModelError
from storage.errors import AlreadyThere, DatabaseUnreachable, NotFound, Rejected, StorageError

_LATER = {"retry-after": "5"}
_TOLD = 1000
"""Reasons; an order may be for thousands of meters."""


def as_problem(error: Exception) -> Problem:
    """What is none of the known ones is a fault of ours, of which nothing is told."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return of_status(error.status_code, error.detail, error.headers)
        case RequestValidationError():
            return _invalid(error)
        case DatabaseUnreachable():
            return Problem("unavailable", "the database is away", headers=_LATER)
        case NotFound():
            return Problem("not-found", str(error))
        case AlreadyThere():
            return Problem("conflict", str(error))
        case Rejected():
            return Problem("invalid", str(error))
        case StorageError() if isinstance(error.__cause__, QueryCanceled):
            return Problem("unavailable", "that took too long: ask for less", headers=_LATER)
        case TimeoutError():
            return Problem("unavailable", "too many ask at once", headers=_LATER)
        case Denied():
            reasons = [str(reason) for reason in error.reasons[:_TOLD]]
            return Problem("denied", str(error), verdict=error.verdict.value, reasons=reasons)
        case Forbidden():
            return Problem("forbidden", str(error))
        case Unknown():
            return Problem("not-found", str(error))
        case Conflict():
            return Problem("conflict", str(error))
        case HeadendError() | ModelError():
            return Problem("invalid", str(error))
    return Problem("fault")


def _invalid(error: RequestValidationError) -> Problem:
    flaws = error.errors()
    if any(flaw["type"] == "json_invalid" for flaw in flaws):
        return Problem("bad-request", "the body is no JSON")
    fields: list[dict[str, Any]] = [{"where": list(flaw["loc"]), "what": flaw["msg"]} for flaw in flaws]
    first = fields[0]
    return Problem("invalid", f"{'.'.join(map(str, first['where']))}: {first['what']}", fields=fields)
