"""`headend check`: what can be verified before anything is collected, one finding a row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from headend.config import Config
from headend.dialect import dialect
from headend.errors import HeadendError
from headend.known import line_path, meter_path_of
from headend.place import Store, store
from headend.survey import MeterPath, task_of
from protocols.errors import LinkError, ModelError
from protocols.links.open import open_link
from protocols.links.url import parse_link, scheme_of
from storage import entries
from storage.errors import DatabaseUnreachable, StorageError
from storage.migrate import check


@dataclass(frozen=True, slots=True)
class Finding:
    """`exit_code` is 0 for what is in order, else what the whole check ends with."""

    subject: str
    detail: str
    exit_code: int = 0


async def inspect(config: Config, *, links: bool = False) -> AsyncIterator[Finding]:
    """Database, schema, registry, brokers; with `links` every line's link is opened."""
    try:
        async with store(config) as opened:
            level = await check(opened.conninfo)
            yield Finding("database", f"reachable, {level.value}, schema is this program's")
            async for finding in _registry(config, opened, links):
                yield finding
    except DatabaseUnreachable as error:
        yield Finding("database", str(error), 3)
    except StorageError as error:
        yield Finding("database", str(error), 1)


async def _registry(config: Config, opened: Store, links: bool) -> AsyncIterator[Finding]:
    lines = await opened.registry.lines()
    active = [m for m in await opened.registry.meters() if m.state is entries.MeterState.ACTIVE]
    yield Finding("registry", f"{len(lines)} lines, {len(active)} active meters")
    for line in lines:
        yield await _line(line, links or scheme_of(line.url).startswith("mqtt"))
    usable = []
    for meter in active:
        try:
            usable.append(meter_path_of(meter))
        except HeadendError as error:
            yield Finding(f"meter {meter.name}", str(error), 1)
    for finding in _plans(config, usable):
        yield finding


async def _line(line: entries.Line, try_it: bool) -> Finding:
    path = line_path(line)
    try:
        defaults = dialect(path.protocol).link
        parse_link(path.url, defaults)
        if not try_it:
            return Finding(f"line {line.name}", "its URL is well formed")
        link = await open_link(path.url, defaults=defaults)
        await link.close()
    except (ModelError, HeadendError) as error:
        return Finding(f"line {line.name}", str(error), 2)
    except LinkError as error:
        return Finding(f"line {line.name}", str(error), 3 if scheme_of(path.url).startswith("mqtt") else 1)
    return Finding(f"line {line.name}", "can be opened")


def _plans(config: Config, meters: list[MeterPath]) -> list[Finding]:
    findings = []
    kinds = {meter.model.head.name: meter.model for meter in meters}
    for plan in config.plan:
        for name, model in kinds.items():
            task = task_of(model, plan.wanted, plan.period_s)
            lacking = [quantity.name for quantity in plan.wanted if quantity not in task.wanted]
            detail = f"{len(task.wanted)} quantities in {len(task.reads)} requests"
            detail += f"; the model does not give {', '.join(lacking)}" if lacking else ""
            findings.append(Finding(f"plan {plan.name}, model {name}", detail))
    if not config.plan:
        findings.append(Finding("plan", "there is none: nothing would be collected", 2))
    return findings
