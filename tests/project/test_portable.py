"""Nothing that is shipped depends on the machine that it was written on."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.project.tree import ROOT, shipped_files, text_of

# A leading slash that begins a path: not the middle of another path, of a URL, or of "and/or".
_START: Final = r"(?<![\w./*~$})-])/"
_FOREIGN: Final = {
    "a checkout's or a person's directory": re.compile(_START + r"(?:work|workspace|root|home/\w+|Users/\w+)/"),
    "this checkout's directory": re.compile(_START[:-1] + re.escape(str(ROOT)) + r"(?![\w.-])"),
    "a package registry's host": re.compile(
        r"\b(?:[\w-]+\.)*(?:py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|debian\.org/[d]ebian|go[l]ang\.org)\b"
    ),
}


def _findings(text: str) -> list[str]:
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {what}: {match[0]}"
        for what, pattern in _FOREIGN.items()
        for match in pattern.finditer(text)
    ]


def test_shipped_files_name_no_place_of_their_making() -> None:
    found = [
        f"{path.relative_to(ROOT)} {finding}" for path in shipped_files() for finding in _findings(text_of(path) or "")
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "cd /" + "work/main",
        "see /" + "root/notes",
        'open("/' + 'home/ada/meter.toml")',
        f"cd {ROOT}",
        "https://" + "py" + "pi.org/simple",
        "files." + "python" + "hosted.org",
        "registry." + "npm" + "js.org",
    ],
)
def test_the_patterns_catch_what_they_are_for(text: str) -> None:
    assert _findings(text)


@pytest.mark.parametrize(
    "text",
    [
        "serial:///dev/ttyUSB0",
        "/var/lib/headend",
        "https://host/work/item",
        "at work/rest of the plan",
        "the demo's homework/exercise",
        "PyPI has two of them",
        "/homeless/",
        "$DIR/root/x",
    ],
)
def test_the_patterns_leave_honest_text_alone(text: str) -> None:
    assert _findings(text) == []
