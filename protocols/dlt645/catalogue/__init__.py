"""What identifiers hold, both editions, as rules: worked out when it is asked for.

00 energy, 01 demand     `energy`           DI2 quantity, DI1 rate (FF block), DI0 settlement (FF all)
02 instantaneous         `instantaneous`    DI2 quantity, DI1 phase (FF block), DI0 harmonic
03, 1D, 1E events        `events`           DI0 00 counts, 01..0A the last ten records
04 parameters            `parameters`       a table and rules for what is numbered
05 freezes               `freezes`          DI2 why, DI1 what (FF all, closed by AA), DI0 how far back
06 load records          `load_records`     DI2 class, DI0 which
1997                     `edition1997`      two bytes
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from protocols.dlt645.catalogue.edition1997 import edition1997
from protocols.dlt645.catalogue.energy import RATES as RATES
from protocols.dlt645.catalogue.energy import SETTLEMENTS as SETTLEMENTS
from protocols.dlt645.catalogue.energy import demand, energy
from protocols.dlt645.catalogue.events import closings, events, trips
from protocols.dlt645.catalogue.freezes import freezes
from protocols.dlt645.catalogue.instantaneous import instantaneous
from protocols.dlt645.catalogue.load_records import load_records
from protocols.dlt645.catalogue.parameters import parameters
from protocols.dlt645.item import Item
from protocols.dlt645.item import resized as resized
from protocols.errors import ModelError

_FAMILIES: Final[dict[int, Callable[[str, int, int, int], Item | None]]] = {
    0x00: energy,
    0x01: demand,
    0x02: instantaneous,
    0x03: events,
    0x04: parameters,
    0x05: freezes,
    0x06: load_records,
    0x1D: trips,
    0x1E: closings,
}
_DIGITS: Final = {"2007": 8, "1997": 4}
_HEX: Final = re.compile(r"[0-9A-F]+")


@lru_cache(maxsize=2048)
def item(code: str, edition: str = "2007") -> Item:
    """The item of a data identifier: ``00010000`` of the 2007 edition, ``9010`` of 1997. Raises `ModelError`."""
    if edition not in _DIGITS:
        raise ModelError(f"unknown edition {edition!r} of DL/T 645, expected 2007 or 1997")
    digits = _DIGITS[edition]
    text = code.strip().upper()
    if len(text) != digits or not _HEX.fullmatch(text):
        example = "00010000" if edition == "2007" else "9010"
        raise ModelError(f"not a data identifier: {code!r}, expected {digits} hex digits such as {example}")
    if edition == "1997":
        found = edition1997(text)
    else:
        di3, di2, di1, di0 = bytes.fromhex(text)
        found = _FAMILIES[di3](text, di2, di1, di0) if di3 in _FAMILIES else None
    if found is None:
        raise ModelError(f"unknown item {text}: no rule of DL/T 645-{edition} known here describes it")
    return found
