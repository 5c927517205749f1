"""A mosquitto of our own on a free port, which a test may also stop."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

BINARY = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto(NamedTuple):
    url: str
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def mosquitto_broker(folder: Path, *settings: str, port: int | None = None) -> AsyncIterator[Mosquitto]:
    """Anonymous and without persistence unless `settings` (lines of its configuration) say otherwise."""
    if BINARY is None:
        pytest.skip("no mosquitto on this machine")
    port = port or free_port()
    config = folder / "mosquitto.conf"
    lines = settings or ("allow_anonymous true",)
    config.write_text("\n".join([f"listener {port} 127.0.0.1", "persistence false", "log_dest stderr", *lines, ""]))
    process = await asyncio.create_subprocess_exec(
        BINARY, "-c", str(config), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    broker = Mosquitto(f"mqtt://127.0.0.1:{port}", process)
    try:
        log = b""
        while b" running" not in log:
            line = await process.stderr.readline()
            assert line, f"mosquitto did not start: {log!r}"
            log += line
        drain = asyncio.create_task(process.stderr.read())
        yield broker
    finally:
        await broker.stop()
    await drain
