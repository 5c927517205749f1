"""`headend meter scan` finds the meter that PyPI's dlt645 3.2.0 plays.

Its server answers wildcards under the wildcard, and refuses every other address under that address: nothing of it may
be taken for a meter, or for a reason to look closer without end.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.interop import test_read_foreign
from tests.interop.test_read_foreign import STANDARD, pytestmark

__all__ = ["pytestmark"]

meter = test_read_foreign.meter
"""The fixture: their server."""


async def test_their_meter_is_found_once_under_its_own_address(meter: list[str]) -> None:
    options = ["--timeout", "20ms", "--latency", "10ms", "--retries", "0", "--json"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "headend", "meter", "scan", *meter, *options,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    (found,) = [json.loads(line) for line in out.decode().splitlines()]
    assert (found["address"], found["edition"]) == (STANDARD, "2007")
    assert (found["evidence"]["item"], found["evidence"]["value"]) == ("00010000", "123456.78")
    assert "1 meter found" in err.decode()
