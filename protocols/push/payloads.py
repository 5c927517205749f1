"""The forms of payloads by the names that a configuration calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from protocols.push.arrivals import PayloadDecoder
from protocols.push.frames import FramesDecoder
from protocols.push.settings import PayloadSettings as PayloadSettings

PAYLOADS: Final[Mapping[str, Callable[[PayloadSettings], PayloadDecoder]]] = {
    "frames": FramesDecoder,
}
