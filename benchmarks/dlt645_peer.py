"""PyPI dlt645 as the peer of both ways to decode: in a process of its own environment, with what it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PEER: Final = "PyPI dlt645 3.2.0, decode to value"
ADDRESS: Final = "260305510020"
READ_REPLY: Final = 0x91
ITEMS: Final = (
    "00010000", "00010100", "00010200", "00020000", "00000000", "00030000",
    "02010100", "02020100", "02030000", "02060000", "02800002", "02040000",
)  # fmt: skip
"""What a collector asks most: energies, voltages, currents, powers. No demand: the peer reads its time in the order
year to minute, the standard sends minute to year (it raises on real replies)."""


class Peer:
    """The peer's process; `values` are what it made of the frames. Raises `FileNotFoundError` without its Python."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        python = os.environ.get("HEADEND_PEER_DLT645", ".venv-peer-dlt645/bin/python")
        script = Path(__file__).parent / "peers" / "dlt645_values.py"
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.values = json.loads(self._tell("\n".join([ADDRESS, *(raw.hex() for raw in frames), ""])))

    def round(self) -> float:
        """Seconds for all frames."""
        return float(self._tell("go"))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def _tell(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the peer ended without an answer")
        return answer


def opened_peer(frames: Sequence[bytes]) -> Peer | None:
    """None, and the reason on standard error, where the peer's environment is missing."""
    try:
        return Peer(frames)
    except FileNotFoundError as missing:
        print(f"no peer, {missing.filename} is missing: `make bench` installs it", file=sys.stderr)
        return None
