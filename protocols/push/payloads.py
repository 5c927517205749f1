"""The forms of payloads by the names that a configuration calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from protocols.push.arrivals import PayloadDecoder
from protocols.push.batch import BatchPayloadDecoder
from protocols.push.documents import JsonDecoder
from protocols.push.enclosed import EnvelopeDecoder, HexDecoder
from protocols.push.frames import FramesDecoder
from protocols.push.settings import PayloadSettings as PayloadSettings

PAYLOADS: Final[Mapping[str, Callable[[PayloadSettings], PayloadDecoder]]] = {
    "frames": FramesDecoder,
    "hex": HexDecoder,
    "json": JsonDecoder,
    "json-base64": EnvelopeDecoder,
    "batch": BatchPayloadDecoder,
}
