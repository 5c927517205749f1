"""No float anywhere in billing: neither a literal, nor the type, nor a call that gives one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import analytics.billing

FOLDER = Path(analytics.billing.__path__[0])


def floats(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        elif isinstance(node, ast.Attribute) and node.attr in ("total_seconds", "timestamp"):
            found.append(f"line {node.lineno}: {node.attr}")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_holds_no_float(path: Path) -> None:
    if "exports" not in path.relative_to(FOLDER).parts:
        assert floats(path.read_text(encoding="utf-8")) == []


def test_floats_are_found() -> None:
    assert len(floats("a = 0.5\nb = float(1)\nc = span.total_seconds()")) == 3
