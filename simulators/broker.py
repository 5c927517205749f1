"""An MQTT broker inside the process, for the demo and for tests without a broker: amqtt, MQTT 3.1.1 only.

Plain Python: some thousand messages a second. A client with keep-alive 0 may get nothing from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

_LISTENER: Final = "default"
_CONFIG: Final = {
    "listeners": {_LISTENER: {"type": "external"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}
_CHATTY: Final = ("amqtt", "transitions")

_log = structlog.get_logger(__name__)


@contextmanager
def _quiet() -> Iterator[None]:
    """amqtt logs every packet, and a client's going away as a warning."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@asynccontextmanager
async def embedded_broker(port: int = 0) -> AsyncIterator[str]:
    """Run a broker on 127.0.0.1; gives its URL ``mqtt://127.0.0.1:PORT``. Anybody may connect from this machine.

    We listen ourselves and hand amqtt the connections: so the port can be a free one (0), and the end is ours too.
    """
    clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    with _quiet():
        broker = Broker(_CONFIG)
        await broker.start()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            clients[task] = writer
            try:
                await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)
            except OSError as error:
                _log.debug("client went away", reason=str(error))
            finally:
                del clients[task]
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        try:
            yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            # Hang up first: amqtt stops a connected client by cancelling its reader, which Python 3.11's wait_for can
            # swallow, and then waits for ever. A reader at its end of file ends by itself.
            for writer in clients.values():
                writer.transport.abort()
            if clients:
                await asyncio.wait(clients)
            await broker.shutdown()
            await server.wait_closed()
