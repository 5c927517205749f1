"""A buffer that turns chunks into frames, whatever stands before, between or after them.

A frame is taken by its length and its own check sum, never by the next 16H. A false start costs one byte: the search
goes on behind it, so the frame that follows is not lost. While a start might still grow into a frame the reader waits;
when the line has fallen silent (500 ms between bytes, DL/T 645-2007, 5.3.4) `flush` gives up on it and looks behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocols.dlt645.frame import END, OVERHEAD, START, Frame
from protocols.exchange import Noise

_LONGEST_NOISE: Final = 4096
_WAKE: Final = b"\xfe"


class FrameReader:
    """`feed` chunks, get `Frame` and `Noise`; never raises. Noise is told with the next frame or at `flush`."""

    __slots__ = ("_buffer", "_dropped", "_reason")

    def __init__(self) -> None:
        self._buffer = b""
        self._dropped = bytearray()
        self._reason = ""

    @property
    def pending(self) -> int:
        """Bytes of a start that may still grow into a frame."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Sequence[Frame | Noise]:
        """Frames that `chunk` completed, each after the noise that stood before it."""
        if not self._buffer and not self._dropped:  # most chunks are one whole frame: no need to search
            raw = chunk.lstrip(_WAKE)
            size = len(raw)
            if (
                size >= OVERHEAD
                and raw[0] == START == raw[7]
                and size == OVERHEAD + raw[9]
                and raw[-1] == END
                and sum(raw[:-2]) & 0xFF == raw[-2]
            ):
                return [Frame(raw)]
        return self._scan(self._buffer + chunk if self._buffer else chunk, final=False)

    def flush(self) -> Sequence[Frame | Noise]:
        """The line is silent: nothing held can grow any more. Frames hidden behind a false start come out."""
        events = self._scan(self._buffer, final=True)
        self._tell_noise(events)
        return events

    def _scan(self, data: bytes, final: bool) -> list[Frame | Noise]:
        events: list[Frame | Noise] = []
        size = len(data)
        done = 0
        start = data.find(START)
        while start >= 0:
            left = size - start
            if left > 9 and data[start + 7] == START:
                end = start + OVERHEAD + data[start + 9]
                if end <= size:
                    if data[end - 1] == END and sum(data[start : end - 2]) & 0xFF == data[end - 2]:
                        if start > done or self._dropped:
                            self._dropped += data[done:start]
                            self._tell_noise(events)
                        events.append(Frame(data[start:end]))
                        done = end
                        start = data.find(START, end)
                        continue
                    self._reason = "check sum or end byte is wrong"
                elif not final:
                    break
                else:
                    self._reason = "cut short"
            elif left <= 9 and not final and (left < 8 or data[start + 7] == START):
                break
            start = data.find(START, start + 1)
        keep = start if start >= 0 else size
        if keep > done:
            self._dropped += data[done:keep]
            if len(self._dropped) > _LONGEST_NOISE:
                self._tell_noise(events)
        self._buffer = data[keep:]
        return events

    def _tell_noise(self, events: list[Frame | Noise]) -> None:
        """Tell what was dropped; FE alone is the next frame's preamble and nothing to tell."""
        if self._dropped.strip(_WAKE):
            events.append(Noise(bytes(self._dropped), self._reason or "no frame"))
        self._dropped.clear()
        self._reason = ""
