"""Where a webhook may lead: to the open network, and to private ones that the configuration names. Never to the
machine itself or its neighbours by somebody's wish alone (SSRF)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import httpcore

from headend.errors import HeadendError, UsageFault

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_TRANSLATED: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""IPv4 inside IPv6 (RFC 6052, RFC 8215): a gateway may lead it anywhere."""


class Forbidden(HeadendError):
    """The target may not be reached."""


def networks(spelled: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in spelled)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """IPv4 in IPv6 counts as what it leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_allowed(inner, allowed)
        if any(address in network for network in _TRANSLATED) or address.teredo is not None:
            return False
    if any(address in network for network in allowed if network.version == address.version):
        return True
    return address.is_global and not address.is_multicast


def checked(url: str, allowed: Sequence[Network]) -> str:
    """`url` if it is one that a webhook may have: https, or http to an address of an allowed network; without user,
    password and fragment. Whither a name leads is looked at when it is used. Raises `UsageFault`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageFault(f"url: {error}") from error
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageFault("url: expected such as https://example.com/headend")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise UsageFault("url: expected neither user nor password nor fragment nor port 0")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is not None and not is_allowed(address, allowed):
        raise UsageFault(f"url: {host} is no address that webhooks may reach (api.webhook_targets)")
    if parts.scheme == "http" and (address is None or not any(address in one for one in allowed)):
        raise UsageFault("url: expected https: what is told must not be read on its way")
    return url


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at, not to names: a name may lead elsewhere a moment later."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's word
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `Forbidden` where none of the host's addresses may be reached."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error.strerror}") from error
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        for address in addresses:
            if is_allowed(address, self._allowed):
                return await self._backend.connect_tcp(str(address), port, timeout, local_address, socket_options)
        raise Forbidden(f"{host} leads to {addresses[0]}, which webhooks may not reach (api.webhook_targets)")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's word
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Forbidden("webhooks reach no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
