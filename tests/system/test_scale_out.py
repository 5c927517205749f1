"""Three daemons share the lines: whatever becomes of one, every line is polled, and never by two."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.system.cluster import Cluster, register, until
from tests.system.namespace import namespace
from tests.system.stalling_proxy import stalling_proxy
from tests.system.wires import Wire, wires

pytestmark = pytest.mark.postgres


async def all_polled(lines: list[Wire], cluster: Cluster) -> None:
    """Until every line has been asked twice from now on."""
    before = [len(line.asked_by) for line in lines]
    await until(
        lambda: all(len(line.asked_by) >= count + 2 for line, count in zip(lines, before, strict=True)),
        lambda: f"{[len(line.asked_by) for line in lines]} requests, {before} before\n{cluster.logs()}",
    )


def assert_one_master_at_a_time(lines: list[Wire]) -> None:
    assert [line.asked_by for line in lines if line.interleaved] == []


async def test_lines_of_a_daemon_that_is_killed_go_on_with_the_others(plain_database: str, tmp_path: Path) -> None:
    async with wires(6) as lines:
        await register(plain_database, [line.url for line in lines])
        with Cluster(tmp_path, plain_database) as cluster:
            for name in "abc":
                cluster.start(name)
            await cluster.share({"a": 2, "b": 2, "c": 2})
            await all_polled(lines, cluster)
            cluster.daemons["b"].kill()
            await cluster.share({"a": 3, "c": 3})
            await all_polled(lines, cluster)
            cluster.start("b")
            await cluster.share({"a": 2, "b": 2, "c": 2})
            await all_polled(lines, cluster)
            assert await asyncio.to_thread(cluster.daemons["a"].stop) == 0
            await cluster.share({"b": 3, "c": 3})
            await all_polled(lines, cluster)
            assert_one_master_at_a_time(lines)
            assert max(len(line.tenures) for line in lines) > 1


async def test_a_daemon_that_stood_still_speaks_on_no_line_that_it_lost(plain_database: str, tmp_path: Path) -> None:
    async with wires(4) as lines:
        await register(plain_database, [line.url for line in lines])
        with Cluster(tmp_path, plain_database) as cluster:
            for name in "ab":
                cluster.start(name)
            await cluster.share({"a": 2, "b": 2})
            await all_polled(lines, cluster)
            os.kill(cluster.daemons["a"].pid, signal.SIGSTOP)
            await cluster.share({"b": 4})
            await all_polled(lines, cluster)
            os.kill(cluster.daemons["a"].pid, signal.SIGCONT)
            await cluster.share({"a": 2, "b": 2})
            await all_polled(lines, cluster)
            assert_one_master_at_a_time(lines)
            assert "taken for dead" in cluster.daemons["a"].log.read_text()


async def test_a_daemon_whose_database_says_nothing_is_silent_before_others_begin(
    plain_database: str, tmp_path: Path
) -> None:
    async with wires(4) as lines, stalling_proxy(plain_database) as proxy:
        await register(plain_database, [line.url for line in lines])
        with Cluster(tmp_path, plain_database) as cluster:
            cluster.start("a", proxy.conninfo)
            cluster.start("b")
            await cluster.share({"a": 2, "b": 2})
            await all_polled(lines, cluster)
            proxy.stalled = True
            await cluster.share({"b": 4})
            await all_polled(lines, cluster)
            assert cluster.daemons["a"].alive
            assert "silent on all lines" in cluster.daemons["a"].log.read_text()
            proxy.stalled = False
            await cluster.share({"a": 2, "b": 2})
            await all_polled(lines, cluster)
            assert_one_master_at_a_time(lines)
            assert await asyncio.to_thread(cluster.daemons["a"].stop) == 0


async def test_a_line_that_is_added_is_polled_without_a_restart(plain_database: str, tmp_path: Path) -> None:
    async with wires(3) as lines:
        await register(plain_database, [line.url for line in lines[:2]])
        with Cluster(tmp_path, plain_database) as cluster:
            cluster.start("a")
            await cluster.share({"a": 2})
            await register(plain_database, [line.url for line in lines])
            await cluster.share({"a": 3})
            await all_polled(lines, cluster)
            assert_one_master_at_a_time(lines)


async def test_a_network_that_parts_one_daemon_from_the_database(plain_database: str, tmp_path: Path) -> None:
    with namespace() as apart:
        async with wires(4, apart.meters.host) as lines, stalling_proxy(plain_database, apart.database.host) as way:
            await register(plain_database, [line.url for line in lines])
            with Cluster(tmp_path, plain_database) as cluster:
                cluster.start("a", way.conninfo, within=apart.enter)
                cluster.start("b")
                await cluster.share({"a": 2, "b": 2})
                await all_polled(lines, cluster)
                apart.database.pull()
                await cluster.share({"b": 4})
                await all_polled(lines, cluster)
                assert cluster.daemons["a"].alive
                apart.database.plug_in()
                await cluster.share({"a": 2, "b": 2})
                await all_polled(lines, cluster)
                assert_one_master_at_a_time(lines)
