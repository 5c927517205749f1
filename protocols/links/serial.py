"""Serial ports: pyserial opens and configures the tty, the event loop moves the bytes.

pyserial's own asyncio wrapper is not used: it has had no release since 2021, and a tty is one descriptor.
"""

from __future__ import annotations

import termios

import serial

from protocols.errors import LinkUnreachable
from protocols.links.descriptor import DescriptorLink
from protocols.links.reasons import reason
from protocols.links.url import SerialSettings


async def open_serial(settings: SerialSettings) -> DescriptorLink:
    """The port, ours alone, with empty buffers. Raises `LinkUnreachable`."""
    try:
        port = serial.Serial(
            settings.path,
            baudrate=settings.baudrate,
            bytesize=settings.bytesize,
            parity=settings.parity,
            stopbits=settings.stopbits,
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as error:
        raise LinkUnreachable(f"{settings.path}: {_why(error)}") from error
    return DescriptorLink(port.fileno(), port.close)


def _why(error: OSError | ValueError | termios.error) -> str:
    """pyserial wraps the system's error without always keeping its number."""
    if not isinstance(error, OSError):
        return str(error)
    cause = error.__context__
    if isinstance(error, serial.SerialException) and error.errno is None:
        if isinstance(cause, OSError):
            return reason(cause)
        if isinstance(cause, termios.error):
            return "not a serial port"
    return reason(error)
