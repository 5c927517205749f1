"""A meter on a pseudo-terminal that takes as long as a real line: a process of its own, without an event loop.

    python -m benchmarks.peers.paced_meter dlt645|modbus BITS_PER_SECOND

Prints the terminal's path and answers every request from there on. The request's bytes are waited for as long as they
would take on the wire, then comes the meter's turnaround, then the answer in pieces of eight bytes (a UART's FIFO),
each when its last bit would be there. A Modbus request that comes before 3.5 characters of silence is not answered
(Modbus over Serial Line V1.02, 2.5.1.1): whoever asks too early pays with a time-out.
"""

from __future__ import annotations

import os
import sys
import time
import tty
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE
from protocols.dlt645.frame import encode as encode_dlt645
from protocols.dlt645.items import item
from protocols.modbus import rtu

ADDRESS: Final = "260305510020"
ITEM: Final = "00010000"
NUMBER: Final = 12_345_678
UNIT: Final = 1
FIRST: Final = 100
COUNT: Final = 20
TURNAROUND_S: Final = 0.02
"""The least that DL/T 645-2007, 5.3.4 allows."""
BITS_PER_BYTE: Final = 11
SILENCE: Final = {"dlt645": 0.0, "modbus": 3.5}
"""Characters between two frames."""
_FIFO: Final = 8


def reply(protocol: str) -> bytes:
    """What the meter says to every request."""
    if protocol == "dlt645":
        found = item(ITEM)
        return encode_dlt645(addresses.to_wire(ADDRESS), 0x91, found.wire + found.encode([NUMBER]), PREAMBLE)
    return rtu.encode(UNIT, bytes((4, 2 * COUNT)) + b"".join(n.to_bytes(2, "big") for n in range(FIRST, FIRST + COUNT)))


def request_size(protocol: str) -> int:
    """Bytes of a request: with four FEH before it on a DL/T 645 line."""
    return 20 if protocol == "dlt645" else 8


def cycle_s(protocol: str, bits_per_second: int) -> float:
    """What one read takes at least: request, turnaround, answer, and the silence that must follow."""
    size = request_size(protocol) + len(reply(protocol)) + SILENCE[protocol]
    return size * BITS_PER_BYTE / bits_per_second + TURNAROUND_S


def serve(fd: int, protocol: str, bits_per_second: int) -> None:
    """Until the terminal is gone."""
    on_wire = BITS_PER_BYTE / bits_per_second
    answer, size = reply(protocol), request_size(protocol)
    free_at = 0.0
    heard = b""
    while True:
        heard += os.read(fd, 4096)
        now = time.monotonic()
        if len(heard) < size:
            continue
        too_early = now < free_at
        heard = heard[size:]
        if too_early:
            continue
        due = sent = now + size * on_wire + TURNAROUND_S
        for at in range(0, len(answer), _FIFO):
            piece = answer[at : at + _FIFO]
            due += len(piece) * on_wire
            time.sleep(max(0.0, due - time.monotonic()))
            # Before the write: who has the bytes may count the silence from then, while this process still waits for a
            # processor.
            sent = max(due, time.monotonic())
            os.write(fd, piece)
        free_at = sent + SILENCE[protocol] * on_wire


def main(protocol: str, bits_per_second: int) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    serve(master, protocol, bits_per_second)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
