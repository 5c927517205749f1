"""Meter models: their golden conversations, plans, and what a wrong file is told."""

from __future__ import annotations

import pytest

from protocols import models
from protocols.dlt645.model import Dlt645Model, Relay
from protocols.dlt645.wire import Wire
from protocols.errors import BadAnswer, ModelError
from protocols.meter_model import Golden
from protocols.quantities import quantity

MODELS = [name for name in models.names() if models.load(name).head.protocol == "dlt645"]

HEAD = """
[model]
name = "test"
title = "Test"
maker = "nobody"
protocol = "dlt645"
source = "made up"
"""


@pytest.mark.parametrize("name", MODELS)
def test_golden_conversations_give_their_values(name: str) -> None:
    model = models.load(name)
    assert model.head.golden
    for golden in model.head.golden:
        values = {value.part.name: str(value) for value in model.decode_golden(golden)}
        assert {key: values.get(key) for key in golden.values} == dict(golden.values)


@pytest.mark.parametrize("name", MODELS)
def test_every_quantity_can_be_planned_and_read_by_its_name_and_code(name: str) -> None:
    model = models.load(name)
    assert model.quantities
    for wanted in model.quantities:
        assert wanted in {found for read in model.plan([wanted]) for found in read.quantities}
        assert wanted in model.read(wanted.name).quantities
        assert wanted in model.read(str(wanted.obis)).quantities


def test_plan_takes_a_block_where_it_saves_requests_and_single_items_elsewhere() -> None:
    model = models.load("dlt645_2007")
    assert [read.label for read in model.plan([quantity("active_energy_import")])] == ["00010000"]
    rates = [quantity(f"active_energy_import{tail}") for tail in ("", "_t1", "_t2", "_t3", "_t4")]
    assert [read.label for read in model.plan(rates)] == ["0001FF00"]
    phases = [quantity(f"voltage_l{phase}") for phase in (1, 2, 3)]
    assert sorted(read.label for read in model.plan([*rates, *phases])) == ["0001FF00", "0201FF00"]
    assert model.plan([]) == ()


def test_item_is_named_by_identifier_too() -> None:
    model = models.load("dlt645_2007")
    assert model.read("0001ff00").label == "0001FF00"
    assert model.read("00800000").label == "00800000"  # not in the model, but the standard has it
    with pytest.raises(ModelError, match="unknown item 05000000"):
        model.read("05000000")
    with pytest.raises(ModelError, match="write only"):
        model.read("04000C03")


def test_wrong_golden_frames_are_told() -> None:
    model = models.load("dlt645_2007")
    good = model.head.golden[0]
    for golden in (
        Golden(good.reply, good.reply, {}, ""),
        Golden(good.request, good.request, {}, ""),
        Golden(good.request, good.reply[:-1], {}, ""),
        Golden(good.request, model.head.golden[1].reply, {}, ""),
        Golden(good.request, good.reply + good.reply, {}, ""),
    ):
        with pytest.raises(BadAnswer):
            model.decode_golden(golden)


def test_meters_digits_may_differ_from_the_standards() -> None:
    text = HEAD + '[dlt645]\nitems = ["02010100"]\n[[format]]\nitem = "02010100"\nbytes = 3\ndecimals = 3\n'
    model = models.parse(text, "here")
    request = bytes.fromhex("68 01 00 00 00 00 00 68 11 04 33 34 34 35 B6 16")
    reply = bytes.fromhex("68 01 00 00 00 00 00 68 91 07 33 34 34 35 89 67 55 7E 16")  # constructed
    (value,) = model.decode_golden(Golden(request, reply, {}, "constructed"))
    assert str(value) == "223.456"


def test_address_is_spelled_out() -> None:
    model = models.load("dlt645_2007")
    assert model.check_address("42") == "000000000042"
    with pytest.raises(ModelError, match="up to 12 digits"):
        model.check_address("1234567890123")


def test_what_a_relay_does_is_said_or_not_so() -> None:
    generic = models.load("dlt645_2007")
    assert isinstance(generic, Dlt645Model)
    assert generic.relay == Relay(), "the standard promises nothing"
    body = '[dlt645]\nitems = ["00010000"]\n[dlt645.relay]\nlimit = true\nprepaid = true\n'
    model = models.parse(HEAD + body, "meter.toml")
    assert isinstance(model, Dlt645Model)
    assert model.relay == Relay(limit=True, prepaid=True, kept=False)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('[dlt645]\nitems = ["00010000"]\n[dlt645.relay]\nprepayed = true', "prepayed"),
        ('[dlt645]\nedition = "1997"\nitems = ["9010"]\n[dlt645.relay]\nlimit = true', "edition 2007"),
        ("[dlt645]\nitems = []", "items is empty"),
        ('[dlt645]\nitems = ["05000000"]', "unknown item 05000000"),
        ('[dlt645]\nitems = ["0001"]', "not a data identifier"),
        ('[dlt645]\nitems = ["00010000", "00010000"]', "twice"),
        ('[dlt645]\nitems = ["00010000"]\nedition = "1998"', "edition"),
        ('[dlt645]\nitems = ["00010000"]\nbaud = 2400', "baud"),
        ('[dlt645]\nitems = ["00010000"]\n[[format]]\nitem = "00020000"\nbytes = 4\ndecimals = 2', "not among"),
        ('[dlt645]\nitems = ["00010000"]\n[[format]]\nitem = "00010000"\nbytes = 0\ndecimals = 2', "1 to 8 bytes"),
        ('[dlt645]\nitems = ["00010000"]\n[[format]]\nitem = "00010000"\nbytes = 2\ndecimals = 5', "decimals"),
        ("", "dlt645"),
    ],
)
def test_wrong_model_file_is_told_what_is_wrong(body: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        models.parse(HEAD + body, "meter.toml")
    assert "meter.toml" in str(caught.value)


def test_the_1997_edition_has_its_own_identifiers_and_conversation() -> None:
    model = models.load("dlt645_1997")
    assert [read.label for read in model.plan([quantity("active_energy_import")])] == ["9010"]
    rates = [quantity(f"active_energy_import{tail}") for tail in ("", "_t1", "_t2")]
    assert [read.label for read in model.plan(rates)] == ["901F"]
    ask = next(model.read("901f").exchange("123456789012", Wire()))
    assert ask.data == bytes.fromhex("FEFEFEFE 68 129078563412 68 01 02 52C3") + ask.data[-2:]
    assert model.read("B611").label == "B611"
    assert model.read("C119").label == "C119"  # not in the model, but the standard has it
    for unknown in ("00010000", "B6"):
        with pytest.raises(ModelError, match="not a data identifier"):
            model.read(unknown)


@pytest.mark.parametrize(
    ("spelled", "in_1997", "in_2007"),
    [
        ("123456", "AAAAAA123456", "000000123456"),
        ("12345", "AAAAAA012345", "000000012345"),
        ("000000123456", "000000123456", "000000123456"),
        ("AAAAAA123456", "AAAAAA123456", "AAAAAA123456"),
        ("123456789012", "123456789012", "123456789012"),
    ],
)
def test_a_short_address_is_filled_up_as_the_edition_wants_it(spelled: str, in_1997: str, in_2007: str) -> None:
    assert models.load("dlt645_1997").check_address(spelled) == in_1997
    assert models.load("dlt645_2007").check_address(spelled) == in_2007


def test_an_item_of_the_other_edition_is_refused() -> None:
    with pytest.raises(ModelError, match="expected 4 hex digits"):
        models.parse(HEAD + '[dlt645]\nedition = "1997"\nitems = ["00010000"]\n', "here")
