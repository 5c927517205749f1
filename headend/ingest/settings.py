"""``[[push]]`` of the configuration: which broker, what is published there, how much of it may wait."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from headend.duration import seconds
from headend.errors import UsageFault
from protocols.errors import ModelError
from protocols.links.url import BrokerSettings, parse_broker
from protocols.push.settings import PayloadSettings
from protocols.push.topic import TopicTemplate

MOST_VALUES: Final = 20_000
"""In one commit."""
_MOST_CAPTURES: Final = 20_000
_MOST_IN_FLIGHT: Final = 65_535
_LONGEST_EXPIRY_S: Final = 0xFFFF_FFFE
"""MQTT 5, 3.1.2.11.2: one more would be "never"."""


class PushTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One source of pushed readings: a subscription of its own, with bounds of its own."""

    name: str
    broker: str
    topic: str
    payload: str
    password_file: str = ""
    password_env: str = ""
    edition: Literal["2007", "1997", "both"] = "2007"
    time: Literal["payload", "received"] = "payload"
    slot: str = "15m"
    unknown: Literal["reject", "quarantine"] = "reject"
    group: str = ""
    client_id: str = ""
    version: Literal["5", "3.1.1"] = "5"
    keepalive: str = "60s"
    session_expiry: str = "7d"
    receive_maximum: int = 5_000
    messages: int = 20_000
    bytes: int = 67_108_864
    captures: int = 2_500
    linger: str = "20ms"
    status_topic: str = ""
    status_online: str = "online"
    status_offline: str = "offline"
    status_retain: bool = True

    @property
    def template(self) -> TopicTemplate:
        return TopicTemplate(self.topic)

    @property
    def subscription(self) -> str:
        """The topic filter, as the group's share of it where there is a group."""
        plain = self.template.subscription
        return f"$share/{self.group}/{plain}" if self.group else plain

    @property
    def keepalive_s(self) -> int:
        return round(seconds(self.keepalive))

    @property
    def session_expiry_s(self) -> int:
        return round(seconds(self.session_expiry))

    @property
    def slot_us(self) -> int:
        return round(seconds(self.slot)) * 1_000_000

    def identity(self, daemon: str) -> str:
        """The client id, by which the broker knows the session again."""
        return self.client_id or f"{daemon}-{self.name}"

    def payload_settings(self, zone: ZoneInfo) -> PayloadSettings:
        return PayloadSettings(zone=zone, time=self.time, slot_s=round(seconds(self.slot)), edition=self.edition)

    def broker_settings(self, folder: Path) -> BrokerSettings:
        """With the password fetched, and files beside the configuration found. Raises `UsageFault`."""
        found = parse_broker(self.broker)
        if found.tls:
            tls = found.tls
            found = replace(
                found,
                tls=replace(
                    tls,
                    cafile=str(folder / tls.cafile) if tls.cafile else None,
                    certfile=str(folder / tls.certfile) if tls.certfile else None,
                    keyfile=str(folder / tls.keyfile) if tls.keyfile else None,
                ),
            )
        password = self._password(folder)
        return found if password is None else replace(found, password=password)

    def _password(self, folder: Path) -> str | None:
        if self.password_env:
            if self.password_env not in os.environ:
                raise UsageFault(f"push {self.name}: password_env: the environment has no {self.password_env}")
            return os.environ[self.password_env]
        if self.password_file:
            path = folder / self.password_file
            try:
                return path.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                raise UsageFault(f"push {self.name}: password_file: {path}: {reason}") from error
        return None


def problems(table: PushTable) -> Iterator[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    if not table.name:
        yield "name", "is empty"
    yield from _broker_problems(table)
    try:
        TopicTemplate(table.topic)
    except ModelError as error:
        yield "topic", str(error)
    from protocols.push.payloads import PAYLOADS  # with numpy: a command without [[push]] starts without it

    if table.payload not in PAYLOADS:
        yield "payload", f"{table.payload!r}, expected one of {', '.join(PAYLOADS)}"
    yield from _group_problems(table)
    yield from _duration("slot", table.slot, 1, 86_400)
    yield from _duration("keepalive", table.keepalive, 5, 65_535)
    yield from _duration("session_expiry", table.session_expiry, 0, _LONGEST_EXPIRY_S)
    yield from _duration("linger", table.linger, 0, 60, whole=False)
    bounds = {
        "receive_maximum": _MOST_IN_FLIGHT, "messages": 10_000_000, "bytes": 1 << 40, "captures": _MOST_CAPTURES,
    }  # fmt: skip
    for key, most in bounds.items():
        if not 1 <= getattr(table, key) <= most:
            yield key, f"{getattr(table, key)}, expected a number from 1 to {most}"
    if re.search(r"[+#\0]", table.status_topic):
        yield "status_topic", f"{table.status_topic!r}, expected a topic without + and #"
    if "\0" in table.client_id or len(table.client_id.encode()) > 65_535:
        yield "client_id", "expected text without NUL, at most 65535 bytes"


def _broker_problems(table: PushTable) -> Iterator[tuple[str, str]]:
    try:
        broker = parse_broker(table.broker)
    except ModelError as error:
        yield "broker", str(error).removeprefix("link ")
        return
    if table.password_file and table.password_env:
        yield "password_file", "and password_env: expected one of the two"
    if (table.password_file or table.password_env) and broker.username is None:
        yield "broker", "a password without a user, expected mqtt://user@host"
    if (table.password_file or table.password_env) and broker.password is not None:
        yield "broker", "has a password, and so has password_file or password_env: expected one of them"


def _group_problems(table: PushTable) -> Iterator[tuple[str, str]]:
    if re.search(r"[/+#\0]", table.group):
        yield "group", f"{table.group!r}, expected a name without / + #"
    if table.group and table.version != "5":
        yield "group", "a shared subscription needs version 5"


def _duration(key: str, text: str, low: int, high: int, *, whole: bool = True) -> Iterator[tuple[str, str]]:
    try:
        found = seconds(text)
    except ValueError as error:
        yield key, str(error)
        return
    if not low <= found <= high or (whole and found != round(found)):
        yield key, f"{text!r}, expected {'whole seconds' if whole else 'a duration'} from {low}s to {high}s"
