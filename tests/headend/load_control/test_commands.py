"""`headend load` on a real database: programmes, members, plans of events, balances and what accounts want."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.writer import Writer
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.headend.load_control.district import settle
from tests.storage.captures import capture

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
BEGAN = NOW - timedelta(days=30)
PROGRAMME = 'name = "peak"\nkind = "direct"\nlongest = "2h"\nprice = "1.5"\n'
COST = 'name = "prepaid"\nkind = "cost"\nwarn_at = "20"\ncut_at = "0"\ngrace = "24h"\n'


@pytest.fixture
def site(conninfo: str, tmp_path: Path) -> Path:
    """Three points of 1, 2 and 3 kW."""
    asyncio.run(furnish(conninfo))
    path = tmp_path / "headend.toml"
    path.write_text('timezone = "Asia/Shanghai"\n' + configuration(conninfo) + '[vee]\ncalendar = ""\n')
    return path


async def furnish(conninfo: str) -> None:
    ids = await settle(conninfo, 3, BEGAN)
    quarter = timedelta(minutes=15)
    async with Writer(conninfo) as writer:
        for n in range(3):
            await writer.write(
                [
                    capture(ids[f"m{n}"], BEGAN + at * quarter, values=(at * 2500 * (n + 1),))
                    for at in range((NOW - BEGAN) // quarter + 1)
                ]
            )


def event(start: datetime, hours: int = 1, kw: str = "4") -> str:
    end = start + timedelta(hours=hours)
    return (
        f'[[event]]\nid = "e1"\nprogramme = "peak"\nstart = {start.isoformat()}\nend = {end.isoformat()}\nkw = "{kw}"\n'
    )


def test_programmes_members_and_whom_an_event_would_call(headend: Headend, site: Path, tmp_path: Path) -> None:
    programme, plan = tmp_path / "peak.toml", tmp_path / "event.toml"
    programme.write_text(PROGRAMME)
    plan.write_text(event(NOW + timedelta(days=1)))
    assert headend("load", "programme", "check", programme, "--json").document["kind"] == "direct"
    assert headend("--config", site, "load", "event", "plan", plan).code == 1, "there is no such programme yet"
    assert headend("--config", site, "load", "programme", "set", programme).code == 0
    assert headend("--config", site, "load", "member", "add", "peak", "p0", "p1", "p2").code == 0
    ran = headend("--config", site, "load", "event", "plan", plan, "--json")
    (one,) = ran.document["rounds"]
    assert (ran.code, one["available_w"] >= 4000, ran.document["missing_w"]) == (0, True, 0)
    assert headend("--config", site, "load", "member", "opt-out", "peak", "p2", "--event", "e1").code == 0
    ran = headend("--config", site, "load", "event", "plan", plan, "--json")
    assert ran.document["missing_w"] == 1000
    assert {"point": "p2", "why": "opted out of the event"} in ran.document["left_out"]
    (shown,) = (
        d for d in headend("--config", site, "load", "member", "list", "peak", "--json").documents if d["out_of"]
    )
    assert shown["point"] == "p2"
    assert headend("--config", site, "load", "member", "add", "peak", "nobody").code == 1
    assert headend("--config", site, "load", "event", "list", "--json").documents == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("kind = 'direct'", "name"),
        (PROGRAMME + "colour = 1", "colour"),
    ],
)
def test_a_programme_that_is_none(headend: Headend, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    ran = headend("load", "programme", "check", path)
    assert ran.code == 2
    assert word in ran.err


def test_an_event_that_may_not_be(headend: Headend, site: Path, tmp_path: Path) -> None:
    programme, plan = tmp_path / "peak.toml", tmp_path / "event.toml"
    programme.write_text(PROGRAMME)
    headend("--config", site, "load", "programme", "set", programme)
    for text, word in (
        (event(NOW + timedelta(days=1), hours=3), "lasts longer"),
        (event(NOW - timedelta(days=1)), "of notice"),
        ("nothing", "event.toml"),
    ):
        plan.write_text(text)
        ran = headend("--config", site, "load", "event", "plan", plan)
        assert ran.code == 2
        assert word in ran.err
    assert headend("--config", site, "load", "event", "plan", tmp_path / "none.toml").code == 1
    plan.write_text(event(NOW + timedelta(days=1)))
    ran = headend("--config", site, "load", "event", "propose", plan)
    assert ran.code == 2, "who asks?"


def test_limits_that_are_none(headend: Headend, site: Path, tmp_path: Path) -> None:
    programme = tmp_path / "limit.toml"
    for text in ('name = "n"\nkind = "power_limit"\n', 'name = "n"\nkind = "energy_limit"\nlimit_kwh = "0"\n'):
        programme.write_text(text)
        assert headend("load", "programme", "check", programme).code == 2
    assert headend("--config", site, "load", "limits", "nobody").code == 1
    programme.write_text(PROGRAMME)
    headend("--config", site, "load", "programme", "set", programme)
    ran = headend("--config", site, "load", "limits", "peak")
    assert (ran.code, "limits nothing" in ran.err) == (2, True)


def test_accounts_are_warned_given_notice_and_cut_in_turn(headend: Headend, site: Path, tmp_path: Path) -> None:
    programme, balances = tmp_path / "prepaid.toml", tmp_path / "balances.csv"
    programme.write_text(COST)
    headend("--config", site, "load", "programme", "set", programme)
    headend("--config", site, "load", "member", "add", "prepaid", "p0", "p1", "p2")
    now = datetime.now(UTC).isoformat()
    balances.write_text(f"point,balance,at\np0,100.00,{now}\np1,19.99,{now}\np2,-5.00,{now}\n")
    assert headend("--config", site, "load", "balance", "import", balances, "--dry-run", "--json").document == {
        "balances": 3, "stored": False,
    }  # fmt: skip
    assert headend("--config", site, "load", "balance", "import", balances).code == 0

    def wanted() -> dict[str, str]:
        ran = headend("--config", site, "load", "accounts", "prepaid", "--json")
        return {account["point"]: account["wants"] for account in ran.document["accounts"]}

    assert wanted() == {"p1": "warn", "p2": "give_notice"}
    long_ago = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    notice = ("--config", site, "load", "notice")
    assert headend(*notice, "p2", "--kind", "noticed", "--proof", "letter 7", "--at", long_ago).code == 0
    assert headend(*notice, "p1", "--kind", "warned", "--proof", "message 3").code == 0
    assert wanted() == {"p2": "cut"}
    assert headend(*notice, "p2", "--kind", "noticed", "--proof", " ").code == 2
    balances.write_text("point,balance,at\np0,much,now\n")
    assert headend("--config", site, "load", "balance", "import", balances).code == 2
