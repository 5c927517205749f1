"""What the catalogue costs: rules, not an unrolled table."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

LOOK_UPS: Final = """
import tracemalloc
tracemalloc.start()
from protocols.dlt645.catalogue import item
for code in ("00010000", "0001FF00", "0101FF01", "020A01FF", "03010101", "03300501", "03300801", "04000101", "04010001",
             "0500FF01", "0506FF3E", "06000001", "1D00FF01"):
    item(code)
for code in ("9010", "901F", "9FFF", "B6FF", "C32F"):
    item(code, "1997")
print(tracemalloc.get_traced_memory()[1])
"""


def test_import_and_first_look_ups_take_less_than_ten_megabytes() -> None:
    told = subprocess.run([sys.executable, "-c", LOOK_UPS], capture_output=True, text=True, check=True)
    assert 10_000 < int(told.stdout) < 10_000_000
