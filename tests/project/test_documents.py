"""Documents agree with each other and with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protocols.quantities import BY_NAME
from tests.project.tree import ROOT, documents

_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^(?: {4}|\t).*$|`[^`\n]*`", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9][0-9][0-9][0-9]-*.md"))


def _anchors(page: Path) -> set[str]:
    """The fragments that a page's headings get on the usual forges."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _broken_links(document: Path) -> list[str]:
    broken = []
    for target in _LINK.findall(_CODE.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"^[a-z][a-z+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        path = (document.parent / name) if name else document
        if not path.exists() or (fragment and fragment not in _anchors(path)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    assert _broken_links(document) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[here](#a-heading) [gone](gone.md) [no part](#b) [out](https://host/x)\n\n    [code](no.md)\n",
        encoding="utf-8",
    )
    assert _broken_links(page) == ["gone.md", "#b"]


def test_decisions_are_numbered_without_gap() -> None:
    assert [int(path.name[:4]) for path in _RECORDS] == list(range(len(_RECORDS)))


@pytest.mark.parametrize("record", _RECORDS[1:], ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_stands_in_the_index(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    title, _, rest = text.partition("\n")
    assert re.fullmatch(rf"# {record.name[:4]}\. .+", title)
    assert re.search(r"^- Status: (proposed|accepted|superseded by \d{4})$", rest, re.MULTILINE)
    assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}$", rest, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", rest, re.MULTILINE)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
    index = (record.parent / "README.md").read_text(encoding="utf-8")
    assert f"| [{record.name[:4]}]({record.name}) | {title[8:]} |" in index


def test_the_glossary_names_quantities_that_exist() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    section = text.partition("## Energy and what else is measured")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z][a-z0-9]*_[a-z0-9_]+)`", section)
    assert len(named) > 20
    assert [name for name in named if name not in BY_NAME] == []


def test_the_glossary_says_things_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| (?!English|---|- )([^|]+?) \|", text, re.MULTILINE)
    assert len(terms) >= 80
    assert sorted({term for term in terms if terms.count(term) > 1}) == []
