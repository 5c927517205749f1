"""Frames that stand in something else: hexadecimal text, or JSON with base64 or hexadecimal text in it."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from protocols.push.arrivals import Arrivals, Message
from protocols.push.frames import FramesDecoder
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.settings import PayloadSettings
from protocols.push.stated import Unusable, stated_text, stated_us

_WHO: Final = ("meter", "address", "line")
_CARRIERS: Final = ("data", "frames")


class HexDecoder:
    """Frames as hexadecimal text, with blanks and line breaks wherever they are."""

    def __init__(self, settings: PayloadSettings) -> None:
        self._frames = FramesDecoder(settings)

    def decode(self, messages: Sequence[Message]) -> Arrivals:
        found = _Enclosed(messages)
        for number, message in enumerate(messages):
            pieces = _unhex(number, message.payload, found.rejects)
            if pieces is not None:
                found.add(number, pieces)
        return found.read(self._frames)


def _unhex(number: int, payload: bytes, rejects: Rejects) -> bytes | None:
    """The bytes; where not all is hexadecimal, those of the lines that are."""
    try:
        return binascii.unhexlify(b"".join(payload.split()))
    except ValueError:
        lines = []
        for line in payload.splitlines():
            try:
                lines.append(binascii.unhexlify(b"".join(line.split())))
            except ValueError as error:
                rejects.add(number, Reason.BAD_FORM, f"not hexadecimal: {error}")
        return b"".join(lines) or None


class EnvelopeDecoder:
    """JSON objects, one or an array of them, with frames in `data` or `frames`, and perhaps a time and the meter."""

    def __init__(self, settings: PayloadSettings) -> None:
        self._frames = FramesDecoder(settings)
        self._json = msgspec.json.Decoder(float_hook=Decimal)

    def decode(self, messages: Sequence[Message]) -> Arrivals:
        found = _Enclosed(messages)
        for number, message in enumerate(messages):
            try:
                document: Any = self._json.decode(message.payload)
            except (ValueError, RecursionError, ArithmeticError) as error:
                found.rejects.add(number, Reason.BAD_FORM, f"not JSON: {error}")
                continue
            parts = document if isinstance(document, list) else [document]
            if not parts:
                found.rejects.add(number, Reason.NOTHING_TO_STORE, "an empty array")
            for part in parts:
                try:
                    _open(part, number, found)
                except Unusable as error:
                    found.rejects.add(number, error.reason, str(error))
        return found.read(self._frames)


def _open(part: object, number: int, found: _Enclosed) -> None:
    """Raises `Unusable`."""
    if not isinstance(part, dict):
        raise Unusable(Reason.BAD_FORM, "not a JSON object")
    texts = [part[name] for name in _CARRIERS if part.get(name) is not None]
    if len(texts) != 1:
        raise Unusable(Reason.BAD_FORM, "expected the frames in data or in frames")
    who = {name: text for name in _WHO if (text := stated_text(part.get(name)))}
    time = part.get("time")
    at = None if time is None else stated_us(time)
    chunks = texts[0] if isinstance(texts[0], list) else texts
    for chunk in chunks:
        try:
            raw = _bytes(chunk, part.get("encoding"))
        except Unusable as error:
            found.rejects.add(number, error.reason, str(error))
        else:
            found.add(number, raw, who, at)
    if not chunks:
        raise Unusable(Reason.NO_FRAME, "no frame in the message")


def _bytes(text: object, encoding: object) -> bytes:
    """Text that can be hexadecimal is, unless `encoding` says base64. Raises `Unusable`."""
    if not isinstance(text, str):
        raise Unusable(Reason.BAD_FORM, "frames are text")
    if encoding not in (None, "hex", "base64"):
        raise Unusable(Reason.BAD_FORM, "an encoding that is neither hex nor base64")
    bare = "".join(text.split())
    if encoding != "base64":
        try:
            return bytes.fromhex(bare)
        except ValueError as error:
            if encoding == "hex":
                raise Unusable(Reason.BAD_FORM, f"not hexadecimal: {error}") from error
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError as error:
        raise Unusable(Reason.BAD_FORM, f"neither hexadecimal nor base64: {error}") from error


class _Enclosed:
    """What was taken out of messages, each piece with the number of its message."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.rejects = Rejects()
        self._messages = messages
        self._number: list[int] = []
        self._pieces: list[Message] = []
        self._stated: list[int | None] = []

    def add(self, number: int, raw: bytes, who: dict[str, str] | None = None, stated_us: int | None = None) -> None:
        message = self._messages[number]
        fields = {**message.fields, **who} if who else message.fields
        self._number.append(number)
        self._pieces.append(message._replace(payload=raw, fields=fields))
        self._stated.append(stated_us)

    def read(self, frames: FramesDecoder) -> Arrivals:
        arrivals = frames.read(self._pieces, self._stated)
        number = np.array(self._number, np.intp)
        message = number[arrivals.message]
        useful = set(message.tolist()) | self.rejects.messages()
        for reject in arrivals.rejects:
            at = self._number[reject.message]
            if reject.reason != Reason.NOTHING_TO_STORE or at not in useful:
                self.rejects.add(at, Reason(reject.reason), reject.detail)
        return replace(arrivals, message=message, rejects=self.rejects.told())
