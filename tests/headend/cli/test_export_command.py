"""`headend export --verify` on files, without configuration or database."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.billing.exports.formats import INTERVALS
from tests.analytics.billing.exports.made import batch, two_points, written
from tests.headend.command import Headend


@pytest.mark.parametrize("form", sorted(INTERVALS))
def test_a_sound_batch_and_its_file(tmp_path: Path, headend: Headend, form: str) -> None:
    data, manifest = written(form, two_points(), batch())
    file = tmp_path / f"B-0001{INTERVALS[form].suffix}"
    file.write_bytes(data)
    (tmp_path / "manifest.json").write_bytes(manifest)
    for path, kind in ((tmp_path, "batch"), (tmp_path / "manifest.json", "batch"), (file, form)):
        ran = headend("export", "--verify", path, "--json")
        told = ran.document
        assert (ran.code, told["ok"], told["checked"], told["findings"]) == (0, True, kind, [])
        assert sum(one["reads"] for one in told["series"]) == 288


def test_a_changed_file_is_told_of(tmp_path: Path, headend: Headend) -> None:
    data, manifest = written("nem12", two_points(), batch())
    (tmp_path / "B-0001.nem12.csv").write_bytes(data.replace(b"400,11,14", b"400,12,14", 1))
    (tmp_path / "manifest.json").write_bytes(manifest)
    ran = headend("export", "--verify", tmp_path)
    assert ran.code == 1
    assert "SHA-256" in ran.err
    assert "intervals 12 to 14 where 11 comes next" in ran.err
    assert "nothing found" not in ran.out


def test_nothing_there_is_wrong_usage(tmp_path: Path, headend: Headend) -> None:
    ran = headend("export", "--verify", tmp_path)
    assert ran.code == 2
    assert "manifest.json" in ran.err
