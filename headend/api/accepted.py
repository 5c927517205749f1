"""Which of the forms that are offered a client wants (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from headend.api.problem import Problem


def chosen(accept: str, offered: Sequence[str]) -> str:
    """The one that is wanted most, of equals the first that is offered. Raises `Problem`."""
    wants = [_want(text) for text in accept.split(",") if text.strip()] or [("*/*", 1.0)]
    weighed = [(_weight(form, wants), -place, form) for place, form in enumerate(offered)]
    weight, _, form = max(weighed)
    if weight <= 0:
        raise Problem("not-acceptable", f"offered: {', '.join(offered)}")
    return form


def _want(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return kind, min(1.0, max(0.0, float(value)))
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _weight(form: str, wants: Sequence[tuple[str, float]]) -> float:
    """Of the most precise range that the form falls into."""
    group = form.partition("/")[0] + "/*"
    for spelled in (form, group, "*/*"):
        found = [weight for kind, weight in wants if kind == spelled]
        if found:
            return max(found)
    return 0.0
