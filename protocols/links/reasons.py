"""Why a path could not be opened or went away, in an operator's words."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[int, str]] = {
    errno.ENOENT: "no such device",
    errno.ENODEV: "no such device",
    errno.ENXIO: "no such device",
    errno.ENOTTY: "not a serial port",
    errno.EACCES: "no permission (is the user in the group dialout?)",
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program",
    errno.EIO: "the device is gone",
    errno.ECONNREFUSED: "connection refused, nothing listens there",
    errno.ECONNRESET: "reset by the other side",
    errno.EPIPE: "closed by the other side",
    errno.ETIMEDOUT: "the other side no longer answers",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the host's network",
    errno.EADDRINUSE: "the port is in use by another program",
    errno.EADDRNOTAVAIL: "the address is not one of this machine's",
}


def reason(error: OSError | None) -> str:
    """A short text for `error`; None is an orderly end."""
    if error is None:
        return "closed by the other side"
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error}"
    if error.errno is None:
        return str(error) or type(error).__name__
    return _WORDS.get(error.errno) or os.strerror(error.errno)
