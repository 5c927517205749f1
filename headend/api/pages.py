"""Pages: how many, and where the next one begins. A cursor is the key of the last row, spelled so that nobody builds
upon it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api.problem import Problem

T = TypeVar("T")
LONGEST: Final = 1000


class Page(BaseModel, Generic[T]):
    """`next`: give it as `cursor` for what comes behind; null at the end."""

    items: list[T]
    next: str | None = None


Limit = Annotated[int, Query(ge=1, le=LONGEST, description="at most so many items")]
Cursor = Annotated[
    str | None,
    Query(max_length=1000, pattern="^[A-Za-z0-9_-]+$", description="`next` of the page before"),
]


def write(*key: str | int | datetime) -> str:
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(msgspec.json.encode(plain)).rstrip(b"=").decode()


def read(cursor: str | None, *kinds: type) -> list[Any] | None:
    """The parts of the key. Raises `Problem`."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts: list[Any] = msgspec.json.decode(raw, type=list[str | int])
        if len(parts) != len(kinds):
            raise ValueError
        return [_part(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    except (binascii.Error, msgspec.MsgspecError, ValueError, UnicodeDecodeError):
        raise Problem("bad-cursor") from None


def _part(part: str | int, kind: type) -> Any:
    if kind is datetime:
        moment = datetime.fromisoformat(str(part))
        if moment.tzinfo is None:
            raise ValueError
        return moment
    if not isinstance(part, kind) or (isinstance(part, int) and abs(part) >= 1 << 63) or "\0" in str(part):
        raise ValueError
    return part


def page(items: list[Any], following: str | None, request: Request, response: Response) -> dict[str, Any]:
    """`following`: the cursor of the next page; None: there is none."""
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
    return {"items": items, "next": following}


def encoded(items: list[dict[str, Any]], following: str | None, request: Request, response: Response) -> Response:
    """The same for pages of a thousand rows: pydantic would hold the loop ten times as long over them. That they are
    what the description says is tested."""
    body = msgspec.json.encode(page(items, following, request, response))
    headers = {"link": response.headers["link"]} if following is not None else {}
    return Response(body, headers=headers, media_type="application/json")


def named(
    rows: Sequence[Any], limit: int, told: Callable[[Any], Any], request: Request, response: Response
) -> dict[str, Any]:
    """Of rows with a name, by name; they are one more than `limit` where there is more."""
    following = write(rows[limit - 1].name) if len(rows) > limit else None
    return page([told(row) for row in rows[:limit]], following, request, response)
