"""What paho takes for its socket: bytes go in and out by hand, so that asyncio does the I/O and paho the protocol."""

from __future__ import annotations


class Pipe:
    """`recv` and `send` as of a non-blocking socket. Until it is `ended`, an empty pipe would block."""

    def __init__(self) -> None:
        self._incoming = b""
        self._position = 0
        self._outgoing: list[bytes] = []
        self.closed = False

    def feed(self, data: bytes) -> None:
        """What the network brought."""
        self._incoming = self._incoming[self._position :] + data if self.waiting else data
        self._position = 0

    @property
    def waiting(self) -> int:
        """Bytes fed and not read yet."""
        return len(self._incoming) - self._position

    @property
    def ahead(self) -> tuple[bytes, int]:
        """What is waiting, as bytes and where in them it begins."""
        return self._incoming, self._position

    def skip_to(self, position: int) -> None:
        """What comes before `position` of `ahead` has been read otherwise."""
        self._position = position

    def taken(self) -> bytes:
        """What was sent since the last call."""
        data, self._outgoing = b"".join(self._outgoing), []
        return data

    # -- as a socket

    def recv(self, count: int) -> bytes:
        start = self._position
        data = self._incoming[start : start + count]
        if not data:
            raise BlockingIOError
        self._position = start + len(data)
        return data

    def send(self, data: bytes | bytearray) -> int:
        self._outgoing.append(bytes(data))
        return len(data)

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""
