"""The API as other programs of ours ask it: who asks is told by a token, and errors are words and exit codes.

async with Client.of(config, token_file=..., url=...) as api:
    order = await api.post("/v1/commands", {...}, key="...")
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from headend.config import Config
from headend.errors import HeadendError, ServiceFault, UsageFault

_USAGE: Final = frozenset({400, 401, 405, 406, 413, 415, 422})
"""Statuses by which somebody has asked wrongly; the rest of 4xx is a no to what he asked."""
_TIMEOUT_S: Final = 60.0


class Refused(HeadendError):
    """The API said no. `document`: the problem as it was told, with `reasons` where the safety core has some."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(str(document.get("detail") or document.get("title") or f"the API answered {status}"))
        self.status = status
        self.document = document
        self.exit_code = 2 if status in _USAGE else 3 if status == 503 else 1


def url_of(config: Config) -> str:
    """Where the configured daemon serves. Raises `UsageFault`."""
    table = config.api
    if not table.listen or not table.port:
        raise UsageFault(f"{config.path}: api.listen is empty: name the API with --api URL")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(table.host, table.host)  # noqa: S104  # where others listen
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if table.certificate else 'http'}://{shown}:{table.port}"


def token_of(token_file: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """From the file, else from HEADEND_TOKEN. Raises `UsageFault`."""
    if token_file:
        try:
            token = Path(token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageFault(f"--token-file {token_file}: {getattr(error, 'strerror', None) or error}") from error
        where = f"--token-file {token_file}"
    else:
        token, where = environment.get("HEADEND_TOKEN", "").strip(), "HEADEND_TOKEN"
    if not token:
        raise UsageFault("who asks? a personal token is needed: HEADEND_TOKEN or --token-file FILE")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageFault(f"{where}: expected a token and nothing else")
    return token


class Client:
    """One token at one daemon. Raises `Refused`, and `ServiceFault` where nobody answers."""

    def __init__(
        self, url: str, token: str, *, ca: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`ca`: PEM of the authority that signed the daemon's certificate. Raises `UsageFault`."""
        if not url.startswith(("http://", "https://")):
            raise UsageFault(f"{url!r}: expected the API's address, such as https://headend.example:8645")
        try:
            verify = ssl.create_default_context(cafile=ca) if ca else True
        except (OSError, ssl.SSLError) as error:
            raise UsageFault(f"{ca}: {error}") from error
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S, verify=verify,
            trust_env=False, transport=transport,
        )  # fmt: skip

    @classmethod
    def of(
        cls, config: Config, *, url: str | None = None, token_file: str | None = None, ca: str | None = None
    ) -> Self:
        """As the command line's options say; the configured daemon is known by its own certificate.

        Raises `UsageFault`.
        """
        authority = ca or (str(config.folder / config.api.certificate) if config.api.certificate and not url else None)
        return cls(url or url_of(config), token_of(token_file), ca=authority)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        return await self._ask("GET", path, params=_given(query))

    async def items(self, path: str, **query: Any) -> AsyncIterator[Any]:
        """Of all pages."""
        given = _given(query)
        while True:
            page = await self._ask("GET", path, params=given)
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            given = {**given, "cursor": page["next"]}

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """`key`: the idempotency key."""
        return await self._ask("POST", path, json=body, headers={"idempotency-key": key} if key else {})

    async def put(self, path: str, body: Any) -> Any:
        return await self._ask("PUT", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **what: Any) -> Any:
        try:
            answer = await self._http.request(method, path, **what)
        except httpx.InvalidURL as error:
            raise UsageFault(f"{self.url}: {error}") from error
        except httpx.HTTPError as error:
            told = str(error) or type(error).__name__
            raise ServiceFault(f"no daemon answers at {self.url}: {told} (see headend run, --api)") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Refused(answer.status_code, _document(answer))


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in query.items() if value is not None}


def _document(answer: httpx.Response) -> dict[str, Any]:
    """A proxy's own words are none of ours."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"title": f"{answer.status_code} {answer.reason_phrase}"}
