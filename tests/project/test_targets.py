"""`make` targets, pins and packages say the same in every place."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.project.tree import ROOT, documents

_PIN = re.compile(r"^[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+$")


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _plain(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    return set(phony[1].split())


def test_constraints_are_exact_pins_and_nothing_else() -> None:
    assert [line for line in _pins() if not _PIN.match(line)] == []


@pytest.mark.parametrize("group", ["dependencies", "dev"])
def test_every_dependency_is_pinned(group: str) -> None:
    project = _project()
    wanted = project["dependencies"] if group == "dependencies" else project["optional-dependencies"][group]
    names = {_plain(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in wanted}
    assert names - {_plain(pin.partition("==")[0]) for pin in _pins()} == set()


def test_documents_name_targets_that_exist() -> None:
    named = {
        target
        for document in documents()
        for target in re.findall(
            r"(?:^ {4}|`)make (?!NAME)([a-z]+)\b", document.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert {"demo", "test", "check"} <= named
    assert named - _targets() == set()


def test_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = set(re.findall(r"@echo 'make (\w+)", makefile))
    assert _targets() - told == {"help", "services"}


def test_continuous_integration_runs_the_readme_s_command() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^exec make test$", run, re.MULTILINE)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_licence_is_the_one_that_is_declared() -> None:
    assert _project()["license"]["text"] == "Apache-2.0"
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.split()[:6] == ["Apache", "License", "Version", "2.0,", "January", "2004"]
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_changelog_has_a_place_for_what_is_coming() -> None:
    assert re.search(r"^## \[Unreleased\]$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
