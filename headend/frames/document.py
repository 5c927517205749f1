"""The document of one frame or of one stretch of noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from protocols.dlt645.bit_words import FIELDS
from protocols.model import Value

Document: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]
"""One of a document's values."""

HIDDEN = "****"
"""What stands for a password."""


def noise(raw: bytes, reason: str) -> Document:
    """Bytes that are no frame; what can be read as text (a heartbeat, an IMEI) is told as text too."""
    told: Document = {"protocol": None, "noise": raw.hex().upper(), "reason": reason}
    stripped = raw.rstrip(b"\r\n\0")
    if len(stripped) > 1 and all(0x20 <= byte < 0x7F for byte in stripped):
        told["text"] = stripped.decode("ascii")
    return told


def plain_value(name: str, value: str | None, unit: str = "", zh: str | None = None) -> Row:
    """A value that has no OBIS code; `zh` is a word's Chinese."""
    return {"obis": None, "name": name, "value": value, "unit": unit} | ({"zh": zh} if zh else {})


def value_of(value: Value) -> Row:
    """A decoded value; where there is none its quality says why, and the bits of a word say what they mean."""
    absent = value.number is None and value.text is None
    row: Row = {
        "obis": str(value.part.obis) if value.part.obis else None,
        "name": value.part.name,
        "value": None if absent else str(value),
        "unit": str(value.part.unit),
    }
    if absent:
        row["quality"] = value.quality.name.lower()
    elif value.number and (bits := bits_of(value.part.item, value.number)):
        row["bits"] = bits
    return row


def values_of(values: Iterable[Value]) -> list[Row]:
    return [value_of(value) for value in values]


def bits_of(code: str, number: int) -> list[dict[str, Any]]:
    """The set bits of a status or mode word of DL/T 645 that have a meaning; a field of several bits once, by the
    lowest of those that are set."""
    return [
        {"bit": (field.value & -field.value).bit_length() - 1, "en": field.words[0], "zh": field.words[1]}
        for field in FIELDS.get(code, ())
        if field.value and number & field.mask == field.value
    ]


def error(code: str, meaning: str) -> dict[str, str]:
    """A refusal with the code as it was sent, or `BAD_ANSWER`, `BAD_REQUEST`."""
    return {"code": code, "meaning": meaning}


BAD_ANSWER = "bad_answer"
BAD_REQUEST = "bad_request"
"""A frame whose content cannot be."""


def joined(*notes: str | None) -> Document:
    """The notes that there are, as one."""
    told = [note for note in notes if note]
    return {"note": "; ".join(told)} if told else {}
