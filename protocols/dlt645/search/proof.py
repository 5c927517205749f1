"""A meter is there when it has been read at its own whole address. Hearsay is none: collisions can look like frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, OVERHEAD, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import READ
from protocols.dlt645.services.read_1997 import READ_1997
from protocols.dlt645.services.service import refused
from protocols.errors import BadAnswer, NoAnswer
from protocols.exchange import Ask, Exchange
from protocols.model import Value

_FUNCTIONS: Final[Mapping[Edition, int]] = {"2007": READ, "1997": READ_1997}
_ITEMS: Final[Mapping[Edition, tuple[str, ...]]] = {
    "2007": ("00010000", "04000401", "02010100", "04000402"),
    "1997": ("9010", "C032", "B611", "C034"),
}
"""The first that is answered proves the meter."""
_NUMBER: Final[Mapping[Edition, str]] = {"2007": "04000402", "1997": "C032"}
_MOST_SILENCES: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A meter that answered a read at `address` with a right check sum. `number`: its meter number, where it says."""

    edition: Edition
    address: str
    item: str
    value: Value
    number: str | None
    answer: bytes
    """The whole frame that proves it."""


def prove(edition: Edition, address: str, preamble: bytes = PREAMBLE) -> Exchange[Frame, Found | str]:
    """Read the meter at `address`; if it cannot be read, why not, in words. 1997 addresses may be filled up with AA.

    A refusal proves nothing: there are programs that refuse under any address.
    """
    silences, why = 0, ""
    for code in _ITEMS[edition]:
        try:
            answer = yield _ask(edition, address, code, preamble)
        except NoAnswer as silence:
            why = why or str(silence)
            silences += not silence.noise
            if silences == _MOST_SILENCES:
                break
            continue
        try:
            value = _value(answer, code, edition)
        except BadAnswer as odd:
            why = str(odd)
            continue
        if isinstance(value, str):
            why = value
            continue
        number = str(value) if code == _NUMBER[edition] else (yield from _number(edition, address, preamble))
        return Found(edition, address, code, value, number or None, answer.raw)
    return why


def _value(answer: Frame, code: str, edition: Edition) -> Value | str:
    """Raises `BadAnswer` for data that the item cannot have; a refusal in words."""
    if answer.is_abnormal:
        return str(refused(answer))
    if answer.follows:
        return f"item {code} comes in several frames"
    (value,) = standard_item(code, edition).decode(answer.data[len(code) // 2 :])
    return value


def _number(edition: Edition, address: str, preamble: bytes) -> Exchange[Frame, str | None]:
    try:
        answer = yield _ask(edition, address, _NUMBER[edition], preamble)
        told = _value(answer, _NUMBER[edition], edition)
    except (NoAnswer, BadAnswer):
        return None
    return None if isinstance(told, str) else told.text


def _ask(edition: Edition, address: str, code: str, preamble: bytes) -> Ask[Frame]:
    """An answer from elsewhere, or to something else, is none; a late one of this meter is as good a proof."""
    to, di, function = addresses.to_wire(address), bytes.fromhex(code)[::-1], _FUNCTIONS[edition]
    return Ask(
        data=encode(to, function, di, preamble),
        answers=_from(to, REPLY | function, di),
        reply_bytes=OVERHEAD + len(di) + standard_item(code, edition).longest + len(PREAMBLE),
    )


def _from(to: bytes, expected: int, di: bytes) -> Callable[[Frame], bool]:
    def answers(frame: Frame) -> bool:
        if frame.address != to or frame.control & (REPLY | FUNCTION) != expected:
            return False
        return frame.is_abnormal or frame.data[: len(di)] == di

    return answers
