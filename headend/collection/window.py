"""How busy a line was of late."""

from __future__ import annotations

from collections import deque
from typing import Final

SPAN_S: Final = 300.0
"""Utilisation is that of so many seconds."""
_STEP_S: Final = 10.0


class Window:
    """How much of the last minutes was busy. It learns when it is asked, so it is asked regularly."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def busy(self, now: float, busy_s: float) -> float | None:
        """A share from 0 to 1; None until some time has gone by. `now` and `busy_s` in seconds, both only grow."""
        seen = self._seen
        while len(seen) > 1 and now - seen[1][0] >= SPAN_S:
            seen.popleft()
        since = seen[0] if seen else None
        if not seen or now - seen[-1][0] >= _STEP_S:
            seen.append((now, busy_s))
        if since is None or now <= since[0]:
            return None
        return min(1.0, max(0.0, (busy_s - since[1]) / (now - since[0])))
