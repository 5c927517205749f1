"""How DL/T 645 stands on a line: one framing for every kind of link."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.dlt645.frame import PREAMBLE
from protocols.dlt645.reader import FrameReader


@dataclass(frozen=True, slots=True)
class Wire:
    """`preamble` is what the master sends before each frame to wake the meters."""

    preamble: bytes = PREAMBLE

    def reader(self) -> FrameReader:
        return FrameReader()
