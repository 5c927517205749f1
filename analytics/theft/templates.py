"""What the balance of an area would lack if one of its meters were robbed in a certain way.

A template is the difference between what was used and what was reported, up to a factor, as far as the reported values
alone tell it. Those of a meter that is honest have nothing to do with what the area lacks.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.profile import Profiles

Floats = NDArray[np.float32]

DAILY: Final = ("share", "invented", "missing", "zero")
WITHIN_DAY: Final = ("mirror", "flat", "capped")
KINDS: Final = (*DAILY, *WITHIN_DAY)


def templates(days: Floats, profiles: Profiles) -> tuple[tuple[str, ...], Floats]:
    """The kinds, and for each kind and meter (kind, meter, day, slot) what would be lacking.

    `days` is (meter, day, slot) without gaps; `profiles` are of the same meters.
    """
    slots = days.shape[2]
    expected = profiles.expected
    made: list[Floats] = [
        days,
        profiles.usual - days,
        np.maximum(expected - days, 0) * profiles.after_drop,
        expected * profiles.silent,
    ]
    if slots < 4:
        return DAILY, np.stack(made)
    made += [days[:, :, ::-1] - days, expected * profiles.flat, np.where(profiles.capped, expected, np.float32(0))]
    stacked: NDArray[Any] = np.stack(made).astype(np.float32, copy=False)
    return KINDS, stacked
