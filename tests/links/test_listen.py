"""DTUs that dial in: recognised, kept, replaced, their heartbeats stripped, nothing of theirs lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links import dtu as dtu_link
from protocols.links import listener
from protocols.links.base import Link
from protocols.links.listen import close_listeners, expect
from protocols.links.open import open_link
from protocols.links.url import parse_listen
from tests.ports import free_port


class Port:
    """One listening port, the lines on it and the DTUs that dial in."""

    def __init__(self) -> None:
        self.number = free_port()
        self.links: list[Link] = []

    async def line(self, query: str) -> Link:
        link = await open_link(f"tcp-listen://127.0.0.1:{self.number}?{query}")
        self.links.append(link)
        return link

    async def listening(self) -> None:
        """The port is open; an opening that nobody answers has done it."""
        with pytest.raises(LinkUnreachable):
            await self.line("register=NOBODY&wait=0.001")

    async def dtu(self, *says: bytes) -> Link:
        link = await open_link(f"tcp://127.0.0.1:{self.number}")
        self.links.append(link)
        for words in says:
            await link.send(words)
        return link


@pytest_asyncio.fixture
async def port() -> AsyncIterator[Port]:
    made = Port()
    yield made
    for link in made.links:
        await link.close()
    await close_listeners()


async def heard(link: Link, end: bytes) -> bytes:
    """What the link receives up to `end`."""
    data = b""
    async with asyncio.timeout(60):
        while not data.endswith(end):
            data += await link.receive()
    return data


async def test_lines_share_a_port_and_each_gets_its_own_dtu(port: Port) -> None:
    await port.listening()
    queries = ("register=DTU-1", "register=DTU-10", "register=hex:C0FFEE", "register=re:^86\\d{13}")
    opening = [asyncio.create_task(port.line(query)) for query in queries]
    await asyncio.sleep(0)
    says = (b"861234567890123", b"\xc0\xff\xee", b"DTU-10", b"DTU-1")
    dtus = [await port.dtu(words) for words in says]
    lines = await asyncio.gather(*opening)
    for line, dtu, mark in zip(lines, reversed(dtus), b"abcd", strict=True):
        await dtu.send(bytes([mark]))
        assert await heard(line, bytes([mark])) == bytes([mark])
        await line.send(bytes([mark, mark]))
        assert await heard(dtu, bytes([mark, mark])) == bytes([mark, mark])


async def test_bytes_behind_the_registration_are_not_lost(port: Port) -> None:
    await port.listening()
    await port.dtu(b"DTU-1\x68\x01\x16")
    assert await heard(await port.line("register=DTU-1"), b"\x16") == b"\x68\x01\x16"


async def test_a_registration_in_pieces(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DT")
    opening = asyncio.create_task(port.line("register=DTU-1"))
    for piece in (b"U", b"-", b"1"):
        await asyncio.sleep(0.01)
        await dtu.send(piece)
    line = await opening
    await dtu.send(b"\x68")
    assert await heard(line, b"\x68") == b"\x68"


async def test_heartbeats_are_stripped_when_they_are_a_message_of_their_own(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1&heartbeat=hex:00")
    for message in (b"\0", b"\x01\0", b"\0\0", b"DTU-1", b"\x02", b"\0", b"\x03end"):
        await dtu.send(message)
        await asyncio.sleep(0.01)  # each in a segment of its own
    assert await heard(line, b"end") == b"\x01\0\x02\x03end"


async def test_a_dtu_that_comes_before_its_line_is_kept(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-9")
    await asyncio.sleep(0.01)
    await dtu.send(b"\x11")
    assert await heard(await port.line("register=DTU-9"), b"\x11") == b"\x11"


async def test_a_dtu_that_dials_in_again_replaces_its_connection(port: Port) -> None:
    await port.listening()
    old_dtu = await port.dtu(b"DTU-1")
    old = await port.line("register=DTU-1")
    new_dtu = await port.dtu(b"DTU-1")
    with pytest.raises(LinkClosed, match="the DTU dialled in again"):
        await old.receive()
    await old.close()
    with pytest.raises(LinkClosed):
        await old_dtu.receive()
    new = await port.line("register=DTU-1&wait=5")
    await new_dtu.send(b"here")
    assert await heard(new, b"here") == b"here"


async def test_of_two_unclaimed_connections_of_one_dtu_the_later_one_counts(port: Port) -> None:
    await port.listening()
    with pytest.raises(LinkUnreachable):
        await port.line("register=DTU-1&wait=0.001")
    first = await port.dtu(b"DTU-1")
    second = await port.dtu(b"DTU-1")
    with pytest.raises(LinkClosed):
        await first.receive()
    line = await port.line("register=DTU-1")
    await second.send(b"second")
    assert await heard(line, b"second") == b"second"


async def test_the_port_stays_open_for_a_dtu_that_was_lost(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1")
    await dtu.close()
    with pytest.raises(LinkClosed, match="closed by the other side"):
        await line.receive()
    await line.close()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1")
    await line.send(b"again")
    assert await heard(dtu, b"again") == b"again"


async def test_the_port_closes_with_the_last_link_that_we_close(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1")
    await line.close()
    with pytest.raises(LinkClosed):
        await dtu.receive()
    with pytest.raises(LinkUnreachable, match="connection refused"):
        await port.dtu()


async def test_without_registration_the_first_connection_is_the_line(port: Port) -> None:
    opening = asyncio.create_task(port.line(""))
    dtu = None
    while dtu is None:
        try:
            dtu = await port.dtu()
        except LinkUnreachable:
            await asyncio.sleep(0.01)
    line = await opening
    await line.send(b"ask")
    assert await heard(dtu, b"ask") == b"ask"
    again = await port.dtu()
    with pytest.raises(LinkClosed, match="dialled in again"):
        await line.receive()
    line = await port.line("")
    await line.send(b"ask")
    assert await heard(again, b"ask") == b"ask"


async def test_lines_with_and_without_registration_do_not_mix(port: Port) -> None:
    await port.listening()
    await port.dtu(b"DTU-1")
    await port.line("register=DTU-1")
    with pytest.raises(LinkUnreachable, match="cannot share its port"):
        await port.line("")


async def test_what_came_instead_is_told(port: Port) -> None:
    await port.listening()
    await port.dtu(b"DTU-2")
    with pytest.raises(LinkUnreachable) as caught:
        await port.line("register=DTU-1&wait=0.05")
    assert "unclaimed connections: 1 (the last: 127.0.0.1 said b'DTU-2')" in str(caught.value)


async def test_a_second_opening_of_a_line_in_use_is_told_so(port: Port) -> None:
    await port.listening()
    await port.dtu(b"DTU-1")
    await port.line("register=DTU-1")
    with pytest.raises(LinkUnreachable, match="in use by another open link"):
        await port.line("register=DTU-1&wait=0.01")


async def test_a_cancelled_opening_leaves_the_dtu_to_the_next(port: Port) -> None:
    await port.listening()
    opening = asyncio.create_task(port.line("register=DTU-1"))
    other = asyncio.create_task(port.line("register=DTU-2"))
    await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    dtu = await port.dtu(b"DTU-1")
    await port.dtu(b"DTU-2")
    await other
    line = await port.line("register=DTU-1")
    await line.send(b"you")
    assert await heard(dtu, b"you") == b"you"


async def test_unclaimed_connections_are_bounded(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_UNCLAIMED", 3)
    await port.listening()
    dtus = [await port.dtu(b"DTU-%d" % i) for i in range(5)]
    for oldest in dtus[:2]:
        with pytest.raises(LinkClosed):
            await oldest.receive()
    line = await port.line("register=DTU-2")
    await dtus[2].send(b"still here")
    assert await heard(line, b"still here") == b"still here"


async def test_what_an_unclaimed_dtu_chatters_is_bounded(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1" + b"z" * 100_000)
    await asyncio.sleep(0.05)
    line = await port.line("register=DTU-1")
    await dtu.send(b"END")
    assert 3 <= len(await heard(line, b"END")) <= dtu_link.HEAD_BYTES + 3


FRAME = bytes.fromhex("68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 57 16")


async def test_heartbeats_and_prefixes_within_a_frame_do_not_spoil_it(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"861234567890123" + FRAME)
    line = await port.line("prefix=861234567890123&heartbeat=PING")
    assert await heard(line, b"\x16") == FRAME
    for piece in (b"861234567890123" + FRAME[:5], b"PING861234567890123" + FRAME[5:9] + b"PI", b"NG", FRAME[9:]):
        await dtu.send(piece)
        await asyncio.sleep(0.01)
    assert await heard(line, b"\x16") == FRAME


async def test_a_beginning_of_a_heartbeat_that_is_none_is_given_after_a_moment(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1&heartbeat=PING")
    await dtu.send(b"\x01PI")
    assert await heard(line, b"PI") == b"\x01PI"


async def test_registration_and_heartbeats_are_answered_before_the_line_is_open(port: Port) -> None:
    await expect(parse_listen(f"tcp-listen://127.0.0.1:{port.number}?{WELCOMED}"))
    dtu = await port.dtu(b"\x00\x05DTU-7")
    assert await heard(dtu, b"OK") == b"OK"
    await dtu.send(b"\xaa\x01")
    assert await heard(dtu, b"\xaa\x01") == b"\xaa\x01"
    await dtu.send(b"early")
    line = await port.line(WELCOMED)
    assert await heard(line, b"early") == b"early"
    await dtu.send(b"\xaa\x02")
    assert await heard(dtu, b"\xaa\x02") == b"\xaa\x02"
    await dtu.send(b"\x00\x05DTU-7")
    assert await heard(dtu, b"OK") == b"OK"
    await dtu.send(b"data")
    assert await heard(line, b"data") == b"data"


WELCOMED = "register=len2:DTU-7&heartbeat=re:%5cxaa.&answer=echo&welcome=OK&wait=5"


async def test_a_longer_registration_is_waited_for(port: Port) -> None:
    """What has come so far is already one line's, and may become another's."""
    for name in ("A", "AB"):
        await expect(parse_listen(f"tcp-listen://127.0.0.1:{port.number}?register={name}&welcome={name}"))
    dtu = await port.dtu(b"A")
    await asyncio.sleep(0.02)
    await dtu.send(b"B")
    assert await heard(dtu, b"AB") == b"AB"
    line = await port.line("register=AB&welcome=AB")
    await dtu.send(b"x")
    assert await heard(line, b"x") == b"x"


async def test_a_dtu_that_becomes_another_has_to_dial_in(port: Port) -> None:
    await port.listening()
    dtu = await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1")
    other = asyncio.create_task(port.line("register=DTU-2"))
    await asyncio.sleep(0.01)
    with capture_logs() as logs:
        await dtu.send(b"DTU-2")
        with pytest.raises(LinkClosed, match="another one now"):
            await line.receive()
    assert [(line["was"], line["now"]) for line in logs] == [("DTU-1", "DTU-2")]
    with pytest.raises(LinkClosed):
        await dtu.receive()
    again = await port.dtu(b"DTU-2")
    await again.send(b"x")
    assert await heard(await other, b"x") == b"x"


async def test_two_dtus_with_one_registration_are_told_of(port: Port) -> None:
    await port.listening()
    await port.dtu(b"DTU-1")
    line = await port.line("register=DTU-1")
    with capture_logs() as logs:
        for _ in range(3):
            await port.dtu(b"DTU-1")
            with pytest.raises(LinkClosed, match="dialled in again"):
                await line.receive()
            await line.close()
            line = await port.line("register=DTU-1")
    warned = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["registration"], line["before"]) for line in warned] == [("DTU-1", "127.0.0.1")]
