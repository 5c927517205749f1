"""The configuration and the database, as `headend export` wants them."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from headend.config import Config, load
from headend.place import Store, store
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
