"""Whether anybody on a line understands this baud rate and parity."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE, Frame
from protocols.dlt645.search.census import ADDRESS_2007, NOBODY, READS_1997, READS_2007, ending, take
from protocols.dlt645.services.edition import Edition
from protocols.exchange import Exchange


class Hail(StrEnum):
    """What a line gave back."""

    FRAME = "frame"
    NOISE = "noise"
    """Noise whenever it was asked, and none when nobody was asked: several meters at once, perhaps."""
    BABBLE = "babble"
    """Noise, asked or not."""
    SILENCE = "silence"


def hail(editions: Sequence[Edition], preamble: bytes = PREAMBLE) -> Exchange[Frame, Hail]:
    """Ask all meters of `editions` until one frame comes; noise is asked about once more."""
    broadcast = addresses.to_wire(addresses.BROADCAST)
    asks = [
        *((probe, ending("")) for probe in (ADDRESS_2007, READS_2007[0]) if "2007" in editions),
        *((READS_1997[0], to) for to in (ending(""), broadcast) if "1997" in editions),
    ]
    babble = False
    for probe, to in asks:
        census = yield from take(probe, to, preamble)
        if census.answers:
            return Hail.FRAME
        if not census.noise:
            continue
        again = yield from take(probe, to, preamble)
        if again.answers:
            return Hail.FRAME
        if again.noise:
            control = yield from take(probe, NOBODY, preamble)
            if not control.noise:
                return Hail.NOISE
            babble = True
    return Hail.BABBLE if babble else Hail.SILENCE
