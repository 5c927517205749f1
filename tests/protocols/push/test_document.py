"""docs/push.md: its examples are what it says, and it names every payload, reason and layout."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from protocols.model import Quality
from protocols.push.payloads import PAYLOADS
from protocols.push.reasons import Reason
from protocols.push.topic import TopicTemplate
from protocols.quantities import LAYOUTS
from tests.project.tree import ROOT
from tests.protocols.push.messages import METER, Told, at, decoded, good

TEXT: Final = (ROOT / "docs" / "push.md").read_text(encoding="utf-8")
WHEN: Final = at("2026-11-22T10:15:00+08:00")
ENERGY: Final = good("active_energy_import", "123456.78", WHEN)
VOLTAGE: Final = good("voltage_l1", "230.1", WHEN)


def _examples() -> dict[str, list[str]]:
    """The fenced examples by payload."""
    found: dict[str, list[str]] = defaultdict(list)
    for section in TEXT.split("\n### ")[1:]:
        found[section.partition("\n")[0]] += re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return found


EXAMPLES: Final = _examples()


def test_every_payload_is_told() -> None:
    assert set(EXAMPLES) == set(PAYLOADS)


def test_hexadecimal_example() -> None:
    (text,) = EXAMPLES["hex"]
    assert decoded(text.encode(), "hex", time="received") == ([ENERGY, VOLTAGE], [])
    assert decoded(bytes.fromhex(text), "frames", time="received") == ([ENERGY, VOLTAGE], [])


def test_json_examples() -> None:
    single, columns, array = (decoded(text.encode(), "json") for text in EXAMPLES["json"])
    one, two = "M-0001", "M-0002"
    power, nothing = good("active_power", "1.5", WHEN, one), Told(one, "frequency", WHEN, None, Quality.NOT_AVAILABLE)
    energy = ENERGY._replace(meter=one)
    assert single == ([energy, power, nothing, VOLTAGE._replace(meter=one)], [])
    assert columns == ([energy, VOLTAGE._replace(meter=one), good("active_energy_import", "90", WHEN, two)], [])
    assert array == (
        [
            ENERGY._replace(meter=f"{METER} on roof"),
            good("active_energy_import", "90.01", "2026-11-22T10:00:00+08:00", two),
            good("active_energy_import", "90.02", WHEN, two),
        ],
        [],
    )


def test_enclosed_examples() -> None:
    base64, listed = EXAMPLES["json-base64"]
    assert decoded(base64.encode(), "json-base64") == ([ENERGY], [])
    assert decoded(listed.encode(), "json-base64") == ([ENERGY, VOLTAGE], [])


def test_batch_example() -> None:
    (text,) = EXAMPLES["batch"]
    raw = bytes.fromhex(text)
    assert decoded(raw, "batch") == ([ENERGY], [])
    assert f"{len(raw)} bytes:" in TEXT


def test_topics_are_templates() -> None:
    for template in re.findall(r"^    (\S+\{\S+)", TEXT, re.MULTILINE):
        assert TopicTemplate(template).subscription
    assert TopicTemplate("hes/{line}/{address}/up").subscription in TEXT


def test_every_reason_is_told() -> None:
    told = re.findall(r"^\| (`.*?`) \|", TEXT.partition("## Reasons")[2], re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(told))) == sorted(Reason)


def test_every_layout_is_told() -> None:
    for layout in LAYOUTS:
        names = ", ".join(f"`{quantity.name}`" for quantity in layout.quantities)
        assert f"| {layout.id} `{layout.name}` | {names} |" in TEXT
