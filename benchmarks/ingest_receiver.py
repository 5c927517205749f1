"""The product's side of `benchmarks.ingest`: its `Ingest` alone in a process, with the daemon's settings of Python.

For each line that it reads, the name of a push and how many messages of it are to have been acknowledged since the
start, it prints a line when that is so: CLOCK_MONOTONIC, and what the push has counted.

    python -m benchmarks.ingest_receiver CONFIG
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

from headend import logs
from headend.cli.run import COLLECT
from headend.config import load
from headend.ingest.ingest import Ingest


async def receive(path: str) -> None:
    config = load(path)
    ingest = Ingest(config, config.database.dsn)
    running = asyncio.create_task(ingest.run())
    sources = {source.table.name: source for source in ingest.sources}
    while not all(source.subscriber.is_connected for source in ingest.sources):
        await asyncio.sleep(0.01)
        if running.done():
            running.result()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, count = line.split()
        source = sources[name]
        while source.subscriber.counters.acknowledged < int(count):
            await asyncio.sleep(0.002)
            if running.done():
                running.result()
        print(json.dumps({"at": time.monotonic(), **source.counters}), flush=True)
    ingest.stop()
    await running


if __name__ == "__main__":
    logs.set_up("warning")
    gc.set_threshold(*COLLECT)
    asyncio.run(receive(sys.argv[1]))
