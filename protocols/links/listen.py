"""Lines whose DTU dials in to us: one listening socket per host and port, a DTU known by its registration."""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from protocols.errors import LinkUnreachable
from protocols.links.listener import DtuLink, Listener, Opening
from protocols.links.reasons import reason
from protocols.links.url import ListenSettings

_listeners: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], Listener]]] = WeakKeyDictionary()


async def open_listen(settings: ListenSettings) -> DtuLink:
    """The line's DTU; waits `settings.wait` seconds for it to dial in. Raises `LinkUnreachable`.

    The socket listens on, for a while after the wait or the DTU's going away (`listener.LINGER_S`), so that a DTU that
    dials in between two openings is kept; it closes at once with the last link that *we* close.
    """
    ours = _listeners.setdefault(asyncio.get_running_loop(), {})
    key = (settings.host, settings.port)
    where = f"{settings.host}:{settings.port}"
    listener = ours.get(key)
    if listener is None:
        listener = ours[key] = Listener(where, on_closed=lambda closed: _remove(ours, closed))
    opening = Opening(settings.register, settings.heartbeat, asyncio.get_running_loop().create_future())
    listener.add(opening)
    try:
        await listener.start(settings.host, settings.port)
        await asyncio.wait({opening.link}, timeout=settings.wait)
    except OSError as error:
        listener.close()
        raise LinkUnreachable(f"cannot listen on {where}: {reason(error)}") from error
    except asyncio.CancelledError:
        listener.remove(opening, linger=False)
        if opening.link.done():
            await opening.link.result().close()
        raise
    if opening.link.done():
        return opening.link.result()
    listener.remove(opening, linger=True)
    raise LinkUnreachable(f"{where}: {listener.why_not(settings)}")


def _remove(ours: dict[tuple[str, int], Listener], closed: Listener) -> None:
    for key in [key for key, listener in ours.items() if listener is closed]:
        del ours[key]


async def close_listeners() -> None:
    """Close every listening socket of this event loop with all its connections: for the end of the program."""
    for listener in list(_listeners.get(asyncio.get_running_loop(), {}).values()):
        listener.close()
    await asyncio.sleep(0)
