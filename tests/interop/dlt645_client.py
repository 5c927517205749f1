"""Runs in the environment of PyPI's dlt645 3.2.0: reads items with its client and prints what it gets, as JSON.

HOST PORT ADDRESS ITEM... ITEM is a data identifier, or "address" to ask for the address of the only meter there. The
address is given as its client wants it: the bytes in the order of the wire, which is the standard's address reversed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from dlt645 import MeterClientService


def spelled(value: Any) -> Any:
    """Plain text of a value: numbers as printed, demands as a pair."""
    if hasattr(value, "time"):
        return [spelled(value.value), value.time.strftime("%Y-%m-%dT%H:%M")]
    return None if value is None else str(value)


def main() -> None:
    host, port, address, *items = sys.argv[1:]
    client = MeterClientService.new_tcp_client(host, int(port), 5.0)
    client.set_address(address)
    readers = {"00": client.read_00, "01": client.read_01, "02": client.read_02, "04": client.read_04}
    found: dict[str, Any] = {}
    for item in items:
        answer = client.read_address() if item == "address" else readers[item[:2]](int(item, 16))
        found[item] = None if answer is None else spelled(answer.value)
    client.client.disconnect()
    sys.stdout.write("\n" + json.dumps(found) + "\n")


main()
