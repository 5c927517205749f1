"""A mosquitto as a context, with lines of configuration of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.servers import Mosquitto


@contextmanager
def mosquitto_broker(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, free_port())
    try:
        broker.start(extra)
        yield broker
    finally:
        broker.stop()
