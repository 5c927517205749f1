"""How long a test of faults goes on: short in every run, for SOAK_SECONDS under `make soak`.

Mark such a test with `pytest.mark.soak` and let it go round `rounds(n)`. `make soak` bounds no test's time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
"""Of each test; 0 where only the short form is asked for."""


def rounds(short: int) -> Iterator[int]:
    """Numbers from 0: `short` of them, or as many as SOAK_SECONDS have room for, at least one."""
    end = time.monotonic() + SECONDS
    number = 0
    while number < short if not SECONDS else (number == 0 or time.monotonic() < end):
        yield number
        number += 1
