"""Decimal numbers out of a JSON list, all at once and exactly: the digits without the dots are integers."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.push.readings import Ints, Places

_MOST_DIGITS: Final = 18
_COMMA, _DOT, _NULL = b",.n"
_PLAIN: Final = b"0123456789.,-n"
_POWERS: Final = np.array([10**power for power in range(_MOST_DIGITS + 1)], np.int64)


class Decimals(NamedTuple):
    """Numbers to be divided by ten to `decimals`; `nothing` is where null stands, None for nowhere."""

    numbers: Ints
    decimals: int
    nothing: npt.NDArray[np.bool_] | None


def decimals(raw: bytes) -> Decimals | None:
    """`raw` is sound JSON. None where it is no list, or one with an exponent, with more digits than 64 bits hold, or
    with anything but numbers and nulls: that is for others to say."""
    if not raw.startswith(b"["):
        return None
    text = raw[1:-1].translate(None, b" \t\r\n").replace(b"null", b"n")
    if not text or text.translate(None, _PLAIN):
        return None
    characters = np.frombuffer(text + b",", np.uint8)
    ends = (characters == _COMMA).nonzero()[0]
    sizes = ends.copy()
    sizes[1:] -= ends[:-1] + 1
    if sizes.max() > _MOST_DIGITS:
        return None
    places, most = _places((characters == _DOT).nonzero()[0], ends)
    if most:
        text = text.replace(b".", b"")
    nothing = None
    if b"n" in text:
        nothing = characters[ends - sizes] == _NULL
        text = text.replace(b"n", b"0")
    numbers = np.fromstring(text, np.int64, sep=",")
    if places is None:
        return Decimals(numbers, most, nothing)
    if (sizes + most - places).max() > _MOST_DIGITS:
        return None
    numbers *= _POWERS[most - places]
    return Decimals(numbers, most, nothing)


def _places(dots: Places, ends: Places) -> tuple[Places | None, int]:
    """Decimals of each number, None where they are alike, and the most."""
    if not len(dots):
        return None, 0
    if len(dots) == len(ends):
        places = ends - dots
        places -= 1
        least, most = int(places.min()), int(places.max())
        return (None, most) if least == most else (places, most)
    places = np.zeros(len(ends), np.intp)
    number = ends.searchsorted(dots)
    places[number] = ends[number] - dots - 1
    return places, int(places.max())
