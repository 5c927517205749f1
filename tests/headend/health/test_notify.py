"""What systemd hears of the daemon, on a socket of our own."""

from __future__ import annotations

import os
import socket
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from headend.health.notify import Notifier, notified, watchdog_s


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def heard(systemd: socket.socket) -> list[str]:
    return systemd.recv(4096).decode().split("\n")


async def test_ready_alive_and_stopping(systemd: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "2000", "WATCHDOG_PID": str(os.getpid())}
    async with notified(environment):
        assert heard(systemd) == ["READY=1", "STATUS=collecting"]
        assert [await to_thread(heard, systemd) for _ in range(3)] == [["WATCHDOG=1"]] * 3
    last = heard(systemd)
    while last == ["WATCHDOG=1"]:
        last = heard(systemd)
    assert last[0] == "STOPPING=1"
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(1)


async def test_without_a_watchdog_there_is_no_sign_of_life(systemd: socket.socket) -> None:
    async with notified({"NOTIFY_SOCKET": systemd.getsockname()}):
        assert heard(systemd)[0] == "READY=1"
    assert heard(systemd)[0] == "STOPPING=1"


def test_an_abstract_name() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(b"\0")  # the kernel gives it a name
        listening.settimeout(60)
        assert Notifier("@" + listening.getsockname()[1:].decode()).send(READY="1")
        assert heard(listening) == ["READY=1"]


def test_nobody_who_listens(tmp_path: Path) -> None:
    assert not Notifier("").send(READY="1")
    gone = Notifier(str(tmp_path / "gone"))
    with capture_logs() as logs:
        assert [gone.send(READY="1") for _ in range(3)] == [False] * 3
    assert [line["reason"] for line in logs] == ["No such file or directory"]


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often(environment: dict[str, str], every: float | None) -> None:
    assert watchdog_s(environment) == every
