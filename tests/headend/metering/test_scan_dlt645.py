"""`headend meter scan --protocol dlt645` against simulated meters behind a port."""

from __future__ import annotations

import json
import random
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.bus import Bus, Manners
from tests.headend.command import Headend
from tests.protocols.dlt645.search.line import Meters, stations

QUICK = ("--protocol", "dlt645", "--timeout", "15ms", "--latency", "0ms", "--retries", "0")
ONE: Meters = [("2007", "123456789012")]


@contextmanager
def on_tcp(meters: Meters, babble: bool = False) -> Iterator[str]:
    """A bus behind a port of a thread of its own, as a link's URL."""
    bus, draw = Bus(stations(meters), Manners()), random.Random(5)

    class Conversation(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            line = bus.line()
            while chunk := self.request.recv(4096):
                if babble:
                    self.request.sendall(b"\x01" + draw.randbytes(6))
                for _, data in line.receive(chunk, datetime.now(UTC)):
                    self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_meters_are_told_with_what_proves_them(headend: Headend) -> None:
    meters: Meters = [*ONE, ("2007", "000000000016"), ("1997", "990000000012")]
    with on_tcp(meters) as url:
        ran = headend("meter", "scan", "--link", url, *QUICK, "--json")
    assert ran.code == 0
    found = {(document["edition"], document["address"]): document["evidence"] for document in ran.documents}
    assert sorted(found) == sorted(meters)
    evidence = found["2007", "123456789012"]
    assert (evidence["item"], evidence["value"], evidence["unit"]) == ("00010000", "567890.12", "kWh")
    assert evidence["meter_number"] == "123456789012"
    assert evidence["hex"].startswith("68" + bytes.fromhex("123456789012")[::-1].hex() + "6891")
    assert found["1997", "990000000012"]["item"] == "9010"
    assert "3 meters found; " in ran.err


def test_people_see_the_same(headend: Headend) -> None:
    with on_tcp(ONE) as url:
        ran = headend("meter", "scan", "--link", url, *QUICK, "--edition", "2007")
    assert ran.code == 0
    first, *rest = ran.out.splitlines()
    assert first == "123456789012  2007  active_energy_import 567890.12 kWh"
    assert rest[0].startswith("1 meter found; 1")
    assert "--deep" in rest[1]


@pytest.mark.parametrize(("babble", "kind", "said"), [(False, "no_answer", "silence"), (True, "noise", "only noise")])
def test_nobody_is_there_and_why(headend: Headend, babble: bool, kind: str, said: str) -> None:
    with on_tcp([], babble) as url:
        ran = headend("meter", "scan", "--link", url, *QUICK, "--json")
    assert ran.code == 1
    assert ran.document["error"]["kind"] == kind
    assert f"no meter found: {said}" in ran.document["error"]["message"]
    assert [puzzle["why"] for puzzle in ran.document.get("puzzles", [])] == (
        ["noise, and just the same when nobody is asked"] * 2 if babble else []
    )


def test_a_spent_budget_is_told_with_the_way_to_go_on(headend: Headend) -> None:
    with on_tcp(ONE) as url:
        ran = headend("meter", "scan", "--link", url, *QUICK, "--edition", "2007", "--max-requests", "12")
        assert ran.code == 0
        assert "stopped: 12 requests spent" in ran.out
        left = ran.out.partition("--resume ")[2].strip()
        assert left.startswith("2007:+0")
        again = headend("meter", "scan", "--link", url, *QUICK, "--resume", "2007:9012", "--json")
        assert [document["address"] for document in again.documents] == ["123456789012"]
    ran = headend("meter", "scan", "--link", "tcp://127.0.0.1:9", *QUICK, "--max-requests", "0")
    assert ran.code == 2


def test_found_meters_go_into_the_registry(headend: Headend, site: Path) -> None:
    meters: Meters = [*ONE, ("1997", "000000000016"), ("1997", "123456789012")]
    with on_tcp(meters) as url:
        words = ("--config", site, "meter", "scan", "--link", url, *QUICK, "--add", "--line", "east")
        assert headend(*words).code == 0
        listed = headend("--config", site, "meter", "list", "--json").documents
        assert sorted((m["name"], m["address"], m["model"], m["line"]) for m in listed) == [
            ("east-000000000016", "000000000016", "dlt645_1997", "east"),
            ("east-123456789012", "123456789012", "dlt645_2007", "east"),
        ]
        again = headend(*words, "--max-requests", "20")
        assert "added 0 of 1 to line east" in again.out
    other = headend("--config", site, "meter", "scan", "--link", "tcp://x:1", *QUICK, "--add", "--line", "east")
    assert other.code == 2
    assert "line 'east' is known" in other.err


WRONG = {
    "--add and --line NAME go together": [*QUICK, "--add"],
    "not a branch of a search": [*QUICK, "--resume", "16"],
    "is no duration": [*QUICK, "--max-time", "long"],
    "--retries is -1": ["--protocol", "dlt645", "--retries", "-1"],
    "--deep is for --protocol dlt645": ["--protocol", "modbus", "--deep"],
}


@pytest.mark.parametrize("said", WRONG)
def test_scans_that_cannot_be(headend: Headend, said: str) -> None:
    ran = headend("meter", "scan", "--link", "tcp://127.0.0.1:9", *WRONG[said])
    assert ran.code == 2
    assert said in ran.err


def test_a_link_that_is_not_there(headend: Headend) -> None:
    ran = headend("meter", "scan", "--link", "serial:///dev/nobody", *QUICK, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (1, "unreachable")
    assert "0 meters" not in ran.err


def _hears_ctrl_c() -> None:
    """What a shell starts in the background ignores SIGINT, and hands that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_who_breaks_it_off_keeps_what_was_found() -> None:
    with on_tcp(ONE) as url:
        command = [sys.executable, "-m", "headend", "meter", "scan", "--link", url, *QUICK, "--deep", "--json"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_ctrl_c
        ) as process:
            assert process.stdout
            first = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
    assert first["address"] == "123456789012"
    assert (process.returncode, out) == (130, "")
    assert "broken off: 1 meter found" in err
    assert "to go on: --resume " in err
    assert "Traceback" not in err
