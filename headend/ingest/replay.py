"""Dead letters through the decoder and the look-up once more, as the configuration and the registry are today."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from headend.config import Config
from headend.ingest.held import Held
from headend.ingest.meters import Meters
from headend.ingest.news import Noter
from headend.ingest.sorting import REFUSED, Sorter
from headend.ingest.storing import store
from protocols.push.arrivals import Reject
from protocols.push.payloads import PAYLOADS
from storage.columns import time_us
from storage.dead_letters import DeadLetters, Letter, LetterState, NewLetter, Wanted
from storage.meter_keys import MeterKeys
from storage.writer import Writer, Written

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """Of one page of letters: how many gave all of their readings, and how many are kept, with what is wrong now."""

    letters: int
    replayed: int
    written: Written
    kept: Mapping[int, str]
    """Letter's id to the reason."""


class _Nobody:
    """The broker of these messages waits for nothing."""

    def acknowledge(self, numbers: Sequence[int]) -> None:
        raise ValueError("a dead letter is not acknowledged")


async def replay(config: Config, conninfo: str, wanted: Wanted) -> AsyncIterator[Replayed]:
    """Page by page. A letter is marked as replayed when its captures are committed, so this can be repeated.

    Letters of a source that is not configured any more are kept as they are. Raises `StorageError`.
    """
    tables = {table.name: table for table in config.push}
    async with (
        DeadLetters(conninfo) as letters,
        MeterKeys(conninfo) as keys,
        Writer(conninfo) as writer,
        Noter(conninfo) as noter,
    ):
        meters = Meters(keys)
        sorters = {
            name: Sorter(
                table, PAYLOADS[table.payload](table.payload_settings(config.zone)), meters.look_up, config.zone
            )
            for name, table in tables.items()
        }
        async for page in letters.pages(wanted, _PAGE):
            for name in dict.fromkeys(letter.push for letter in page):
                part = [letter for letter in page if letter.push == name]
                if name not in sorters:
                    yield Replayed(len(part), 0, Written(0, 0, 0), {letter.id: "no such push" for letter in part})
                    continue
                yield await _again(part, sorters[name], letters, writer, noter, tables[name].captures)


async def _again(
    part: Sequence[Letter], sorter: Sorter, letters: DeadLetters, writer: Writer, noter: Noter, most: int
) -> Replayed:
    nobody = _Nobody()
    batch = [
        Held(letter.topic, letter.payload, time_us(letter.received), letter.repeated, 0, nobody) for letter in part
    ]
    found = await sorter.sort(batch)
    if found.events:
        await noter.note(found.events)
    stored = await store(found, writer.write_columns, most)
    refused = [Reject(number, REFUSED, why) for number, why in sorted(stored.refused.items())]
    kept: dict[int, NewLetter] = {**sorter.letters(batch, refused, {}), **found.letters}
    await letters.keep([(part[number].id, letter) for number, letter in sorted(kept.items())])
    done = [letter.id for number, letter in enumerate(part) if number not in kept]
    await letters.settle(done, LetterState.REPLAYED)
    return Replayed(
        len(part), len(done), stored.written, {part[number].id: letter.reason for number, letter in kept.items()}
    )
