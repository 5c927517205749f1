"""`meter scan`, `model show --plan` and `model test --link` against units on a line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from headend.errors import UsageFault
from headend.metering.scan import units
from protocols import models
from protocols.modbus import ModbusModel
from protocols.modbus.pdu import exception_reply, parse_request
from protocols.modbus.registers import Order, Register
from tests.headend.command import Headend
from tests.headend.modbus_bus import ModbusBus
from tests.protocols.modbus.conversation import Image

QUICK = ("--timeout", "40ms", "--latency", "0ms", "--retries", "0")


def sdm630(order: Order = Order.ABCD, **changed: str) -> Image:
    """Its whole input map; `order` is how the meter really keeps its numbers."""
    kind = models.load("eastron_sdm630")
    assert isinstance(kind, ModbusModel)
    image = Image({4: dict.fromkeys(range(344), 0)})
    for register in kind.registers:
        name = register.part.name
        value = changed.get(name) or {"v": "230.2", "f": "49.98"}.get(name[0], "0.5")
        real = Register(4, register.address, register.form, register.part, order, register.scale)
        image.put(4, register.address, real.encode(Decimal(value)))
    return image


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_a_scan_tells_who_is_there_and_why(headend: Headend, framing: str) -> None:
    named = Image({}, {0: b"Schneider Electric", 1: b"iEM3155"})
    bus = ModbusBus(
        {3: sdm630().answer, 5: named.answer, 7: Image({}).answer, 9: lambda pdu: exception_reply(pdu[0], 0x0B)},
        "rtu" if framing == "rtu" else "tcp",
    )
    with bus.on_tcp() as url:
        ran = headend("meter", "scan", "--link", url, "--framing", framing, "--units", "2-9", *QUICK, "--json")
    assert ran.code == 0
    found = {document["unit"]: document for document in ran.documents}
    assert {unit: document["presence"] for unit, document in found.items()} == {
        3: "answers",
        5: "answers",
        7: "refuses",
        9: "unreachable",
    }
    assert found[3]["models"][0]["by"] == "plausibility"
    assert "eastron_sdm630" in [candidate["model"] for candidate in found[3]["models"]]
    assert found[5]["identification"] == {"0": "Schneider Electric", "1": "iEM3155"}
    assert [(c["model"], c["by"]) for c in found[5]["models"]] == [("schneider_iem3000", "identification")]
    assert found[7]["models"] == []
    assert {unit for unit, _ in bus.asked} == set(range(2, 10))
    assert not any(parse_request(pdu).acts for _, pdu in bus.asked)


def test_a_scan_of_nobody_finds_nobody(headend: Headend) -> None:
    with ModbusBus({}).on_tcp() as url:
        ran = headend("meter", "scan", "--link", url, "--framing", "rtu", "--units", "1,4", *QUICK)
    assert ran.code == 1
    assert "2 units asked, 0 there" in ran.out


def test_noise_is_told_and_not_taken_for_a_meter(headend: Headend) -> None:
    bus = ModbusBus({})
    bus.noise[4] = b"\x04\x04\x02garbage"
    with bus.on_tcp() as url:
        ran = headend("meter", "scan", "--link", url, "--framing", "rtu", "--units", "4", *QUICK, "--json")
    assert ran.code == 1
    assert ran.document["presence"] == "silent"
    assert ran.document["models"] == []
    assert "no frame" in ran.document["said"][0]


def test_a_sunspec_meter_is_found_by_its_marker(headend: Headend) -> None:
    image = Image({})
    image.put(3, 40000, b"SunS" + bytes((0, 1, 0, 2, 0, 0, 0, 0, 0, 203, 0, 105)) + bytes(210) + b"\xff\xff\0\0")
    with ModbusBus({1: image.answer}, "tcp").on_tcp() as url:
        ran = headend("meter", "scan", "--link", url, "--units", "1", *QUICK, "--json")
    (candidate,) = ran.document["models"]
    assert (candidate["model"], candidate["evidence"]) == ("sunspec_203", ["SunS at holding 40000, models 1 203"])


@pytest.mark.parametrize("words", [("--link", "tcp://x:1", "--deep"), (), ("--link", "tcp://x:1", "--units", "9-1")])
def test_scans_that_cannot_be(headend: Headend, words: tuple[str, ...]) -> None:
    assert headend("meter", "scan", *words).code == 2


@pytest.mark.parametrize(
    ("text", "expected"), [("1-3", [1, 2, 3]), ("7", [7]), ("5,1-2,5", [1, 2, 5]), ("0-255", list(range(256)))]
)
def test_spans_of_units(text: str, expected: list[int]) -> None:
    assert units(text) == expected


@pytest.mark.parametrize("text", ["", "x", "3-1", "256", "-1", "1,,2"])
def test_spans_that_are_none(text: str) -> None:
    with pytest.raises(UsageFault, match="expected numbers and spans"):
        units(text)


def test_a_good_meter_passes(headend: Headend) -> None:
    with ModbusBus({1: sdm630().answer}).on_tcp() as url:
        ran = headend(
            "model", "test", "eastron_sdm630", "--link", url, "--framing", "rtu", "--address", "1", *QUICK, "--json"
        )
    assert ran.code == 0
    assert ran.document["hint"] is None
    assert ran.document["errors"] == []
    assert {v["name"]: v["value"] for v in ran.document["values"]}["voltage_l1"] == "230.200"
    assert not [v for v in ran.document["values"] if v["problem"]]


def test_a_swapped_word_order_is_seen_and_said(headend: Headend) -> None:
    with ModbusBus({1: sdm630(Order.CDAB).answer}).on_tcp() as url:
        ran = headend("model", "test", "eastron_sdm630", "--link", url, "--framing", "rtu", "--address", "1", *QUICK)
    assert ran.code == 1
    assert "looks like word order cdab" in ran.out
    assert "expected no such small number" in ran.out


def test_implausible_values_are_named(headend: Headend) -> None:
    image = sdm630(frequency="12", active_energy_export="-3", power_factor="1.5")
    with ModbusBus({1: image.answer}).on_tcp() as url:
        ran = headend(
            "model", "test", "eastron_sdm630", "--link", url, "--framing", "rtu", "--address", "1", *QUICK, "--json"
        )
    assert {v["name"]: v["problem"] for v in ran.document["values"] if v["problem"]} == {
        "frequency": "expected 45..65 Hz",
        "active_energy_export": "expected not negative",
        "power_factor": "expected -1..1",
    }
    assert ran.document["hint"] is None


def test_refused_reads_are_told(headend: Headend) -> None:
    with ModbusBus({1: Image({4: dict.fromkeys(range(100), 0)}).answer}).on_tcp() as url:
        ran = headend(
            "model", "test", "eastron_sdm630", "--link", url, "--framing", "rtu", "--address", "1", *QUICK, "--json"
        )
    assert ran.code == 1
    assert [(e["item"], e["kind"]) for e in ran.document["errors"]] == [("input 342..343", "refused")]


@pytest.mark.parametrize(
    "words", [("--link", "tcp://x:1"), ("--address", "1"), ("--link", "tcp://x:1", "--address", "1", "a", "b")]
)
def test_tries_that_cannot_be(headend: Headend, words: tuple[str, ...]) -> None:
    assert headend("model", "test", *words).code == 2


def test_a_plan_tells_address_count_and_bytes(headend: Headend) -> None:
    plan = headend("model", "show", "eastron_sdm630", "--plan", "--json").document["plan"]
    assert [(r["item"], r["function"], r["address"], r["count"], r["bytes"]) for r in plan] == [
        ("input 0..35", 4, 0, 36, 77),
        ("input 52..79", 4, 52, 28, 61),
        ("input 342..343", 4, 342, 2, 9),
    ]
    shown = headend("model", "show", "eastron_sdm630", "--plan").out
    assert "count" in shown
    assert "77" in shown
    assert headend("model", "show", "dlt645_2007", "--plan").code == 0
