"""Pseudo-terminals and serial ports: the bus outlives those who open it."""

from __future__ import annotations

import asyncio
import os
import termios

from protocols.links.open import open_link
from protocols.links.pty import pty_pair


async def test_the_master_outlives_those_who_open_and_close_the_tty() -> None:
    far, path = pty_pair()
    for turn in (b"first", b"second", b"third"):
        near = await open_link(f"serial://{path}?baudrate=2400&parity=E")
        await near.send(turn)
        assert await far.receive() == turn
        await far.send(turn[::-1])
        assert await near.receive() == turn[::-1]
        await near.close()
    await far.close()


async def test_what_was_said_before_somebody_listens_is_not_heard() -> None:
    far, path = pty_pair()
    await far.send(b"stale")
    near = await open_link(f"serial://{path}")
    await far.send(b"fresh")
    assert await near.receive() == b"fresh"
    await near.close()
    await far.close()


async def test_more_than_the_kernel_holds_waits_for_the_reader() -> None:
    far, path = pty_pair()
    near = await open_link(f"serial://{path}")
    data = bytes(range(256)) * 512
    sending = asyncio.create_task(far.send(data))
    got = b""
    while len(got) < len(data):
        got += await near.receive()
        await asyncio.sleep(0)
    await sending
    assert got == data
    await near.close()
    await far.close()


async def test_the_baud_rate_is_set() -> None:
    far, path = pty_pair()
    near = await open_link(f"serial://{path}", defaults={"baudrate": "2400", "parity": "E"})
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    assert termios.tcgetattr(fd)[4:6] == [termios.B2400, termios.B2400]
    os.close(fd)
    await near.close()
    await far.close()


async def test_closing_wakes_a_sender_that_waits_for_room() -> None:
    far, _ = pty_pair()
    sending = asyncio.create_task(far.send(bytes(1_000_000)))
    await asyncio.sleep(0)
    assert not sending.done()
    await far.close()
    results = await asyncio.gather(sending, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["LinkClosed"]
