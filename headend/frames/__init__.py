"""Frames taken apart for people: bytes in any spelling to one document a frame, and noise told apart.

Each document is what `headend frame decode --json` prints: `docs/cli.md` states its keys. A frame whose structure is
right and whose check sum is wrong is a document too, with ``"checksum": "bad"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from headend.frames import dlt645, rtu, tcp

Document: TypeAlias = dict[str, Any]

PROTOCOLS: Final[Mapping[str, Callable[[bytes], list[Document]]]] = {
    "dlt645": dlt645.decode,
    "modbus-tcp": tcp.decode,
    "modbus-rtu": rtu.decode,
}
"""In the order in which they are tried: the one that can be mistaken least comes first."""


def decode(raw: bytes, protocol: str = "auto") -> list[Document]:
    """A document for each frame and each stretch of noise in `raw`, in order; only noise if there is no frame."""
    if protocol != "auto":
        return PROTOCOLS[protocol](raw)
    tries = []
    for decode_as in PROTOCOLS.values():
        tries.append(decode_as(raw))
        if all(map(is_sound, tries[-1])):
            return tries[-1]
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
            found.append(f"{document['hex']}: the check sum is wrong")
        if document["error"] and document["error"]["code"] == "bad_answer":
            found.append(f"{document['hex']}: {document['error']['meaning']}")
    return found
