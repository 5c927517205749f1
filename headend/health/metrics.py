"""The Prometheus endpoint: counters are read where they are kept, at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as Source

from headend.cluster.keeper import Keeper
from headend.cluster.membership import KeeperCounters
from headend.errors import UsageFault
from headend.health.host_clock import HostClock
from protocols.driver import LineCounters, MeterCounters
from storage.spool.spool import Spool, SpoolCounters

if TYPE_CHECKING:
    from headend.collection.collector import Collector
    from headend.collection.poller import Poller

_LINE_WORDS: Final = {
    "requests": "requests sent",
    "answers": "answers taken",
    "timeouts": "requests that no answer came to in time",
    "retries": "requests sent again",
    "strays": "sound frames that answered nothing asked",
    "noise": "stretches of bytes that were no frame",
    "noise_bytes": "bytes that were no frame",
    "checksums": "of the stretches that were no frame, those with a wrong check sum",
    "sent_bytes": "bytes sent",
    "received_bytes": "bytes received",
    "busy_s": "seconds that conversations took",
    "wire_s": "of them, seconds that the bytes took at the line's rate",
    "turnaround_s": "of them, seconds from requests to the first byte of their answers",
}
_METER_WORDS: Final = {
    "requests": "requests sent",
    "answers": "answers taken",
    "timeouts": "requests that no answer came to in time",
    "retries": "requests sent again",
    "checksums": "wrong check sums while it was asked",
    "busy_s": "seconds that conversations took",
    "turnaround_s": "of them, seconds from requests to the first byte of their answers",
}
_POLLER_WORDS: Final = {
    "slots": "slots worked",
    "surveys": "meters surveyed",
    "readings": "values received",
    "captures": "captures received",
    "misses": "expected captures that did not come whole",
    "late": "meters not reached within their slot",
    "retries": "jobs that were given another turn",
    "probes": "looks whether a quarantined meter is back",
    "recovered": "captures that filled a gap",
}
_RECORDER_WORDS: Final = {
    "batches": "batches committed",
    "captures": "captures committed",
    "stored": "new rows",
    "merged": "parts that filled a hole of a row",
    "duplicates": "captures that said nothing new",
    "misses": "misses recorded",
    "unreachable": "times the database was found away",
}
_LEASE_WORDS: Final = {
    "renewals": "times that the leases were renewed",
    "claims": "lines taken",
    "releases": "lines given back",
    "losses": "lines cut off, since their lease had ended",
    "buried": "other daemons found dead",
}
_SPOOL_WORDS: Final = {
    "captures": "captures put on the disk",
    "misses": "misses put on the disk",
    "drained_captures": "captures of the spool committed",
    "drained_misses": "misses of the spool committed",
    "refused": "times that the spool took nothing",
    "torn": "segments with a tail that a crash cut off",
    "damaged": "stretches of a segment that are no record",
    "set_aside": "segments set aside",
}


class _Counters(Source):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        pollers = self._collector.pollers
        busy = GaugeMetricFamily("headend_line_utilisation", "share of the last minutes in use", labels=["line"])
        for poller in pollers:
            if (share := poller.line.utilisation) is not None:
                busy.add_metric([poller.line.path.name], share)
        yield busy
        if self._collector.config.daemon.meter_metrics:
            yield from _metered(pollers)
        yield from _families("headend_line", _LINE_WORDS, [(p.line.path.name, p.line.counters) for p in pollers])
        yield from _families("headend_poller", _POLLER_WORDS, [(p.line.path.name, p.counters) for p in pollers])
        yield from _families("headend_recorder", _RECORDER_WORDS, [(None, self._collector.recorder.counters)])
        is_open = GaugeMetricFamily("headend_line_open", "1 while the line's link is open", labels=["line"])
        silent = GaugeMetricFamily("headend_line_silent_meters", "meters that gave nothing last time", labels=["line"])
        for poller in pollers:
            is_open.add_metric([poller.line.path.name], float(poller.line.is_open))
            silent.add_metric([poller.line.path.name], float(len(poller.failures)))
        yield is_open
        yield silent
        yield GaugeMetricFamily(
            "headend_pending_records", "records that wait for the database", value=float(len(self._collector.pending))
        )
        yield GaugeMetricFamily(
            "headend_pending_limit", "the bound of what waits", value=float(self._collector.pending.limit)
        )
        yield GaugeMetricFamily(
            "headend_database_away", "1 while the database is away", value=float(self._collector.recorder.waiting)
        )
        if self._collector.recorder.spool is not None:
            yield from _spooled(self._collector.recorder.spool)
        if isinstance(self._collector.rota, Keeper):
            yield from _leased(self._collector.rota)


class HostClockMetrics(Source):
    """What the kernel says of this machine's clock, and how often it was set; -1 where it does not tell."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        told = self._clock.discipline
        state = -1.0 if told.synchronised is None else float(told.synchronised)
        yield GaugeMetricFamily(
            "headend_host_clock_synchronised", "1 while the host's clock is synchronised", value=state
        )
        if told.max_error_s is not None:
            yield GaugeMetricFamily(
                "headend_host_clock_max_error_seconds", "the kernel's bound of its error", value=told.max_error_s
            )
        yield CounterMetricFamily(
            "headend_host_clock_steps", "times that the host's clock was set", value=float(self._clock.steps)
        )
        yield GaugeMetricFamily(
            "headend_host_clock_last_step_seconds", "by how much the last time", value=self._clock.last_step_s or 0.0
        )


def _metered(pollers: Iterable[Poller]) -> Iterator[Metric]:
    """Of every meter that was asked: many rows."""
    costs = [((p.line.path.name, name), cost) for p in pollers for name, cost in list(p.line.meters.items())]
    for name, sentence in _METER_WORDS.items():
        family = CounterMetricFamily(f"headend_meter_{name.removesuffix('_s')}", sentence, labels=["line", "meter"])
        for labels, cost in costs:
            family.add_metric(labels, float(getattr(cost, name)))
        yield family


def _leased(keeper: Keeper) -> Iterator[Metric]:
    yield from _families("headend_lease", _LEASE_WORDS, [(None, keeper.counters)])
    for name, sentence, value in (
        ("lines", "lines that this daemon may speak on", keeper.lines),
        ("members", "daemons that live, this one among them", keeper.membership.count),
        ("deadline_seconds", "until this daemon must be silent", max(keeper.membership.deadline_in_s, -1.0)),
    ):
        yield GaugeMetricFamily(f"headend_lease_{name}", sentence, value=float(value))


def _spooled(spool: Spool) -> Iterator[Metric]:
    yield from _families("headend_spool", _SPOOL_WORDS, [(None, spool.counters)])
    state = spool.state
    for name, sentence, value in (
        ("bytes", "bytes in the spool's directory", state.bytes),
        ("limit_bytes", "the bound of the spool", state.limit),
        ("segments", "segments that wait for the database", state.segments),
        ("aside_segments", "segments that somebody has to look at", state.aside),
        ("full", "1 while the spool takes nothing", bool(state.refusing)),
    ):
        yield GaugeMetricFamily(f"headend_spool_{name}", sentence, value=float(value))
    if state.oldest_us is not None:
        yield GaugeMetricFamily(
            "headend_spool_oldest_timestamp_seconds", "when the oldest segment was begun", value=state.oldest_us / 1e6
        )


def _families(prefix: str, words: dict[str, str], rows: Iterable[tuple[str | None, Any]]) -> Iterator[Metric]:
    rows = list(rows)
    for name, sentence in words.items():
        labels = ["line"] if rows and rows[0][0] is not None else []
        family = CounterMetricFamily(f"{prefix}_{name.removesuffix('_s')}", sentence, labels=labels)
        for label, counters in rows:
            family.add_metric([label] if label is not None else [], float(getattr(counters, name)))
        yield family


assert {field.name for field in fields(LineCounters)} == set(_LINE_WORDS)
assert {field.name for field in fields(MeterCounters)} == {*_METER_WORDS, "turnaround_max_s"}
assert {field.name for field in fields(SpoolCounters)} == set(_SPOOL_WORDS)
assert {field.name for field in fields(KeeperCounters)} == set(_LEASE_WORDS)


class Endpoint:
    """Serves ``/metrics`` from a thread of its own until closed."""

    def __init__(self, collector: Collector, address: str, *more: Source) -> None:
        """`more`: what else is told. `address` is host:port; port 0 takes a free one.

        Raises `UsageFault` if it cannot be had.
        """
        registry = CollectorRegistry(auto_describe=False)
        for source in (_Counters(collector), *more):
            registry.register(source)
        host, _, port = address.rpartition(":")
        try:
            self._server, self._thread = start_http_server(int(port), host or "127.0.0.1", registry)
        except OSError as error:
            raise UsageFault(f"daemon.metrics: {address}: {error.strerror}") from error
        self.address = f"{host}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
