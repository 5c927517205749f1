"""Link URLs: what they say, and what an operator is told about a wrong one."""

from __future__ import annotations

import pytest

from protocols.errors import ModelError
from protocols.links.faults import Faults
from protocols.links.query import redacted
from protocols.links.url import (
    BrokerSettings,
    FaultySettings,
    ListenSettings,
    MqttSettings,
    SerialSettings,
    TcpSettings,
    TlsSettings,
    parse_link,
    swapped,
)

DLT645 = {"baudrate": "2400", "parity": "E", "bytesize": "8", "stopbits": "1"}


def test_serial() -> None:
    url = "serial:///dev/ttyUSB0?baudrate=19200&parity=N&stopbits=2"
    assert parse_link(url) == SerialSettings(url, "/dev/ttyUSB0", 19200, 8, "N", 2)
    assert parse_link("serial:///dev/ttyS0") == SerialSettings("serial:///dev/ttyS0", "/dev/ttyS0", 9600, 8, "E", 1)


def test_defaults_fill_in_what_the_url_does_not_say() -> None:
    settings = parse_link("serial:///dev/ttyS0?parity=O", DLT645)
    assert isinstance(settings, SerialSettings)
    assert (settings.baudrate, settings.parity) == (2400, "O")


def test_defaults_that_a_scheme_does_not_know_are_left_alone() -> None:
    assert parse_link("tcp://meter:4001", DLT645) == TcpSettings("tcp://meter:4001", "meter", 4001, 10)
    assert parse_link("tcp://[::1]:502?timeout=2.5") == TcpSettings("tcp://[::1]:502?timeout=2.5", "::1", 502, 2.5)


def test_listen() -> None:
    settings = parse_link("tcp-listen://0.0.0.0:7000?register=hex:44%2054&heartbeat=re:ping\\d+&wait=5")
    assert isinstance(settings, ListenSettings)
    assert settings.register is not None
    assert settings.register.literal == b"DT"
    assert settings.chatter.heartbeat is not None
    assert settings.chatter.heartbeat.fills(b"ping12")
    assert settings.wait == 5


def test_mqtt() -> None:
    settings = parse_link("mqtt://me:p%40ss@broker//gw/1/up?down=gw/1/down&payload=json&field=hex&qos=0")
    assert isinstance(settings, MqttSettings)
    assert settings.broker == BrokerSettings("broker", 1883, "me", "p@ss", None)
    assert (settings.up, settings.down, settings.payload, settings.field, settings.qos) == (
        "/gw/1/up", "gw/1/down", "json", "hex", 0,
    )  # fmt: skip
    assert settings.url.startswith("mqtt://me:***@broker")
    assert "p@ss" not in repr(settings)


def test_mqtts() -> None:
    settings = parse_link("mqtts://broker/u?down=d&cafile=/etc/ca.pem")
    assert isinstance(settings, MqttSettings)
    assert settings.broker == BrokerSettings("broker", 8883, None, None, TlsSettings("/etc/ca.pem", None, None))


def test_faulty() -> None:
    url = "faulty+serial:///dev/ttyS0?baudrate=1200&faults=seed:7,noise:0.5,late_s:1-2&faults_sent=drop:1"
    assert parse_link(url) == FaultySettings(
        url, "serial:///dev/ttyS0?baudrate=1200", Faults(seed=7, noise=0.5, late_s=(1.0, 2.0)), Faults(drop=1.0)
    )
    assert parse_link("faulty+tcp://h:1?faults=drop:1") == FaultySettings(
        "faulty+tcp://h:1?faults=drop:1", "tcp://h:1", Faults(drop=1.0), None
    )


def test_swapped_is_the_meters_end() -> None:
    url = "mqtt://u:p@h:1/a%20b/up?down=c/down&payload=hex"
    other = swapped(url)
    ours, theirs = parse_link(url), parse_link(other)
    assert isinstance(ours, MqttSettings)
    assert isinstance(theirs, MqttSettings)
    assert (theirs.up, theirs.down, theirs.payload, theirs.broker) == (ours.down, ours.up, "hex", ours.broker)
    back = parse_link(swapped(other))
    assert isinstance(back, MqttSettings)
    assert (back.up, back.down) == (ours.up, ours.down)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/dev/ttyUSB0", "not a link URL"),
        ("telnet://host:23", "unknown scheme 'telnet', expected one of serial, tcp"),
        ("serial://dev/ttyUSB0", "three slashes"),
        ("serial:///dev/ttyUSB0?baud=2400", "unknown parameter 'baud', expected baudrate, bytesize"),
        ("serial:///dev/ttyUSB0?baudrate=fast", "parameter 'baudrate' is 'fast', expected a whole number from 50"),
        ("serial:///dev/ttyUSB0?parity=even", "parameter 'parity' is 'even', expected one of N, E, O, M, S"),
        ("serial:///dev/ttyUSB0?stopbits=3", "expected a whole number from 1 to 2"),
        ("serial:///dev/ttyUSB0?parity=E&parity=N", "parameter 'parity' is given twice"),
        ("tcp://host", "no port"),
        ("tcp://host:0", "no port"),
        ("tcp://host:99999", "not a number from 1 to 65535"),
        ("tcp://host:x", "not a number from 1 to 65535"),
        ("tcp://:502", "no host"),
        ("tcp://a..b:502", "not a host name"),
        ("tcp://[::1:502", "Invalid IPv6 URL"),
        ("tcp://host:502/path", "unexpected path"),
        ("tcp://me@host:502", "user and password have no meaning"),
        ("tcp://host:502?timeout=0", "above 0"),
        ("tcp://host:502?timeout=nan", "expected seconds"),
        ("tcp://host:502#x", "%23"),
        ("tcp-listen://0.0.0.0:7000?register=re:(", "not a regular expression"),
        ("tcp-listen://0.0.0.0:7000?register=re:x*", "matches nothing at all"),
        ("tcp-listen://0.0.0.0:7000?register=hex:4", "expected text, hex:.. or re:.."),
        ("tcp-listen://0.0.0.0:7000?register=hex:", "no bytes"),
        ("tcp-listen://0.0.0.0:7000?register=len1:re:x", "goes before a text or hex:"),
        ("tcp-listen://0.0.0.0:7000?register=A&heartbeat=B&answer=re:x", "an answer is fixed"),
        ("tcp-listen://0.0.0.0:7000?register=A&answer=hex:06", "goes with a 'heartbeat'"),
        ("tcp-listen://0.0.0.0:7000?welcome=OK", "goes with a 'register'"),
        ("mqtt://broker/up", "parameter 'down' is missing"),
        ("mqtt://broker?down=d", "the up topic is ''"),
        ("mqtt://broker/a/+/b?down=d", "without the wildcards"),
        ("mqtt://broker/a?down=a", "the same"),
        ("mqtt://broker/a?down=b&qos=3", "from 0 to 2"),
        ("mqtt://broker/a?down=b&payload=base64", "expected one of raw, hex, json"),
        ("mqtt://broker/a?down=b&cafile=x", "unknown parameter 'cafile'"),
        ("mqtts://broker/a?down=b&certfile=x", "go together"),
        ("mqtt://:secret@broker/a?down=b", "password without a user"),
        ("faulty+tcp://host:502?faults=nosie:1", "unknown fault 'nosie'"),
        ("faulty+tcp://host:502?faults=noise:2", "expected a share from 0 to 1"),
        ("faulty+tcp://host:502?faults=noise:much", "expected a number"),
        ("faulty+tcp://host?faults=noise:1", "no port"),
    ],
)
def test_a_wrong_url_is_refused_with_what_was_expected(url: str, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_link(url)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_passwords_are_never_shown() -> None:
    assert redacted("mqtt://me:secret@host/t?down=a@b") == "mqtt://me:***@host/t?down=a@b"
    assert redacted("tcp://host:502") == "tcp://host:502"
    with pytest.raises(ModelError) as caught:
        parse_link("mqtt://me:secret@host/t")
    assert "me:***@host" in str(caught.value)
