"""What a user would build in place of the product in `benchmarks.ingest`, from parts that are there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.ingest_sides import Asked, Publisher, Turn, broker, postmaster
from benchmarks.ingest_streams import Stream
from tests.ports import free_port
from tests.servers import Mosquitto, PostgresServer

_DDL: Final = (
    "CREATE TABLE reading (meter integer, quantity smallint, time timestamptz, value bigint,"
    " PRIMARY KEY (meter, quantity, time))"
)
_BATCHED: Final = 1_000
_HERE: Final = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True)
class Make:
    """`messages`: of singles in a turn. `rows`: in an INSERT of Node-RED, None for the script."""

    label: str
    title: str
    messages: int
    rows: int | None


class Peer:
    """One of them at work, with a broker and a database of its own."""

    def __init__(self, make: Make, folder: Path, on: Mosquitto, conninfo: str, publisher: Publisher) -> None:
        self.make = make
        self._broker, self._conninfo, self._publisher = on, conninfo, publisher
        self._postmaster = postmaster(conninfo)
        self._stored = 0
        with psycopg.connect(conninfo) as connection:
            connection.execute(_DDL)
        command: Sequence[str]
        if make.rows is None:
            command = [sys.executable, "-m", "benchmarks.peers.aiomqtt_script", str(on.port), conninfo]
            self._asked = Asked(command, folder)
        else:
            command, environment = nodered(folder, on, conninfo, make.rows)
            self._asked = Asked(command, folder, environment)

    def turn(self, stream: Stream) -> Turn:
        """Published and stored; every reading is there, once, and right."""
        before = self._sums()
        self._stored += stream.readings
        processes = {"collector": self._asked.pid, "database": self._postmaster}
        turn = self._publisher.turn(self._broker, stream, processes, lambda: float(self._asked.ask(str(self._stored))))
        count, total = self._sums()
        if (count - before[0], total - before[1]) != (stream.readings, stream.weighted):
            raise SystemExit(f"{self.make.title} stored {count - before[0]} of {stream.readings}")
        return turn

    def close(self) -> None:
        self._asked.close()

    def _sums(self) -> tuple[int, int]:
        with psycopg.connect(self._conninfo) as connection:
            row = connection.execute("SELECT count(*), coalesce(sum(value * quantity), 0) FROM reading").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


@contextmanager
def peers(folder: Path, server: PostgresServer, publisher: Publisher) -> Iterator[list[Peer]]:
    """The script, and Node-RED where there is one."""
    with ExitStack() as stack:
        found = []
        for make in _makes():
            own, on = stack.enter_context(broker(folder, make.label))
            peer = Peer(make, own, on, stack.enter_context(server.fresh()), publisher)
            stack.callback(peer.close)
            found.append(peer)
        yield found


def program() -> str | None:
    """Node-RED."""
    return os.environ.get("HEADEND_NODE_RED") or shutil.which("node-red")


def nodered(folder: Path, on: Mosquitto, conninfo: str, rows: int) -> tuple[Sequence[str], Mapping[str, str]]:
    """The command and its environment: a flow of three nodes, without editor."""
    found = program()
    assert found
    nodes: list[dict[str, Any]] = [
        {"id": "flow", "type": "tab", "label": "ingest"},
        {
            "id": "broker", "type": "mqtt-broker", "broker": on.host, "port": str(on.port), "clientid": "node-red",
            "autoConnect": True, "protocolVersion": "4", "keepalive": "60", "cleansession": False,
        },
        {
            "id": "in", "type": "mqtt in", "z": "flow", "topic": "#", "qos": "1", "datatype": "utf8",
            "broker": "broker", "inputs": 0, "wires": [["store"]],
        },
        {
            "id": "store", "type": "function", "z": "flow", "outputs": 1, "wires": [[]],
            "func": (_HERE / "nodered.js").read_text().replace("MOST", str(rows)),
        },
        {"id": "state", "type": "status", "z": "flow", "scope": ["in"], "wires": [["told"]]},
        {
            "id": "told", "type": "function", "z": "flow", "outputs": 0, "wires": [],
            "func": 'if (msg.status.text.endsWith("connected") && msg.status.fill === "green") global.get("ready")();',
        },
    ]  # fmt: skip
    flows, settings = folder / "flows.json", folder / "settings.js"
    flows.write_text(json.dumps(nodes))
    shutil.copy(_HERE / "nodered_settings.js", settings)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    told = psycopg.conninfo.conninfo_to_dict(conninfo)
    environment = {name: str(told[key]) for key, name in names.items() if key in told}
    environment["NODE_PATH"] = str(Path(found).resolve().parents[1])
    command = [
        found, "--userDir", str(folder), "--settings", str(settings), "--port", str(free_port()), str(flows),
    ]  # fmt: skip
    return command, environment


def _makes() -> list[Make]:
    found = [Make("aiomqtt", f"aiomqtt {version('aiomqtt')}, executemany", 10_000, None)]
    if program():
        found += [
            Make("nodered", "Node-RED, an INSERT a message", 5_000, 1),
            Make("nodered_batched", "Node-RED, 1,000 rows an INSERT", 20_000, _BATCHED),
        ]
    else:
        print("Node-RED is left out: it is not on the PATH, nor does HEADEND_NODE_RED name it", file=sys.stderr)
    return found
