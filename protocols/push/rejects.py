"""The rejects of a batch while it is decoded: one a message and reason, however many parts gave it."""

from __future__ import annotations

import numpy as np

from protocols.push.arrivals import Reject
from protocols.push.readings import Places
from protocols.push.reasons import Reason

_MOST_DETAIL = 300
"""Characters: a detail may quote the payload."""


class Rejects:
    """Collects; tells in the order of messages."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, Reason], tuple[str, int]] = {}

    def add(self, message: int, reason: Reason, detail: str, count: int = 1) -> None:
        first, before = self._found.get((message, reason), (detail, 0))
        self._found[message, reason] = (first, before + count)

    def add_each(self, messages: Places, reason: Reason, detail: str) -> None:
        """The same of many parts: `messages` has the message of each."""
        for message, count in zip(*np.unique(messages, return_counts=True), strict=True):
            self.add(int(message), reason, detail, int(count))

    def messages(self) -> set[int]:
        return {message for message, _ in self._found}

    def told(self) -> tuple[Reject, ...]:
        return tuple(
            Reject(message, reason, detail[:_MOST_DETAIL] + (f" (and {count - 1} more)" if count > 1 else ""))
            for (message, reason), (detail, count) in sorted(self._found.items(), key=lambda found: found[0][0])
        )
