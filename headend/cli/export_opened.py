"""The configuration and the database, as `headend export` wants them."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headend.config import Config, load
from headend.place import Store, store
from headend.privacy.access import record
from storage.exports import Exports


@dataclass(frozen=True, slots=True)
class Opened:
    config: Config
    store: Store
    exports: Exports

    @property
    def conninfo(self) -> str:
        return self.store.conninfo


@asynccontextmanager
async def opened(arguments: argparse.Namespace) -> AsyncIterator[Opened]:
    config = load(arguments.config)
    async with store(config) as found, Exports(found.conninfo) as exports:
        yield Opened(config, found, exports)


async def written_down(
    opened: Opened, content: Mapping[str, Any], span: tuple[datetime, datetime], **detail: str
) -> None:
    """Whose readings are given away, before they are."""
    names = {piece[0] for point in content["points"] for piece in point["pieces"]}
    meters = await opened.store.registry.meters(sorted(names))
    await record(
        opened.config, opened.conninfo, "export", sorted(meter.id for meter in meters), span[0], span[1], **detail
    )
