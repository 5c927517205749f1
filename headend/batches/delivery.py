"""Released batches brought to where they are wanted: every attempt is written down, and what lies there stays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from headend.batches import to_folder, to_http, to_sftp
from headend.batches.make import again
from headend.batches.parcel import DeliveryFault, Parcel
from headend.batches.settings import TargetTable
from headend.errors import HeadendError, UsageFault
from storage.export_entries import Attempt, StoredBatch
from storage.exports import Exports

_WAYS: Final[Mapping[str, Callable[[Parcel, TargetTable, Path], Coroutine[Any, Any, str]]]] = MappingProxyType({
    "": to_folder.bring, "file": to_folder.bring, "sftp": to_sftp.bring, "http": to_http.bring, "https": to_http.bring,
})  # fmt: skip
"""By scheme: brings a parcel, and says what was found or done there. Raises `DeliveryFault`."""


@dataclass(frozen=True, slots=True)
class Courier:
    """`home`: the folder that relative paths of targets are in."""

    exports: Exports
    conninfo: str
    targets: Sequence[TargetTable]
    home: Path

    def chosen(self, batch: StoredBatch, names: Sequence[str] | None) -> list[TargetTable]:
        """The named targets, or all that take the batch's format. Raises `UsageFault`."""
        known = {target.name: target for target in self.targets}
        for name in names or ():
            if name not in known:
                raise UsageFault(f"no target named {name!r} in [[export.target]]")
            if not takes(known[name], batch.format):
                raise UsageFault(f"target {name} does not take {batch.format}")
        found = [target for target in self.targets if names is None or target.name in names]
        found = [target for target in found if takes(target, batch.format)]
        if not found:
            raise UsageFault(f"no [[export.target]] takes {batch.format}")
        return found

    async def deliver(
        self, name: str, actor: str, names: Sequence[str] | None = None, *, is_repeated: bool = False
    ) -> list[Attempt]:
        """One attempt a target; none where the batch lies already, unless `is_repeated`. A target out of reach costs
        itself alone. Raises `HeadendError` for a batch that is not released, or superseded; `UsageFault`.
        """
        batch = await self.exports.batch(name)
        state = await self.exports.state(batch.sequence)
        if batch.superseded_by is not None:
            raise HeadendError(f"{batch.name} is superseded by {batch.superseded_by}: deliver that one")
        if state.released is None:
            raise HeadendError(f"{batch.name} is not released: headend export release {batch.name} --by NAME")
        wanted = [target for target in self.chosen(batch, names) if is_repeated or target.name not in state.targets]
        if not wanted:
            return []
        attempts = []
        with tempfile.TemporaryDirectory(prefix="headend-") as folder:
            done = await again(batch.name, Path(folder), self.exports, self.conninfo)
            parcel = Parcel(batch.name, done.folder, batch.manifest.encode())
            for target in wanted:
                attempts.append(await self._one(parcel, target, actor))
                await self.exports.attempt(batch.sequence, attempts[-1])
        return attempts

    async def _one(self, parcel: Parcel, target: TargetTable, actor: str) -> Attempt:
        started = datetime.now(UTC)
        is_done = True
        try:
            detail = await _WAYS[urlsplit(target.url).scheme](parcel, target, self.home)
        except DeliveryFault as error:
            is_done, detail = False, str(error)
        return Attempt(target.name, target.url, actor, started, datetime.now(UTC), is_done, detail)


def takes(target: TargetTable, form: str) -> bool:
    return not target.formats or form in target.formats
