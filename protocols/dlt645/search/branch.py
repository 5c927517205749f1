"""Where a search stands: addresses are a tree that grows from their last two digits to their first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, cast

from protocols.dlt645.services.edition import Edition
from protocols.errors import ModelError

CHILDREN: Final = 100
WHOLE: Final = 12
"""Digits of an address."""

_SPELLING: Final = re.compile(r"(2007|1997):((?:[0-9]{2}){0,6})(?:\+([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Branch:
    """All addresses that end in `ending` (an even number of digits).

    `child` None: they are to be asked together, which has not been done. Else it has: each of the hundred longer
    endings from `child` on is to be asked, two digits in front. `spoke`: one before `child` did answer.
    """

    edition: Edition
    ending: str = ""
    child: int | None = None
    spoke: bool = False

    def __str__(self) -> str:
        """``2007:3412`` and ``2007:3412+37``, as `parse` reads it."""
        return f"{self.edition}:{self.ending}" + ("" if self.child is None else f"+{self.child:02}")

    @classmethod
    def parse(cls, text: str) -> Branch:
        """Raises `ModelError`."""
        match = _SPELLING.fullmatch(text.strip())
        if not match or (match[3] and len(match[2]) == WHOLE):
            raise ModelError(f"not a branch of a search: {text!r}, expected the like of 2007:3412 or 2007:3412+37")
        child = int(match[3]) if match[3] else None
        return cls(cast(Edition, match[1]), match[2], child, spoke=bool(child))
