"""What Prometheus is told of pushed readings, by source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headend.ingest.connection import ConnectionCounters
from headend.ingest.ingest import Ingest
from headend.ingest.intake import IntakeCounters

_CONNECTION_WORDS: Final = {
    "messages": "messages received",
    "bytes": "bytes of their payloads",
    "repeated": "messages that the broker sent again or had kept",
    "acknowledged": "messages acknowledged",
    "connects": "times that the broker took us",
    "losses": "connections lost",
    "refusals": "attempts to connect that came to nothing",
    "excess": "messages beyond the Receive Maximum",
}
_INTAKE_WORDS: Final = {
    "batches": "batches committed",
    "messages": "messages committed, whole or as dead letters",
    "captures": "captures committed",
    "readings": "readings committed",
    "stored": "new rows",
    "merged": "parts that filled a hole of a row",
    "duplicates": "captures that said nothing new",
    "events": "events that messages said",
    "unreachable": "times the database was found away",
}
_GAUGES: Final = {
    "connected": "1 while the broker has us",
    "paused": "1 while nothing is read because the hold is full",
    "unacknowledged": "messages received over this connection and not acknowledged",
    "held": "messages received and not committed",
    "held_bytes": "their bytes",
    "lag_s": "how long the message that waits the longest has been here",
}

assert {field.name for field in fields(ConnectionCounters)} == set(_CONNECTION_WORDS)
assert {field.name for field in fields(IntakeCounters)} == {*_INTAKE_WORDS, "dead"}


class IngestMetrics(Collector):
    """Counters are read where they are kept, at the moment of the scrape."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    def collect(self) -> Iterator[Metric]:
        told = self._ingest.counters
        for prefix, words, part in (("push", _CONNECTION_WORDS, None), ("push_stored", _INTAKE_WORDS, "intake")):
            for name, sentence in words.items():
                family = CounterMetricFamily(f"headend_{prefix}_{name}", sentence, labels=["push"])
                for push, counters in told.items():
                    family.add_metric([push], float((counters[part] if part else counters)[name]))
                yield family
        dead = CounterMetricFamily("headend_push_dead_letters", "dead letters", labels=["push", "reason"])
        for push, counters in told.items():
            for reason, count in counters["intake"]["dead"].items():
                dead.add_metric([push, reason], float(count))
        yield dead
        for name, sentence in _GAUGES.items():
            unit = name.replace("_s", "_seconds") if name.endswith("_s") else name
            gauge = GaugeMetricFamily(f"headend_push_{unit}", sentence, labels=["push"])
            for push, counters in told.items():
                gauge.add_metric([push], float(counters[name]))
            yield gauge
