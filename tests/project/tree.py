"""The files that are shipped: what git tracks, or, unpacked from an archive, everything that is there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_MADE_HERE: Final = frozenset({"__pycache__", "build", "dist", "demo-data"})
"""Directories that our own commands make; so are hidden ones, but for `.ci`."""


def shipped_files() -> list[Path]:
    tracked = _tracked() if (ROOT / ".git").exists() else _unpacked()
    return [path for path in tracked if path.is_file()]


def _tracked() -> list[Path]:
    # The checkout may belong to another user (a container's volume): we only read.
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in answer.stdout.split("\0") if name]


def _unpacked() -> list[Path]:
    def made_here(part: str) -> bool:
        return part in _MADE_HERE or part.endswith(".egg-info") or (part.startswith(".") and part != ".ci")

    return [
        path for path in sorted(ROOT.rglob("*")) if not any(made_here(p) for p in path.relative_to(ROOT).parts[:-1])
    ]


def text_of(path: Path) -> str | None:
    """None where the file is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def documents() -> list[Path]:
    return [path for path in shipped_files() if path.suffix == ".md"]
