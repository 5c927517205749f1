"""The Prometheus endpoint, and the daemon that serves it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from headend.collection.collector import Collector
from headend.config import parse
from headend.errors import UsageFault
from headend.health.host_clock import Discipline, HostClock
from headend.health.metrics import Endpoint, HostClockMetrics
from headend.registry.known import plans_of
from protocols.traffic import MeterCounters
from tests.headend.bus import ENERGY, Bus, meter, path
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.ports import free_port
from tests.servers import wait_until


def scraped(address: str) -> dict[tuple[str, str], float]:
    """(name, line) to value."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(s.name, s.labels.get("line", "")): s.value for family in families for s in family.samples}


@pytest.fixture
async def collector() -> Collector:
    config = parse(configuration("dbname=nowhere"), "test.toml")
    lines = [(path("a"), [meter(1), meter(2)]), (path("b"), [meter(3)])]
    return Collector(config, lines, plans_of(config), "dbname=nowhere")


@pytest.fixture
def endpoint(collector: Collector) -> Iterator[Endpoint]:
    found = Endpoint(collector, "127.0.0.1:0")
    yield found
    found.close()


async def test_counters_are_shown_as_they_stand(collector: Collector, endpoint: Endpoint) -> None:
    first, second = collector.pollers
    first.line.counters.requests = 7
    first.line.counters.busy_s = 1.5
    second.line.counters.noise_bytes = 99
    first.counters.readings = 11
    second.failures["m3"] = 2
    collector.recorder.counters.stored = 5
    seen = await asyncio.to_thread(scraped, endpoint.address)
    assert seen["headend_line_requests_total", "a"] == 7
    assert seen["headend_line_requests_total", "b"] == 0
    assert seen["headend_line_busy_total", "a"] == 1.5
    assert seen["headend_line_noise_bytes_total", "b"] == 99
    assert seen["headend_poller_readings_total", "a"] == 11
    assert (seen["headend_line_silent_meters", "a"], seen["headend_line_silent_meters", "b"]) == (0, 1)
    assert seen["headend_line_open", "a"] == 0
    assert seen["headend_recorder_stored_total", ""] == 5
    assert (seen["headend_pending_records", ""], seen["headend_pending_limit", ""]) == (0, 10_000)
    first.line.counters.requests = 8
    assert (await asyncio.to_thread(scraped, endpoint.address))["headend_line_requests_total", "a"] == 8


async def test_every_counter_that_is_kept_is_shown(collector: Collector, endpoint: Endpoint) -> None:
    names = {name for name, _ in await asyncio.to_thread(scraped, endpoint.address)}
    kept = collector.counters
    for group in ("line", "poller", "recorder"):
        for counter in kept[group]:
            assert f"headend_{group}_{counter.removesuffix('_s')}_total" in names


async def test_the_clock_of_the_host(collector: Collector) -> None:
    says = iter([Discipline(None), Discipline(False, 16.0)])
    clock = HostClock(lambda: next(says), iter([(100.0, 1.0), (160.0, 2.0)]).__next__)
    found = Endpoint(collector, "127.0.0.1:0", HostClockMetrics(clock))
    try:
        clock.look()
        seen = await asyncio.to_thread(scraped, found.address)
        assert seen["headend_host_clock_synchronised", ""] == -1
        assert ("headend_host_clock_max_error_seconds", "") not in seen
        clock.look()
        seen = await asyncio.to_thread(scraped, found.address)
    finally:
        found.close()
    assert seen["headend_host_clock_synchronised", ""] == 0
    assert seen["headend_host_clock_max_error_seconds", ""] == 16
    assert seen["headend_host_clock_steps_total", ""] == 1
    assert seen["headend_host_clock_last_step_seconds", ""] == 59


async def test_meters_are_shown_where_that_is_wanted(collector: Collector) -> None:
    collector.pollers[0].line.meters["m1"] = MeterCounters(requests=7, timeouts=3, busy_s=1.5)
    collector.pollers[0].line.utilisation = 0.25
    shown = Endpoint(collector, "127.0.0.1:0")
    seen = await asyncio.to_thread(scraped, shown.address)
    assert seen["headend_line_utilisation", "a"] == 0.25
    assert ("headend_line_utilisation", "b") not in seen
    assert ("headend_meter_requests_total", "a") not in seen
    told = msgspec.structs.replace(collector.config.daemon, meter_metrics=True)
    collector.config = msgspec.structs.replace(collector.config, daemon=told)
    seen = await asyncio.to_thread(scraped, shown.address)
    shown.close()
    assert seen["headend_meter_requests_total", "a"] == 7
    assert seen["headend_meter_timeouts_total", "a"] == 3
    assert seen["headend_meter_busy_total", "a"] == 1.5


@pytest.mark.parametrize("address", ["127.0.0.1:{taken}", "no-such-host.invalid:0"])
async def test_an_address_that_cannot_be_had(collector: Collector, address: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        wanted = address.format(taken=other.getsockname()[1])
        with pytest.raises(UsageFault, match=f"daemon.metrics: {wanted}: "):
            Endpoint(collector, wanted)


@pytest.fixture
def daemon_site(site: Path) -> Path:
    text = site.read_text().replace('metrics = ""', f'metrics = "127.0.0.1:{free_port()}"').replace("15m", "1s")
    site.write_text(text)
    return site


def run(site: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "headend", "run", "--config", str(site), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_daemon_from_start_to_stop(headend: Headend, daemon_site: Path) -> None:
    bus = Bus({"000000000001": ENERGY})
    address = next(line.split('"')[1] for line in daemon_site.read_text().splitlines() if "metrics" in line)
    with bus.on_tcp() as url:
        add = ["--address", "1", "--model", "dlt645_2007", "--line", "bus 1", "--link", url]
        assert headend("--config", daemon_site, "meter", "add", "m1", *add).code == 0
        ran = headend("status", "--config", daemon_site, "--json")
        assert (ran.code, ran.document["daemons"], ran.document["meters"]) == (1, [], 1)
        daemon = run(daemon_site)
        try:

            def collected() -> bool:
                assert daemon.poll() is None, daemon.communicate()
                return bool(headend("status", "--config", daemon_site, "--json").document["values"] >= 4)

            wait_until(collected, "values")
            ran = headend("status", "--config", daemon_site, "--json")
            (alive,) = ran.document["daemons"]
            assert (ran.code, alive["alive"], alive["pid"]) == (0, True, daemon.pid)
            assert alive["counters"]["lines_open"] == 1
            assert "running" in headend("status", "--config", daemon_site).out
            assert alive["counters"]["lines_told"]["bus 1"]["answers"] >= 4
            assert "bus 1" in headend("status", "--lines", "--worst", 3, "--config", daemon_site).out
            assert headend("status", "--worst", 0, "--config", daemon_site).code == 2
            assert alive["counters"]["host_clock"]["steps"] == 0
            assert scraped(address)["headend_line_open", "bus 1"] == 1
            assert scraped(address)["headend_host_clock_synchronised", ""] in (-1, 0, 1)
            other = run(daemon_site)  # a second daemon of the same configuration
            said = other.communicate(timeout=120)
            assert (other.returncode, "daemon.metrics: " in said[1]) == (2, True), said
            assert json.loads(said[0])["error"]["kind"] == "usage"
        finally:
            daemon.send_signal(signal.SIGTERM)
            out, err = daemon.communicate(timeout=120)
    assert daemon.returncode == 0, err
    counters = json.loads(out)
    assert counters["stopped"]
    assert counters["pending"] == 0
    assert [json.loads(line)["event"] for line in err.splitlines()][-1] == "stopped"
    ran = headend("status", "--config", daemon_site, "--json")
    assert (ran.code, ran.document["daemons"][0]["alive"]) == (1, False)
    assert ran.document["captures"] == counters["recorder"]["stored"]
    assert "not running" in headend("status", "--config", daemon_site).out


def test_a_daemon_with_nothing_to_do(headend: Headend, site: Path) -> None:
    text = site.read_text()
    site.write_text(text[: text.index("[[plan]]")])
    daemon = run(site)
    said = daemon.communicate(timeout=120)
    assert (daemon.returncode, f"headend: {site}: plan: there is none" in said[1]) == (2, True), said
