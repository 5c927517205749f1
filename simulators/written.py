"""What a Modbus meter's model lets be written, as the meter holds it: registers, coils, and its relay."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from protocols.modbus.bits import WRITE_COIL, WRITE_COILS
from protocols.modbus.model import ModbusModel
from protocols.modbus.writes import Safety, WritePoint

_AT_FIRST = "close"


def at_first(model: ModbusModel) -> tuple[dict[int, int], dict[int, bool]]:
    """Registers and coils by address: relays closed, everything else 0."""
    settings: dict[int, int] = {}
    coils: dict[int, bool] = {}
    for point in model.writes.values():
        register, number = point.register, point.words.get(_AT_FIRST, Decimal(0))
        if _is_coil(point):
            coils[register.address] = bool(number)
        else:
            raw = b"" if register.form.text else register.encode(number)
            for index in range(register.form.words):
                settings[register.address + index] = int.from_bytes(raw[2 * index : 2 * index + 2], "big")
    return settings, coils


def is_cut(model: ModbusModel, settings: Mapping[int, int], coils: Mapping[int, bool]) -> bool:
    """Whether a relay of the model stands at `trip`."""
    return any(
        point.safety is Safety.RELAY and "trip" in point.words and _stands(point, settings, coils) == "trip"
        for point in model.writes.values()
    )


def _stands(point: WritePoint, settings: Mapping[int, int], coils: Mapping[int, bool]) -> str:
    register = point.register
    if _is_coil(point):
        raw = bytes((0, coils[register.address]))
    else:
        raw = b"".join(settings[register.address + index].to_bytes(2, "big") for index in range(register.form.words))
    number = register.decode(raw).decimal
    return next((word for word, meant in point.words.items() if meant == number), "")


def _is_coil(point: WritePoint) -> bool:
    return point.register.function in (WRITE_COIL, WRITE_COILS)
