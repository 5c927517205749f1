"""What stands behind a data identifier of DL/T 645, as rows of a document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from headend.frames.document import BAD_ANSWER, HIDDEN, Document, Row, error, plain_value, value_of, values_of
from protocols.dlt645.blocks import Blocks
from protocols.dlt645.item import Item
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.load_record import LoadRecords, decode_records
from protocols.errors import BadAnswer, ModelError
from protocols.model import Value

_SECRET: Final = re.compile(r"04000C0[1-9A]|C212")
"""Items that are passwords."""
DI_BYTES: Final = {"2007": 4, "1997": 2}


def is_secret(code: str) -> bool:
    return _SECRET.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class Items:
    """The standard's items, with the formats of `own` (a model's items by identifier) where it has others."""

    own: Mapping[str, Item] = field(default_factory=dict)

    def find(self, code: str, edition: str) -> Item:
        """Raises `ModelError`."""
        return self.own.get(code) or standard_item(code, edition)

    def name(self, code: str, edition: str) -> Document:
        """What is asked, in words, where it is known."""
        try:
            found = self.find(code, edition)
        except ModelError:
            return {}
        return {"asks": [{"name": found.name, "zh": found.name_zh}]}

    def content(self, code: str, edition: str, data: bytes, flaw: str = BAD_ANSWER) -> Document:
        """Item and values; bytes that no rule describes, or that the item cannot have, stand in ``data``."""
        if is_secret(code):
            return {"item": code, "values": [plain_value("password", HIDDEN)]}
        try:
            found = self.find(code, edition)
        except ModelError as unknown:
            return {"item": code} | raw(data) | {"note": str(unknown)}
        if not data and isinstance(found.shape, LoadRecords):
            return {"item": code, "note": "no record matches"}
        try:
            return {"item": code, "values": _rows(found, data)}
        except BadAnswer as bad:
            return {"item": code, "error": error(flaw, str(bad))} | raw(data)

    def beginning(self, code: str, edition: str, data: bytes) -> Document:
        """The first part of a longer answer: the values that are whole, and all the bytes."""
        if is_secret(code):
            return {"item": code}
        told: Document = {"item": code} | raw(data)
        try:
            found = self.find(code, edition)
            return told | {"values": _leading(found, data)}
        except (ModelError, BadAnswer):  # said when all parts are there
            return told


def raw(data: bytes) -> Document:
    return {"data": data.hex().upper()} if data else {}


def _rows(found: Item, data: bytes) -> list[Row]:
    if not isinstance(found.shape, LoadRecords):
        return values_of(found.decode(data))
    rows = []
    for number, record in enumerate(decode_records(found, data), 1):
        head = plain_value("time", record.time) | {"record": number}
        if not record.good:
            head |= {"quality": "not_right", "zh": "无效记录"}
        rows.append(head)
        rows += [value_of(value) | {"record": number, "time": record.time} for value in record.values]
    return rows


def _leading(found: Item, data: bytes) -> list[Row]:
    shape = found.shape
    if shape is not None and not (isinstance(shape, Blocks) and len(shape.blocks) == 1):
        return []
    values = []
    at = 0
    for part, form in found.parts:
        end = at + form.length
        if end > len(data):
            break
        values.append(Value(part, *form.decode(data[at:end])))
        at = end
    return values_of(values)
