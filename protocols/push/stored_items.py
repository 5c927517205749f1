"""Which items of DL/T 645 hold present values that are stored, and where a value belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.dlt645.item import Item
from protocols.dlt645.items import item
from protocols.errors import ModelError
from protocols.model import Part, Quality
from protocols.push.readings import Bytes, Ints, Places, Small
from protocols.quantities import HOME

NOWHERE: Final = 0
"""The layout of parts that are not stored."""
LEAST_SHIFT: Final = -18
_LIMIT: Final = 2**63 - 1
_MOST_SHIFT: Final = 18


def stored_item(code: str) -> Item:
    """The item, where one of its parts is a quantity. Raises `ModelError`; freezes and load records are not here."""
    found = item(code)
    if found.shape is not None or all(part.quantity is None for part, _ in found.parts):
        raise ModelError(f"item {code} holds no present value that is stored")
    return found


class Homes:
    """Layout, position and scale by the row of a part. Follows a decoder's parts, which are only ever added to."""

    def __init__(self) -> None:
        self._known = 0
        self.layout: Small = np.zeros(0, np.int16)
        self.position: Places = np.zeros(0, np.intp)
        self.shift: npt.NDArray[np.int8] = np.zeros(0, np.int8)
        """Decimals of the quantity above those of the part."""

    def follow(self, parts: Sequence[Part]) -> None:
        new = [home(part) for part in parts[self._known :]]
        if not new:
            return
        self._known += len(new)
        self.layout = np.concatenate((self.layout, np.array([row[0] for row in new], np.int16)))
        self.position = np.concatenate((self.position, np.array([row[1] for row in new], np.intp)))
        self.shift = np.concatenate((self.shift, np.array([row[2] for row in new], np.int8)))


def home(part: Part) -> tuple[int, int, int]:
    """Layout, position and shift of what is measured; `NOWHERE` where it is not stored."""
    if part.quantity is None:
        return NOWHERE, 0, 0
    layout, position = HOME[part.quantity.id]
    return layout.id, position, part.quantity.decimals - part.decimals


def in_steps(number: Ints, quality: Bytes, shift: npt.NDArray[np.int8]) -> tuple[Ints, npt.NDArray[np.bool_], Bytes]:
    """Steps, where there is a number, and the quality: rounded half-even where the number is finer than the step,
    `OUT_OF_RANGE` where no bigint holds it. `shift` is the power of ten, `LEAST_SHIFT` at least."""
    present = quality == Quality.GOOD
    if not present.all():
        number = np.where(present, number, 0)
    least, most = (int(shift.min()), int(shift.max())) if len(shift) else (0, 0)
    if least == most == 0:
        return number, present, quality
    up = np.clip(shift, 0, _MOST_SHIFT)
    factor = _POWERS[up]
    steps = number * factor  # wraps where the number is beyond the limit, which is told below
    beyond = np.flatnonzero((np.abs(number) > _MOST[up]) | ((number == -_LIMIT - 1) & (shift >= 0)))
    if least < 0:
        down = np.flatnonzero(shift < 0)
        steps[down] = _rounded(number[down], -shift[down].astype(np.intp))
    if most > _MOST_SHIFT:
        beyond = np.union1d(beyond, np.flatnonzero((shift > _MOST_SHIFT) & (number != 0)))
    if len(beyond):
        steps[beyond], present[beyond] = 0, False
        quality = quality.copy()
        quality[beyond] = Quality.OUT_OF_RANGE
    return steps, present, quality


def _rounded(number: Ints, places: Places) -> Ints:
    divisor = _POWERS[places]
    whole, rest = np.divmod(number, divisor)
    half = divisor // 2  # of a power of ten exactly
    up = (rest > half) | ((rest == half) & (whole % 2 == 1))
    return np.asarray(whole + up, np.int64)


_POWERS: Final = np.array([10**power for power in range(_MOST_SHIFT + 1)], np.int64)
_MOST: Final = _LIMIT // _POWERS
