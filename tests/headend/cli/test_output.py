"""Tables and JSON of the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from headend.cli.output import Output


@pytest.mark.parametrize("columns", ["20", "80", ""])
def test_no_cell_of_a_table_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    long = "reason " * 300
    Output(as_json=False).table(["meter", "value>", "finding"], [("m1", Decimal("123456.780"), long), ("m2", None, "")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if " m1 " in line] == [["m1", "123456.780"]]
    assert any(long.strip() in line for line in lines)
    assert max(len(line) for line in lines if "m1" not in line) < len(long) + 100, "as wide as needed and no wider"


def test_a_cell_is_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(["name"], [("[bold]x[/bold] :smile:",)])
    assert "[bold]x[/bold] :smile:" in capsys.readouterr().out


def test_json_keeps_decimals_and_times_exact(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.table(["x"], [("nothing under --json",)])
    output.text("nothing either")
    output.document({"value": Decimal("1E+3"), "small": Decimal("0.10"), "time": datetime(2026, 3, 1, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {
        "value": "1000", "small": "0.10", "time": "2026-03-01T00:00:00+00:00",
    }  # fmt: skip
    with pytest.raises(ValueError, match="carries a zone"):
        output.document({"time": datetime(2026, 3, 1)})  # noqa: DTZ001 -- that is what it refuses
