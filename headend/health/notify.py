"""What systemd is told of the daemon: that it is ready, that it still turns, that it ends (sd_notify(3)).

Nothing without NOTIFY_SOCKET. A message that does not arrive is no reason to stop collecting: it is dropped.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

_log = structlog.get_logger("daemon")


class Notifier:
    """`address` is a path, or begins with @ for the abstract name space; empty: nobody listens."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._told = False

    def send(self, **words: str) -> bool:
        """``send(READY="1")``. False where it did not arrive; that is logged once."""
        if not self._address:
            return False
        message = "\n".join(f"{key}={value}" for key, value in words.items()).encode()
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            ) as sender:
                sender.sendto(message, self._address)
        except OSError as error:
            if not self._told:
                self._told = True
                _log.warning("systemd cannot be told", reason=error.strerror)
            return False
        return True


def watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Seconds between two signs of life, half of what systemd waits; None: it does not watch us."""
    waits = environment.get("WATCHDOG_USEC", "")
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not (ours and waits.isascii() and waits.isdigit() and int(waits)):
        return None
    return int(waits) / 2e6


@asynccontextmanager
async def notified(environment: Mapping[str, str] = os.environ) -> AsyncIterator[Notifier]:
    """Ready when the block begins, stopping when it ends; between, a sign of life from the event loop itself, so that
    one that hangs is noticed."""
    notifier = Notifier(environment.get("NOTIFY_SOCKET", ""))
    every = watchdog_s(environment)
    notifier.send(READY="1", STATUS="collecting")
    task = None if every is None else asyncio.create_task(_watch(notifier, every), name="watchdog")
    try:
        yield notifier
    finally:
        notifier.send(STOPPING="1", STATUS="storing what was received")
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _watch(notifier: Notifier, every_s: float) -> None:
    while True:
        notifier.send(WATCHDOG="1")
        await asyncio.sleep(every_s)
