"""SunSpec devices: the marker, the chain of information models, and the meter among them as a model of ours.

A device has "SunS" at register 40000, 50000 or 0, then models one behind the other: identifier, length, so many
registers; FFFF hex ends the chain (SunSpec Device Information Model Specification). The meters 201 to 204 are built in
(one layout for all, offsets as in sunspec/models, json/model_203.json); others can be given as points, see `points_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from protocols.errors import Refused
from protocols.meter_model import Head
from protocols.modbus.model import ModbusModel
from protocols.modbus.model_file import parse_model
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.wire import ModbusWire, transact

BASES: Final = (40000, 50000, 0)
_MARKER: Final = b"SunS"
_END: Final = 0xFFFF
_MOST_MODELS: Final = 100


class Point(NamedTuple):
    """Where a model keeps a value: offset from the model's identifier, our type, the offset of its scale factor."""

    name: str
    offset: int
    type: str
    factor: int | None


class Link(NamedTuple):
    """One model in the chain; `address` is where its identifier stands, `length` counts what follows the length."""

    id: int
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class SunSpecDevice:
    """What was found. `meter` is None where no model of the chain is known as a meter."""

    base: int
    chain: tuple[Link, ...]
    meter: ModbusModel | None


PointsOf = Callable[[int], Sequence[Point] | None]

_W: Final = {"unit": "W", "scale": "0.001"}
_VA: Final = {"unit": "VA", "scale": "0.001"}
_VAR: Final = {"unit": "var", "scale": "0.001"}
_WH: Final = {"unit": "Wh", "scale": "0.001"}
_VAH: Final = {"unit": "VAh", "scale": "0.001"}
_VARH: Final = {"unit": "varh", "scale": "0.001"}
_PERCENT: Final = {"unit": "%", "scale": "0.01"}
_PHASES: Final = (("phA", "_l1"), ("phB", "_l2"), ("phC", "_l3"))

Meaning = Mapping[str, tuple[str, Mapping[str, str]]]
"""Point name to our quantity, and to unit and scale of the number."""

METER: Final[Meaning] = {
    **{f"A{phase}": (f"current{ours}", {}) for phase, ours in _PHASES},
    **{f"PhV{phase}": (f"voltage{ours}", {}) for phase, ours in _PHASES},
    "Hz": ("frequency", {}),
    **{f"W{phase}": (f"active_power{ours}", _W) for phase, ours in (("", ""), *_PHASES)},
    **{f"VA{phase}": (f"apparent_power{ours}", _VA) for phase, ours in (("", ""), *_PHASES)},
    **{f"VAR{phase}": (f"reactive_power{ours}", _VAR) for phase, ours in (("", ""), *_PHASES)},
    **{f"PF{phase}": (f"power_factor{ours}", _PERCENT) for phase, ours in (("", ""), *_PHASES)},
    "TotWhExp": ("active_energy_export", _WH),
    "TotWhImp": ("active_energy_import", _WH),
    "TotVAhExp": ("apparent_energy_export", _VAH),
    "TotVAhImp": ("apparent_energy_import", _VAH),
    "TotVArhImpQ1": ("reactive_energy_q1", _VARH),
    "TotVArhImpQ2": ("reactive_energy_q2", _VARH),
    "TotVArhExpQ3": ("reactive_energy_q3", _VARH),
    "TotVArhExpQ4": ("reactive_energy_q4", _VARH),
}
"""Models 201 to 204."""

_TO_GRID_W: Final = {"unit": "W", "scale": "-0.001"}
_TO_GRID_VAR: Final = {"unit": "var", "scale": "-0.001"}

DER: Final[Meaning] = {
    **{f"AL{n}": (f"current_l{n}", {}) for n in (1, 2, 3)},
    **{f"VL{n}": (f"voltage_l{n}", {}) for n in (1, 2, 3)},
    "Hz": ("frequency", {}),
    "W": ("active_power", _TO_GRID_W),
    **{f"WL{n}": (f"active_power_l{n}", _TO_GRID_W) for n in (1, 2, 3)},
    "VA": ("apparent_power", _VA),
    **{f"VAL{n}": (f"apparent_power_l{n}", _VA) for n in (1, 2, 3)},
    "Var": ("reactive_power", _TO_GRID_VAR),
    **{f"VarL{n}": (f"reactive_power_l{n}", _TO_GRID_VAR) for n in (1, 2, 3)},
    "TotWhInj": ("active_energy_export", _WH),
    "TotWhAbs": ("active_energy_import", _WH),
}
"""Model 701: a generator counts what it gives as positive; with us what is taken is."""

MEANINGS: Final[Mapping[int, Meaning]] = {201: METER, 202: METER, 203: METER, 204: METER, 701: DER}


def _meter_points() -> tuple[Point, ...]:
    """Models 201 to 204: groups of a total and its phases, each with its scale factor behind it."""
    points = [Point(f"A{phase}", 3 + n, "s16", 6) for n, (phase, _) in enumerate(_PHASES)]
    points += [Point(f"PhV{phase}", 8 + n, "s16", 15) for n, (phase, _) in enumerate(_PHASES)]
    points.append(Point("Hz", 16, "s16", 17))
    for name, first in (("W", 18), ("VA", 23), ("VAR", 28), ("PF", 33)):
        names = (name, *(name + phase for phase, _ in _PHASES))
        points += [Point(each, first + n, "s16", first + 4) for n, each in enumerate(names)]
    points += [Point("TotWhExp", 38, "u32", 54), Point("TotWhImp", 46, "u32", 54)]
    points += [Point("TotVAhExp", 55, "u32", 71), Point("TotVAhImp", 63, "u32", 71)]
    quadrants = (("TotVArhImpQ1", 72), ("TotVArhImpQ2", 80), ("TotVArhExpQ3", 88), ("TotVArhExpQ4", 96))
    return (*points, *(Point(name, offset, "u32", 104) for name, offset in quadrants))


METER_POINTS: Final = _meter_points()


def built_in(model: int) -> Sequence[Point] | None:
    """The points of the meters 201 to 204."""
    return METER_POINTS if 201 <= model <= 204 else None


def discover(unit: int, wire: ModbusWire, points_of: PointsOf = built_in) -> Generator[Any, Any, SunSpecDevice | None]:
    """The conversation that finds a device's models; None where no marker stands. Reads only.

    Raises `NoAnswer` and `BadAnswer`; a refusal of a place means that nothing stands there.
    """
    for base in BASES:
        try:
            marker = yield from transact(unit, ReadRegisters(3, base, 2), wire)
        except Refused:
            continue
        if marker == _MARKER:
            chain = yield from _chain(unit, wire, base + 2)
            return SunSpecDevice(base, chain, meter_of(chain, points_of))
    return None


def _chain(unit: int, wire: ModbusWire, address: int) -> Generator[Any, Any, tuple[Link, ...]]:
    found: list[Link] = []
    while len(found) < _MOST_MODELS and address <= 0xFFFE:
        try:
            head = yield from transact(unit, ReadRegisters(3, address, 2), wire)
        except Refused:
            break
        number, length = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:], "big")
        if number == _END or not length:
            break
        found.append(Link(number, address, length))
        address += 2 + length
    return tuple(found)


def meter_of(chain: Sequence[Link], points_of: PointsOf = built_in) -> ModbusModel | None:
    """The first model of the chain that is a meter, as a model of ours whose addresses are those of this device."""
    for link in chain:
        meaning, points = MEANINGS.get(link.id), points_of(link.id)
        if meaning is not None and points is not None:
            rows = [_row(point, link, meaning) for point in points if point.name in meaning]
            head = Head(
                f"sunspec_{link.id}",
                f"SunSpec model {link.id} at {link.address}",
                "any maker",
                "modbus",
                "found by discovery on the device itself",
                (),
            )
            block = {"first": link.address, "last": link.address + link.length + 1}
            words = {"s16": "8000", "u16": "FFFF", "s32": "80000000", "s64": "8000000000000000"}
            modbus = {"function": 3, "type": "s16", "not_available": words, "block": [block]}
            return parse_model(head, {"modbus": modbus, "register": rows})
    return None


def _row(point: Point, link: Link, meaning: Meaning) -> dict[str, Any]:
    quantity, scaling = meaning[point.name]
    row: dict[str, Any] = {"quantity": quantity, "address": link.address + point.offset, "type": point.type, **scaling}
    if point.factor is not None:
        row["scale_register"] = link.address + point.factor
    return row
