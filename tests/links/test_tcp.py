"""TCP links beyond the loopback: socket options, names with several addresses, back-pressure."""

from __future__ import annotations

import asyncio
import socket

import pytest

from protocols.errors import LinkClosed
from protocols.links.tcp import open_tcp
from protocols.links.url import parse_tcp


def listening() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    return server


async def test_small_frames_go_at_once_and_dead_peers_are_noticed() -> None:
    with listening() as server:
        link = await open_tcp(parse_tcp(f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        assert link._transport is not None
        opened = link._transport.get_extra_info("socket")
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not hasattr(link, "__dict__")
        await link.close()


async def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as server:
        good = server.getsockname()[1]
        resolve = socket.getaddrinfo
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, good)) for address in ("127.0.0.2", "127.0.0.1")]

        def getaddrinfo(host: str, *rest: object, **options: object) -> object:
            return found if host == "meter.example" else resolve(host, *rest, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        link = await open_tcp(parse_tcp(f"tcp://meter.example:{good}"))
        assert link._transport is not None
        assert link._transport.get_extra_info("peername") == ("127.0.0.1", good)
        await link.close()


async def test_a_sender_waits_for_a_peer_that_does_not_read_and_ends_with_it() -> None:
    loop = asyncio.get_running_loop()
    with listening() as server:
        link = await open_tcp(parse_tcp(f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        peer, _ = await loop.sock_accept(server)
        sending = asyncio.create_task(link.send(bytes(50_000_000)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not sending.done()
        peer.close()
        with pytest.raises(LinkClosed, match="by the other side"):
            await sending
        with pytest.raises(LinkClosed):
            await link.receive()
        await link.close()


async def test_closing_with_unsent_bytes_does_not_wait_for_them() -> None:
    with listening() as server:
        link = await open_tcp(parse_tcp(f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        sending = asyncio.create_task(link.send(bytes(50_000_000)))
        await asyncio.sleep(0)
        await link.close()
        with pytest.raises(LinkClosed, match="by us"):
            await sending
