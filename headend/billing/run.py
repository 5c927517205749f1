"""The bills of a cycle for all points, some at a time, on all cores: memory does not grow with their number.

Some points are a piece: read, reckoned and kept in one transaction. A run that was broken off goes on where it
was, since what is kept is found unchanged.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from analytics.billing.errors import TariffFault
from headend.billing.keeping import Order, Outcome, keep
from headend.billing.reckoning import Sources
from headend.billing.tariffs import TariffFolder, load_folder
from headend.cores import spread
from headend.errors import UsageFault
from storage.bills import Bills
from storage.cycle_reads import CycleReads
from storage.validated import Validated

PIECE: Final = 250
_ALONE: Final = 2000
"""Up to so many points no further process is worth its start."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a process needs to bill: the database, the folder of tariffs, how near to a bound a person's read counts."""

    conninfo: str
    folder: Path
    tolerance: timedelta


@dataclass(frozen=True, slots=True)
class Piece:
    """Points by id, and the name of their tariff."""

    tariff: str
    points: tuple[int, ...]


@asynccontextmanager
async def sources(conninfo: str, tolerance: timedelta) -> AsyncIterator[Sources]:
    async with CycleReads(conninfo) as reads, Bills(conninfo) as bills, Validated(conninfo) as validated:
        yield Sources(reads, bills, validated, tolerance)


async def bill_piece(opened: Sources, folder: TariffFolder, piece: Piece, order: Order) -> list[Outcome]:
    """Raises storage errors; what keeps all of them from being billed is the reason of each."""
    points = await opened.reads.points(piece.points)
    try:
        file = folder.named(piece.tariff, points[0].name)
        return await keep(opened, points, file, order)
    except (UsageFault, TariffFault) as error:
        return [Outcome(point.name, "refused", str(error)) for point in points]


def pieces(points: Collection[tuple[int, str]], size: int = PIECE) -> list[Piece]:
    """Points (id, tariff) by tariff, in pieces."""
    by_tariff: dict[str, list[int]] = {}
    for point, tariff in points:
        by_tariff.setdefault(tariff, []).append(point)
    return [
        Piece(tariff, tuple(own[at : at + size]))
        for tariff, own in sorted(by_tariff.items())
        for at in range(0, len(own), size)
    ]


async def bill_all(
    site: Site, wanted: Collection[tuple[int, str]], order: Order, cores: int = 0
) -> AsyncGenerator[list[Outcome], None]:
    """Points (id, tariff) piece by piece, as they are done. `cores`: processes, 0: as many as there are processors.

    Raises `UsageFault` for a folder that is none, storage errors.
    """
    parts = pieces(wanted)
    folder = load_folder(site.folder)
    if not cores:
        cores = 1 if len(wanted) <= _ALONE else os.cpu_count() or 1
    if cores == 1:
        async with sources(site.conninfo, site.tolerance) as opened:
            for piece in parts:
                yield await bill_piece(opened, folder, piece, order)
        return
    async for outcomes in spread(_work, [(piece, order) for piece in parts], cores, _begin, (site,)):
        yield outcomes


class _Worker:
    """What a process of the pool holds from start to end: connections, tariffs and the loop in which they live."""

    runner: asyncio.Runner
    sources: Sources
    folder: TariffFolder


def _begin(site: Site) -> None:
    _Worker.runner = asyncio.Runner()
    _Worker.folder = load_folder(site.folder)
    _Worker.sources = Sources(CycleReads(site.conninfo), Bills(site.conninfo), Validated(site.conninfo), site.tolerance)


def _work(job: tuple[Piece, Order]) -> list[Outcome]:
    piece, order = job
    return _Worker.runner.run(bill_piece(_Worker.sources, _Worker.folder, piece, order))
