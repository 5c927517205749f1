"""A network namespace with two cables to us, each of which can be pulled: packets are lost, nobody is told."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers import missing

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Cable:
    """`host` is our address on it."""

    name: str
    host: str

    def pull(self) -> None:
        _ip("link", "set", self.name, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.name, "up")


@dataclass(frozen=True)
class Namespace:
    name: str
    database: Cable
    meters: Cable

    @property
    def enter(self) -> tuple[str, ...]:
        """The beginning of a command that runs inside."""
        return (_program(), "netns", "exec", self.name)


def _program() -> str:
    found = shutil.which("ip", path=_PATH)
    if found is None:
        missing("no ip (iproute2): run .ci/services.sh as root on Debian 12")
    return found


def _ip(*arguments: str) -> None:
    done = subprocess.run([_program(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Addresses of 198.18.0.0/15, which RFC 2544 sets aside for tests. Skips without root, or fails where CI=true."""
    if os.geteuid() != 0:
        missing("network namespaces are made by root")
    number = secrets.randbelow(120)
    name = f"headend-{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
    except OSError as error:
        missing(f"no network namespace can be made here: {error}")
    try:
        cables = [_cable(name, f"hes{secrets.token_hex(3)}{place}", f"198.18.{2 * number + place}") for place in (0, 1)]
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, *cables)
    finally:
        _ip("netns", "del", name)


def _cable(namespace_name: str, name: str, network: str) -> Cable:
    inside = f"{name}i"
    _ip("link", "add", name, "type", "veth", "peer", "name", inside)
    _ip("link", "set", inside, "netns", namespace_name)
    _ip("addr", "add", f"{network}.1/24", "dev", name)
    _ip("link", "set", name, "up")
    _ip("-n", namespace_name, "addr", "add", f"{network}.2/24", "dev", inside)
    _ip("-n", namespace_name, "link", "set", inside, "up")
    return Cable(name, f"{network}.1")
