"""Stored people as the safety core knows users."""

from __future__ import annotations

from headend.safety.function import Function
from headend.safety.world import EVERYWHERE, Grant, Oversight, Step, User
from storage.people import Person


def user_of(person: Person) -> User | None:
    """None: disabled, or an administrator, who has no rights over commands. A stop may be given by whoever may in some
    area; what loosens a rule, only by who may everywhere."""
    if not person.enabled or person.administers:
        return None
    grants = tuple(
        Grant(
            frozenset(Step(step) for step in granted.role.steps),
            frozenset(Function) if granted.functions is None else frozenset(Function(f) for f in granted.functions),
            granted.areas,
        )
        for granted in person.grants
        if granted.role.steps
    )
    oversight = frozenset(
        right
        for granted in person.grants
        for right in map(Oversight, granted.role.oversight)
        if right is Oversight.STOP or EVERYWHERE in granted.areas
    )
    return User(grants, oversight, person.is_person)
