"""The description against the daemon's application on a real database: schemathesis asks whatever the description
allows and whatever it forbids, with every check that it has."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headend.api.app import ROUTERS, build
from headend.api.caller import Caller
from headend.api.house import Front, House
from headend.api.server import served
from headend.commands.desk import Desk
from headend.people.office import Office
from headend.safety.world import Clock
from storage.people import People
from tests.conftest import Servers
from tests.headend.api.site import Keys, configured, furnish
from tests.headend.api.test_commands import manned

TAGS = {tag for router in ROUTERS for tag in router.tags}
TOKEN = "a-token-that-is-never-revoked"


async def _people(conninfo: str) -> None:
    await furnish(conninfo)
    async with manned(conninfo):
        pass


@contextmanager
def daemon(conninfo: str, who: str) -> Iterator[str]:
    """The API in a loop and a thread of its own, where everybody is `who`. Gives its URL."""
    address: list[str] = []
    ready = threading.Event()
    over: list[Callable[[], object]] = []

    async def run() -> None:
        config = configured(conninfo, listen="127.0.0.1:0", requests=10**6, body=10**7)
        async with People(conninfo) as people:
            (person,) = [one for one in await people.all() if one.name == who]
        desk, office = Desk(conninfo, "UTC", lambda: Clock(True, "a test")), Office(conninfo)
        house = House(config, conninfo, front=Front(desk, office))
        try:
            async with served(config, build(house, Keys({TOKEN: Caller.of(person)}))) as found:
                address.append(found.url)
                end = asyncio.Event()
                loop = asyncio.get_running_loop()
                over.append(lambda: loop.call_soon_threadsafe(end.set))
                ready.set()
                await end.wait()
        finally:
            for one in (house, desk, office):
                await one.close()
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        ready.wait(30)
        yield address[0]
    finally:
        for end in over:
            end()
        thread.join()


PARTS = [
    ("rita", ("registry", "readings", "collection", "events", "webhooks")),
    ("olga", ("commands", "rules")),
    ("adam", ("people",)),
]
"""Who asks, and what: together everything."""
CONFIG = """\
# What a description cannot say: which cursors were given, that a span begins before it ends and lasts a year at most,
# which quantities there are, what a policy is, where a webhook may lead.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]
"""


@pytest.fixture(scope="module")
def crew(servers: Servers) -> Iterator[str]:
    """A furnished database with people."""
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        asyncio.run(_people(conninfo))
        yield conninfo


@pytest.mark.parametrize(("who", "tags"), PARTS)
def test_the_application_does_what_it_says(
    crew: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str, tags: tuple[str, ...]
) -> None:
    monkeypatch.setattr("headend.api.doorstep._STRANGERS", 10**6)  # it comes without a token on purpose, many times
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with daemon(crew, who) as url:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/openapi.json", "--checks", "all",
            "-H", f"Authorization: Bearer {TOKEN}", "--phases", "coverage,fuzzing", "--max-examples", "1",
            "--max-time", "18", "--generation-deterministic", "--no-color", "--warnings", "off",
            *(word for tag in tags for word in ("--include-tag", tag)),
        ]  # fmt: skip
        ran = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2000:]
    assert {tag for _, tags in PARTS for tag in tags} == TAGS
    assert " passed" in ran.stdout.splitlines()[-1] or "No issues found" in ran.stdout, ran.stdout[-2000:]
