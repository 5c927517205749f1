"""Logs: their form, and a file that is rotated under the daemon."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from headend.errors import UsageFault
from headend.logs import set_up


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["auto", "json"])
def test_json_one_event_a_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    set_up("info", form)
    structlog.get_logger("x").info("stopped", meters=3, who="李")
    structlog.get_logger("x").debug("not this")
    logging.getLogger("library").warning("of a library")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [("info", "stopped"), ("warning", "of a library")]
    assert (lines[0]["meters"], lines[0]["who"]) == (3, "李")
    assert lines[0]["time"].endswith("Z")


def test_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", "text")
    structlog.get_logger("x").info("stopped", meters=3)
    said = capsys.readouterr().err
    assert "stopped" in said
    assert "meters=3" in said
    assert "\x1b" not in said, "no colours where no terminal is"


@pytest.mark.parametrize("way", ["moved away", "removed"])
def test_a_file_that_is_rotated(tmp_path: Path, way: str) -> None:
    file = tmp_path / "headend.log"
    set_up("info", "json", file)
    log = structlog.get_logger("x")
    log.info("before")
    (os.rename(file, tmp_path / "headend.log.1") if way == "moved away" else file.unlink())
    log.info("after")
    logging.getLogger("library").warning("too")
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["after", "too"]
    if way == "moved away":
        assert json.loads((tmp_path / "headend.log.1").read_text())["event"] == "before"


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    set_up("info", "json", folder / "headend.log")
    (folder / "headend.log").unlink()
    folder.rmdir()
    structlog.get_logger("x").info("still there")
    said = capsys.readouterr().err
    assert "still there" in said
    assert "not in the log file: No such file or directory" in said
    folder.mkdir()
    structlog.get_logger("x").info("again")
    assert json.loads((folder / "headend.log").read_text())["event"] == "again"


def test_a_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", "json", Path("/dev/full"))
    structlog.get_logger("x").info("still there")
    assert "No space left on device" in capsys.readouterr().err


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match=r"daemon.log_file: .*: No such file"):
        set_up("info", "json", tmp_path / "no" / "such" / "log")
