"""Topic templates: ``hes/{line}/{address}/up`` says what to subscribe to and what a topic tells of its messages.

A level is text, a field, or a field with text around it (``dtu-{line}``). `meter`, `address` and `line` are told; a
field of any other name stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from protocols.errors import ModelError

TOLD: Final = ("meter", "address", "line")

_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_NEVER: Final = frozenset("+#\0")
_MOST_BYTES: Final = 65_535
_REMEMBERED: Final = 65_536
"""Topics whose fields are kept: as many as meters that publish each under its own."""


class TopicTemplate:
    """Raises `ModelError` for a template that cannot be."""

    def __init__(self, template: str) -> None:
        self.template = template
        levels = _levels(template)
        self.fields: Final = tuple(name for level in levels for name in _FIELD.findall(level))
        for name in self.fields:
            if self.fields.count(name) > 1:
                raise _error(template, f"the field {{{name}}} stands twice")
        self.subscription: Final = "/".join("+" if _FIELD.search(level) else level for level in levels)
        """The MQTT topic filter, without any ``$share`` in front."""
        pattern = re.compile("/".join(_pattern(level) for level in levels), re.DOTALL)

        @lru_cache(maxsize=_REMEMBERED)
        def match(topic: str) -> Mapping[str, str] | None:
            found = pattern.fullmatch(topic)
            return found.groupdict() if found else None

        self._match = match

    def match(self, topic: str) -> dict[str, str] | None:
        """What `topic` tells: `meter`, `address`, `line` as far as the template names them; None for other topics."""
        found = self._match(topic)
        return None if found is None else dict(found)

    def fill(self, fields: Mapping[str, str]) -> str:
        """The topic to publish under. Raises `ModelError` for a field that is lacking or that no level can hold."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            text = fields.get(name, "")
            if not text or not _NEVER.isdisjoint(text) or "/" in text:
                raise _error(self.template, f"{text!r} cannot stand for {{{name}}}")
            return text

        return _FIELD.sub(value, self.template)


def _levels(template: str) -> list[str]:
    if not template:
        raise _error(template, "it is empty")
    if template.startswith(("$share/", "$queue/")):
        raise _error(template, f"{template.split('/')[0]} is no part of it: shared subscriptions are a setting")
    if len(template.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
        raise _error(template[:40] + "...", f"longer than {_MOST_BYTES} bytes")
    levels = template.split("/")
    for level in levels:
        if not level:
            raise _error(template, "a level is empty")
        for character in _NEVER.intersection(level):
            raise _error(template, f"{character!r} cannot stand in it, write {{name}} for a level that varies")
        if len(_FIELD.findall(level)) > 1:
            raise _error(template, f"two fields in one level: {level}")
        if not {"{", "}"}.isdisjoint(_FIELD.sub("", level)):
            raise _error(template, f"{level!r}: a field is written {{name}}, of small letters, digits and _")
    return levels


def _pattern(level: str) -> str:
    found = _FIELD.search(level)
    if not found:
        return re.escape(level)
    group = f"(?P<{found[1]}>[^/]+)" if found[1] in TOLD else "[^/]+"
    return re.escape(level[: found.start()]) + group + re.escape(level[found.end() :])


def _error(template: str, problem: str) -> ModelError:
    return ModelError(f"not a topic template: {template!r}, {problem}; expected such as hes/{{line}}/{{address}}/up")
