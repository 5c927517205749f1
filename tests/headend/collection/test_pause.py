"""The silence between frames follows protocol and rate, where the configuration states none."""

from __future__ import annotations

import pytest

from headend.collection.line import LinePath
from headend.config import TimingTable, parse
from headend.errors import UsageFault


@pytest.mark.parametrize(
    ("url", "protocol", "framing", "pause"),
    [
        ("serial:///dev/ttyUSB0", "dlt645", "", 0.0),
        ("tcp://10.0.0.1:4001", "dlt645", "", 0.0),
        ("tcp://10.0.0.1:502", "modbus", "", 0.0),
        ("serial:///dev/ttyUSB0?baudrate=2400", "modbus", "", 3.5 * 11 / 2400),
        ("serial:///dev/ttyUSB0", "modbus", "", 3.5 * 11 / 9600),
        ("serial:///dev/ttyUSB0?baudrate=19200", "modbus", "", 3.5 * 11 / 19200),
        ("serial:///dev/ttyUSB0?baudrate=19201", "modbus", "", 0.00175),
        ("serial:///dev/ttyUSB0?baudrate=115200", "modbus", "", 0.00175),
        ("tcp://10.0.0.1:4001", "modbus", "rtu", 3.5 * 11 / 9600),
        ("tcp-listen://0.0.0.0:4001", "modbus", "", 3.5 * 11 / 9600),
    ],
)
def test_pause_as_the_standard_wants_it(url: str, protocol: str, framing: str, pause: float) -> None:
    path = LinePath("line", url, protocol, framing)
    assert path.pause == pytest.approx(pause)
    assert TimingTable().timing(path.bits_per_second, path.pause).pause == path.pause


def test_stated_pause_holds() -> None:
    assert TimingTable(pause="20ms").timing(9600, 0.004).pause == 0.02
    assert TimingTable(pause="0ms").timing(9600, 0.004).pause == 0.0


HEAD = '[database]\ndirectory = "x"\n'


def test_empty_pause_is_a_setting_and_other_empty_durations_are_not() -> None:
    assert parse(HEAD + '[timing.modbus]\npause = ""', "x.toml").timing.modbus.pause == ""
    with pytest.raises(UsageFault, match=r"timing\.modbus\.gap"):
        parse(HEAD + '[timing.modbus]\ngap = ""', "x.toml")
    with pytest.raises(UsageFault, match=r"timing\.dlt645\.pause"):
        parse(HEAD + '[timing.dlt645]\npause = "soon"', "x.toml")
