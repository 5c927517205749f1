"""Family 05 freezes (DL/T 645-2007, Table A.6, and the State Grid supplement).

DI2 is what made the meter freeze, DI1 what was frozen, DI0 how far back (01 the latest). DI1 FF is all of it, each
closed by AA; what the freeze mode word leaves out is an empty block. Table A.6 prints 05000001 for both the time and
the forward energy of a scheduled freeze: the energy is 05000101, as in all other freezes.

Frozen values are of the freeze's time: they have the OBIS code of what was frozen and no quantity.
"""

from __future__ import annotations

from typing import Final

from protocols.dlt645.blocks import Block, Blocks
from protocols.dlt645.catalogue.energy import RATES, quantity
from protocols.dlt645.catalogue.instantaneous import all_phases
from protocols.dlt645.catalogue.part import (
    DEMAND,
    ENERGY,
    MINUTE_TIME,
    OCCURRED,
    SIGNED_ENERGY,
    part,
    single,
    whole,
)
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis

# DI2: name, Chinese name, how many are kept
KINDS: Final[dict[int, tuple[str, str, int]]] = {
    0x00: ("scheduled", "定时冻结", 12),
    0x01: ("instant", "瞬时冻结", 3),
    0x02: ("season_switch", "两套时区表切换冻结", 2),
    0x03: ("day_table_switch", "两套日时段表切换冻结", 2),
    0x04: ("hourly", "整点冻结", 254),
    0x05: ("price_switch", "两套费率电价切换冻结", 2),
    0x06: ("daily", "日冻结", 62),
    0x07: ("step_switch", "两套阶梯切换冻结", 2),
    0xF0: ("monthly", "月冻结", 36),
}
_HOURLY: Final = 0x04
_TIME: Final = 0x00
_VARIABLES: Final = 0x10
_BLOCK: Final = 0xFF
_ENERGIES: Final = range(0x01, 0x09)
# DI1: base of the grid
_DEMANDS: Final = {0x09: 1, 0x0A: 2}


def freezes(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 05."""
    if di2 not in KINDS or not 1 <= di0 <= KINDS[di2][2]:
        return None
    if di2 == _HOURLY:
        return _hourly(code, di1, di0)
    if di1 != _BLOCK:
        return _frozen(code, di2, di1, di0)
    blocks = []
    for each in (_TIME, *_ENERGIES, *_DEMANDS, _VARIABLES):
        found = _frozen(f"{code[:4]}{each:02X}{di0:02X}", di2, each, di0)
        assert found is not None
        blocks.append(Block(found.parts, found.least))
    return _blocks(code, di2, di0, Blocks(tuple(blocks)))


def _frozen(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """One of the things that are frozen; parts know the identifier under which they can be read alone."""
    kind, kind_zh, _ = KINDS[di2]
    name, zh = f"{kind}_freeze_{di0}", f"(上{di0}次){kind_zh}"
    if di1 == _TIME:
        return single(part(code, name + "_time", zh + "时间", MINUTE_TIME))
    if di1 in _ENERGIES:
        parts = _energies(code, di1, RATES)
        return Item(code, f"{name}_{parts[0][0].name}", f"{zh}{quantity('energy', di1)[1]}电能", tuple(parts), 1)
    if di1 in _DEMANDS:
        base = _DEMANDS[di1]
        label = f"{zh}{quantity('demand', base)[1]}最大需量及发生时间"
        parts = _demands(code, base)
        return Item(code, f"{name}_{parts[0][0].name}", label, tuple(parts), 2)
    if di1 == _VARIABLES:
        powers = [held for di in (3, 4) for held in all_phases(code, di, present=False)]
        return whole(code, name + "_powers", zh + "变量数据", powers)
    return None


def _hourly(code: str, di1: int, di0: int) -> Item | None:
    """Time and the two active totals; the block comes with AA behind each, or without any."""
    if di1 == _BLOCK:
        codes = [f"{code[:4]}{each:02X}{di0:02X}" for each in (0, 1, 2)]
        held = [_hourly_part(one, each, di0) for each, one in enumerate(codes)]
        return _blocks(code, _HOURLY, di0, Blocks(tuple(Block((one,), 1) for one in held), plain=True))
    if di1 > 2:
        return None
    held_one, form = _hourly_part(code, di1, di0)
    kind = KINDS[_HOURLY][1]
    item = single((held_one, form))
    return (
        item
        if di1 == 0
        else whole(code, f"hourly_freeze_{di0}_{held_one.name}", f"(上{di0}次){kind}{held_one.name_zh}", item.parts)
    )


def _hourly_part(code: str, di1: int, di0: int) -> PartFormat:
    if di1 == _TIME:
        return part(code, f"hourly_freeze_{di0}_time", f"(上{di0}次){KINDS[_HOURLY][1]}时间", MINUTE_TIME)
    (total,) = _energies(code, di1, 0)
    return total


def _blocks(code: str, di2: int, di0: int, blocks: Blocks) -> Item:
    kind, kind_zh, _ = KINDS[di2]
    parts = blocks.parts
    return Item(code, f"{kind}_freeze_{di0}", f"(上{di0}次){kind_zh}数据块", parts, len(parts), shape=blocks)


def _energies(code: str, base: int, rates: int) -> list[PartFormat]:
    name, zh, unit, signed, obis_c = quantity("energy", base)
    form = SIGNED_ENERGY if signed else ENERGY
    return [
        part(code, f"{name}{_rate(n)}", f"{zh}{_rate_zh(n)}电能", form, unit, Obis(1, 0, obis_c, 8, n), present=False)
        for n in range(rates + 1)
    ]


def _demands(code: str, base: int) -> list[PartFormat]:
    name, zh, unit, _, obis_c = quantity("demand", base)
    parts = []
    for n in range(RATES + 1):
        label = f"{zh}{_rate_zh(n)}最大需量"
        tail = f"{name}_max{_rate(n)}"
        obis, occurred = (Obis(1, 0, obis_c, obis_d, n) for obis_d in (6, OCCURRED))
        parts.append(part(code, tail, label, DEMAND, unit, obis, present=False))
        parts.append(part(code, tail + "_time", label + "发生时间", MINUTE_TIME, obis=occurred, present=False))
    return parts


def _rate(number: int) -> str:
    return f"_t{number}" if number else ""


def _rate_zh(number: int) -> str:
    return f"费率{number}" if number else "总"
