"""Envelope encryption: each secret under a key of its own, and that key under one of the keyring. AES-256-GCM.

What a secret is for is authenticated with it: sealed for one meter it cannot be opened as another's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headend.errors import HeadendError
from headend.secrets.keyring import Keyring

_NONCE: Final = 12


class NotOpened(HeadendError):
    """A secret cannot be opened: its key is not there, or it is not what was sealed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """`wrapped`: its own key, sealed by the one named `key_id`. Each begins with its nonce."""

    key_id: str
    wrapped: bytes
    data: bytes


def seal(keyring: Keyring, meter: str, kind: str, secret: bytes) -> Sealed:
    own = AESGCM.generate_key(256)
    return Sealed(
        keyring.current, _wrap(keyring, meter, kind, own), _encrypt(own, secret, _about(b"secret", meter, kind))
    )


def unseal(keyring: Keyring, meter: str, kind: str, sealed: Sealed) -> bytes:
    """Raises `NotOpened`."""
    own = _unwrap(keyring, meter, kind, sealed)
    return _decrypt(own, sealed.data, _about(b"secret", meter, kind), meter)


def rewrap(keyring: Keyring, meter: str, kind: str, sealed: Sealed) -> Sealed:
    """Under the current key; the secret itself is not opened. Raises `NotOpened`."""
    own = _unwrap(keyring, meter, kind, sealed)
    return Sealed(keyring.current, _wrap(keyring, meter, kind, own), sealed.data)


def _wrap(keyring: Keyring, meter: str, kind: str, own: bytes) -> bytes:
    return _encrypt(keyring.keys[keyring.current], own, _about(b"key", meter, kind))


def _unwrap(keyring: Keyring, meter: str, kind: str, sealed: Sealed) -> bytes:
    if sealed.key_id not in keyring.keys:
        raise NotOpened(f"{meter}: its secret was sealed by the key {sealed.key_id!r}, which is not there")
    return _decrypt(keyring.keys[sealed.key_id], sealed.wrapped, _about(b"key", meter, kind), meter)


def _encrypt(key: bytes, plain: bytes, about: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, about)


def _decrypt(key: bytes, raw: bytes, about: bytes, meter: str) -> bytes:
    try:
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], about)
    except (InvalidTag, ValueError):
        raise NotOpened(f"{meter}: its secret is not what was sealed, or sealed by another key") from None


def _about(what: bytes, meter: str, kind: str) -> bytes:
    parts = (b"headend 1", what, meter.encode(), kind.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
