"""How a part of an item is written on the wire: numbers, words, digits and text (`bcd`), dates and times (`moments`).

All parts travel low byte first. A part whose bytes are all FF is the meter's way of saying "I have none": nothing, with
quality NOT_AVAILABLE. Any other byte that is no BCD is an error, never a guess.
"""

from __future__ import annotations

from protocols.dlt645.bcd import Bits as Bits
from protocols.dlt645.bcd import Decoded as Decoded
from protocols.dlt645.bcd import Digits as Digits
from protocols.dlt645.bcd import Format as Format
from protocols.dlt645.bcd import Hex as Hex
from protocols.dlt645.bcd import Number as Number
from protocols.dlt645.bcd import Text as Text
from protocols.dlt645.moments import Entry as Entry
from protocols.dlt645.moments import Moment as Moment
