"""Present values and clocks among pushed frames of the 1997 edition, frame by frame."""

from __future__ import annotations

from typing import Final

import numpy as np

from protocols.dlt645.items import item
from protocols.errors import BadAnswer, ModelError
from protocols.push.clocks import Clocks
from protocols.push.heard import MORE_1997, READ_1997, Heard
from protocols.push.readings import Readings
from protocols.push.reasons import Reason
from protocols.push.rows import Rows

_CLOCKS: Final = ("C010", "C011", "C01F")
_DI: Final = 2


def present_1997(heard: Heard, clocks: Clocks) -> Readings | None:
    """Undated; None where there is no such frame. Clocks go to `clocks`."""
    control = heard.batch.frames.control
    told = Rows()
    for row, message, key in heard.each(np.flatnonzero(control == READ_1997)):
        data = heard.batch.frame(row).data
        if len(data) < _DI:
            heard.rejects.add(message, Reason.BAD_VALUE, "an answer without data")
            continue
        code = data[:_DI][::-1].hex().upper()
        try:
            values = item(code, "1997").decode(data[_DI:])
        except ModelError:  # one that nobody has described: not stored, as any other
            continue
        except BadAnswer as error:
            heard.rejects.add(message, Reason.BAD_VALUE, str(error))
            continue
        for value in values:
            if code in _CLOCKS:
                clocks.show(message, key, value.part.name, value.text)
            told.add(heard, message, key, value)
    for _, message, _ in heard.each(np.flatnonzero(np.isin(control, MORE_1997))):
        heard.rejects.add(message, Reason.SPLIT_ANSWER, "one of several frames of an answer")
    return told.readings() if len(told) else None
