"""Serial ports: pyserial opens and configures the tty, the event loop moves the bytes.

pyserial's own asyncio wrapper is not used: it has had no release since 2021, and a tty is one descriptor.
"""

from __future__ import annotations

import os
import stat
import termios
from typing import Final

import serial

from protocols.errors import LinkUnreachable
from protocols.links.descriptor import DescriptorLink
from protocols.links.reasons import reason
from protocols.links.url import SerialSettings

_PTY_MAJORS: Final = range(136, 144)
"""Slaves of Unix 98 pseudo-terminals (Linux, Documentation/admin-guide/devices.txt)."""


async def open_serial(settings: SerialSettings) -> DescriptorLink:
    """The port, ours alone, with empty buffers. Raises `LinkUnreachable`."""
    try:
        # A pseudo-terminal has 8 bits without parity: Linux strips what else is asked, and glibc calls that an error.
        bits, parity = (8, "N") if _is_pty(settings.path) else (settings.bytesize, settings.parity)
        port = serial.Serial(
            settings.path,
            baudrate=settings.baudrate,
            bytesize=bits,
            parity=parity,
            stopbits=settings.stopbits,
            timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as error:
        raise LinkUnreachable(f"{settings.path}: {_why(error)}") from error
    return DescriptorLink(port.fileno(), port.close)


def _is_pty(path: str) -> bool:
    status = os.stat(path)
    return stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) in _PTY_MAJORS


def _why(error: OSError | ValueError | termios.error) -> str:
    """pyserial wraps the system's error without always keeping its number."""
    if not isinstance(error, OSError):
        return f"the port does not take these settings: {error}"
    cause = error.__context__
    if isinstance(error, serial.SerialException) and error.errno is None:
        if isinstance(cause, OSError):
            return reason(cause)
        if isinstance(cause, termios.error):
            return "not a serial port"
    return reason(error)
