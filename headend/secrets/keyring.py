"""The keys that seal secrets: out of a file or the environment, never out of the database that holds what they seal."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headend.errors import UsageFault

if TYPE_CHECKING:
    from headend.config import Config

_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Key by name, of 256 bits each; `current` seals, the others only open what they have sealed."""

    current: str
    keys: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.keys)})"


def parse(text: str, where: str) -> Keyring:
    """Lines ``NAME BASE64``, the current key first; ``#`` begins a comment. Raises `UsageFault`, which shows no key."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, key = words[0], b""
        if len(words) == 2 and _NAME.fullmatch(name) and name not in keys:
            try:
                key = base64.b64decode(words[1], validate=True)
            except binascii.Error:
                key = b""
        if len(key) != _BYTES:
            raise UsageFault(f"{where}: line {number}: expected a new name and {_BYTES} bytes in base64")
        keys[name] = key
    if not keys:
        raise UsageFault(f"{where}: there is no key; headend secret new-key makes one")
    return Keyring(next(iter(keys)), keys)


def load(config: Config, environment: Mapping[str, str] = os.environ) -> Keyring | None:
    """The environment goes before the file; None where the configuration names neither. Raises `UsageFault`."""
    table = config.secrets
    text = environment.get(table.key_env, "") if table.key_env else ""
    if text:
        return parse(text.replace(";", "\n"), table.key_env)
    if not table.key_file:
        return None
    path = config.folder / table.key_file
    try:
        mode = path.stat().st_mode
        if mode & _OTHERS & ~stat.S_IRGRP:
            raise UsageFault(f"{path}: others than its owner and group can read or write it: chmod 0640 or less")
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"secrets.key_file: {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error


def new_line(name: str) -> str:
    """A key of random bits, as a line of the file. Raises `UsageFault`."""
    if not _NAME.fullmatch(name):
        raise UsageFault(f"{name!r}, expected letters, digits, _, . and - as a key's name")
    return f"{name} {base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"
