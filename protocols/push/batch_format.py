"""The compact batch, byte by byte (docs/push.md); all numbers little-endian.

message   "HESB"  version u8  kind u8  meters u16  blocks u16  0 u16  size u32        size: of all, CRC and all
          meter table  block * blocks  CRC-32 u32 of all before it
table     kind 0: none, the topic tells the meter; 1: names, 2: addresses, each u8 size and UTF-8; 3: six bytes of
          BCD each, as an address is read
block     size u32  layout u16  mask u8  0 u8  captures u32  meter column  time column  { values } for each bit of mask
values    flags u8  decimals u8  [bits, where flags & 1: present]  [bytes, where flags & 2: quality]  column
column    width u8 (0, 1, 2, 4, 8)  base i64  captures * width bytes, unsigned: what is above base
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.model import Layout
from protocols.quantities import LAYOUTS

MAGIC: Final = b"HESB"
VERSION: Final = 1
HEAD: Final = struct.Struct("<4sBBHHHI")
BLOCK: Final = struct.Struct("<IHBBI")
VALUES: Final = struct.Struct("<BB")
COLUMN: Final = struct.Struct("<Bq")
CRC: Final = struct.Struct("<I")

FROM_TOPIC, NAMES, ADDRESSES, DIGITS = range(4)
DIGITS_BYTES: Final = 6
HAS_HOLES: Final = 1
HAS_QUALITY: Final = 2
OWN_DECIMALS: Final = 255
"""Instead of the decimals of the numbers: those of the quantity."""
MOST_DECIMALS: Final = 18
MILLISECOND_US: Final = 1000
LATEST_MS: Final = 2**63 // MILLISECOND_US - 1
"""Of times; what is beyond is absurd in any case."""
LAYOUTS_BY_ID: Final[dict[int, Layout]] = {layout.id: layout for layout in LAYOUTS}

WIDTHS: Final[dict[int, npt.DTypeLike]] = {
    1: np.dtype("u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    8: np.dtype("<u8"),
}
