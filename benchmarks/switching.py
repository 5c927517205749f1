"""Switching: an order of 10,000 simulated meters on 100 lines, with ramps and caps out of the way, from its release
until every relay was read back as ordered. The wire is loopback TCP; database, daemon and meters share the machine.

    python -m benchmarks.switching [METERS] [--lines N] [--json]

The limit is the pace that the utility asks for: 10,000 in five minutes.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from argparse import ArgumentParser
from time import perf_counter
from typing import Final

import structlog

from benchmarks.report import Row, show
from storage.migrate import migrate
from tests.headend.sending.works import policy, works
from tests.servers import plain_server

WANTED_S: Final = 10_000 / 300
_LOOK_S: Final = 1.0


def free_hand() -> str:
    """The sample policy without ramps, caps and watch: what is measured is the machine."""
    text = (
        policy().replace("in_flight = 20\n", "in_flight = 1_000_000\n").replace("= 20_000_000\n", "= 10_000_000_000\n")
    )
    text = text.replace("commands = 200\n", "commands = 1_000_000\n").replace("= 2_000_000\n", "= 10_000_000_000\n")
    return text[: text.index("# What is unusual holds who asks")]


async def switched(meters: int, lines: int) -> float:
    """Seconds from release to the last verified. Raises `AssertionError` where a relay stands otherwise."""
    with plain_server() as server, server.fresh() as conninfo:
        await migrate(conninfo)
        async with works(conninfo, lines, meters // lines, free_hand()) as utility:
            order = await utility.released()
            assert order.state == "released", order.state
            began = perf_counter()
            async with utility.daemon():
                states: dict[str, int] = {}
                while set(states) != {"verified"}:
                    await asyncio.sleep(_LOOK_S)
                    states = dict(
                        await asyncio.to_thread(
                            utility.sql, "SELECT state, count(*) FROM command_state WHERE key = %s GROUP BY 1", order.id
                        )
                    )
                    print(f"{perf_counter() - began:.0f} s: {states}", file=sys.stderr)
                took = perf_counter() - began
            assert not any(utility.closed(meter) for meter in utility.meters), "a relay is closed"
            return took


def main(argv: list[str]) -> None:
    parser = ArgumentParser(description="Meters switched and verified in a second.")
    parser.add_argument("meters", nargs="?", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    took = asyncio.run(switched(given.meters, given.lines))
    count = given.meters // given.lines * given.lines
    show([Row("switching", "meters/s", count / took, limit=WANTED_S, limit_name="10,000 in 300 s")], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
