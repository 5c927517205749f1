"""The commands of people, against a daemon's API that listens, with tokens out of the database."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo

from headend.api.offered import offered
from headend.commands.policy_file import sample
from headend.config import load
from headend.health.host_clock import HostClock
from headend.people.founding import found
from protocols import models
from storage.registry import Registry
from storage.roles import DAEMON
from tests.headend.command import Headend, Ran
from tests.headend.commands.site import PEOPLE, network
from tests.ports import free_port

As = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def asks(plain_database: str, headend: Headend, tmp_path: Path) -> AsyncIterator[As]:
    """``await asks("ada", "command", "list")``; None asks without a token."""
    async with Registry(plain_database) as registry:
        await registry.add(network(12))
    with psycopg.connect(plain_database) as connection:
        connection.execute("INSERT INTO meter_load (meter, watts, by, at) SELECT name, 2000, 'test', now() FROM meter")
    policy = sample().replace("permille = 100", "permille = 1000")
    tokens = await found(plain_database, PEOPLE | {"gil": ["administrator"]}, policy)
    for name, secret in tokens.items():
        (tmp_path / f"{name}.token").write_text(secret + "\n")
    file = tmp_path / "headend.toml"
    file.write_text(
        f'[database]\ndsn = "{plain_database}"\n[api]\nlisten = "127.0.0.1:{free_port()}"\n[clock]\ntrust_host = true\n'
    )

    async def call(who: str | None, *argv: object) -> Ran:
        more = [] if who is None else ["--token-file", tmp_path / f"{who}.token"]
        return await asyncio.to_thread(headend, *argv, *more, "--config", file)

    # what a daemon logs goes nowhere: here it would stand among what the commands print
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with offered(load(str(file)), make_conninfo(plain_database, user=DAEMON), HostClock()):
        yield call


TRIP = ("command", "trip", "m00001", "m00002", "--reason", "non_payment", "--notice", "letter 12")


async def document(asks: As, who: str, *argv: object) -> Any:
    ran = await asks(who, *argv, "--json")
    assert ran.code == 0, ran.err
    return ran.document


def read_clocks(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms) SELECT id, now(), 0, 500 FROM meter"
        )


async def test_an_order_from_draft_to_recall(asks: As, plain_database: str) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    order = await document(asks, "ada", *TRIP, "--key", "k-1", "--expires", until)
    assert (order["id"], order["state"], order["meters"]) == ("k-1", "draft", 2)
    assert order["needs"] == ["approval", "release"]
    ran = await asks("eve", "command", "approve", "k-1", "--json")
    assert ran.code == 1
    assert ran.documents[-1]["error"]["kind"] == "denied"
    assert any("role" in reason for reason in ran.documents[-1]["reasons"])
    told = await asks("bo", "command", "approve", "k-1")
    assert told.code == 0
    assert "m00001: No. 1" in told.out, "what is approved is shown"
    assert (await asks("dee", "command", "release", "k-1")).code == 1, "no clock was ever read"
    read_clocks(plain_database)
    assert (await document(asks, "dee", "command", "release", "k-1"))["state"] == "released"
    shown = await asks("bo", "command", "show", "k-1", "--meters")
    assert shown.out.count("released") == 3
    (listed,) = (await asks("ada", "command", "list", "--state", "released", "--json")).documents
    assert listed["id"] == "k-1"
    assert (await document(asks, "ada", "command", "recall", "k-1", "--why", "a mistake"))["state"] == "recalled"


async def test_who_has_no_token_asks_nothing(asks: As, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HEADEND_TOKEN", raising=False)
    assert (await asks(None, *TRIP)).code == 2
    monkeypatch.setenv("HEADEND_TOKEN", "x" * 43)
    ran = await asks(None, *TRIP)
    assert (ran.code, "Traceback" in ran.err) == (2, False)
    monkeypatch.setenv("HEADEND_TOKEN", (tmp_path / "ada.token").read_text().strip())
    assert (await asks(None, *TRIP)).code == 0
    assert (await asks("ada", *TRIP, "--api", f"http://127.0.0.1:{free_port()}")).code == 3


async def test_stop_and_resume(asks: As) -> None:
    stop = await document(asks, "dee", "command", "stop", "north", "--why", "a storm")
    assert (await asks("bo", "command", "resume", "south")).code == 1
    first = await document(asks, "bo", "command", "resume", "north")
    assert (first["done"], first["lacks"]) == (False, 1)
    (waits,) = (await asks("bo", "command", "changes", "--json")).documents
    assert waits["id"] == first["id"]
    assert (await document(asks, "cai", "command", "resume", stop["id"]))["done"]
    assert (await asks("bo", "command", "stops", "--json")).documents == []
    assert (await asks(None, "command", "stop", "--local", "--why", "no daemon")).code == 0
    (local,) = (await asks("bo", "command", "stops", "--json")).documents
    assert (local["area"], local["why"]) == ("*", "no daemon")


async def test_the_protection_list_as_a_file(asks: As, tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(
        "category,meter,point,evidence,until\nlife support,m00001,,file 7,\nhospital,,p00002,,2030-01-01T00:00\n"
    )
    assert await document(asks, "bo", "protection", "import", file) == {"entries": 2, "added": 2, "not_in_file": 0}
    assert (await asks("bo", "protection", "export", "-o", out)).code == 0
    assert out.read_text().splitlines()[1] == "life support,m00001,,file 7,"
    again = await document(asks, "bo", "protection", "import", out)
    assert again == {"entries": 2, "added": 0, "not_in_file": 0}
    file.write_text("category,meter,point,evidence,until\n")
    assert (await document(asks, "bo", "protection", "import", file))["not_in_file"] == 2
    entries = (await asks("bo", "protection", "list", "--json")).documents
    assert [e["category"] for e in entries] == ["life support", "hospital"]
    assert (await asks("ada", *TRIP)).code == 1
    assert not (await document(asks, "bo", "protection", "end", entries[0]["id"]))["done"]
    assert (await document(asks, "dee", "protection", "end", entries[0]["id"]))["done"]
    for text in ("category\nx\n", "category,meter,point,evidence,until\n,m1,,,\n",
                 "category,meter,point,evidence,until\nx,m1,,,soon\n"):  # fmt: skip
        file.write_text(text)
        assert (await asks("bo", "protection", "import", file)).code == 2


async def test_a_policy_is_checked_and_set_by_two(asks: As, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text((await asks(None, "policy", "sample")).out)
    assert (await asks(None, "policy", "check", file)).code == 0
    assert not (await document(asks, "bo", "policy", "set", file))["done"]
    assert (await document(asks, "cai", "policy", "set", file))["done"]
    shown = await document(asks, "eve", "policy", "show")
    assert shown["document"] == file.read_text()
    file.write_text(file.read_text().replace('window = "1h"', 'window = "soon"', 1))
    ran = await asks(None, "policy", "check", file)
    assert (ran.code, "cap[0].window" in ran.err) == (2, True)
    assert (await asks("bo", "policy", "set", file)).code == 2


async def test_people_and_tokens(asks: As, tmp_path: Path) -> None:
    assert (await document(asks, "fay", "user", "add", "hal"))["name"] == "hal"
    assert (await asks("ada", "user", "add", "ivy")).code == 1
    assert (await document(asks, "fay", "user", "grant", "hal", "reader"))["done"]
    assert not (await document(asks, "fay", "user", "grant", "hal", "approver", "--area", "north"))["done"]
    assert (await document(asks, "gil", "user", "grant", "hal", "approver", "--area", "north"))["done"]
    assert not (await document(asks, "fay", "token", "new", "hal"))["done"]
    made = await document(asks, "gil", "token", "new", "hal", "-o", tmp_path / "hal.token")
    assert made["secret"] is None
    assert stat.S_IMODE((tmp_path / "hal.token").stat().st_mode) == 0o600
    me = await document(asks, "hal", "user", "me")
    assert {grant["role"] for grant in me["grants"]} == {"reader", "approver"}
    own = await document(asks, "hal", "token", "new", "--label", "laptop")
    assert len(own["secret"]) >= 43
    tokens = (await asks("hal", "token", "list", "--json")).documents
    assert own["secret"] not in json.dumps(tokens)
    assert (await asks("hal", "token", "revoke", tokens[0]["id"])).code == 0
    assert (await asks("hal", "user", "me")).code == 2, "it opens nothing any more"
    (tmp_path / "hal.token").write_text(own["secret"])
    assert (await asks("hal", "user", "me")).code == 0
    assert (await asks("fay", "user", "disable", "hal", "--reason", "left")).code == 0
    assert (await asks("hal", "user", "me")).code == 2


async def test_other_services_and_groups(asks: As) -> None:
    why = ("--reason", "maintenance", "--notice", "job 4")
    frozen = await document(asks, "ada", "command", "freeze", "--area", "north", *why)
    assert (frozen["function"], frozen["meters"], frozen["areas"]) == ("freeze", 6, {"north": 6})
    reset = await document(asks, "ada", "command", "reset-demand", "m00001", *why)
    assert (reset["function"], reset["needs"]) == ("reset_demand", ["approval", "release"])
    written = await document(asks, "ada", "command", "write", "m00001", "--item", "04000103", "--value", "30", *why)
    assert written["parameters"] == {"item": "04000103", "data": "30"}
    told = await asks("bo", "command", "show", written["id"])
    assert "demand_period = 30 min" in told.out
    again = ("command", "trip-reclose", "m00001", "--reason", "emergency", "--notice", "law 1")
    assert (await document(asks, "ada", *again, "--minutes", "15"))["parameters"] == {"n2": "3"}
    for wrong in (
        (*again, "--minutes", "7"),
        ("command", "freeze", *why),
        ("command", "freeze", "--area", "nowhere", *why),
        ("command", "write", "m00001", "--item", "04000103", "--value", "soon", *why),
        ("command", "write", "m00001", "--item", "04000C03", "--value", "02", "123456", *why),
        ("command", "write", "m00001", "--item", "04000103", *why),
        ("command", "set-time", *why),
    ):
        ran = await asks("ada", *wrong)
        assert ran.code in (1, 2), wrong
        assert "123456" not in ran.err + ran.out
    told = await document(asks, "ada", "command", "set-time", "m00001", *why)
    assert (told["function"], told["effect"], told["needs"]) == ("set_time", "neutral", ["release"])
    assert (await asks("ada", "command", "write", "m00001", "--point", "unit_id", "--value", "7", *why)).code == 1


async def test_load_limits_are_for_meters_whose_relay_acts_on_them(
    asks: As, plain_database: str, tmp_path: Path
) -> None:
    shipped = (resources.files(models) / "dlt645_2007.toml").read_text(encoding="utf-8")
    model = tmp_path / "limited.toml"
    model.write_text(f"{shipped}\n[dlt645.relay]\nlimit = true\n", encoding="utf-8")
    with psycopg.connect(plain_database) as connection:
        connection.execute("UPDATE meter SET model = %s WHERE name = 'm00001'", (str(model),))
    why = ("--reason", "emergency", "--notice", "law 1")
    lower = await document(asks, "ada", "command", "limit-load", "m00001", "--kw", "05.50", *why)
    assert (lower["function"], lower["parameters"], lower["effect"]) == ("limit_load", {"kw": "5.50"}, "cuts")
    assert lower["needs"] == ["approval", "release"]
    assert "at most 5.50 kW" in (await asks("bo", "command", "show", lower["id"])).out
    higher = await document(asks, "ada", "command", "raise-limit", "m00001", "--kw", "8", *why)
    assert (higher["effect"], higher["needs"]) == ("restores", ["release"])
    ran = await asks("ada", "command", "raise-limit", "m00002", "--kw", "8", *why)
    assert (ran.code, "does not say that its relay acts on a load limit" in ran.err) == (1, True)
    for wrong in ("0", "-3", "much", "NaN", "Infinity"):
        ran = await asks("ada", "command", "limit-load", "m00001", f"--kw={wrong}", *why)
        assert (ran.code, "above 0" in ran.err) == (2, True), wrong
    assert (await asks("ada", "command", "limit-load", "m00001", *why)).code == 2


async def test_an_order_on_its_way(asks: As, plain_database: str, tmp_path: Path) -> None:
    read_clocks(plain_database)
    order = await document(asks, "ada", *TRIP)
    await document(asks, "bo", "command", "approve", order["id"])
    await document(asks, "dee", "command", "release", order["id"])
    assert (await document(asks, "ada", "command", "pause", order["id"], "--why", "wait"))["paused"]
    assert "paused" in (await asks("bo", "command", "show", order["id"])).out
    assert "paused" in (await asks("bo", "command", "progress", order["id"])).out
    assert (await asks("ada", "command", "continue", order["id"])).code == 1
    assert not (await document(asks, "dee", "command", "continue", order["id"]))["paused"]
    assert (await document(asks, "bo", "command", "progress", order["id"]))["states"] == {"released": 2}
    out = tmp_path / "report.csv"
    assert await document(asks, "bo", "command", "report", order["id"], "-o", out) == {
        "id": order["id"], "file": str(out), "meters": 2,
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert [(row["meter"], row["label"], row["state"]) for row in rows] == [
        ("m00001", "No. 1", "released"), ("m00002", "No. 2", "released"),
    ]  # fmt: skip
    assert rows[0]["approved"]
    assert not rows[0]["sent"]
    assert (await asks("bo", "command", "report", order["id"], "-o", out)).code == 2, "nothing is overwritten"


async def test_passwords_are_changed_by_order_where_one_is_known(asks: As, plain_database: str) -> None:
    why = ("--reason", "maintenance", "--notice", "plan 7")
    ran = await asks("ada", "command", "change-password", "m00001", *why)
    assert ran.code == 1
    assert "m00001: no password is known of it" in ran.err
    with psycopg.connect(plain_database) as connection:
        connection.execute(
            "INSERT INTO meter_secret (meter, kind, state, key_id, wrapped, data, by)"
            " SELECT name, 'control', 'current', 'k', '', '', 'ada' FROM meter"
        )
    ran = await asks("ada", "command", "change-password", "--area", "north", *why, "--operator", "00000007")
    assert (ran.code, "no frame with such parameters" in ran.err) == (1, True)
    order = await document(asks, "ada", "command", "change-password", "--area", "north", *why)
    assert (order["function"], order["meters"], order["needs"]) == ("change_password", 6, ["approval", "release"])
    assert (await asks("ada", "command", "release", order["id"])).code == 1
