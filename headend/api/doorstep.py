"""What every request passes before a resource sees it: an id, its token, its allowance, a bounded body; and a line in
the log behind it. Written as ASGI, so that no resource can forget it."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headend.api.allowance import Allowance
from headend.api.caller import Caller, Doorkeeper
from headend.api.faults import as_problem
from headend.api.problem import Problem, response

_log = structlog.get_logger("api")
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,256}")
OPEN: Final = frozenset({"/openapi.json"})
"""Told to anybody."""
_STRANGERS: Final = 30
"""Requests in a minute from one address that come without a valid token."""


class Doorstep:
    """`patience_s`: for a part of a body to come, and for a part of an answer to be taken."""

    def __init__(
        self,
        app: ASGIApp,
        doorkeeper: Doorkeeper,
        *,
        body: int,
        requests: int,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._body = body
        self._patience_s = patience_s
        self._allowed = Allowance(requests, clock)
        self._strangers = Allowance(_STRANGERS, clock)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"{scope['type']} is not served")
        visit = _Visit(scope, send, self._clock(), self._patience_s)
        try:
            body = await self._admit(visit, receive)
            await self._app(scope, _replayed(body, receive), visit.send)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one request, the daemon goes on
            await visit.fail(error)
        finally:
            visit.log(self._clock())

    async def _admit(self, visit: _Visit, receive: Receive) -> bytes:
        """The body, whole. Raises `Problem`."""
        if visit.path not in OPEN:
            visit.caller = visit.scope["state"]["caller"] = await self._caller(visit)
            wait = self._allowed.take(visit.caller.token)
            visit.headers["x-ratelimit-limit"] = str(self._allowed.limit)
            visit.headers["x-ratelimit-remaining"] = str(self._allowed.left(visit.caller.token))
            if wait:
                raise _too_many(wait, f"a token has {self._allowed.limit} requests a minute")
        return await self._whole(visit, receive)

    async def _caller(self, visit: _Visit) -> Caller:
        wait = self._strangers.look(visit.address)
        if wait:
            raise _too_many(wait, "too many requests without a valid token from this address")
        scheme, _, secret = visit.header(b"authorization").partition(" ")
        secret = secret.strip()
        well_formed = scheme.lower() == "bearer" and _TOKEN.fullmatch(secret)
        caller = await self._doorkeeper.caller(secret) if well_formed else None
        if caller is None:
            self._strangers.take(visit.address)
            challenge = 'Bearer realm="headend"' + (', error="invalid_token"' if well_formed else "")
            told = "the token is not valid" if well_formed else "expected the header Authorization: Bearer TOKEN"
            raise Problem("unauthenticated", told, headers={"www-authenticate": challenge})
        return caller

    async def _whole(self, visit: _Visit, receive: Receive) -> bytes:
        length = visit.header(b"content-length")
        if length.isdigit() and int(length) > self._body:
            raise self._too_large()
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            try:
                async with asyncio.timeout(self._patience_s):
                    message = await receive()
            except TimeoutError:
                raise Problem("timeout", headers={"connection": "close"}) from None
            if message["type"] == "http.disconnect":
                raise Problem("bad-request", "the client left before its request was whole")
            part = message.get("body", b"")
            parts.append(part)
            size, more = size + len(part), message.get("more_body", False)
            if size > self._body:
                raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem("too-large", f"at most {self._body} bytes are taken", headers={"connection": "close"})


def _too_many(wait: int, detail: str) -> Problem:
    return Problem("too-many-requests", detail, headers={"retry-after": str(wait)})


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()  # nothing but the client's leaving is left
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _NotTaken(Exception):
    """The client does not take its answer."""


class _Visit:
    """One request and what became of it."""

    def __init__(self, scope: Scope, send: Send, began: float, patience_s: float) -> None:
        self.scope = scope
        self.path: str = scope["path"]
        self.caller: Caller | None = None
        self.headers: dict[str, str] = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        self._headers: Mapping[bytes, bytes] = dict(scope["headers"])
        given = self._headers.get(b"x-request-id", b"")
        self.id = given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = self.id
        self.address = str((scope.get("client") or ("?", 0))[0])
        self._send = send
        self._began = began
        self._patience_s = patience_s
        self._status = 0
        self._bytes = 0

    def header(self, name: bytes) -> str:
        return self._headers.get(name, b"").decode("latin-1")

    async def send(self, message: Message) -> None:
        """Raises `_NotTaken`."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            more = {"x-request-id": self.id, **self.headers}
            message["headers"] = [
                *message["headers"],
                *((name.encode(), value.encode("latin-1")) for name, value in more.items()),
            ]
        self._bytes += len(message.get("body", b""))
        try:
            async with asyncio.timeout(self._patience_s):
                await self._send(message)
        except TimeoutError:
            raise _NotTaken("the client takes nothing") from None

    async def fail(self, error: Exception) -> None:
        """A problem, if nothing was told yet; else the connection is cut, so that half an answer is not taken for a
        whole one."""
        if self._status and isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
            error = error.__cause__  # starlette's word for an error that it cannot answer any more
        problem = as_problem(error)
        if problem.code == "fault" and not isinstance(error, _NotTaken):
            trace = "".join(traceback.format_exception(error))  # without locals: they hold tokens and readings
            _log.error("a request failed", request=self.id, path=self.path, trace=trace)
        if self._status:
            _log.warning("an answer was cut", request=self.id, path=self.path, reason=problem.detail or str(error))
            abort: Callable[[], Any] | None = self.scope["state"].get("abort")
            if abort is not None:
                abort()
                await asyncio.sleep(0)  # until the server knows that nobody is there
            return
        await response(problem, self.path, self.id)(self.scope, _nothing, self.send)

    def log(self, now: float) -> None:
        _log.info(
            "request", id=self.id, method=self.scope["method"], path=self.path, status=self._status,
            ms=round((now - self._began) * 1000, 1), bytes=self._bytes, address=self.address,
            user=None if self.caller is None else self.caller.user,
        )  # fmt: skip


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
