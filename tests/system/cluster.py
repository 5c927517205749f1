"""Several daemons as processes over one database and the same lines."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import psycopg

from headend.registry.files import one_meter
from storage.entries import Additions
from storage.registry import Registry
from tests.system.plant import CONFIG, PATIENCE_S, Process

TTL_S = 3.0
CLUSTER = f'[cluster]\nenabled = true\nttl = "{TTL_S}s"\nrenew = "400ms"\nmargin = "1s"\n\n'

HOLDERS = b"""\
SELECT m.name, count(*) FROM lease l JOIN member m ON m.id = l.holder WHERE m.renewed + m.ttl > now() GROUP BY m.name
"""


async def register(conninfo: str, urls: Sequence[str], meters: int = 2) -> None:
    """A line for each URL with so many meters on it."""
    async with Registry(conninfo) as registry:
        there = {line.name for line in await registry.lines()}
        for line, url in enumerate(urls):
            if f"line{line}" in there:
                continue
            for number in range(1, meters + 1):
                known = Additions(lines=tuple(await registry.lines()))
                cells = {"address": str(number), "model": "dlt645_2007", "line": f"line{line}", "link": url}
                await registry.add(one_meter(known, f"{line}-{number}", {**cells, "framing": ""}))


async def until(condition: Callable[[], bool], what: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Ask until it holds; `what` is shown where it does not come."""
    end = time.monotonic() + patience_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"waited {patience_s} s: {what()}"
        await asyncio.sleep(0.1)


class Cluster:
    """Daemons by name; each may reach the database in its own way."""

    def __init__(self, folder: Path, conninfo: str) -> None:
        self.daemons: dict[str, Process] = {}
        self._folder = folder
        self._conninfo = conninfo
        self._stack = ExitStack()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for daemon in self.daemons.values():
            if daemon.alive:
                os.kill(daemon.pid, signal.SIGCONT)
        self._stack.close()

    def start(self, name: str, conninfo: str = "", within: Sequence[str] = ()) -> Process:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        text = CONFIG.format(
            database=f"dsn = {json.dumps(conninfo or self._conninfo)}", captures=1000, metrics="", every=1
        )
        text = text.replace("[daemon]\n", f'{CLUSTER}[daemon]\nname = "{name}"\nreload = "500ms"\n')
        (folder / "headend.toml").write_text(text, encoding="utf-8")
        daemon = Process(folder, "run", "run", "--json", "--config", str(folder / "headend.toml"), within=within)
        self.daemons[name] = self._stack.enter_context(daemon)
        return daemon

    def held(self) -> dict[str, int]:
        """Lines by the name of who holds them."""
        with psycopg.connect(self._conninfo) as connection:
            return Counter(dict(connection.execute(HOLDERS).fetchall()))

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{d.log.read_text()[-3000:]}" for name, d in self.daemons.items())

    async def share(self, expected: dict[str, int]) -> None:
        """Wait until each holds so many lines."""
        await until(lambda: self.held() == expected, lambda: f"{expected}, not {self.held()}\n{self.logs()}")
