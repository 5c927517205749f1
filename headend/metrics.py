"""The Prometheus endpoint: counters are read where they are kept, at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as Source

from headend.errors import UsageFault
from protocols.driver import LineCounters

if TYPE_CHECKING:
    from headend.collector import Collector

_LINE_WORDS: Final = {
    "requests": "requests sent",
    "answers": "answers taken",
    "timeouts": "requests that no answer came to in time",
    "retries": "requests sent again",
    "strays": "sound frames that answered nothing asked",
    "noise": "stretches of bytes that were no frame",
    "noise_bytes": "bytes that were no frame",
    "busy_s": "seconds that conversations took",
}
_POLLER_WORDS: Final = {
    "slots": "slots worked",
    "surveys": "meters surveyed",
    "readings": "values received",
    "captures": "captures received",
    "misses": "expected captures that did not come whole",
    "late": "meters not reached within their slot",
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


class _Counters(Source):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        pollers = self._collector.pollers
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


def _families(prefix: str, words: dict[str, str], rows: Iterable[tuple[str | None, Any]]) -> Iterator[Metric]:
    rows = list(rows)
    for name, sentence in words.items():
        labels = ["line"] if rows and rows[0][0] is not None else []
        family = CounterMetricFamily(f"{prefix}_{name.removesuffix('_s')}", sentence, labels=labels)
        for label, counters in rows:
            family.add_metric([label] if label is not None else [], float(getattr(counters, name)))
        yield family


assert {field.name for field in fields(LineCounters)} == set(_LINE_WORDS)


class Endpoint:
    """Serves ``/metrics`` from a thread of its own until closed."""

    def __init__(self, collector: Collector, address: str) -> None:
        """`address` is host:port; port 0 takes a free one. Raises `UsageFault` if it cannot be had."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Counters(collector))
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
