"""What knowing all identifiers of DL/T 645 costs a process that starts: milliseconds, less is better.

Ours is the time to import the catalogue with items and formats, and to look up a first item of each family; the other
modules of the protocol and what every process loads anyway (standard library, quantities) are left out. The peer, PyPI
dlt645 3.2.0, unrolls its identifiers: its time is that of the import and of the first meter, which makes the table.
Both in fresh processes, in turns.

    python -m benchmarks.catalogue [--json]    the peer's Python: $HEADEND_PEER_DLT645 or .venv-peer-dlt645/bin/python
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from typing import Final

from benchmarks.report import Row, show

ROUNDS: Final = 9
_OURS: Final = """
import sys
from importlib.util import find_spec
from time import perf_counter
from types import ModuleType
import protocols.quantities
package = ModuleType("protocols.dlt645")
package.__path__ = find_spec("protocols.dlt645").submodule_search_locations
sys.modules["protocols.dlt645"] = package  # not run: it would import the model and with it the catalogue
import dataclasses, datetime, re
began = perf_counter()
from protocols.dlt645.catalogue import item
for code in ("00010000", "01010000", "02010100", "03010101", "04000101", "0506FF01", "06000001", "1D00FF01"):
    item(code)
for code in ("9010", "901F", "B611", "C032"):
    item(code, "1997")
seconds = perf_counter() - began
if item("03300501").longest != 682 or item("C32F", "1997").longest != 43:
    raise SystemExit("wrong items")
print(seconds)
"""
_PEERS: Final = """
from time import perf_counter
began = perf_counter()
from dlt645 import MeterServerService
MeterServerService.new_tcp_server("127.0.0.1", 1, 1)
print(perf_counter() - began)
"""


def seconds(python: str, script: str) -> float:
    """What `script` says that it took, in a fresh process."""
    told = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    return float(told.stdout.split()[-1])


def rows() -> list[Row]:
    """Measure, in turns."""
    peer = os.environ.get("HEADEND_PEER_DLT645", ".venv-peer-dlt645/bin/python")
    has_peer = os.path.exists(peer)
    ours, peers = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(sys.executable, _OURS))
        if has_peer:
            peers.append(seconds(peer, _PEERS))
    name = "PyPI dlt645 3.2.0, import and first meter" if has_peer else None
    return [Row("dlt645_catalogue", "ms", 1e3 * median(ours), 1e3 * median(peers) if peers else None, name)]


if __name__ == "__main__":
    show(rows(), sys.argv)
