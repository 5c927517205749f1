"""Pseudo-terminals: the meter's side of a serial line without hardware, for simulators and tests."""

from __future__ import annotations

import os
import tty

from protocols.links.descriptor import DescriptorLink


def pty_pair() -> tuple[DescriptorLink, str]:
    """The master side as a link, and the path of the tty that the other side opens.

    Raw mode. We hold the tty open ourselves: so the link lives on while others close and open it, as a bus does, and
    never learns that they did. The kernel keeps at most about 4 kB that nobody has read; then `send` waits.
    """
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)

    def release() -> None:
        os.close(master)
        os.close(slave)

    return DescriptorLink(master, release), os.ttyname(slave)
