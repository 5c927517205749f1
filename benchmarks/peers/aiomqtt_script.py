"""A collector as a user of aiomqtt and psycopg writes it: JSON in, rows out, a commit every thousand rows.

aiomqtt acknowledges what it hands on; what is not stored yet is lost with the process.

    python -m benchmarks.peers.aiomqtt_script PORT CONNINFO

For each line that it reads, a number of rows stored since the start, it prints CLOCK_MONOTONIC when it has them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiomqtt
import psycopg

ROWS = 1_000
INSERT = "INSERT INTO reading (meter, quantity, time, value) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"


async def collect(port: int, conninfo: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(conninfo) as connection,
        aiomqtt.Client("127.0.0.1", port, identifier="script", clean_session=False) as client,
    ):
        await client.subscribe("#", qos=1)
        print("ready", flush=True)
        wanted = int(await asyncio.to_thread(sys.stdin.readline))
        rows: list[tuple[int, int, str, int]] = []
        stored = 0
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            document = json.loads(message.payload)
            quantities, moment = document["quantities"], document["time"]
            for meter, values in zip(document["meters"], document["values"], strict=True):
                for quantity, value in zip(quantities, values, strict=True):
                    rows.append((meter, quantity, moment, value))
            if len(rows) >= ROWS or stored + len(rows) == wanted:
                async with connection.cursor() as cursor:
                    await cursor.executemany(INSERT, rows)
                await connection.commit()
                stored += len(rows)
                rows.clear()
            if stored == wanted:
                print(time.monotonic(), flush=True)
                line = await asyncio.to_thread(sys.stdin.readline)
                if not line:
                    return
                wanted = int(line)


if __name__ == "__main__":
    asyncio.run(collect(int(sys.argv[1]), sys.argv[2]))
