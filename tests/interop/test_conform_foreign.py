"""Conformance runs against servers that nobody here wrote: what is known of them comes out.

PyPI's dlt645 3.2.0 answers requests to other addresses, to the broadcast, and other stations' answers, where a meter
on a shared line has to be silent; its date is none until it is set. pymodbus answers for units that are not there, and
refuses an impossible count with function 80H and exception 01.
"""

from __future__ import annotations

import pytest

from headend.collection.line import Line, LinePath
from headend.conform.check import Result
from headend.conform.probe import Patience
from headend.conform.run import conform
from protocols.models import load
from tests.interop.test_pymodbus_server import line as line
from tests.interop.test_read_foreign import STANDARD
from tests.interop.test_read_foreign import meter as meter

pytestmark = pytest.mark.interop

QUICK = Patience(response=0.3, latency=0.1)


async def test_what_the_server_of_pypi_does_wrong_fails(meter: list[str]) -> None:
    made = await conform(LinePath("peer", meter[1], "dlt645"), STANDARD, load("dlt645_2007"), QUICK)
    failed = {finding.key for finding in made.findings if finding.result is Result.FAIL}
    assert {"stranger", "overheard_reply", "broadcast_read", "clock"} <= failed
    passed = {finding.key for finding in made.findings if finding.result is Result.PASS}
    assert {"energy", "answer_form", "preamble_16", "bad_check_sum", "unknown_item", "read_address"} <= passed
    assert not made.conforms


async def test_pymodbus(line: Line) -> None:
    made = await conform(line.path, "7", load("eastron_sdm630"), QUICK)
    results = {finding.key: finding.result for finding in made.findings}
    passed = {key for key, result in results.items() if result is Result.PASS}
    assert {"read", "answers_once", "long_read", "values", "identification"} <= passed
    assert (results["count_0"], results["count_126"]) == (Result.FAIL, Result.FAIL)
    if line.path.framing == "tcp":
        assert {"no_register", "transactions"} <= passed
    else:
        assert (results["stranger"], results["bad_crc"]) == (Result.FAIL, Result.PASS)
