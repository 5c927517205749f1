"""An order's parameters as an approver reads them: values instead of bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headend.frames.items import is_secret
from headend.frames.spelling import item_of
from protocols.errors import BadAnswer, ModelError

RECLOSE_MINUTES: Final = 5
"""N2 of a trip that closes again counts these (State Grid supplement; unverified)."""


def meant(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Lines of text. Bytes that no rule describes are said to be that."""
    given = dict(parameters)
    told: list[str] = []
    if "item" in given:
        told += _written(given["item"], given.get("data", ""))
    if "point" in given:
        told.append(f"{given['point']} = {given.get('value', '')}")
    if "kw" in given:
        told.append(f"at most {given['kw']} kW, above which the meter cuts")
    if given.get("n2", "").isdecimal():
        told.append(f"closes again by itself after {int(given['n2']) * RECLOSE_MINUTES} minutes")
    return tuple(told)


def _written(code: str, data: str) -> list[str]:
    if is_secret(code.upper()):
        return [f"item {code}, a password"]
    try:
        item = item_of(code, "2007")
        values = item.decode(bytes.fromhex(data))
    except (ModelError, BadAnswer, ValueError):
        return [f"item {code} = {data} as bytes, which nothing here can read"]
    shown = [
        f"  {v.part.name} = {v if v.text or v.number is not None else 'none'} {v.part.unit}".rstrip() for v in values
    ]
    return [f"item {item.code} {item.name}", *shown]
