"""The configuration's table `[export]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import msgspec

from headend.duration import seconds
from protocols.quantities import BY_NAME

FORMATS: Final = ("csv", "parquet", "nem12", "nem13", "espi")
SCHEMES: Final = ("file", "sftp", "http", "https")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_SUFFIX: Final = re.compile(r"[A-Z][0-9A-Z]")
SUFFIXES: Final = MappingProxyType({
    "active_energy_import": "E1", "active_energy_export": "B1", "reactive_energy_import": "Q1",
    "reactive_energy_export": "K1",
})  # fmt: skip


class TargetTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where batches are brought to. A folder (file://, or a path relative to the configuration), SFTP or HTTP.

    Secrets stand in files or in the environment, never here.
    """

    name: str
    url: str
    formats: list[str] = []
    """Empty: all."""
    automatic: bool = False
    """Whether the daemon brings released batches there by itself."""
    host_key: str = ""
    """SFTP: the server's public key as known_hosts has it, such as ``ssh-ed25519 AAAA...``."""
    key_file: str = ""
    password_file: str = ""
    password_env: str = ""
    method: str = "put"
    token_file: str = ""
    token_env: str = ""
    ca_file: str = ""
    """HTTPS: who vouches for the server; empty: the system's authorities."""
    timeout: str = "30s"
    tries: int = 4
    pause: str = "1s"
    """Before the second try; doubled each time."""


class ExportTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`sender` and `receiver`: names of the participants. `seed`: a URL or name of the sender's own."""

    sender: str = "HEADEND"
    receiver: str = "BILLING"
    seed: str = "urn:headend"
    quantities: list[str] = []
    """Empty: those that are validated."""
    decimals: int = 4
    suffixes: dict[str, str] = msgspec.field(default_factory=lambda: dict(SUFFIXES))
    """NMI suffix by quantity."""
    datastream: str = ""
    target: list[TargetTable] = []


def problems(table: ExportTable) -> Iterator[tuple[str, str]]:
    """(key, what was expected)."""
    for key in ("quantities", "suffixes"):
        for name in getattr(table, key):
            if name not in BY_NAME:
                yield key, f"{name!r} is no quantity, expected such as active_energy_import"
    for name, suffix in table.suffixes.items():
        if not _SUFFIX.fullmatch(suffix):
            yield f"suffixes.{name}", f"{suffix!r}, expected two characters such as E1"
    if not 3 <= table.decimals <= 6:
        yield "decimals", f"{table.decimals}, expected 3 to 6"
    for key in ("sender", "receiver", "seed"):
        if not getattr(table, key).strip():
            yield key, "expected a name"
    names: set[str] = set()
    for number, target in enumerate(table.target):
        if target.name in names:
            yield f"target[{number}].name", f"{target.name!r} stands twice"
        names.add(target.name)
        for key, problem in _target(target):
            yield f"target[{number}].{key}", problem


def _target(target: TargetTable) -> Iterator[tuple[str, str]]:
    if not target.name:
        yield "name", "expected a name"
    for form in target.formats:
        if form not in FORMATS:
            yield "formats", f"{form!r}, expected some of {', '.join(FORMATS)}"
    try:
        parts = urlsplit(target.url)
        _ = parts.port
    except ValueError as error:
        yield "url", f"{target.url!r}: {error}"
        return
    if not target.url or (parts.scheme and parts.scheme not in SCHEMES):
        yield "url", f"{target.url!r}, expected a folder, sftp://user@host/folder or https://host/path"
    elif parts.password:
        yield "url", "holds a password: name password_file or password_env"
    elif parts.scheme == "sftp":
        if not (parts.hostname and parts.username):
            yield "url", f"{target.url!r}, expected sftp://user@host/folder"
        if not target.host_key:
            yield "host_key", "expected the server's public key: no other server is given anything"
        if not (target.key_file or target.password_file or target.password_env):
            yield "key_file", "expected key_file, password_file or password_env"
    elif parts.scheme in ("http", "https") and not parts.hostname:
        yield "url", f"{target.url!r}, expected https://host/path"
    elif parts.scheme == "http" and (target.token_file or target.token_env) and parts.hostname not in _LOOPBACK:
        yield "url", "a token goes over https alone"
    if target.method not in ("put", "post"):
        yield "method", f"{target.method!r}, expected put or post"
    if target.tries < 1:
        yield "tries", "is at least 1"
    for key in ("timeout", "pause"):
        try:
            if not seconds(getattr(target, key)):
                yield key, "expected a duration above 0"
        except ValueError as error:
            yield key, str(error)
