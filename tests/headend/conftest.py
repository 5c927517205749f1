from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from protocols.links.open import SCHEMES
from tests.conftest import Servers
from tests.headend.bus import Bus
from tests.headend.command import Headend, caller


@pytest.fixture
def headend(capsys: pytest.CaptureFixture[str]) -> Iterator[Headend]:
    """Run a command and see its exit code and what it said. The daemon sets logging up: put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield caller(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def conninfo(servers: Servers) -> Iterator[str]:
    """A migrated database of this test alone, for tests that are no coroutines."""
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as fresh:
        yield fresh


def configuration(dsn: str, *, every: str = "15m", more: str = "") -> str:
    """A configuration for tests, without an endpoint."""
    return f"""\
{more}
[database]
dsn = {json.dumps(dsn)}
[daemon]
metrics = ""
heartbeat = "100ms"
[api]
listen = ""
[queue]
linger = "20ms"
[timing.dlt645]
response = "150ms"
latency = "0ms"
gap = "50ms"
pause = "0ms"
late = "200ms"
retries = 0
[[plan]]
name = "curve"
every = "{every}"
quantities = ["active_energy_import", "active_energy_export", "voltage_l1"]
"""


@pytest.fixture
def site(conninfo: str, tmp_path: Path) -> Path:
    """A configuration file with a database behind it."""
    file = tmp_path / "headend.toml"
    file.write_text(configuration(conninfo), encoding="utf-8")
    return file


Plug = Callable[[str, Bus], None]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Make `line://` lead to a bus in memory: ``plug("line", bus)``."""

    def connect(scheme: str, bus: Bus) -> None:
        monkeypatch.setitem(SCHEMES, scheme, bus.open)

    return connect
