"""How a DTU's own words (registration, heartbeat) are known among bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LENGTHS: Final = {"len1:": (1, "big"), "len2:": (2, "big"), "len2le:": (2, "little")}
_DISTINCT_BYTES: Final = 4
_DISTINCT_VALUES: Final = 3


@dataclass(frozen=True, slots=True)
class Words:
    """Bytes that a DTU says by itself: fixed (`literal`), or anything that `pattern` matches.

    A text that ends in a digit is not found where another digit follows: ``DTU-1`` is not the beginning of ``DTU-10``.
    """

    source: str
    literal: bytes | None
    pattern: re.Pattern[bytes]

    @classmethod
    def parse(cls, source: str) -> Words:
        """``text``, ``hex:44 54 55`` or ``re:expression`` (on bytes, from the first byte on). Raises `ValueError`.

        ``len1:``, ``len2:`` or ``len2le:`` before a text or hex: its length, in one or two bytes, stands before it.
        """
        for mark, (width, order) in _LENGTHS.items():
            if source.startswith(mark):
                inner = cls.parse(source.removeprefix(mark))
                if inner.literal is None or len(inner.literal) >= 1 << 8 * width:
                    raise ValueError(f"{mark} goes before a text or hex: of less than {1 << 8 * width} bytes")
                literal = len(inner.literal).to_bytes(width, "little" if order == "little" else "big") + inner.literal
                return cls(source, literal, re.compile(re.escape(literal), re.DOTALL))
        if source.startswith("re:"):
            try:
                pattern = re.compile(source[3:].encode(), re.DOTALL)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
            if pattern.match(b""):
                raise ValueError("a regular expression that matches nothing at all")
            return cls(source, None, pattern)
        literal = bytes.fromhex(source[4:]) if source.startswith("hex:") else source.encode()
        if not literal:
            raise ValueError("no bytes")
        tail = rb"(?![0-9])" if not source.startswith("hex:") and source[-1].isdigit() else b""
        return cls(source, literal, re.compile(re.escape(literal) + tail, re.DOTALL))

    @property
    def is_distinct(self) -> bool:
        """Whether a line's bytes hold these words as good as never: fixed, long enough, and not a run of one byte."""
        literal = self.literal or b""
        return len(literal) >= _DISTINCT_BYTES and len(set(literal)) >= _DISTINCT_VALUES

    def length_at_start(self, data: bytes) -> int:
        """How many bytes of `data`, from its first, are these words; 0 for none."""
        match = self.pattern.match(data)
        return match.end() if match else 0

    def fills(self, data: bytes) -> bool:
        """Whether `data` is these words and nothing else, once or several times."""
        position = 0
        while position < len(data):
            match = self.pattern.match(data, position)
            if match is None or match.end() == position:
                return False
            position = match.end()
        return position > 0
