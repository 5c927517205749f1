"""Passwords by level, and the lock that three wrong ones put on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final

from protocols.dlt645.services.access import LOWEST_LEVEL, Access
from simulators.dlt645.setup import FACTORY_PASSWORD

TRIES: Final = 3
LOCKED: Final = timedelta(hours=24)


class Passwords:
    """Level 0 is the highest and may do what all below it may."""

    def __init__(self, given: Mapping[int, str]) -> None:
        factory = _secret(FACTORY_PASSWORD)
        self._secrets = [_secret(given[n]) if n in given else factory for n in range(LOWEST_LEVEL + 1)]
        self._wrong: dict[int, int] = {}
        self._locked: dict[int, datetime] = {}

    def admits(self, access: Access, level: int, now: datetime) -> bool:
        """Whether `access` proves `level` or a higher one. A wrong password counts; a locked level admits nobody."""
        own = access.level
        if own > LOWEST_LEVEL or self.is_locked(own, now):
            return False
        if not compare_digest(access.secret, self._secrets[own]):
            self._wrong[own] = self._wrong.get(own, 0) + 1
            if self._wrong[own] >= TRIES:
                self._locked[own] = now + LOCKED
            return False
        self._wrong.pop(own, None)
        return own <= level

    def is_locked(self, level: int, now: datetime) -> bool:
        until = self._locked.get(level)
        if until is None:
            return False
        if now < until:
            return True
        del self._locked[level]
        self._wrong.pop(level, None)
        return False

    def change(self, new: Access) -> None:
        self._secrets[new.level] = new.secret


def _secret(text: str) -> bytes:
    """Low byte first, as it is sent."""
    return bytes.fromhex(text)[::-1]
