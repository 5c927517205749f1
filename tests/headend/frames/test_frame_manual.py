"""The manual's section on frames, `--help` and what the commands do say the same."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from typing import Any, Final

import pytest

from headend.cli import frame, frame_kinds, frame_modbus
from headend.cli.main import parser as command_line
from headend.cli.main import run
from headend.frames import decode
from protocols import models
from tests.headend.frames.test_frame_pastes import ENERGY, FIRST, LAST, SECOND
from tests.project.tree import ROOT
from tests.protocols.dlt645.services.frames import ANSWERED, DENIED, SENT

_COMMON: Final = {"--help", "--json", "--config"}
_CONTRACT: Final = [
    "protocol", "edition", "direction", "address", "control", "service", "item", "values", "follows", "error",
    "checksum", "hex",
]  # fmt: skip
_OF_A_VALUE: Final = ["obis", "name", "value", "unit"]


def section() -> str:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    return text.partition("\n### frame\n")[2].partition("\n### ")[0]


def sub_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (found,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    choices: dict[str, argparse.ArgumentParser] = found.choices
    return choices


def verbs() -> dict[str, argparse.ArgumentParser]:
    return sub_parsers(sub_parsers(command_line(["frame"]))["frame"])


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {text for action in parser._actions for text in action.option_strings if text.startswith("--")} - _COMMON


def every_option() -> set[str]:
    parsers = [verbs()["decode"], *sub_parsers(verbs()["encode"]).values()]
    return {option for parser in parsers for option in options(parser)}


def test_the_manual_names_every_option_and_no_other() -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", section())) - _COMMON
    assert told == every_option()


def test_the_manual_names_every_kind_of_frame_with_its_editions() -> None:
    rows = re.findall(r"^\| `([a-z-]+)[^|]*(?:\\\|[^|]*)*\|[^|]*\| ([0-9, ]*)\|$", section(), re.MULTILINE)
    told = {kind: tuple(filter(None, editions.strip().split(", "))) for kind, editions in rows}
    assert told.pop("modbus") == ()
    assert told == {name: kind.editions for name, kind in frame_kinds.KINDS.items()}


def test_the_help_names_every_kind_of_frame() -> None:
    assert set(sub_parsers(verbs()["encode"])) == {*frame_kinds.KINDS, "modbus"}
    assert all(name in verbs()["encode"].format_help() for name in frame_kinds.KINDS)


def test_the_manual_s_example_is_what_decode_says() -> None:
    shown, noise = re.findall(r"^    (\{\"protocol\".*?\})$", section(), re.MULTILINE | re.DOTALL)
    (told,) = decode(bytes.fromhex(ENERGY))
    assert json.loads(shown) | {"hex": ENERGY} == told
    assert json.loads(noise) == decode(b"ping")[0]


def test_every_key_is_in_the_contract_or_in_the_manual() -> None:
    """Keys of the contract come first, in its order."""
    table = set(re.findall(r"`([a-z]+)`", "".join(re.findall(r"^\|(.*?)\|", section(), re.MULTILINE))))
    pastes = [bytes.fromhex(case.raw) for case in (*SENT, *ANSWERED, *DENIED)]
    pastes += [bytes.fromhex(text) for text in (FIRST + SECOND + LAST, "010302006ff868", "0183 02 C0F1")]
    pastes += [bytes.fromhex(text) for text in ("000100000006010300000001", "01040000000271CB010404436633335AFA")]
    model = models.load("eastron_sdm630")
    documents: list[dict[str, Any]] = [d for raw in pastes for d in decode(raw, model=model)]
    seen: set[str] = set()
    for document in documents:
        assert list(document)[: len(_CONTRACT)] == _CONTRACT
        for row in document["values"]:
            assert list(row)[: len(_OF_A_VALUE)] == _OF_A_VALUE
            seen |= set(row) - set(_OF_A_VALUE) - {"quality"}
        seen |= set(document) - set(_CONTRACT)
    assert {"asks", "joined", "note", "sequence", "transaction", "zh"} <= seen
    assert seen - table == set()


_EXAMPLES: Final = [
    line.strip()
    for text in (frame.DECODE_EPILOG, frame_kinds.READ_EPILOG, frame_modbus.EPILOG)
    for line in text.splitlines()
    if line.startswith("  headend ")
]


@pytest.mark.parametrize("example", _EXAMPLES)
def test_examples_of_the_help_work(capsys: pytest.CaptureFixture[str], example: str) -> None:
    assert run(shlex.split(example)[1:]) == 0
    assert capsys.readouterr().err == ""


def test_the_manual_of_the_protocol_leads_to_the_tool() -> None:
    text = (ROOT / "docs" / "dlt645.md").read_text(encoding="utf-8")
    assert "cli.md#frame" in text
