"""Runs in the environment of PyPI's dlt645 3.2.0: reads items with its client and prints what it gets, as JSON.

HOST PORT ADDRESS ITEM... ITEM is a data identifier; "address" asks for the address of the only meter there, and
"address=A" gives it one; "04000103=30" writes (password 04000000), "freeze" freezes at once, "clear" sets the meter to
zero. Addresses are given as its client wants them: the bytes in the order of the wire, which is the standard's address
reversed.
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


def answer_to(client: Any, item: str) -> Any:
    """What its client gives for one item."""
    name, equals, value = item.partition("=")
    if name == "address":
        return client.write_address(value) if equals else client.read_address()
    if name == "freeze":
        return client.freeze(99, 99, 99, 99)
    if name == "clear":
        return client.clear_meter("00000000")
    if equals:
        return client.write_04(int(name, 16), value, "04000000")
    readers = {
        "00": client.read_00, "01": client.read_01, "02": client.read_02, "03": client.read_03, "04": client.read_04,
    }  # fmt: skip
    return readers[item[:2]](int(item, 16))


def main() -> None:
    host, port, address, *items = sys.argv[1:]
    client = MeterClientService.new_tcp_client(host, int(port), 5.0)
    client.set_address(address)
    found: dict[str, Any] = {}
    for item in items:
        answer = answer_to(client, item)
        if isinstance(answer, list):
            (answer,) = answer
        found[item] = None if answer is None else spelled(answer.value)
    client.client.disconnect()
    sys.stdout.write("\n" + json.dumps(found) + "\n")


main()
