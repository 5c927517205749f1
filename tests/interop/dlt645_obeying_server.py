"""Runs in the environment of PyPI's dlt645 3.2.0: its meter on a TCP port, until it is ended.

PORT ADDRESS PASSWORD: the address as its API wants it, which is the standard's reversed; the password as sent, level
first. Prints a line when it is ready.
"""

from __future__ import annotations

import sys
import time

from dlt645 import MeterServerService


def main() -> None:
    port, address, password = sys.argv[1:]
    server = MeterServerService.new_tcp_server("127.0.0.1", int(port), 3000)
    server.set_address(address)
    server.password_manager.set_password(bytearray.fromhex(password))
    server.set_04(0x04000103, "15")
    server.server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


main()
