"""Who is there in the demo, with tokens; the policy, the meters' passwords and the areas that commands need."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from headend.commands.policy_file import sample
from headend.config import Config
from headend.people.founding import found
from headend.place import Store
from headend.registry.known import meter_path_of
from headend.secrets.keyring import load, new_line
from headend.secrets.safe import CONTROL, Entry, Safe
from protocols.dlt645.services.signer import PlainPassword
from simulators.dlt645.setup import FACTORY_PASSWORD
from storage.entries import Additions
from storage.secrets import SecretTable
from storage.topology_entries import Area, AreaPoint

ROLES: Final = ("requester", "approver", "operator", "reader")
"""One person each, named after it."""
_LEVEL: Final = 2
"""Of the password with which a meter takes commands."""


async def welcome(config: Config, opened: Store) -> None:
    """Tokens go into tokens.json and the key of the meters' passwords into secrets.key, for nobody else's eyes."""
    secrets = await found(opened.conninfo, {role: [role] for role in ROLES}, policy())
    _write(config.folder / "tokens.json", json.dumps(secrets, indent=2) + "\n")
    _write(config.folder / config.secrets.key_file, new_line("demo") + "\n")
    async with SecretTable(opened.conninfo) as table:
        safe = Safe(table, load(config))
        for meter in await opened.registry.meters():
            if meter_path_of(meter).model.head.protocol == "dlt645":
                await safe.put(Entry(meter.name, CONTROL, PlainPassword(_LEVEL, FACTORY_PASSWORD)), "demo")


def policy() -> str:
    """The sample's people, caps and ramps at any hour and in any weather, without a notice; a cap on a share of five
    customers would let nobody be cut."""
    text = "# The demo's: at any hour, in any weather, without a notice. No example for a utility.\n" + sample()
    text = re.sub(r"^(windows|notice) = true$", r"\1 = false", text, flags=re.M)
    return text.replace("permille = 100\n", "permille = 1000\n")


def with_areas(new: Additions) -> Additions:
    """An area a line, named after it."""
    line_of = {meter.name: meter.line for meter in new.meters}
    stays = [(one.point, f"AREA-{line_of[one.meter]}", one.start) for one in new.installations]
    return replace(
        new,
        areas=tuple(Area(name=name) for name in sorted({area for _, area, _ in stays})),
        area_points=tuple(AreaPoint(point=point, area=area, start=start) for point, area, start in stays),
    )


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
