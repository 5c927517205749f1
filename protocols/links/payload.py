"""How a chunk of the line stands in an MQTT message: raw bytes, hexadecimal text, base64 in a JSON object. No I/O."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class Payload(NamedTuple):
    """`decode` raises `ValueError` for a message that is not of this form. The second argument is the JSON field."""

    encode: Callable[[bytes, str], bytes]
    decode: Callable[[bytes, str], bytes]


def _encode_raw(data: bytes, _field: str) -> bytes:
    return data


def _encode_hex(data: bytes, _field: str) -> bytes:
    return data.hex().upper().encode()


def _decode_hex(message: bytes, _field: str) -> bytes:
    try:
        return bytes.fromhex(message.decode("ascii"))
    except ValueError as error:
        raise ValueError(f"not hexadecimal: {error}") from error


def _encode_json(data: bytes, field: str) -> bytes:
    return json.dumps({field: base64.b64encode(data).decode()}).encode()


def _decode_json(message: bytes, field: str) -> bytes:
    try:
        document = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    text = document.get(field) if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise ValueError(f"no text in the field {field!r}")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"the field {field!r} is not base64: {error}") from error


PAYLOADS: Final[Mapping[str, Payload]] = {
    "raw": Payload(_encode_raw, _encode_raw),
    "hex": Payload(_encode_hex, _decode_hex),
    "json": Payload(_encode_json, _decode_json),
}
