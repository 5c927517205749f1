"""`headend read`: every way in which a meter can answer or not, by its exit code and its words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.headend.bus import ENERGY, EXPORT, IMPORT, VOLTAGE, Bus, data
from tests.headend.command import Headend
from tests.ports import free_port

BLOCK = "0001FF00"
QUICK = ["--timeout", "100ms", "--latency", "0ms", "--retries", "0"]


@pytest.fixture
def bus() -> Bus:
    answers = {**ENERGY, VOLTAGE: b"\xff\xff", BLOCK: data(BLOCK, 100, 60, 40), "04000401": b"\x12\x90\x78\x56\x34\x12"}
    return Bus({"123456789012": answers})


@pytest.fixture
def at(bus: Bus) -> Iterator[list[str]]:
    """The command to read a meter of the bus, without items."""
    with bus.on_tcp() as url:
        yield ["read", "--link", url, "--protocol", "dlt645", "--address", "123456789012", *QUICK]


def test_one_item(headend: Headend, at: list[str]) -> None:
    began = datetime.now(UTC)
    ran = headend(*at, "00010000", "--json")
    (value,) = ran.document["values"]
    time = datetime.fromisoformat(value.pop("time"))
    assert (ran.code, ran.err) == (0, "")
    assert began <= time <= datetime.now(UTC)
    assert value == {
        "item": "00010000", "obis": "1-0:1.8.0*255", "name": "active_energy_import", "value": "123456.78",
        "unit": "kWh", "quality": "good",
    }  # fmt: skip
    assert set(ran.document) == {"address", "values", "elapsed_ms"}
    assert ran.document["address"] == "123456789012"


@pytest.mark.parametrize("item", ["active_energy_export", "1-0:2.8.0", "1-0:2.8.0*255", "00020000"])
def test_an_item_by_any_of_its_names(headend: Headend, at: list[str], item: str) -> None:
    (value,) = headend(*at, item, "--json").document["values"]
    assert (value["name"], value["value"]) == ("active_energy_export", "1.00")


def test_several_items_and_a_block(headend: Headend, at: list[str], bus: Bus) -> None:
    values = headend(*at, "0001ff00", EXPORT, "--json").document["values"]
    assert [(v["name"], v["value"]) for v in values] == [
        ("active_energy_import", "1.00"),
        ("active_energy_import_t1", "0.60"),
        ("active_energy_import_t2", "0.40"),
        ("active_energy_export", "1.00"),
    ]
    assert [code for _, code in bus.asked] == [BLOCK, EXPORT]


def test_a_table_for_people(headend: Headend, at: list[str]) -> None:
    ran = headend(*at, "00010000", VOLTAGE)
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["00010000", "active_energy_import", "1-0:1.8.0*255", "123456.78", "kWh", "good"] in rows
    assert [VOLTAGE, "voltage_l1", "1-0:32.7.0*255", "V", "not_available"] in rows
    assert (ran.code, ran.err) == (0, "")


def test_the_meters_word_that_it_has_none_is_an_answer(headend: Headend, at: list[str]) -> None:
    ran = headend(*at, "voltage_l1", "--json")
    (value,) = ran.document["values"]
    assert (ran.code, value["value"], value["quality"], value["unit"]) == (0, None, "not_available", "V")


def test_a_refusal_is_told_by_its_code_and_keeps_nothing_else_from_being_read(headend: Headend, at: list[str]) -> None:
    ran = headend(*at, "02020100", "00010000", "--json")
    assert ran.code == 1
    assert [v["value"] for v in ran.document["values"]] == ["123456.78"]
    (error,) = ran.document["errors"]
    assert (error["item"], error["kind"], error["code"]) == ("02020100", "refused", "02")
    assert "no requested data" in error["message"]
    assert ran.err == f"headend: 02020100: {error['message']}\n"


def test_an_answer_that_is_none(headend: Headend, at: list[str], bus: Bus) -> None:
    bus.meters["123456789012"][IMPORT] = b"\x0a\x0b\x0c\x0d"
    ran = headend(*at, IMPORT, "--json")
    assert (ran.code, ran.document["values"]) == (1, [])
    assert [(e["item"], e["kind"]) for e in ran.document["errors"]] == [(IMPORT, "bad_answer")]


def test_silence(headend: Headend, at: list[str], bus: Bus) -> None:
    at[at.index("123456789012")] = "999"
    ran = headend(*at, "00010000", "voltage_l1", "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (1, "no_answer")
    assert "no answer within 0.10 s, asked 1 times" in ran.err
    assert len(bus.asked) == 1
    headend(*at[:-1], "2", "00010000")
    assert len(bus.asked) == 1 + 3


def test_silence_after_an_answer_keeps_the_answer(headend: Headend, at: list[str], bus: Bus) -> None:
    bus.answers_left = 1
    ran = headend(*at, IMPORT, EXPORT, "voltage_l1", "--json")
    assert ran.code == 1
    assert [v["value"] for v in ran.document["values"]] == ["123456.78"]
    assert [(e["item"], e["kind"]) for e in ran.document["errors"]] == [(EXPORT, "no_answer")]
    assert [code for _, code in bus.asked] == [IMPORT, EXPORT]


def test_bytes_are_shown_with_trace(headend: Headend, at: list[str]) -> None:
    ran = headend(*at, "00010000", "--trace", "--json")
    assert ran.err.splitlines() == [
        "> FE FE FE FE 68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16",
        "< FE FE FE FE 68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 CC 16",
    ]


def test_links_that_cannot_be_opened(headend: Headend, tmp_path: Path) -> None:
    closed = free_port()
    ends = {
        f"tcp://127.0.0.1:{closed}": (1, "unreachable"),
        f"serial://{tmp_path}/none": (1, "unreachable"),
        f"serial://{tmp_path}": (1, "unreachable"),
        f"mqtt://127.0.0.1:{closed}/up/1?down=down/1&timeout=2": (3, "service"),
        f"faulty+tcp://127.0.0.1:{closed}": (1, "unreachable"),
    }
    for url, (code, kind) in ends.items():
        ran = headend("read", "--link", url, "--protocol", "dlt645", "--address", "1", IMPORT, "--json")
        assert (ran.code, ran.document["error"]["kind"]) == (code, kind), url
        assert ran.err == f"headend: {ran.document['error']['message']}\n"
        assert ran.err.count("\n") == 1


def test_a_link_that_is_closed_under_us(headend: Headend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        ran = headend("read", "--link", url, "--protocol", "dlt645", "--address", "1", IMPORT, "--json")
        thread.join()
    assert (ran.code, ran.document["error"]["kind"]) == (1, "link_closed")


DLT = ["--protocol", "dlt645", "--address", "1"]
MODBUS = ["--protocol", "modbus", "--address", "1"]
LINK = ["--link", "tcp://127.0.0.1:9"]
WRONG = {
    "unknown item": ([*LINK, *DLT, "nonsense"], "nonsense"),
    "unknown identifier": ([*LINK, *DLT, "FFFFFFFF"], "FFFFFFFF"),
    "unknown OBIS": ([*LINK, *DLT, "1-0:99.99.99"], "1-0:99.99.99"),
    "unknown model": ([*LINK, *DLT, "--model", "x", IMPORT], "unknown model 'x'"),
    "model of another protocol": ([*LINK, *DLT, "--model", "eastron_sdm630", IMPORT], "speaks modbus, not dlt645"),
    "not in the model": ([*LINK, *MODBUS, "--model", "eastron_sdm630", "status_word_1"], "status_word_1"),
    "register": ([*LINK, *MODBUS, "holding:99999"], "outside 0..65535"),
    "register type": ([*LINK, *MODBUS, "holding:1:u128"], "u128"),
    "quantity without a model": ([*LINK, *MODBUS, "voltage_l1"], "voltage_l1"),
    "address": ([*LINK, "--protocol", "dlt645", "--address", "12x", IMPORT], "12x"),
    "long address": ([*LINK, "--protocol", "dlt645", "--address", "1" * 13, IMPORT], "1" * 13),
    "unit": ([*LINK, "--protocol", "modbus", "--address", "256", "input:0"], "256"),
    "unit of another script": ([*LINK, "--protocol", "modbus", "--address", "²", "input:0"], "²"),
    "no unit": ([*LINK, "--protocol", "modbus", "--address", "-1", "input:0"], "-1"),
    "no item": ([*LINK, *DLT], "no ITEM"),
    "no protocol": ([*LINK, "--address", "1", IMPORT], "--link needs --protocol and --address"),
    "no address": ([*LINK, "--protocol", "dlt645", IMPORT], "--link needs --protocol and --address"),
    "protocol": ([*LINK, "--protocol", "dlms", "--address", "1", IMPORT], "invalid choice: 'dlms'"),
    "edition": ([*LINK, "--protocol", "modbus", "--address", "1", "--edition", "1997", "input:0"], "is of dlt645"),
    "edition's model": ([*LINK, *DLT, "--edition", "1997", "--model", "dlt645_2007", "9010"], "2007 edition, not 1997"),
    "edition's item": ([*LINK, *DLT, "--edition", "1997", "00010000"], "expected 4 hex digits"),
    "framing": ([*LINK, *DLT, "--framing", "rtu", IMPORT], "framing 'rtu' does not fit dlt645"),
    "no URL": (["--link", "127.0.0.1:9", *DLT, IMPORT], "not a link URL"),
    "scheme": (["--link", "http://127.0.0.1:9", *DLT, IMPORT], "unknown scheme 'http'"),
    "parameter": (["--link", "tcp://127.0.0.1:9?speed=1", *DLT, IMPORT], "speed"),
    "baud rate": (["--link", "serial:///dev/null?baudrate=x", *DLT, IMPORT], "baudrate"),
    "timeout": ([*LINK, *DLT, IMPORT, "--timeout", "soon"], "'soon' is no duration"),
    "retries": ([*LINK, *DLT, IMPORT, "--retries", "-1"], "--retries is -1"),
    "nothing at all": ([], "name a METER"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage(headend: Headend, name: str) -> None:
    arguments, said = WRONG[name]
    ran = headend("read", *arguments, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
    assert said in ran.document["error"]["message"]
    assert said in ran.err


def test_a_meter_of_the_registry(headend: Headend, site: Path, bus: Bus, at: list[str]) -> None:
    add = ["--address", "123456789012", "--model", "dlt645_2007", "--line", "bus 1", "--link", at[2]]
    assert headend("--config", site, "meter", "add", "m1", *add).code == 0
    ran = headend("--config", site, "read", "m1", *QUICK, "--json")
    assert ran.code == 0, "the items of the plans"
    assert [(v["name"], v["value"]) for v in ran.document["values"]] == [
        ("active_energy_import", "123456.78"),
        ("active_energy_export", "1.00"),
        ("voltage_l1", None),
    ]
    ran = headend("read", "m1", "04000401", "--config", site, "--json")
    assert [v["value"] for v in ran.document["values"]] == ["123456789012"]
    ran = headend("read", "m9", "--config", site, "--json")
    assert ran.code == 1
    assert "no meter named 'm9' in the registry (see headend meter list)" in ran.err
    assert headend("read", "m1", "nonsense", "--config", site).code == 2
