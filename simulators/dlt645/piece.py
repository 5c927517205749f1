"""Answers that are longer than a frame, piece by piece."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """Data of one answer; `follows`: there is more."""

    data: bytes
    follows: bool = False


class LongAnswer:
    """What is still owed of the last answer: forgotten with the next read. `most`: bytes of data in a frame."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._di = b""
        self._rest = b""
        self._taken = 0

    def first(self, di: bytes, data: bytes) -> Piece:
        """The first piece, behind its identifier; the rest is owed."""
        room = self._most - len(di)
        self._di, self._rest, self._taken = di, data[room:], 0
        return Piece(di + data[:room], bool(self._rest))

    def forget(self) -> None:
        self._rest = b""

    def numbered(self, di: bytes, number: int) -> Piece | None:
        """The piece of that number, counted from 1, as often as it is asked for; None if there is none."""
        room = self._most - len(di) - 1
        begin = (number - 1) * room
        if di != self._di or not 0 <= begin < len(self._rest):
            return None
        tail = self._rest[begin:]
        return Piece(di + tail[:room] + bytes((number,)), len(tail) > room)

    def next(self, di: bytes) -> Piece | None:
        """The piece behind the last one."""
        room = self._most - len(di)
        if di != self._di or self._taken >= len(self._rest):
            return None
        tail = self._rest[self._taken :]
        self._taken += room
        return Piece(di + tail[:room], len(tail) > room)
