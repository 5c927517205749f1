"""`headend frame encode`: every service of both editions, there and back; passwords are asked for and never told."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any, Final

import pytest

from headend.cli import frame_kinds
from headend.cli.main import run
from headend.frames import decode, flaws

METER: Final = "123456789012"
SECRET: Final = "A7C39E"
TO: Final = ("--address", METER)
GRANTED: Final = ("--level", "2", "--password", SECRET, "--operator", "00000001")
HIDDEN: Final = "****"
ACCESS: Final[list[tuple[str, str | None]]] = [("level", "02"), ("password", HIDDEN), ("operator", "00000001")]

Capture = pytest.CaptureFixture[str]


def call(capsys: Capture, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object, stderr."""
    try:
        code = run(["--json", "frame", "encode", *words])
    except SystemExit as stop:
        code = int(str(stop.code))
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def back(capsys: Capture, *words: str) -> dict[str, Any]:
    """What `decode` says of the frame that the words build."""
    code, told, err = call(capsys, *words)
    assert (code, err) == (0, "")
    (document,) = decode(bytes.fromhex(told["hex"]))
    assert flaws([document]) == []
    assert document["hex"] == told["hex"].removeprefix("FEFEFEFE")
    return document


def rows(document: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(row["name"], row["value"]) for row in document["values"]]


REQUESTS: Final[list[tuple[tuple[str, ...], str, str, str | None, list[tuple[str, str | None]]]]] = [
    (("read", *TO, "00010000"), "2007", "read", "00010000", []),
    (("read", *TO, "active_energy_import", "--edition", "1997"), "1997", "read", "9010", []),
    (("read", *TO, "12345678", "--as-is"), "2007", "read", "12345678", []),
    (
        ("read", *TO, "06000001", "--records", "2", "--since", "2026-11-22T00:00"), "2007", "read", "06000001",
        [("records", "2"), ("since", "2026-11-22T00:00")],
    ),
    (("follow-up", *TO, "03300001", "--sequence", "2"), "2007", "read follow-up", "03300001", []),
    (("follow-up", *TO, "901F", "--edition", "1997"), "1997", "read follow-up", "901F", []),
    (("read-again", *TO), "1997", "read again", None, []),
    (("read-address",), "2007", "read address", None, []),
    (
        ("write", *TO, "04000103", "15", *GRANTED), "2007", "write", "04000103",
        [*ACCESS, ("demand_period", "15")],
    ),
    (
        ("write", *TO, "04010000", *(["01-01 1"] * 14), *GRANTED), "2007", "write", "04010000",
        [*ACCESS, *((f"season_{n}", "01-01 1") for n in range(1, 15))],
    ),
    (
        ("write", *TO, "04000C03", "--data", "02" + SECRET, *GRANTED), "2007", "write", "04000C03",
        [*ACCESS, ("password", HIDDEN)],
    ),
    (
        ("write", *TO, "C010", "2019-07-06", "--edition", "1997", *GRANTED), "1997", "write", "C010",
        [("level", "02"), ("password", HIDDEN), ("date", "2019-07-06")],
    ),
    (("write", *TO, "C010", "2019-07-06", "--edition", "1997"), "1997", "write", "C010", [("date", "2019-07-06")]),
    (("write-address", "210987654321"), "2007", "write address", None, [("address", "210987654321")]),
    (
        ("write-address", "210987654321", "--edition", "1997"), "1997", "write address", None,
        [("address", "210987654321")],
    ),
    (("time", "2026-11-22T15:30:45"), "2007", "broadcast time", None, [("time", "2026-11-22T15:30:45")]),
    (("freeze", *TO), "2007", "freeze", None, [("freeze", "now"), ("pattern_MMDDhhmm", "99999999")]),
    (
        ("freeze", *TO, "--minute", "30", "--hour", "0", "--day", "1"), "2007", "freeze", None,
        [("freeze", "every month on day 01 at 00:30"), ("pattern_MMDDhhmm", "99010030")],
    ),
    (("baud", *TO, "9600"), "2007", "change baud rate", None, [("baud_rate", "9600")]),
    (("baud", *TO, "300", "--edition", "1997"), "1997", "change baud rate", None, [("baud_rate", "300")]),
    (
        ("password", *TO, "--level", "2", "--password", SECRET, "--new-level", "4", "--new-password", "000001"),
        "2007", "change password", "04000C05",
        [("old_level", "02"), ("old_password", HIDDEN), ("new_level", "04"), ("new_password", HIDDEN)],
    ),
    (
        ("password", *TO, "--level", "2", "--password", SECRET, "--new-password", "000001", "--edition", "1997"),
        "1997", "change password", None,
        [("old_level", "02"), ("old_password", HIDDEN), ("new_level", "02"), ("new_password", HIDDEN)],
    ),
    (("clear-demand", *TO, *GRANTED), "2007", "clear demand", None, ACCESS),
    (("clear-demand", *TO, "--edition", "1997"), "1997", "clear demand", None, []),
    (("clear-demand", *TO, "--edition", "1997", *GRANTED), "1997", "clear demand", None, ACCESS[:2]),
    (("clear-meter", *TO, *GRANTED), "2007", "clear meter", None, ACCESS),
    (("clear-events", *TO, *GRANTED), "2007", "clear events", None, [*ACCESS, ("events", "all")]),
    (
        ("clear-events", *TO, "--events", "03300dff", *GRANTED), "2007", "clear events", None,
        [*ACCESS, ("events", "03300DFF")],
    ),
    *(
        (
            ("control", *TO, word, "--until", "2026-12-31T23:59:59", *GRANTED), "2007", "control", None,
            [*ACCESS, ("command", told), ("n2", "00"), ("valid_until", "2026-12-31T23:59:59")],
        )
        for word, told in [
            ("trip", "trip"), ("permit-close", "permit close"), ("close", "close"), ("alarm", "alarm"),
            ("alarm-off", "alarm off"), ("protect", "protect supply"), ("unprotect", "unprotect supply"),
            ("1a", "trip"), ("77", "unknown (77)"),
        ]
    ),
    (
        ("control", *TO, "trip", "--until", "2026-12-31T23:59:59", "--level", "98", "--sealed", "A1" * 20),
        "2007", "control", None,
        [("level", "98"), ("operator", "00000000"), ("sealed", "A1" * 20)],
    ),
    (("terminal", *TO, "rate-switch"), "2007", "terminal function", None, [("output", "rate switch")]),
    (
        ("security", *TO, "070000FF", "--body", "11" * 24), "2007", "security", "070000FF",
        [("operator", "00000000"), *((name, "11" * 8) for name in ("ciphertext_1", "random_1", "factor"))],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "edition", "service", "item", "values"), REQUESTS, ids=lambda part: str(part)[:40])
def test_requests_there_and_back(
    capsys: Capture,
    words: tuple[str, ...],
    edition: str,
    service: str,
    item: str | None,
    values: list[tuple[str, str | None]],
) -> None:
    document = back(capsys, *words)
    assert (document["direction"], document["edition"], document["service"]) == ("request", edition, service)
    assert document["item"] == item
    assert rows(document) == values
    assert SECRET not in str({key: value for key, value in document.items() if key != "hex"})


def test_every_kind_of_frame_is_built_here() -> None:
    assert {words[0] for words, *_ in REQUESTS} == set(frame_kinds.KINDS)


@pytest.mark.parametrize(
    ("words", "raw"),
    [  # constructed from the standard's layout
        (("follow-up", *TO, "03300001"), "FEFEFEFE681290785634126812053433633634D116"),
        (
            ("write", *TO, "04000103", "15", "--level", "4", "--password", "123456", "--operator", "00000001"),
            "FEFEFEFE6812907856341268140D36343337378967453433333348FC16",
        ),
        (("write-address", "210987654321"), "FEFEFEFE68AAAAAAAAAAAA681506547698BA3C549316"),
        (
            ("write-address", "210987654321", "--edition", "1997", "--preamble", "2"),
            "FEFE68999999999999680A06547698BA3C542216",
        ),
        (("time", "2026-11-22T15:30:45"), "FEFEFEFE689999999999996808067863485544598916"),
        (("freeze", *TO), "FEFEFEFE68129078563412681604CCCCCCCCD016"),
        (("baud", *TO, "2400"), "FEFEFEFE681290785634126817013BD916"),
        (("baud", *TO, "2400", "--reply"), "FEFEFEFE681290785634126897013B5916"),
        (("baud", *TO, "2400", "--refuse", "08"), "FEFEFEFE6812907856341268D7013B9916"),
        (
            ("baud", *TO, "2400", "--edition", "1997", "--refuse", "08", "--preamble", "2"),
            "FEFE68129078563412688C01324516",
        ),
        (
            ("control", *TO, "alarm", "--until", "2026-12-31T23:59:59", "--level", "2", "--password", "000000",
             "--operator", "00000001"),
            "FEFEFEFE68129078563412681C1035333333343333335D338C8C566445594D16",
        ),
        (("write-address", "210987654321", "--reply"), "FEFEFEFE68214365870921689500DF16"),
        (("read", *TO, "06000001", "--reply-data", ""), "FEFEFEFE6812907856341268910434333339EE16"),
    ],
)  # fmt: skip
def test_known_frames_are_built(capsys: Capture, words: tuple[str, ...], raw: str) -> None:
    assert call(capsys, *words)[1] == {"hex": raw}


@pytest.mark.parametrize(
    ("words", "control", "values"),
    [
        (("read", *TO, "9010", "--edition", "1997", "--reply", "0.15"), "81", [("active_energy_import", "0.15")]),
        (
            ("read", *TO, "901F", "--edition", "1997", "--reply", "3", "1", "2"), "81",
            [("active_energy_import", "3.00"), ("active_energy_import_t1", "1.00"),
             ("active_energy_import_t2", "2.00")],
        ),
        (
            ("read", *TO, "06040001", "--records", "2", "--since", "2026-11-22T00:00", "--reply",
             "2026-11-22T00:00", "1", "2", "3", "4", "2026-11-22T00:15", "5", "6", "7", "8"), "91",
            [("time", "2026-11-22T00:00"), ("active_energy_import", "1.00"), ("active_energy_export", "2.00"),
             ("reactive_energy_import", "3.00"), ("reactive_energy_export", "4.00"),
             ("time", "2026-11-22T00:15"), ("active_energy_import", "5.00"), ("active_energy_export", "6.00"),
             ("reactive_energy_import", "7.00"), ("reactive_energy_export", "8.00")],
        ),
        (("read-address", "--reply", METER), "93", [("address", METER)]),
        (
            ("password", *TO, "--level", "2", "--password", SECRET, "--new-password", "000001", "--reply"), "98",
            [("new_level", "02"), ("new_password", HIDDEN)],
        ),
        (("terminal", *TO, "second-pulse", "--reply"), "9D", [("output", "clock second pulse")]),
        (("control", *TO, "trip", "--until", "2026-12-31T23:59:59", *GRANTED, "--reply"), "9C", []),
        (
            ("security", *TO, "070000FF", "--reply", "22" * 12), "83",
            [("random_2", "22" * 4), ("esam_serial", "22" * 8)],
        ),
        (
            ("read-again", *TO, "--item", "9010", "--reply", "0.15"), "83", [("active_energy_import", "0.15")],
        ),
    ],
)  # fmt: skip
def test_replies_there_and_back(
    capsys: Capture, words: tuple[str, ...], control: str, values: list[tuple[str, str | None]]
) -> None:
    document = back(capsys, *words)
    assert (document["control"], document["address"]) == (control, METER)
    assert rows(document) == values


def test_longer_answer_is_built_in_parts_that_decode_puts_together(capsys: Capture) -> None:
    parts = [
        ("read", *TO, "03110001", "--reply-data", "1211102211", "--follows"),
        ("follow-up", *TO, "03110001", "--sequence", "1", "--reply-data", "26131110", "--follows"),
        ("follow-up", *TO, "03110001", "--sequence", "2", "--reply-data", "221126"),
    ]
    paste = "".join(call(capsys, *words)[1]["hex"] for words in parts)
    documents = decode(bytes.fromhex(paste))
    assert [document["control"] for document in documents] == ["B1", "B2", "92"]
    assert rows(documents[2]) == [("start", "2026-11-22T10:11:12"), ("end", "2026-11-22T10:11:13")]


def test_refusals_are_built_with_the_bits_of_the_edition(capsys: Capture) -> None:
    assert back(capsys, "read", *TO, "00010000", "--refuse", "06")["error"] == {
        "code": "06",
        "meaning": "no requested data, wrong password or not authorised",
    }
    assert back(capsys, "security", *TO, "070000FF", "--refuse", "0102")["error"]["code"] == "0102"


def test_password_comes_from_the_environment(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    _, given, _ = call(capsys, "clear-meter", *TO, "--level", "2", "--password", SECRET)
    monkeypatch.setenv("HEADEND_PASSWORD", SECRET)
    assert call(capsys, "clear-meter", *TO, "--level", "2")[1] == given
    monkeypatch.setenv("HEADEND_NEW_PASSWORD", "000001")
    assert call(capsys, "password", *TO, "--level", "2")[0] == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("clear-meter", *TO, "--level", "2"), "HEADEND_PASSWORD"),
        (("clear-meter", *TO), "--level"),
        (("clear-meter", *TO, "--level", "x", "--password", SECRET), "--level"),
        (("clear-meter", *TO, "--level", "98", "--password", SECRET), "signer"),
        (("clear-meter", *TO, "--level", "2", "--sealed", "00"), "--sealed"),
        (("clear-meter", *TO, "--level", "98", "--sealed", "0"), "--sealed"),
        (("clear-demand", *TO, "--edition", "1997", "--level", "98", "--sealed", "00"), "2007"),
        (("clear-meter", *TO, "--level", "2", "--password", SECRET + "7"), "six hex digits"),
        (("clear-events", *TO, *GRANTED, "--events", "03300D01"), "FF"),
        (("password", *TO, "--level", "2", "--password", SECRET), "HEADEND_NEW_PASSWORD"),
        (("password", *TO, "--password", SECRET), "--level"),
        (("write", *TO, "04000103", *GRANTED), "VALUE or --data"),
        (("write", *TO, "04000103", "15", "--data", "15", *GRANTED), "VALUE or --data"),
        (("write", *TO, "04000103", "150", *GRANTED), "does not fit"),
        (("write", *TO, "04000103", "--data", "1", *GRANTED), "--data"),
        (("write", *TO, "04000C03", SECRET, *GRANTED), "is a password"),
        (("write", *TO, "12345678", "1", *GRANTED), "unknown item"),
        (("control", *TO, "explode", "--until", "2026-12-31T23:59:59", *GRANTED), "permit-close"),
        (("control", *TO, "trip", "--until", "tomorrow", *GRANTED), "no moment"),
        (("control", *TO, "trip", *GRANTED), "--until"),
        (("control", *TO, "trip", "--until", "2026-12-31T23:59:59", "--n2", "0102", *GRANTED), "one byte"),
        (("control", *TO, "1A1B", "--until", "2026-12-31T23:59:59", *GRANTED), "one byte"),
        (("baud", *TO, "1000"), "9600"),
        (("baud", *TO, "19200", "--edition", "1997"), "9600"),
        (("freeze", *TO, "--day", "1"), "every month"),
        (("freeze", *TO, "--minute", "60"), "0 to 59"),
        (("time", "noon"), "2026-11-22T15:30:45"),
        (("time", "2026-02-30T00:00:00"), "2026-02-30"),
        (("write-address", "12"), "12 digits"),
        (("read-address", "--reply", "x"), "address"),
        (("terminal", *TO, "light"), "invalid choice"),
        (("security", *TO, "00010000"), "07xxxxxx"),
        (("security", *TO, "070000FF", "--body", "1"), "--body"),
        (("security", *TO, "070000FF", "--reply", "1"), "--reply"),
        (("security", *TO, "070000FF", "--refuse", "10000"), "2 bytes"),
        (("read", *TO, "00010000", "--refuse", "100"), "--refuse"),
        (("read", *TO, "00010000", "--refuse", "no"), "--refuse"),
        (("read", *TO, "06000001", "--since", "2026-11-22T00:00"), "count"),
        (("read", *TO, "06000001", "--records", "1", "--since", "2026-13-22T00:00"), "2026-13-22"),
        (("read", *TO, "06000001", "--records", "256"), "0 to 255"),
        (("read", *TO, "9010", "--edition", "1997", "--records", "1"), "2007"),
        (("read", *TO, "00010000", "--reply-data", "1"), "--reply-data"),
        (("read", *TO, "123", "--as-is"), "data identifier"),
        (("read-again", *TO, "--reply", "1"), "--item"),
        (("follow-up", *TO, "03300001", "--sequence", "256"), "0 to 255"),
        (("clear-meter", *TO, "--edition", "1997", *GRANTED), "invalid choice"),
        (("freeze",), "--address"),
    ],
)
def test_what_cannot_be_built_is_told_without_the_password(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], reason: str
) -> None:
    monkeypatch.delenv("HEADEND_PASSWORD", raising=False)
    monkeypatch.delenv("HEADEND_NEW_PASSWORD", raising=False)
    code, told, err = call(capsys, *words)
    assert code == 2
    assert reason in told["error"]["message"]
    assert reason in err
    assert SECRET not in err + told["error"]["message"]


@pytest.mark.parametrize("kind", [name for name, kind in frame_kinds.KINDS.items() if kind.access or kind.secret])
def test_help_says_that_the_password_stands_in_clear(capsys: Capture, kind: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run(["frame", "encode", kind, "--help"])
    told = capsys.readouterr().out
    assert stop.value.code == 0
    assert "holds the password in clear" in told
    assert "HEADEND_PASSWORD" in told


def test_no_link_is_even_loaded() -> None:
    """It prints and never sends."""
    words = ["--json", "frame", "encode", "clear-meter", *TO, *GRANTED]
    program = (
        "import sys; from headend.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or 10 * any(m.startswith(('protocols.links', 'protocols.driver')) for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["hex"].startswith("FEFEFEFE68")


def test_kinds_have_their_own_arguments_only() -> None:
    """A level and a password in two ways would be two options of one name."""
    for name, kind in frame_kinds.KINDS.items():
        kind.options(argparse.ArgumentParser())
        assert not (kind.access and kind.secret), name
