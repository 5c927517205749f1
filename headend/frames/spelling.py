"""What people write for an item of DL/T 645 and its values, as the codec wants it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import cycle, islice
from typing import Final

from headend.frames.items import DI_BYTES, is_secret
from protocols import models
from protocols.dlt645.blocks import Blocks
from protocols.dlt645.formats import Bits, Format, Number
from protocols.dlt645.item import Item
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.load_record import LoadRecords
from protocols.dlt645.model import ItemRead
from protocols.errors import ModelError

_NOTHING: Final = "null"


def item_of(text: str, edition: str) -> Item:
    """The item of an identifier, a quantity's name or an OBIS code. Raises `ModelError`."""
    try:
        return standard_item(text, edition)
    except ModelError:
        read = models.load(f"dlt645_{edition}").read(text)
        assert isinstance(read, ItemRead)
        return read.item


def code_of(text: str, edition: str, as_is: bool = False) -> str:
    """The identifier alone; `as_is` takes one that no rule describes. Raises `ModelError`."""
    code = text.strip().upper()
    if as_is and len(code) == 2 * DI_BYTES[edition] and set(code) <= set("0123456789ABCDEF"):
        return code
    return item_of(text, edition).code


def data_of(item: Item, values: Sequence[str]) -> bytes:
    """Bytes behind the identifier; ``null`` stands for "not available". Raises `ValueError`."""
    try:
        forms = _forms(item, len(values))
        spelled = [_raw(value, form) for value, form in zip(values, forms, strict=False)]
        return item.encode(spelled + _surplus(values, forms))
    except ValueError:
        if is_secret(item.code):
            raise ValueError(f"item {item.code} is a password, expected its level and six hex digits") from None
        raise


def _surplus(values: Sequence[str], forms: Sequence[Format]) -> list[int | str | None]:
    """Values for which there is no place: the item refuses them by their number."""
    return [None] * max(0, len(values) - len(forms))


def _forms(item: Item, count: int) -> list[Format]:
    """How each of `count` values is written: blocks of rates end early, load records come again and again."""
    shape = item.shape
    if isinstance(shape, LoadRecords):
        return list(islice(cycle(form for _, form in item.parts), count))
    if isinstance(shape, Blocks):
        for rates in range(1, len(item.parts) + 1):
            blocks = [block.parts[: rates * block.group] for block in shape.blocks]
            if sum(map(len, blocks)) == count:
                return [form for block in blocks for _, form in block]
    return [form for _, form in item.parts]


def _raw(text: str, form: Format) -> int | str | None:
    """What `form` encodes: a whole number of its last decimals, or the text. Raises `ValueError`."""
    if text.lower() == _NOTHING:
        return None
    if isinstance(form, Bits):
        return int(text, 0)
    if not isinstance(form, Number):
        return text
    try:
        scaled = Decimal(text).scaleb(form.decimals)
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no number") from error
    if whole != scaled:
        raise ValueError(f"{text} has more than the item's {form.decimals} decimals")
    return whole
