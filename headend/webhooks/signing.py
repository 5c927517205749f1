"""What a receiver knows our messages by: HMAC-SHA256 over the moment of sending and the body.

Headend-Signature: t=1767225600,v1=5257a869e7...
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

HEADER: Final = "headend-signature"
FRESH_S: Final = 300
"""How old a message may be that a receiver believes: an older one may be somebody's recording."""


def signature(secret: str, at: int, body: bytes) -> str:
    """`at`: seconds since 1970."""
    return f"t={at},v1={_digest(secret, at, body)}"


def is_ours(secret: str, header: str, body: bytes, now: int) -> bool:
    """As a receiver checks it."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at = parts.get("t", "")
    if not (at.isascii() and at.isdigit()) or abs(now - int(at)) > FRESH_S:
        return False
    return hmac.compare_digest(parts.get("v1", "").encode(), _digest(secret, int(at), body).encode())


def _digest(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
