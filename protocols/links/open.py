"""Opening a link by its URL: one table, scheme to opener; other people's schemes come as entry points.

An entry point of the group ``headend.links`` is named as the scheme and gives an `Opener`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import entry_points
from typing import Final, TypeAlias

from protocols.errors import LinkUnreachable, ModelError
from protocols.links import url as urls
from protocols.links.base import Link
from protocols.links.faulty import FaultyLink
from protocols.links.listen import open_listen
from protocols.links.mqtt import open_mqtt
from protocols.links.query import redacted
from protocols.links.serial import open_serial
from protocols.links.tcp import open_tcp

Opener: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Link]]
"""Takes the URL and the defaults of its parameters; raises `ModelError` or `LinkUnreachable`."""

GROUP: Final = "headend.links"


async def _serial(url: str, defaults: Mapping[str, str]) -> Link:
    return await open_serial(urls.parse_serial(url, defaults))


async def _tcp(url: str, defaults: Mapping[str, str]) -> Link:
    return await open_tcp(urls.parse_tcp(url, defaults))


async def _listen(url: str, defaults: Mapping[str, str]) -> Link:
    return await open_listen(urls.parse_listen(url, defaults))


async def _mqtt(url: str, defaults: Mapping[str, str]) -> Link:
    return await open_mqtt(urls.parse_mqtt(url, defaults))


SCHEMES: Final[Mapping[str, Opener]] = {
    "serial": _serial,
    "tcp": _tcp,
    "tcp-listen": _listen,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
}


async def open_link(url: str, *, defaults: Mapping[str, str] = urls.NO_DEFAULTS) -> Link:
    """Open the link that `url` names.

    `defaults` are query parameters used where the URL does not say and its scheme knows them: a protocol's caller
    gives ``{"baudrate": "2400", "parity": "E"}`` whatever the scheme. Raises `ModelError` for a URL written wrongly,
    `LinkUnreachable` with a reason for an operator.
    """
    if url == urls.PUSH:
        raise LinkUnreachable("the line's meters only push: they cannot be asked")
    scheme = urls.scheme_of(url)
    if scheme.startswith(urls.FAULTY):
        settings = urls.parse_faulty(url, defaults)
        return FaultyLink(await open_link(settings.inner, defaults=defaults), settings.received, settings.sent)
    opener = SCHEMES.get(scheme) or _foreign(scheme)
    if opener is None:
        known = sorted([*SCHEMES, *(point.name for point in entry_points(group=GROUP))])
        raise ModelError(f"link {redacted(url)}: unknown scheme {scheme!r}, expected one of {', '.join(known)}")
    return await opener(url, defaults)


def _foreign(scheme: str) -> Opener | None:
    for point in entry_points(group=GROUP, name=scheme):
        opener: Opener = point.load()
        return opener
    return None
