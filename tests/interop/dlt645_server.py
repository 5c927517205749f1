"""Runs in the environment of PyPI's dlt645 3.2.0: one meter of its server. Prints the port; ends when stdin does.

ADDRESS ITEM=VALUE... The address is given as its server wants it: the bytes in the order of the wire, which is the
standard's address reversed.
"""

from __future__ import annotations

import sys

from dlt645 import MeterServerService


def main() -> None:
    address, *items = sys.argv[1:]
    meter = MeterServerService.new_tcp_server("127.0.0.1", 0, 3000)
    meter.set_address(address)
    setters = {"00": meter.set_00, "02": meter.set_02}
    for item, _, value in (given.partition("=") for given in items):
        if not setters[item[:2]](int(item, 16), float(value)):
            raise SystemExit(f"its server takes no {item}={value}")
    if not meter.server.start():
        raise SystemExit("its server does not start")
    sys.stdout.write(f"{meter.server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


main()
