"""The document of one frame or of one stretch of noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from protocols.model import Value


def noise(raw: bytes, reason: str) -> dict[str, Any]:
    """Bytes that are no frame."""
    return {"protocol": None, "noise": raw.hex().upper(), "reason": reason}


def plain_value(name: str, value: str | None, unit: str = "") -> dict[str, Any]:
    """A value that has no OBIS code."""
    return {"obis": None, "name": name, "value": value, "unit": unit}


def values_of(values: Iterable[Value]) -> list[dict[str, Any]]:
    """Decoded values; where there is none, its quality says why."""
    told = []
    for value in values:
        absent = value.number is None and value.text is None
        row = {
            "obis": str(value.part.obis) if value.part.obis else None,
            "name": value.part.name,
            "value": None if absent else str(value),
            "unit": str(value.part.unit),
        }
        told.append(row | ({"quality": value.quality.name.lower()} if absent else {}))
    return told


def error(code: str, meaning: str) -> dict[str, str]:
    """A refusal with the code as it was sent, or ``bad_answer``."""
    return {"code": code, "meaning": meaning}
