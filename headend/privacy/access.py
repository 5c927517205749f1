"""Whoever is given readings is written down first, where `[privacy] access_log` asks for it."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headend.config import Config
from headend.errors import UsageFault
from storage.privacy import AccessLog, NewAccess


@dataclass(frozen=True, slots=True)
class Person:
    """`name`: who it is said to be; `os_user`: as whom we run, which the environment cannot change."""

    name: str
    os_user: str
    host: str


def person() -> Person:
    """`HEADEND_ACTOR`, else the operating system's user. Raises `UsageFault` where the variable is no name."""
    try:
        os_user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        os_user = str(os.getuid())
    name = os.environ.get("HEADEND_ACTOR", "").strip() or os_user
    if not name.isprintable() or len(name) > 200:
        raise UsageFault("HEADEND_ACTOR: expected a name of at most 200 printable characters")
    return Person(name, os_user, socket.gethostname())


async def record(
    config: Config,
    conninfo: str,
    action: str,
    meters: Sequence[int] | None,
    start: datetime | None = None,
    end: datetime | None = None,
    **detail: Any,
) -> None:
    """Committed when this returns, so that nothing is shown that is not written down. `meters` None: all of them.

    Nothing without `[privacy] access_log`. Raises `StorageError`.
    """
    if not config.privacy.access_log:
        return
    async with AccessLog(conninfo) as log:
        await log.write(noted(action, meters, start, end, **detail))


def noted(
    action: str,
    meters: Sequence[int] | None,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    actor: str | None = None,
    **detail: Any,
) -> NewAccess:
    """`actor`: who it is by other evidence than the environment's."""
    who = person()
    return NewAccess(
        actor=actor or who.name, os_user=who.os_user, host=who.host, action=action, meters=meters, start=start, end=end,
        detail={key: value for key, value in detail.items() if value is not None},
    )  # fmt: skip
