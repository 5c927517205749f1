"""A program whose clock can be set while it runs: `python stepped_clock.py FILE python -m MODULE ARGUMENTS...`

`time.time` and `time.time_ns` are ahead by the seconds that FILE holds at that moment; monotonic clocks go on, as they
do when somebody sets a machine's clock.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


def install(file: Path) -> None:
    real_s, real_ns = time.time, time.time_ns

    def offset_s() -> int:
        return int(file.read_text() or 0)

    time.time = lambda: real_s() + offset_s()
    time.time_ns = lambda: real_ns() + offset_s() * 1_000_000_000


if __name__ == "__main__":
    _, file, _, _, module, *arguments = sys.argv
    install(Path(file))
    sys.argv = [module, *arguments]
    sys.path[0] = ""
    runpy.run_module(module, run_name="__main__", alter_sys=True)
