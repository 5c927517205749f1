"""A meter's no."""

from __future__ import annotations

from typing import Final

OTHER: Final = 0x01
NO_DATA: Final = 0x02
NOT_AUTHORISED: Final = 0x04
BAUD: Final = 0x08
TOO_MANY_SEASONS: Final = 0x10
TOO_MANY_PERIODS: Final = 0x20
TOO_MANY_RATES: Final = 0x40
AUTHENTICATION_FAILED: Final = 0x08
"""Of SERR, the two bytes of the security services."""


class Refusal(Exception):
    """`error`: the bits ERR (or SERR) of the answer."""

    def __init__(self, error: int) -> None:
        super().__init__(f"{error:02X}")
        self.error = error
