"""Runs in the environment of PyPI dlt645: decodes the frames on its standard input to values, a round for each ``go``.

First line: the meter's address, then one frame a line in hex, an empty line; it answers with the decoded values, one
JSON line (null where it finds no value), and then with the seconds of a round for each further line that it reads.
"""

import json
import logging
import sys
from time import perf_counter

from dlt645.protocol.protocol import DLT645Protocol
from dlt645.service.clientsvc.client_service import MeterClientService
from dlt645.transport.client.tcp_client import TcpClient


def main() -> None:
    service = MeterClientService(TcpClient("127.0.0.1", 1))  # never connected
    digits = sys.stdin.readline().strip()
    service.set_address("".join(reversed([digits[at : at + 2] for at in range(0, 12, 2)])))  # it wants wire order
    frames = [bytes.fromhex(line) for line in iter(lambda: sys.stdin.readline().strip(), "")]
    logging.disable(logging.CRITICAL)  # it would write a line for each bad frame
    deserialize, handle_response = DLT645Protocol.deserialize, service.handle_response
    values = []
    for raw in frames:
        try:
            item = handle_response(deserialize(raw))
        except ValueError:  # no whole and sound frame
            item = None
        values.append(item.value if item else None)
    print(json.dumps(values), flush=True)
    for _line in sys.stdin:
        started = perf_counter()
        for raw in frames:
            try:
                handle_response(deserialize(raw))
            except ValueError:
                continue
        print(perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
