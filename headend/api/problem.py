"""What went wrong, as RFC 9457 says it: application/problem+json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:headend:problem:"
CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad-request": (400, "the request cannot be understood"),
    "bad-cursor": (400, "the cursor is none of ours"),
    "unauthenticated": (401, "a personal token is needed"),
    "forbidden": (403, "the token's user may not"),
    "denied": (403, "the safety core says no"),
    "not-found": (404, "there is no such thing"),
    "method-not-allowed": (405, "this resource has no such method"),
    "not-acceptable": (406, "none of the accepted forms is offered"),
    "timeout": (408, "the body did not come in time"),
    "conflict": (409, "what is there does not allow it"),
    "too-large": (413, "the body is larger than allowed"),
    "unsupported-media-type": (415, "the body is in a form that is not taken"),
    "invalid": (422, "the request says something that cannot be"),
    "too-many-requests": (429, "too many requests"),
    "fault": (500, "a fault of ours: it is in the log under the request's id"),
    "unavailable": (503, "not now"),
}
"""Last part of the type to status and title."""
_BY_STATUS: Final = {status: code for code, (status, _) in reversed(list(CODES.items()))}


class Field(BaseModel):
    """`where` is as ["query", "from"]."""

    where: list[str | int]
    what: str


class Told(BaseModel):
    """A problem, as it is documented. `verdict` and `reasons`: what the safety core says, and why."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    request_id: str | None = None
    fields: list[Field] | None = None
    verdict: str | None = None
    reasons: list[str] | None = None


class Problem(Exception):
    """Answered as it says; `more` are further members of the document."""

    def __init__(
        self, code: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or CODES[code][1])
        self.code = code
        self.status, self.title = CODES[code]
        self.detail = detail
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        self.more = more


def of_status(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Problem:
    """For what a framework says in numbers; statuses that are none of ours become the class's first."""
    known = status if status in _BY_STATUS else 500 if status >= 500 else 400
    standard = HTTPStatus(status).phrase
    return Problem(_BY_STATUS[known], None if detail == standard else detail, headers=headers)


def response(problem: Problem, path: str, request_id: str) -> Response:
    document = {
        "type": URN + problem.code, "title": problem.title, "status": problem.status, "detail": problem.detail,
        "instance": path, "request_id": request_id, **problem.more,
    }  # fmt: skip
    body = msgspec.json.encode({key: value for key, value in document.items() if value is not None})
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


def documented(codes: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {CODES[code][0]: {"description": CODES[code][1], "content": content} for code in codes}
