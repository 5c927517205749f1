"""Long answers: a million rows in flat memory; a client that is slow or goes away costs itself alone."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from headend.api.server import Served
from protocols.quantities import LAYOUTS
from tests.conftest import Servers
from tests.headend.api.site import ALL, configured, furnish
from tests.headend.api.test_daemon import dial, ended, serving

QUANTITIES = LAYOUTS[0].quantities[:7]
ROWS = 2 * 71_429 * 7
PATH = "/v1/readings?meter=m-01&meter=m-02&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z"
LINES = {"accept": "application/x-ndjson"}
FILL = """
INSERT INTO capture (meter_id, layout, time, received, source, v1, v2, v3, v4, v5, v6, v7)
SELECT m.id, 1, t, t, 1, n, n, n, n, n, n, n
FROM meter m, generate_series(0, 71428) n, make_interval(secs => n) s, timestamptz('2026-03-02Z'::timestamptz + s) t
WHERE m.name IN ('m-01', 'm-02')
ON CONFLICT DO NOTHING
"""


@pytest.fixture(scope="module")
def crowded(servers: Servers) -> Iterator[str]:
    """Two meters that gave seven values every second of twenty hours."""
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        asyncio.run(furnish(conninfo, days=2))
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(FILL)
            connection.execute("ANALYZE capture")
        yield conninfo


@asynccontextmanager
async def asked(conninfo: str, **api: object) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    async with serving(configured(conninfo, listen="127.0.0.1:0", **api)) as found:
        headers = {"authorization": f"Bearer {ALL}"}
        async with httpx.AsyncClient(base_url=found.url, headers=headers, timeout=60) as asking:
            yield found, asking


def resident() -> int:
    """Bytes of this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize(
    ("form", "share"), [("application/x-ndjson", 7), ("text/csv", 1), ("application/vnd.apache.parquet", 1)]
)
async def test_a_million_rows_in_flat_memory(crowded: str, form: str, share: int) -> None:
    """The other forms with one of the quantities."""
    path = PATH + "".join(f"&quantity={quantity.name}" for quantity in QUANTITIES[:share])
    async with asked(crowded) as (found, _):
        reader, writer = await begun(found, path, form)
        before = most = resident()
        lines = size = 0
        last = b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            part = await reader.read(2**18)
            assert part, "the answer was cut"
            lines += part.count(b"}\n")
            size += len(part)
            last = (last + part)[-7:]
            most = max(most, resident())
        await ended(writer)
    assert most - before < 120_000_000, f"{(most - before) / 1e6:.0f} MB"  # all at once they would be 500 MB
    if form == LINES["accept"]:
        assert lines == ROWS
    assert size > 1_000_000


async def begun(
    found: Served, path: str = PATH, form: str = LINES["accept"]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has seen the beginning of a long answer."""
    reader, writer = await asyncio.open_connection(*found.address.split(":"), limit=2**16)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALL}\r\nAccept: {form}\r\n\r\n"
    writer.write(head.encode())
    assert b" 200 " in await reader.readline()
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """The last bytes that come before the connection ends, whichever way."""
    last = b""
    with suppress(ConnectionError):
        while part := await reader.read(2**20):
            last = part
    return last


async def test_a_client_that_takes_nothing_is_cut_off(crowded: str) -> None:
    async with asked(crowded, streams=1, patience="300ms") as (found, asking):
        reader, writer = await begun(found)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asking.stream("GET", PATH, headers=LINES) as other:  # there is one stream: it comes when that is cut
            assert other.status_code == 200
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert not (await rest(reader)).endswith(b"\r\n0\r\n\r\n")  # half an answer is not taken for a whole one
        await ended(writer)


async def test_who_goes_away_gives_his_stream_back(crowded: str) -> None:
    async with asked(crowded, streams=1) as (found, asking):
        _, writer = await begun(found)
        await ended(writer)
        async with asking.stream("GET", PATH, headers=LINES) as other:
            assert other.status_code == 200


async def test_too_many_long_answers_are_refused(crowded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headend.api.house._TURN_S", 0.05)
    async with asked(crowded, streams=1) as (found, asking):
        _, writer = await begun(found)
        refused = await asking.get(PATH, headers=LINES)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert (await asking.get("/v1/areas")).status_code == 200  # short ones go on
        await ended(writer)


async def test_an_end_of_the_daemon_does_not_wait_for_a_long_answer(
    crowded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headend.api.server._GRACE_S", 1)
    async with asked(crowded) as (found, _):
        reader, writer = await begun(found)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert not (await rest(reader)).endswith(b"\r\n0\r\n\r\n")
    await ended(writer)
    with pytest.raises(ConnectionRefusedError):
        dial(found)


async def test_the_loop_is_not_held_by_a_long_answer(crowded: str) -> None:
    """Nothing is timed: others are just given their turn, many times, while one is streamed."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asked(crowded) as (_, asking):
        task = asyncio.create_task(other())
        parts = 0
        async with asking.stream("GET", PATH, headers=LINES) as answer:
            async for _part in answer.aiter_raw():
                parts += 1
                if parts == 200:
                    break
        task.cancel()
    assert turns > 200
