"""Lines whose DTU dials in to us: one listening socket per host and port, a DTU known by its registration."""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from protocols.errors import LinkUnreachable
from protocols.links.dtu import DtuLink, Opening
from protocols.links.listener import Listener
from protocols.links.reasons import reason
from protocols.links.url import ListenSettings

_listeners: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], Listener]]] = WeakKeyDictionary()


async def open_listen(settings: ListenSettings) -> DtuLink:
    """The line's DTU; waits `settings.wait` seconds for it to dial in. Raises `LinkUnreachable`.

    The socket listens on, for a while after the wait or the DTU's going away (`listener.LINGER_S`), so that a DTU that
    dials in between two openings is kept; it closes at once with the last link that *we* close.
    """
    where = f"{settings.host}:{settings.port}"
    listener = _listener(settings)
    opening = Opening(settings.chatter, asyncio.get_running_loop().create_future())
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


async def expect(settings: ListenSettings) -> None:
    """Listen for the line's DTU without opening the line. May be called again. Raises `LinkUnreachable`."""
    listener = _listener(settings)
    try:
        listener.expect(settings.chatter)
        await listener.start(settings.host, settings.port)
    except OSError as error:
        listener.expect_no_longer(settings.register)
        listener.close()
        raise LinkUnreachable(f"cannot listen on {settings.host}:{settings.port}: {reason(error)}") from error


def expect_no_longer(settings: ListenSettings) -> None:
    """Its DTU is not waited for any more; an open link of the line stays open."""
    listener = _listeners.get(asyncio.get_running_loop(), {}).get((settings.host, settings.port))
    if listener is not None:
        listener.expect_no_longer(settings.register)


def last_heard(settings: ListenSettings) -> float | None:
    """When the line's DTU, which is connected, said something last (the loop's time); None: it is not connected."""
    listener = _listeners.get(asyncio.get_running_loop(), {}).get((settings.host, settings.port))
    return None if listener is None else listener.last_heard(settings.register)


def hang_up(settings: ListenSettings) -> None:
    """End the connections of the line's DTU: it is known to have dialled in somewhere else."""
    listener = _listeners.get(asyncio.get_running_loop(), {}).get((settings.host, settings.port))
    if listener is not None:
        listener.hang_up(settings.register)


def _listener(settings: ListenSettings) -> Listener:
    ours = _listeners.setdefault(asyncio.get_running_loop(), {})
    key = (settings.host, settings.port)
    if key not in ours:
        ours[key] = Listener(f"{key[0]}:{key[1]}", on_closed=lambda closed: _remove(ours, closed))
    return ours[key]


def _remove(ours: dict[tuple[str, int], Listener], closed: Listener) -> None:
    for key in [key for key, listener in ours.items() if listener is closed]:
        del ours[key]


async def close_listeners() -> None:
    """Close every listening socket of this event loop with all its connections: for the end of the program."""
    for listener in list(_listeners.get(asyncio.get_running_loop(), {}).values()):
        listener.close()
    await asyncio.sleep(0)
