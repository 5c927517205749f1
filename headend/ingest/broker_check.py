"""What a source's broker grants and tells of itself, and where it would drop messages in silence.

Asked under a client id of its own, with a session that is not kept: a daemon that runs is not disturbed, and no message
of the source is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from headend.config import Config
from headend.errors import UsageFault
from headend.ingest.connection import ConnectionCounters, Terms
from headend.ingest.held import Held
from headend.ingest.hold import Hold
from headend.ingest.ingest import terms
from headend.ingest.settings import PushTable
from headend.ingest.subscriber import open_connection
from protocols.errors import LinkUnreachable
from protocols.links.reasons import reason

VERSION: Final = "$SYS/broker/version"
DROPPED: Final = "$SYS/broker/publish/messages/dropped"
_TOPICS: Final = (VERSION, DROPPED)
_PATIENCE_S: Final = 2.0
"""A broker that tells of itself keeps these as retained messages and sends them at once."""
_NOT_TOLD: Final = (
    "a broker tells nobody how much it keeps for a client that is away: mosquitto drops more than max_queued_messages"
    " (1000 by default) in silence, so set it and `persistence true` there (docs/ingest.md)"
)


@dataclass(frozen=True, slots=True)
class BrokerFinding:
    """`exit_code` is 0 for what is in order, 1 for what loses messages, 2 for a setting, 3 for a broker not reached."""

    detail: str
    exit_code: int = 0


async def check_broker(config: Config, table: PushTable) -> list[BrokerFinding]:
    """Connects once."""
    try:
        broker = table.broker_settings(config.folder)
    except UsageFault as error:
        return [BrokerFinding(str(error), 2)]
    asked = _asking(terms(table, config.daemon.name, broker))
    hold = Hold(1000, 1 << 20)
    try:
        connection = await open_connection(broker, asked, hold, ConnectionCounters())
    except LinkUnreachable as error:
        return [BrokerFinding(f"{broker.name}: {error}", 3)]
    except OSError as error:
        return [BrokerFinding(f"{broker.name}: {reason(error)}", 3)]
    try:
        told = await _told(hold)
    finally:
        connection.close()
        await asyncio.wait({connection.lost}, timeout=5)
        connection.abort("done")
    granted = connection.welcome.result()
    version = told.get(VERSION, "a broker that does not say which")
    return [
        BrokerFinding(f"{broker.name} takes us: {version}{_words(granted)}"),
        *_lacking(table, granted),
        _dropped(told.get(DROPPED)),
        BrokerFinding(_NOT_TOLD),
    ]


def _asking(ours: Terms) -> Terms:
    return replace(ours, client_id=f"{ours.client_id}-check", session_expiry_s=0, filters=_TOPICS, status=None)


async def _told(hold: Hold) -> Mapping[str, str]:
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while len(found) < len(_TOPICS):
                batch: list[Held] = await hold.batch(len(_TOPICS), 1 << 20, 0)
                hold.release(batch)
                found.update((held.topic, held.payload.decode("utf-8", "replace")) for held in batch)
    except TimeoutError:
        pass  # it does not tell all of it, or not us
    return found


_GRANTS: Final = {
    "ReceiveMaximum": "takes {} messages at once",
    "MaximumQoS": "QoS up to {}",
    "MaximumPacketSize": "packets up to {} bytes",
    "ServerKeepAlive": "keep-alive {} s",
    "SessionExpiryInterval": "keeps a session {} s",
}


def _words(granted: Mapping[str, Any]) -> str:
    return "".join(f"; {text.format(granted[name])}" for name, text in _GRANTS.items() if name in granted)


def _lacking(table: PushTable, granted: Mapping[str, Any]) -> list[BrokerFinding]:
    """What the source needs and the broker says it has not (MQTT 5, 3.2.2.3); what is not said is there."""
    found = []
    if granted.get("MaximumQoS", 2) < 1:
        found.append(BrokerFinding("the broker has QoS 0 only: messages that we have not stored are lost", 1))
    if table.group and not granted.get("SharedSubscriptionAvailable", 1):
        found.append(BrokerFinding("the broker has no shared subscriptions: push.group cannot be", 2))
    if "+" in table.subscription and not granted.get("WildcardSubscriptionAvailable", 1):
        found.append(BrokerFinding("the broker has no wildcard subscriptions: push.topic can hold no field", 2))
    kept = granted.get("SessionExpiryInterval")
    if kept is not None and kept < table.session_expiry_s:
        found.append(BrokerFinding(f"the broker keeps a session for {kept} s only, session_expiry is longer", 1))
    return found


def _dropped(count: str | None) -> BrokerFinding:
    if count is None:
        return BrokerFinding("the broker does not tell us how many messages it dropped ($SYS)")
    if count.isdigit() and int(count):
        return BrokerFinding(f"the broker has dropped {count} messages since its start, of whatever client", 1)
    return BrokerFinding("the broker has dropped no messages since its start")
