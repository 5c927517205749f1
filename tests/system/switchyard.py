"""A utility of processes: simulated meters that write down every frame, daemons to be killed, people with tokens."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from headend.people.founding import found
from headend.secrets.keyring import new_line
from storage.entries import Additions
from storage.registry import Registry
from storage.topology_entries import Area, AreaPoint
from tests.headend.commands.site import PEOPLE
from tests.headend.sending.works import policy
from tests.ports import free_port
from tests.system.plant import PATIENCE_S, Process

CONFIG: Final = """\
timezone = "Asia/Shanghai"
[database]
dsn = {dsn}
[daemon]
name = "{name}"
metrics = ""
heartbeat = "500ms"
[api]
listen = "127.0.0.1:{port}"
[clock]
trust_host = true
[secrets]
key_file = "secrets.key"
[commands]
spread = "0s"
settle = "3s"
{more}
[timing.dlt645]
response = "300ms"
latency = "50ms"
gap = "60ms"
pause = "5ms"
late = "900ms"
retries = 1
[[plan]]
name = "slow"
every = "1h"
quantities = ["active_energy_import"]
"""
BUS: Final = """
[[bus]]
name = "bus{number}"
protocol = "dlt645"
carrier = "tcp://127.0.0.1:0"
meters = {meters}
turnaround_s = 0.05
faults = "{faults}"
programming = {programming}
"""


class Switchyard:
    """`tokens` by person. Build it with `await`, then start meters and daemons."""

    def __init__(
        self,
        folder: Path,
        conninfo: str,
        *,
        buses: int = 2,
        meters: int = 5,
        faults: str = "",
        programming: bool = False,
    ) -> None:
        self.folder = folder
        self.conninfo = conninfo
        self.tokens: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        (folder / "secrets.key").touch(mode=0o600)
        (folder / "secrets.key").write_text(new_line("test") + "\n")
        scenario = 'seed = 1\ntick_s = 2\nwire_log = "wire.jsonl"\n' + "".join(
            BUS.format(number=number, meters=meters, faults=faults, programming=str(programming).lower())
            for number in range(buses)
        )
        (folder / "lab.toml").write_text(scenario)
        self._buses = buses

    def config(self, name: str = "one", more: str = "") -> Path:
        path = self.folder / f"{name}.toml"
        if name not in self.ports:
            self.ports[name] = free_port()
            path.write_text(CONFIG.format(dsn=json.dumps(self.conninfo), name=name, port=self.ports[name], more=more))
        return path

    def meters(self) -> Process:
        """Start them, and bring them into the registry with passwords, clocks, loads and people about them."""
        process = Process(self.folder, "simulate", "simulate", "lab.toml", "--registry", "registry", "--json")
        for _ in range(self._buses):
            process.line()
        self.run("meter", "import", *(f"--{kind}=registry/{kind}.csv" for kind in ("lines", "meters", "points")))
        asyncio.run(self._furnish())
        names = self.names
        rows = "".join(f"{name},control,2,000000\n" for name in names)
        (self.folder / "passwords.csv").write_text("meter,kind,level,password\n" + rows)
        self.run("secret", "import", "passwords.csv")
        return process

    async def _furnish(self) -> None:
        began = datetime(2026, 1, 1, tzinfo=UTC)
        async with Registry(self.conninfo) as registry:
            points = await registry.usage_points()
            await registry.add(
                Additions(
                    areas=(Area(name="north"),),
                    area_points=tuple(AreaPoint(point=point.name, area="north", start=began) for point in points),
                )
            )
        self.tokens = await found(self.conninfo, {who: list(roles) for who, roles in PEOPLE.items()}, policy())
        at = datetime.now(UTC)
        self.sql(
            "INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms) SELECT id, %s, 0, 500 FROM meter",
            at - timedelta(days=1),
        )
        self.sql("INSERT INTO meter_load (meter, watts, by, at) SELECT name, 2000, 'test', %s FROM meter", at)

    def daemon(self, name: str = "one", more: str = "") -> Process:
        return Process(self.folder, name, "run", "--json", "--config", str(self.config(name, more)))

    @property
    def names(self) -> list[str]:
        return [name for (name,) in self.sql("SELECT name FROM meter ORDER BY name")]

    def sql(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        """As the owner of the database."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), given or None)
            return cursor.fetchall() if cursor.description else []

    def states(self, order: str) -> dict[str, str]:
        return dict(self.sql("SELECT meter, state FROM command_state WHERE key = %s", order))

    def run(self, *arguments: str, by: str = "", name: str = "one", expect: int = 0) -> list[Any]:
        """A command to its end, as somebody."""
        done = subprocess.run(
            [sys.executable, "-m", "headend", "--config", str(self.config(name)), "--json", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=PATIENCE_S,
            env=os.environ | {"HEADEND_TOKEN": self.tokens.get(by, "")},
        )
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def order(self, verb: str, key: str, meters: list[str], name: str = "one") -> None:
        """Asked for by ada, approved by bo where that is needed, let go by dee."""
        more = ("--reason", "emergency", "--notice", "letter 12", "--key", key)
        (order,) = self.run("command", verb, *meters, *more, by="ada", name=name)
        if "approval" in order["needs"]:
            self.run("command", "approve", key, by="bo", name=name)
        self.run("command", "release", key, by="dee", name=name)

    def heard(self, command: str = "trip") -> Counter[str]:
        """By address, how often the meters were sent that command, as they wrote it down themselves."""
        found: Counter[str] = Counter()
        with (self.folder / "wire.jsonl").open(encoding="utf-8") as rows:
            for text in rows:
                row = json.loads(text)
                if row["direction"] == "received" and row.get("command") == command:
                    found[row["address"]] += 1
        return found
