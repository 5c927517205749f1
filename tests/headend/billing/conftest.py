from __future__ import annotations

from pathlib import Path

import pytest

from tests.headend.billing.site import TARIFF
from tests.headend.command import Headend
from tests.headend.registry.test_registry_folder import folder as folder


@pytest.fixture
def billed(headend: Headend, site: Path, folder: Path) -> Path:
    """m3 stands at `roof` of 30 kW since 2026-01-02; the tariff lies in the default folder."""
    points = folder / "points.csv"
    text = points.read_text(encoding="utf-8").replace("roof,,,pv,", "roof,3 Side Street,step,pv,30")
    points.write_text(text, encoding="utf-8")
    assert headend("meter", "import", folder, "--config", site).code == 0
    (site.parent / "tariffs").mkdir()
    (site.parent / "tariffs" / "any.toml").write_text(TARIFF, encoding="utf-8")
    return site
