"""Orders over the API: drafted, approved by somebody else, released, recalled; who may what; the client's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp

from headend.api.app import build
from headend.api.caller import Lodge
from headend.api.client import Client, Refused, token_of, url_of
from headend.api.house import Front, House
from headend.commands.desk import Desk
from headend.errors import ServiceFault, UsageFault
from headend.people.founding import found
from headend.people.office import Office
from headend.safety.world import Clock
from tests.headend.api.site import configured, furnish

PEOPLE = {
    "rita": ["requester"], "arno": ["approver"], "olga": ["operator"], "reni": ["reader"], "adam": ["administrator"],
}  # fmt: skip


class Manned:
    """Everybody's token, and the application."""

    def __init__(self, app: ASGIApp, secrets: dict[str, str]) -> None:
        self.app = app
        self.secrets = secrets

    def as_(self, name: str) -> Client:
        return Client("http://api", self.secrets[name], transport=httpx.ASGITransport(app=self.app))


@asynccontextmanager
async def manned(conninfo: str, **api: Any) -> AsyncIterator[Manned]:
    policy = (resources.files("headend.commands") / "policy.toml").read_text(encoding="utf-8")
    secrets = await found(conninfo, PEOPLE, policy)
    config = configured(conninfo, **api)
    desk, office, lodge = Desk(conninfo, "UTC", lambda: Clock(True, "a test")), Office(conninfo), Lodge(conninfo)
    house = House(config, conninfo, front=Front(desk, office))
    try:
        yield Manned(build(house, lodge), secrets)
    finally:
        for one in (house, desk, office, lodge):
            await one.close()


@pytest.fixture
async def office(plain_database: str) -> AsyncIterator[Manned]:
    await furnish(plain_database)
    async with manned(plain_database) as found_:
        yield found_


def alarm(*meters: str, **more: Any) -> dict[str, Any]:
    return {"function": "alarm", "meters": meters or ("m-01",), "reason": "maintenance", **more}


def trip(*meters: str, **more: Any) -> dict[str, Any]:
    return {"function": "trip", "meters": meters or ("m-01",), "reason": "non_payment", "notice": "N-1", **more}


async def test_an_order_from_draft_to_recall(office: Manned) -> None:
    async with office.as_("rita") as rita, office.as_("arno") as arno, office.as_("olga") as olga:
        made = await rita.post("/v1/commands", trip("m-01", "m-02"), key="cut-1")
        assert (made["id"], made["state"], made["meters"], made["areas"]) == (
            "cut-1",
            "draft",
            2,
            {"east": 1, "west": 1},
        )
        assert made["needs"][0] == "approval"
        again = await rita.post("/v1/commands", trip("m-01", "m-02"), key="cut-1")
        assert again["version"] == made["version"]
        with pytest.raises(Refused, match="another order's key"):
            await rita.post("/v1/commands", trip("m-03"), key="cut-1")
        with pytest.raises(Refused) as own:
            await rita.post("/v1/commands/cut-1/approve", {"bound": made["bound"]})
        assert (own.value.status, own.value.exit_code) == (403, 1)
        assert any("role" in reason for reason in own.value.document["reasons"])
        with pytest.raises(Refused) as stale:
            await arno.post("/v1/commands/cut-1/approve", {"bound": "0" * 64})
        assert stale.value.status == 409
        approved = await arno.post("/v1/commands/cut-1/approve", {"bound": made["bound"]})
        assert (approved["state"], approved["approvals"][0]["by"]) == ("approved", "arno")
        recalled = await olga.post("/v1/commands/cut-1/recall", {"why": "a mistake"})
        assert recalled["state"] == "recalled"
        assert [one["id"] async for one in olga.items("/v1/commands")] == ["cut-1"]
        targets = [one async for one in olga.items("/v1/commands/cut-1/targets", limit=1)]
        assert [(one["meter"], one["state"]) for one in targets] == [("m-01", "recalled"), ("m-02", "recalled")]


async def test_who_has_no_part_in_commands_drafts_none(office: Manned) -> None:
    async with office.as_("reni") as reni, office.as_("adam") as adam:
        for asking in (reni, adam):
            with pytest.raises(Refused) as said:
                await asking.post("/v1/commands", alarm())
            assert said.value.status == 403
        with pytest.raises(Refused, match="no part in commands"):
            await reni.get("/v1/protection")
        with pytest.raises(Refused, match="does not oversee"):
            await reni.get("/v1/audit")
        assert (await reni.get("/v1/users/me"))["grants"][0]["role"] == "reader"


async def test_a_person_does_not_propose(office: Manned) -> None:
    async with office.as_("rita") as rita:
        with pytest.raises(Refused, match="persons draft at"):
            await rita.post("/v1/proposals", alarm())


async def test_a_stop_takes_two_to_end(office: Manned) -> None:
    async with office.as_("arno") as arno, office.as_("olga") as olga:
        stop = await arno.post("/v1/stops", {"why": "smoke"})
        assert [one["area"] async for one in olga.items("/v1/stops")] == ["*"]
        first = await arno.post(f"/v1/stops/{stop['id']}/resume")
        assert (first["done"], first["lacks"]) == (False, 1)
        assert [one["kind"] async for one in olga.items("/v1/changes")] == [first["kind"]]
        assert (await olga.post(f"/v1/stops/{stop['id']}/resume"))["done"]
        assert [one async for one in olga.items("/v1/stops")] == []


async def test_the_protection_list_holds_a_cut_back(office: Manned) -> None:
    async with office.as_("rita") as rita, office.as_("olga") as olga:
        (entry,) = await olga.post("/v1/protection", [{"category": "hospital", "meter": "m-01"}])
        assert [one["meter"] async for one in olga.items("/v1/protection")] == ["m-01"]
        with pytest.raises(Refused) as said:
            await rita.post("/v1/commands", trip("m-01"))
        assert said.value.document["verdict"] == "refused"
        assert any("protected" in reason for reason in said.value.document["reasons"])
        assert not (await olga.post(f"/v1/protection/{entry['id']}/end", {}))["done"]


async def test_users_and_tokens(office: Manned) -> None:
    async with office.as_("adam") as adam:
        assert [one["name"] async for one in adam.items("/v1/users", limit=2)] == sorted(PEOPLE)
        await adam.post("/v1/users", {"name": "nora"})
        with pytest.raises(Refused) as twice:
            await adam.post("/v1/users", {"name": "nora"})
        assert twice.value.status == 409
        await adam.post("/v1/users/nora/grants", {"role": "reader", "areas": ["east"]})
        made = await adam.post("/v1/tokens", {"person": "nora", "days": 3, "label": "laptop"})
        told = [one async for one in adam.items("/v1/tokens")]
        assert made["secret"] not in str(told)
        assert [one["person"] for one in told if one["label"] == "laptop"] == ["nora"]
    async with Client("http://api", made["secret"], transport=httpx.ASGITransport(app=office.app)) as nora:
        assert [one["name"] async for one in nora.items("/v1/meters")] == ["m-01", "m-03", "m-t"]
        await nora.delete(f"/v1/tokens/{made['id']}")  # one's own
        with pytest.raises(Refused) as gone:
            await nora.get("/v1/meters")
        assert (gone.value.status, gone.value.exit_code) == (401, 2)
    async with office.as_("adam") as adam:
        actions = [row["action"] async for row in adam.items("/v1/audit", limit=3)]
    assert actions[-4:] == ["user_add", "grant", "token_new", "token_end"]


async def test_the_policy_is_shown(office: Manned) -> None:
    async with office.as_("olga") as olga:
        assert "document" in await olga.get("/v1/policy")
        with pytest.raises(Refused) as wrong:
            await olga.put("/v1/policy", {"document": "nonsense = "})
        assert wrong.value.status == 422


async def test_who_is_not_there_is_told() -> None:
    async with Client("http://127.0.0.1:1", "x" * 20) as asking:
        with pytest.raises(ServiceFault, match=r"no daemon answers at http://127\.0\.0\.1:1") as said:
            await asking.get("/v1/areas")
    assert said.value.exit_code == 3


async def test_a_proxy_s_own_words_are_none_of_ours() -> None:
    proxy = httpx.MockTransport(lambda _: httpx.Response(502, text="<html>Bad gateway</html>"))
    async with Client("http://api", "x" * 20, transport=proxy) as asking:
        with pytest.raises(Refused, match="502 Bad Gateway"):
            await asking.get("/v1/areas")


def test_where_the_token_comes_from(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text("  from-the-file\n")
    assert token_of(str(file), {"HEADEND_TOKEN": "other"}) == "from-the-file"
    assert token_of(None, {"HEADEND_TOKEN": "from-the-environment"}) == "from-the-environment"
    for given, environment in ((None, {}), (str(tmp_path / "no"), {}), (None, {"HEADEND_TOKEN": "two words"})):
        with pytest.raises(UsageFault):
            token_of(given, environment)


@pytest.mark.parametrize(
    ("listen", "more", "url"),
    [
        ("127.0.0.1:8645", {}, "http://127.0.0.1:8645"), ("[::1]:1", {}, "http://[::1]:1"),
        ("0.0.0.0:9", {"certificate": "c", "key": "k"}, "https://127.0.0.1:9"),
    ],
)  # fmt: skip
def test_where_the_configured_daemon_serves(listen: str, more: dict[str, str], url: str) -> None:
    assert url_of(configured("", listen=listen, **more)) == url


def test_a_daemon_without_an_api_is_told() -> None:
    config = configured("")
    with pytest.raises(UsageFault, match=r"api\.listen is empty"):
        url_of(msgspec.structs.replace(config, api=msgspec.structs.replace(config.api, listen="")))
