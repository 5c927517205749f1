"""Answers made of blocks: a block ends where AA stands, which is no BCD, so a block may be short or empty (AA AA).

DL/T 645-1997, 5.4 (data blocks and sets of them); DL/T 645-2007, Annex A, Table A.6 (freeze data blocks). In the field
the last block is closed or not; both are read, closed is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.item import Item, PartFormat
from protocols.errors import BadAnswer
from protocols.model import Value

_CLOSE: Final = b"\xaa"


@dataclass(frozen=True, slots=True)
class Block:
    """Parts that stand together; an answer has whole multiples of `group` of them, all where it is their number."""

    parts: tuple[PartFormat, ...]
    group: int

    def decode(self, data: bytes) -> list[Value] | None:
        """The values, or None where `data` has no length that the block can have. Raises `BadAnswer` for odd digits."""
        values: list[Value] = []
        at = 0
        for part, form in self.parts:
            if at == len(data):
                break
            end = at + form.length
            if end > len(data):
                return None
            values.append(Value(part, *form.decode(data[at:end])))
            at = end
        return values if at == len(data) and len(values) % self.group == 0 else None

    def encode(self, values: Sequence[int | str | None]) -> bytes:
        """Raises `ValueError`."""
        if len(values) > len(self.parts) or len(values) % self.group:
            raise ValueError(f"a block takes up to {len(self.parts)} values by {self.group}, not {len(values)}")
        return b"".join(form.encode(value) for (_, form), value in zip(self.parts, values, strict=False))


@dataclass(frozen=True, slots=True)
class Blocks:
    """A row of blocks. `plain`: meters exist that send the only possible lengths without any AA."""

    blocks: tuple[Block, ...]
    plain: bool = False

    @property
    def parts(self) -> tuple[PartFormat, ...]:
        return tuple(part for block in self.blocks for part in block.parts)

    @property
    def longest(self) -> int:
        return sum(form.length for _, form in self.parts) + len(self.blocks)

    def decode(self, item: Item, data: bytes) -> list[Value]:
        if len(self.blocks) == 1:
            return self._decode_one(item, data)
        if self.plain and len(data) == sum(form.length for _, form in item.parts):
            values = Block(item.parts, len(item.parts)).decode(data)
            if values is not None:
                return values
        pieces = data.split(_CLOSE)
        if len(pieces) == len(self.blocks) + 1 and not pieces[-1]:
            pieces.pop()
        if len(pieces) != len(self.blocks):
            raise BadAnswer(f"item {item.code} has {len(pieces)} blocks, expected {len(self.blocks)}", data)
        values = []
        for number, (block, piece) in enumerate(zip(self.blocks, pieces, strict=True), 1):
            found = block.decode(piece)
            if found is None:
                raise BadAnswer(f"item {item.code}: block {number} cannot have {len(piece)} bytes", data)
            values += found
        return values

    def _decode_one(self, item: Item, data: bytes) -> list[Value]:
        """A block alone: a word of bits may be AA too, so the length decides, not the byte."""
        (block,) = self.blocks
        values = block.decode(data) if not data.endswith(_CLOSE) or len(data) == self.longest - 1 else None
        if values is None and data.endswith(_CLOSE):
            values = block.decode(data[:-1])
        if not values:
            raise BadAnswer(f"item {item.code} has {len(data)} bytes of data, no whole block", data)
        return values

    def encode(self, item: Item, values: Sequence[int | str | None]) -> bytes:
        """All blocks, closed. Blocks of rates take as many rates each as make the number of values come out."""
        for rates in range(1, max(len(block.parts) // block.group for block in self.blocks) + 1):
            counts = [min(rates * block.group, len(block.parts)) for block in self.blocks]
            if sum(counts) == len(values):
                break
        else:
            raise ValueError(f"item {item.code} takes {self._counts()} values, not {len(values)}")
        rest = list(values)
        blocks = []
        for count in counts:
            blocks.append(rest[:count])
            rest = rest[count:]
        return self.encode_blocks(blocks)

    def encode_blocks(self, blocks: Sequence[Sequence[int | str | None]]) -> bytes:
        """Block by block; an empty one is AA alone. Raises `ValueError`."""
        if len(blocks) != len(self.blocks):
            raise ValueError(f"expected {len(self.blocks)} blocks, not {len(blocks)}")
        return b"".join(block.encode(values) + _CLOSE for block, values in zip(self.blocks, blocks, strict=True))

    def _counts(self) -> str:
        least = sum(min(block.group, len(block.parts)) for block in self.blocks)
        most = len(self.parts)
        return str(most) if least == most else f"{least} to {most}"
