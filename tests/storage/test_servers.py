"""The test servers themselves: a green run must mean that they were there."""

from __future__ import annotations

import socket

import psycopg
import pytest

from storage.connection import Session
from storage.migrate import Level, level_of
from tests.conftest import Servers
from tests.servers import Mosquitto, missing


async def test_the_level_is_found_by_asking(database: str, request: pytest.FixtureRequest) -> None:
    async with Session(database) as session, session.use() as connection:
        level = await level_of(connection)
    assert level.hypertables == ("timescale" in request.node.name)


@pytest.mark.postgres
async def test_every_test_has_a_database_of_its_own(servers: Servers) -> None:
    server = servers("plain")
    with server.fresh(await server.template()) as one, server.fresh(await server.template()) as other:
        assert one != other
        for conninfo in (one, other):
            with psycopg.connect(conninfo) as connection:
                assert connection.execute("SELECT count(*) FROM capture").fetchone() == (0,)
                connection.execute("CREATE TABLE mine ()")


@pytest.mark.mosquitto
def test_the_broker_comes_back_on_its_port(mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((mosquitto.host, mosquitto.port), timeout=5)
    mosquitto.start()
    socket.create_connection((mosquitto.host, mosquitto.port), timeout=5).close()


def test_a_missing_server_fails_where_nothing_may_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such server"):
        missing("no such server")
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="no such server"):
        missing("no such server")


def test_levels_are_spelt_as_documented() -> None:
    assert [str(level) for level in Level] == ["plain", "timescale-apache", "timescale-community"]
