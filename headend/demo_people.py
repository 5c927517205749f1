"""Who is there in the demo, with tokens, and the areas that commands need: a line's meters stand in one."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from headend.people.founding import found
from storage.entries import Additions
from storage.topology_entries import Area, AreaPoint

ROLES: Final = ("requester", "approver", "operator", "reader")
"""One person each, named after it."""


async def welcome(conninfo: str, workdir: Path) -> None:
    """Their tokens into tokens.json, for nobody else's eyes; the sample policy takes effect."""
    policy = (resources.files("headend.commands") / "policy.toml").read_text(encoding="utf-8")
    secrets = await found(conninfo, {role: [role] for role in ROLES}, policy)
    file = workdir / "tokens.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(secrets, indent=2) + "\n", encoding="utf-8")


def with_areas(new: Additions) -> Additions:
    """An area a line, named after it."""
    line_of = {meter.name: meter.line for meter in new.meters}
    stays = [(one.point, f"AREA-{line_of[one.meter]}", one.start) for one in new.installations]
    return replace(
        new,
        areas=tuple(Area(name=name) for name in sorted({area for _, area, _ in stays})),
        area_points=tuple(AreaPoint(point=point, area=area, start=start) for point, area, start in stays),
    )
