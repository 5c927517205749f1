"""Pushed readings from the publisher to the commit: mosquitto, the product's `Ingest`, TimescaleDB, on one machine.

QoS 1, acknowledged to the broker after COMMIT; fsync and synchronous_commit on; commits of at most 20,000 values. A
turn is timed from the publisher's first byte until the broker has the last acknowledgement; every turn's readings are
then counted and summed in the database. The publisher is one program in C for all sides, which take turns.

- `ingest_batches`: 100 readings a message, compact batches of captures of eight quantities: the day of 2,500 meters
  that `benchmarks.store` writes. The limit is `store_idempotent`: the same captures through one writer, ready-made.
- `ingest_frames`: 100 raw DL/T 645 frames a message; eight items of 50,000 meters. The same limit.
- `ingest_singles`: one frame a message, of 50,000 meters. The limit is what `mosquitto_sub -q 1` receives of the same
  stream and throws away.
- The peers are given JSON with numbers in place of frames and batches, and store it as narrow rows under a key: a
  script of aiomqtt and psycopg's `executemany` (a commit every 1,000 rows), and Node-RED with the driver `pg` in a
  function node, one INSERT a message (`..._nodered`) and a thousand rows an INSERT (`..._nodered_batched`). All of
  them acknowledge when they receive, not when they have stored.

The spread, and CPU time by process, which a busy neighbour hurts less than the clock, go to stderr.

    python -m benchmarks.ingest [--json] [--rounds 5]        needs mosquitto, mosquitto_sub and a C compiler (cc)

Node-RED runs where `node-red` is on the PATH or HEADEND_NODE_RED names it: `npm install node-red@4 pg` in some folder,
then `HEADEND_NODE_RED=FOLDER/node_modules/.bin/node-red`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from os import getloadavg
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import psycopg
import pytest

from benchmarks import ingest_streams as streams
from benchmarks.ingest_peers import Peer, peers
from benchmarks.ingest_sides import Listener, Product, Publisher, Turn, broker
from benchmarks.ingest_streams import Stream
from benchmarks.ingest_work import told
from benchmarks.report import Row, show
from benchmarks.store import SETTINGS, STARTED_WITH, safe
from benchmarks.store_batches import CAPTURES, day
from benchmarks.store_sides import Columns
from benchmarks.store_sides import check as side_check
from storage.columns import DAY_US, from_us
from tests.servers import PostgresServer, plain_server, timescale_server

METERS: Final = 2_500
"""Of the day in batches."""
_PEER_BATCHES: Final = 8
"""Of 1,250 captures: 80,000 readings."""
_STORE: Final = "store_idempotent"
_LISTENER: Final = "mosquitto_sub -q 1"
CONFIG: Final = """\
[database]
dsn = {dsn}
[api]
listen = ""
[daemon]
metrics = ""
[[push]]
name = "batches"
broker = "{broker}"
topic = "batches/{{line}}"
payload = "batch"
[[push]]
name = "frames"
broker = "{broker}"
topic = "frames/{{line}}"
payload = "frames"
time = "received"
slot = "1s"
[[push]]
name = "singles"
broker = "{broker}"
topic = "singles/{{line}}"
payload = "frames"
time = "received"
slot = "1s"
"""
_SUM: Final = "SELECT count(*), sum(value * quantity) FROM reading WHERE time >= %s AND time < %s"


class Bench:
    """The turns of all sides, round by round; the first round is to warm up."""

    def __init__(self, folder: Path, conninfo: str, product: Product) -> None:
        self.turns: dict[str, list[Turn]] = {}
        self.readings: dict[str, int] = {}
        self._folder = folder
        self._conninfo = conninfo
        self.product = product

    def keep(self, name: str, stream: Stream, turn: Turn, number: int) -> None:
        if number:
            self.turns.setdefault(name, []).append(turn)
            self.readings[name] = stream.readings

    def batches(self, number: int) -> None:
        today = day(number, METERS)
        stream = streams.batches(self._folder, "batches/{gateway}", today.batches, streams.as_batch)
        turn = self.product.turn("batches", stream)
        check(self._conninfo, stream, today.first_us, today.first_us + DAY_US)
        self.keep("batches", stream, turn, number)

    def frames(self, number: int) -> None:
        stream = streams.frames(self._folder, "frames/{gateway}", number)
        self.keep("frames", stream, self._now("frames", stream), number)

    def singles(self, number: int, listener: Listener) -> None:
        stream = streams.singles(self._folder, "singles/{gateway}", number)
        self.keep("singles", stream, self._now("singles", stream), number)
        self.keep("listener", stream, listener.turn(stream), number)

    def _now(self, push: str, stream: Stream) -> Turn:
        """A turn whose readings are of the second of their arrival."""
        first = int(time.time()) + 2
        time.sleep(first - time.time())
        turn = self.product.turn(push, stream)
        last = int(time.time()) + 1
        check(self._conninfo, stream, first * 1_000_000, last * 1_000_000)
        return turn

    async def store(self, number: int, side: Columns) -> None:
        """The day of `batches` by one writer."""
        today = day(number, METERS)
        began = perf_counter()
        for columns in today.batches:
            await side.write(columns)
        taken = perf_counter() - began
        side_check(side, today)
        if number:
            self.turns.setdefault("store", []).append(Turn(taken, {}))
            self.readings["store"] = today.values

    def peer(self, peer: Peer, number: int) -> None:
        """Fewer messages: they are slow."""
        parts = day(number, CAPTURES).batches[:_PEER_BATCHES]
        stream = streams.batches(self._folder, "batches/{gateway}", parts, streams.as_json)
        self.keep(f"batches {peer.make.label}", stream, peer.turn(stream), number)
        stream = streams.singles_as_json(self._folder, "singles/{gateway}", number, peer.make.messages)
        self.keep(f"singles {peer.make.label}", stream, peer.turn(stream), number)

    def rate(self, name: str) -> float:
        return median(self.rates(name))

    def rates(self, name: str) -> list[float]:
        return [self.readings[name] / turn.seconds for turn in self.turns[name]]

    def told(self) -> None:
        """To stderr."""
        for name, turns in self.turns.items():
            rates = self.rates(name)
            work = {key: median(turn.work[key] for turn in turns) for key in turns[0].work}
            print(
                f"{name}: {min(rates):,.0f} .. {median(rates):,.0f} .. {max(rates):,.0f} readings/s; "
                + told(work, self.readings[name]),
                file=sys.stderr,
            )


def check(conninfo: str, stream: Stream, first_us: int, end_us: int) -> None:
    """Every reading is there, once, and right."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(_SUM, (from_us(first_us), from_us(end_us))).fetchone()
    if found != (stream.readings, stream.weighted):
        raise SystemExit(f"{stream.file.name}: stored {found}, sent were {(stream.readings, stream.weighted)}")


async def measured(server: PostgresServer, rounds: int, folder: Path) -> list[Row]:
    """Each round has a turn of every side."""
    publisher = Publisher(folder)
    async with AsyncExitStack() as stack:
        conninfo = stack.enter_context(server.fresh(await server.template()))
        await streams.register(conninfo)
        side = Columns(stack.enter_context(server.fresh()))
        await side.open()
        stack.push_async_callback(side.close)
        own, on = stack.enter_context(broker(folder, "product"))
        product = Product(own, on, conninfo, publisher, CONFIG)
        stack.callback(product.close)
        own, on = stack.enter_context(broker(folder, "listener"))
        listener = Listener(own, on, publisher, "singles/#")
        others = stack.enter_context(peers(folder, server, publisher))
        bench = Bench(folder, conninfo, product)
        for number in range(rounds + 1):
            bench.batches(number)
            await bench.store(number, side)
            bench.frames(number)
            bench.singles(number, listener)
            for peer in others:
                bench.peer(peer, number)
        bench.told()
        return table(bench, others)


def table(bench: Bench, others: Sequence[Peer]) -> list[Row]:
    """The contract's rows first; the other peers by rows of their own."""
    rate = bench.rate
    first = others[0].make
    found = [
        Row(
            "ingest_batches", "readings/s", rate("batches"), rate(f"batches {first.label}"), first.title,
            rate("store"), _STORE,
        ),
        Row("ingest_frames", "readings/s", rate("frames"), None, None, rate("store"), _STORE),
        Row(
            "ingest_singles", "messages/s", rate("singles"), rate(f"singles {first.label}"), first.title,
            rate("listener"), _LISTENER,
        ),
    ]  # fmt: skip
    for peer in others[1:]:
        for kind, unit in (("batches", "readings/s"), ("singles", "messages/s")):
            make = peer.make
            beside = rate(f"{kind} {make.label}")
            found.append(Row(f"ingest_{kind}_{make.label}", unit, rate(kind), beside, make.title))
    return found


def rows(rounds: int) -> list[Row]:
    """On TimescaleDB where it can be started, else on plain PostgreSQL."""
    for start, settings in ((timescale_server, SETTINGS | STARTED_WITH), (plain_server, SETTINGS)):
        try:
            with start(settings) as server, tempfile.TemporaryDirectory() as folder:
                print(safe(server), f"load {getloadavg()[0]:.1f}", sep="; ", file=sys.stderr)
                found = asyncio.run(measured(server, rounds, Path(folder)))
                print(f"load {getloadavg()[0]:.1f}", file=sys.stderr)
                return found
        except pytest.skip.Exception as reason:
            print(f"left out: {reason}", file=sys.stderr)
    return []


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    show(rows(parser.parse_args().rounds), sys.argv)
