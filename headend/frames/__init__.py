"""Frames taken apart for people: bytes in any spelling to one document a frame, and noise told apart.

Each document is what `headend frame decode --json` prints: `docs/cli.md` states its keys. A frame whose structure is
right and whose check sum is wrong is a document too, with ``"checksum": "bad"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from headend.frames import dlt645, mixed, rtu, tcp
from headend.frames.document import BAD_ANSWER, BAD_REQUEST, Document
from headend.frames.items import Items
from headend.frames.registers import Map
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.mask import masked
from protocols.meter_model import MeterModel
from protocols.modbus.model import ModbusModel

PROTOCOLS: Final[Mapping[str, Callable[[bytes, Items, Map], list[Document]]]] = {
    "dlt645": lambda raw, items, known: dlt645.decode(raw, items),
    "modbus-tcp": lambda raw, items, known: tcp.decode(raw, known),
    "modbus-rtu": lambda raw, items, known: rtu.decode(raw, known),
}
"""In the order in which they are tried: the one that can be mistaken least comes first."""


def decode(raw: bytes, protocol: str = "auto", model: MeterModel | None = None) -> list[Document]:
    """A document for each frame and each stretch of noise in `raw`, in order; only noise if there is no frame.

    `model` names the registers of a Modbus meter, or gives a DL/T 645 meter's own formats.
    """
    own = {code: read.item for code, read in model.reads.items()} if isinstance(model, Dlt645Model) else {}
    items = Items(own)
    known = Map(model.registers) if isinstance(model, ModbusModel) else Map()
    if protocol != "auto":
        return PROTOCOLS[protocol](raw, items, known)
    tries = []
    for decode_as in PROTOCOLS.values():
        tries.append(decode_as(raw, items, known))
        if all(map(is_sound, tries[-1])):
            return tries[-1]
    tries = [mixed.decode(raw, items, known), *tries]
    for fits in (_some_sound, _some_frame):
        for documents in tries:
            if fits(documents):
                return documents
    return tries[0]


def is_frame(document: Mapping[str, Any]) -> bool:
    """Whether it is a frame and no noise."""
    return document["protocol"] is not None


def is_sound(document: Mapping[str, Any]) -> bool:
    """Whether it is a frame whose check sum, where it has one, is right."""
    return is_frame(document) and document["checksum"] != "bad"


def _some_sound(documents: Sequence[Document]) -> bool:
    return any(map(is_sound, documents))


def _some_frame(documents: Sequence[Document]) -> bool:
    return any(map(is_frame, documents))


def flaws(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the frames among `documents`, in words: check sums, and content that cannot be."""
    found = []
    for document in filter(is_frame, documents):
        if document["checksum"] == "bad":
            found.append(f"{_shown(document)}: the check sum is wrong")
        if document["error"] and document["error"]["code"] in (BAD_ANSWER, BAD_REQUEST):
            found.append(f"{_shown(document)}: {document['error']['meaning']}")
    return found


def _shown(document: Mapping[str, Any]) -> str:
    """The frame's bytes, without a password where it holds one: reasons go where logs go."""
    text: str = document["hex"]
    hidden = masked(bytes.fromhex(text)) if document["protocol"] == "dlt645" else ""
    return hidden if "**" in hidden else text
