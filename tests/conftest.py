"""Fixtures that every folder of tests may use. Servers start once a session, at the first test that asks."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from tests.place import quick
from tests.ports import free_port
from tests.servers import Mosquitto, PostgresServer, plain_server, timescale_server

# A busy machine is slow, not wrong: no example is held to a time.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

Servers = Callable[[str], PostgresServer]

LEVELS = [
    pytest.param("plain", marks=pytest.mark.postgres),
    pytest.param("timescale", marks=[pytest.mark.postgres, pytest.mark.timescale]),
]


def pytest_configure() -> None:
    """`kill` and `timeout` end a run as Ctrl-C does, in order: no server stays behind in memory."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, whole plants come first: one left for the end would keep all waiting."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith("tests/system/"))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL by level, `plain` or `timescale`."""
    kinds = {"plain": partial(plain_server, place=quick()), "timescale": partial(timescale_server, place=quick())}
    running: dict[str, PostgresServer] = {}
    with ExitStack() as stack:

        def get(level: str) -> PostgresServer:
            if level not in running:
                running[level] = stack.enter_context(kinds[level]())
            return running[level]

        yield get


@pytest.fixture(params=LEVELS)
def postgres(request: pytest.FixtureRequest, servers: Servers) -> PostgresServer:
    """Each level in turn: a test that uses it runs on plain PostgreSQL and on TimescaleDB."""
    level: str = request.param
    return servers(level)


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[str]:
    """A migrated database of this test alone, as conninfo; on each level in turn."""
    with postgres.fresh(await postgres.template()) as conninfo:
        yield conninfo


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """A database without tables, as conninfo; on each level in turn."""
    with postgres.fresh() as conninfo:
        yield conninfo


@pytest.fixture
async def plain_database(servers: Servers) -> AsyncIterator[str]:
    """A migrated database on plain PostgreSQL only, for tests that are not about the database."""
    server = servers("plain")
    with server.fresh(await server.template()) as conninfo:
        yield conninfo


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of this test alone, anonymous, with an unlimited queue and a persistent store."""
    directory = tmp_path / "mosquitto"
    directory.mkdir()
    broker = Mosquitto(directory, free_port())
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
