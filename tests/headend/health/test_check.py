"""`headend check`: every finding is told, and the gravest is the exit code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from storage.entries import Additions, NewLine, NewMeter
from storage.registry import Registry
from storage.roles import DAEMON
from tests.headend.bus import Bus
from tests.headend.command import Headend
from tests.ports import free_port

PLAN = '[[plan]]\nname = "more"\nevery = "1m"\nquantities = ["status_word_1", "voltage_l1"]\n'


def register(conninfo: str, url: str, model: str = "dlt645_2007", protocol: str = "dlt645") -> None:
    async def add() -> None:
        async with Registry(conninfo) as known:
            line = NewLine(name="bus 1", url=url, protocol=protocol)
            meter = NewMeter(name="m1", address="1", model=model, line="bus 1")
            await known.add(Additions(lines=(line,), meters=(meter,)))

    asyncio.run(add())


def findings(headend: Headend, *argv: object) -> tuple[int, dict[str, tuple[bool, str]]]:
    """The exit code, and subject to (in order, detail)."""
    ran = headend("check", *argv, "--json")
    table = headend("check", *argv)
    documents: list[Any] = ran.documents
    assert table.code == ran.code
    for document in documents:
        assert document["subject"] in table.out
        assert document["detail"] in table.out, "nothing is cut off"
    return ran.code, {d["subject"]: (d["ok"], d["detail"]) for d in documents}


def test_all_in_order(headend: Headend, site: Path, conninfo: str) -> None:
    with Bus({}).on_tcp() as url:
        register(conninfo, url)
        code, found = findings(headend, "--config", site)
        assert code == 0
        assert all(ok for ok, _ in found.values())
        assert found["database"][1].startswith("reachable, plain")
        assert found["registry"][1] == "1 lines, 1 active meters"
        assert found["line bus 1"][1] == "its URL is well formed"
        assert found["plan curve, model dlt645_2007"][1].startswith("3 quantities in ")
        code, found = findings(headend, "--config", site, "--links")
        assert (code, found["line bus 1"]) == (0, (True, "can be opened"))


def test_a_plan_tells_what_a_model_lacks(headend: Headend, site: Path, conninfo: str) -> None:
    register(conninfo, "tcp://192.0.2.1:1", "eastron_sdm630", "modbus")
    site.write_text(site.read_text() + PLAN)
    code, found = findings(headend, "--config", site)
    assert (code, found["plan more, model eastron_sdm630"]) == (
        0, (True, "1 quantities in 1 requests; the model does not give status_word_1"),
    )  # fmt: skip


def test_links_and_brokers_that_are_away(headend: Headend, site: Path, conninfo: str) -> None:
    register(conninfo, f"tcp://127.0.0.1:{free_port()}")
    assert findings(headend, "--config", site)[0] == 0
    code, found = findings(headend, "--config", site, "--links")
    assert (code, found["line bus 1"][0]) == (1, False)


def test_a_broker_is_always_tried(headend: Headend, site: Path, conninfo: str) -> None:
    register(conninfo, f"mqtt://127.0.0.1:{free_port()}/up/1?down=down/1&timeout=2")
    code, found = findings(headend, "--config", site)
    assert (code, found["line bus 1"][0]) == (3, False)


def test_a_registry_that_went_wrong(headend: Headend, site: Path, conninfo: str) -> None:
    register(conninfo, "carrier-pigeon://roof", "gone_model")
    code, found = findings(headend, "--config", site)
    assert code == 2
    assert "unknown scheme" in found["line bus 1"][1]
    assert "unknown model 'gone_model'" in found["meter m1"][1]
    ran = headend("run", "--config", site)
    assert ran.code == 1
    assert "m1: unknown model 'gone_model'" in ran.err


def test_no_plan(headend: Headend, site: Path) -> None:
    text = site.read_text()
    site.write_text(text[: text.index("[[plan]]")])
    code, found = findings(headend, "--config", site)
    assert (code, found["plan"]) == (2, (False, "there is none, and no push: nothing would be collected"))


def test_a_daemon_that_could_change_the_audit_is_told(headend: Headend, site: Path, conninfo: str) -> None:
    code, found = findings(headend, "--config", site)
    assert (code, found["daemon's role"][1].startswith("postgres may change ")) == (0, True)
    daemon = make_conninfo(conninfo, user=DAEMON)
    site.write_text(site.read_text().replace("[database]", f"[database]\ndaemon_dsn = {json.dumps(daemon)}"))
    code, found = findings(headend, "--config", site)
    told = f"{DAEMON} can add to the audit and to commands, and change neither"
    assert (code, found["daemon's role"]) == (0, (True, told))
