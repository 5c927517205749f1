"""What a scenario says of a bus's way to the outside, as frozen settings. Opens nothing; errors are `ModelError`.

pty, pty:///run/meter-bus           a pseudo-terminal; the path becomes a symbolic link to it
tcp://127.0.0.1:0                   we listen (0: on a free port); every connection reaches the same meters
dial://host:port?register=DTU-7&heartbeat=ping&every=30
                                    a DTU: it dials, says who it is, and now and then that it lives
mqtt://host:port/up?down=down       the reader's own URL: we take the other end
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from protocols.errors import ModelError
from protocols.links.query import Query
from protocols.links.recognition import Words
from protocols.links.url import parse_mqtt


@dataclass(frozen=True, slots=True)
class PtySettings:
    alias: Path | None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class DialSettings:
    """`url` is the reader's; `every_s`: seconds between heartbeats."""

    url: str
    host: str
    port: int
    register: bytes
    heartbeat: bytes
    every_s: float


@dataclass(frozen=True, slots=True)
class TunnelSettings:
    """`url` is the reader's."""

    url: str


CarrierSettings: TypeAlias = PtySettings | ServerSettings | DialSettings | TunnelSettings


def parse_carrier(text: str) -> CarrierSettings:
    """Raises `ModelError`."""
    scheme, mark, rest = text.partition("://")
    if scheme == "pty":
        if mark and not rest.startswith("/"):
            raise ModelError(f"carrier {text!r}: expected pty, or pty:///path of a symbolic link to be made")
        return PtySettings(Path(rest) if mark else None)
    if scheme == "tcp":
        return _server(text)
    if scheme == "dial":
        return _dial(text)
    if scheme in ("mqtt", "mqtts"):
        parse_mqtt(text)
        return TunnelSettings(text)
    raise ModelError(f"carrier {text!r}: expected pty, tcp://host:port, dial://host:port or mqtt://host/up?down=...")


def _server(text: str) -> ServerSettings:
    query = Query(text, {})
    host = query.host()
    try:
        port = query.parts.port
    except ValueError:
        port = None
    if port is None:
        query.refuse("expected a port, 0 for a free one")
    if query.parts.path not in ("", "/"):
        query.refuse(f"unexpected path {query.parts.path!r}")
    query.finish()
    return ServerSettings(host, port)


def _dial(text: str) -> DialSettings:
    query = Query(text, {})
    host, port = query.host(), query.port()
    words: dict[str, bytes] = {}
    kept = []
    for name in ("register", "heartbeat"):
        source = query.optional(name)
        words[name] = b""
        if source is not None:
            words[name] = _literal(query, name, source)
            kept.append(f"{name}={quote(source)}")
    every_s = query.seconds("every", 30)
    query.finish()
    url = f"tcp-listen://{query.parts.netloc}" + (f"?{'&'.join(kept)}" if kept else "")
    return DialSettings(url, host, port, words["register"], words["heartbeat"], every_s)


def _literal(query: Query, name: str, source: str) -> bytes:
    try:
        literal = Words.parse(source).literal
    except ValueError:
        literal = None
    if literal is None:
        query.refuse(f"parameter {name!r} is {source!r}, expected text or hex:..")
    return literal
