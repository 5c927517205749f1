"""`headend init`: a configuration and a database, as often as wanted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from headend.config import load
from storage.migrate import check
from tests.conftest import Servers
from tests.headend.command import Headend
from tests.ports import free_port


def test_a_server_of_ones_own(headend: Headend, servers: Servers, tmp_path: Path) -> None:
    with servers("plain").fresh() as conninfo:
        file = tmp_path / "new" / "site.toml"
        ran = headend("init", "--config", file, "--dsn", conninfo, "--json")
        assert ran.code == 0
        assert (ran.document["config"], ran.document["written"], ran.document["level"]) == (str(file), True, "plain")
        assert ran.document["migrations"]
        assert load(str(file)).database.dsn == conninfo
        asyncio.run(check(conninfo))
        text = file.read_text()
        again = headend("--config", file, "init", "--json").document
        assert (again["written"], again["migrations"], file.read_text()) == (False, [], text)
        ran = headend("--config", file, "init", "--dsn", conninfo + " application_name=x")
        assert (ran.code, file.read_text()) == (2, text)
        assert f"{file}: database.dsn differs from --dsn" in ran.err


def test_a_server_that_is_away_can_be_set_up_later(headend: Headend, tmp_path: Path) -> None:
    dsn = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    file = tmp_path / "site.toml"
    for _ in range(2):
        ran = headend("init", "--config", file, "--dsn", dsn, "--json")
        assert (ran.code, ran.document["error"]["kind"]) == (3, "service")
        assert "database not reachable" in ran.err
    assert load(str(file)).database.dsn == dsn


@pytest.mark.parametrize("dsn", ["", "nonsense"])
def test_a_wrong_dsn_leaves_nothing_behind(headend: Headend, tmp_path: Path, dsn: str) -> None:
    file = tmp_path / "site.toml"
    ran = headend("init", "--config", file, "--dsn", dsn)
    assert (ran.code, file.exists()) == (2, False)
    assert f"headend: {file}: database" in ran.err


def test_a_place_that_cannot_be_written(headend: Headend, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = headend("init", "--config", tmp_path / "file" / "site.toml")
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path}/file" in ran.err


def test_a_database_that_was_not_set_up(headend: Headend, servers: Servers, tmp_path: Path) -> None:
    with servers("plain").fresh() as conninfo:
        file = tmp_path / "site.toml"
        file.write_text(
            f'[database]\ndsn = "{conninfo}"\n[[plan]]\nname = "p"\nevery = "1m"\nquantities = ["voltage_l1"]\n'
        )
        for command in (["run"], ["check"], ["status"], ["meter", "list"], ["readings", "m1"], ["meter", "show", "x"]):
            ran = headend(*command, "--config", file)
            assert ran.code == 1, command
            assert "headend init" in ran.out + ran.err, command
