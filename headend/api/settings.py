"""`[api]`: where the REST API listens, and its bounds."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

import msgspec

from headend.duration import seconds


class ApiTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`listen` is host:port, empty for none; beyond loopback it wants TLS, or `insecure` said so."""

    listen: str = "127.0.0.1:8645"
    certificate: str = ""
    """PEM, with the chain; beside the configuration file, as the next two."""
    key: str = ""
    client_ca: str = ""
    """PEM: who connects must have a certificate of this authority, beside a token."""
    insecure: bool = False
    """Tokens may go in the clear: TLS ends in front of us, on a network that nobody else is in."""
    connections: int = 200
    """At once; further ones are refused."""
    body: int = 1_000_000
    """Bytes of a request's body."""
    requests: int = 600
    """Of one token in a minute."""
    streams: int = 2
    """Long answers at once, each with a database connection."""
    sessions: int = 3
    """Database connections for all that is short."""
    patience: str = "30s"
    """For a part of an answer that is not taken, a part of a body that does not come, a question to the database."""
    webhook_targets: list[str] = []
    """Networks that webhooks may reach although they are private: ["10.1.0.0/16"]."""

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


_LEAST: Final = {"connections": 1, "body": 1000, "requests": 1, "streams": 1, "sessions": 1}


def problems(table: ApiTable) -> Iterator[tuple[str, str]]:
    """(key, what was expected)."""
    if not table.listen:
        return
    host, _, port = table.listen.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        yield "listen", f"{table.listen!r}, expected host:port or an empty text"
    elif not (table.is_local or table.certificate or table.insecure):
        yield "listen", f"{table.listen!r} is reached from elsewhere: expected certificate and key, or insecure = true"
    if bool(table.certificate) != bool(table.key):
        yield "certificate", "certificate and key go together"
    if table.client_ca and not table.certificate:
        yield "client_ca", "expected certificate and key with it"
    for name, least in _LEAST.items():
        if getattr(table, name) < least:
            yield name, f"is at least {least}"
    try:
        if not seconds(table.patience):
            yield "patience", f"{table.patience!r}, expected a duration above 0"
    except ValueError as error:
        yield "patience", str(error)
    for text in table.webhook_targets:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield "webhook_targets", f"{error}; expected such as 10.1.0.0/16"
