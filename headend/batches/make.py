"""A batch is made once; asked for again, the same bytes are written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from analytics.billing.errors import BillingError
from analytics.billing.exports.series import Batch
from headend.batches.asked import Asked, digest
from headend.batches.difference import difference
from headend.batches.folder import HalfFolder, half_folder
from headend.batches.writing import Basis, Written, written
from headend.errors import HeadendError
from storage.export_entries import NewBatch, StoredBatch
from storage.exports import Exports


@dataclass(frozen=True, slots=True)
class Correction:
    """`supersedes`: a batch's name."""

    supersedes: str
    reason: str


@dataclass(frozen=True, slots=True)
class Made:
    """`again`: it was there, and is the same."""

    name: str
    sequence: int
    folder: Path
    manifest: Mapping[str, Any]
    completeness: Mapping[str, Any]
    again: bool


async def made(
    asked: Asked,
    content: Mapping[str, Any],
    as_of: int,
    out: Path,
    exports: Exports,
    conninfo: str,
    actor: str,
    *,
    correction: Correction | None = None,
    require: Decimal | None = None,
) -> Made:
    """The batch of the request as of a run, in a folder of its name in `out`.

    Raises `HeadendError` where values have changed since the same was asked for, or less than `require` percent has a
    value; `ExportFault`, `StorageError`, `UsageFault`.
    """
    if correction is not None:
        correction = replace(correction, supersedes=(await exports.batch(correction.supersedes)).name)
    found = await _known(asked, content, as_of, exports, correction)
    if found is not None:
        return await again(found, out, exports, conninfo)
    before = None if correction is None else await _superseded(asked, exports, correction)
    change = None if before is None else await difference(before, asked, content, as_of, conninfo)
    if change is not None and before is not None and not change["points"] and _bare(before.content) == content:
        raise HeadendError(f"nothing differs from {before.name}: there is nothing to correct")
    async with exports.turn() as turn:
        sequence, previous, now = await turn.next()
        created = now.replace(microsecond=0)
        name = f"B{sequence:06}"
        stored = dict(content) | {
            "batch": {"previous": previous, "generator": generator(), "created": created.isoformat()}
        }
        if (out / name).exists():
            raise HeadendError(f"{out / name} is there and is another one: move it away")
        basis = _basis(asked.form, name, sequence, asked.start, asked.end, as_of, asked.request(), stored, correction)
        with half_folder(out, name) as half:
            done = await _written(basis, conninfo, half)
            _enough(done, require)
            await turn.add(
                NewBatch(
                    sequence=sequence,
                    name=name,
                    subject=asked.subject,
                    digest=_identity(asked, content, as_of, correction),
                    format=asked.form,
                    what=asked.what,
                    start=asked.start,
                    end=asked.end,
                    as_of=as_of,
                    request=asked.request(),
                    content=stored,
                    completeness=done.completeness,
                    manifest=done.manifest.decode(),
                    actor=actor,
                    created=created,
                    supersedes=None if correction is None else correction.supersedes,
                    reason="" if correction is None else correction.reason,
                    difference=change,
                )
            )
            half.finish()
    return Made(name, sequence, out / name, msgspec.json.decode(done.manifest), done.completeness, False)


async def again(name: str, out: Path, exports: Exports, conninfo: str) -> Made:
    """A batch's files once more, held against its manifest. Raises `HeadendError` where they are not the same."""
    batch = await exports.batch(name)
    correction = None if batch.supersedes is None else Correction(batch.supersedes, batch.reason)
    basis = _basis(
        batch.format, batch.name, batch.sequence, batch.start, batch.end, batch.as_of, batch.request, batch.content,
        correction,
    )  # fmt: skip
    async with exports.turn():
        with half_folder(out, batch.name) as half:
            done = await _written(basis, conninfo, half)
            if done.manifest != batch.manifest.encode():
                by = batch.content["batch"]["generator"]
                raise HeadendError(
                    f"{batch.name} cannot be made again: its bytes came from {by}, and {generator()} makes others"
                )
            half.finish()
    return Made(
        batch.name, batch.sequence, out / batch.name, msgspec.json.decode(batch.manifest), done.completeness, True
    )  # fmt: skip


async def counted(asked: Asked, content: Mapping[str, Any], as_of: int, conninfo: str) -> Mapping[str, Any]:
    """The completeness report of what would be made."""
    whole = dict(content) | {"batch": {"previous": None, "generator": "", "created": asked.end.isoformat()}}
    basis = _basis(asked.form, "B000000", 0, asked.start, asked.end, as_of, asked.request(), whole, None)
    return (await _written(basis, conninfo, None)).completeness


def generator() -> str:
    """Parquet's bytes are those of a release of pyarrow."""
    return f"headend {version('headend')}, pyarrow {version('pyarrow')}"


def _bare(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "batch"}


async def _known(
    asked: Asked, content: Mapping[str, Any], as_of: int, exports: Exports, correction: Correction | None
) -> str | None:
    """The batch that is the same. Raises `HeadendError` where another state of the values was given out."""
    if correction is not None:
        return await exports.by_digest(_identity(asked, content, as_of, correction))
    before = await exports.of_subject(asked.subject)
    reads = content.get("consumptions")
    for name, run in before:
        if run == as_of and (reads is None or (await exports.batch(name)).content["consumptions"] == reads):
            return name
    if before and reads is not None:
        name = before[0][0]
        raise HeadendError(
            f"the same was exported as {name}, and registers have changed since: add --supersedes {name} --reason TEXT "
            f"for a correction, or have it written again by headend export show {name} -o DIR"
        )
    if before:
        name, run = before[0]
        raise HeadendError(
            f"the same was exported as {name}, from values as of run {run}, and they have changed since (run {as_of}): "
            f"add --supersedes {name} --reason TEXT for a correction, or --as-of {run} for the same again"
        )
    return None


async def _superseded(asked: Asked, exports: Exports, correction: Correction) -> StoredBatch:
    before = await exports.batch(correction.supersedes)
    if before.superseded_by is not None:
        raise HeadendError(f"{before.name} is superseded by {before.superseded_by}: supersede that one")
    if (before.format, before.what, before.start, before.end) != (asked.form, asked.what, asked.start, asked.end):
        raise HeadendError(
            f"{before.name} is {before.what} as {before.format} from {before.start.isoformat()} to "
            f"{before.end.isoformat()}: a correction has the same format and period"
        )
    return before


def _identity(asked: Asked, content: Mapping[str, Any], as_of: int, correction: Correction | None) -> bytes:
    """What a run is for intervals, the reads themselves are for registers."""
    given = None if correction is None else [correction.supersedes, correction.reason]
    return digest([asked.subject.hex(), as_of, given, content.get("consumptions")])


async def _written(basis: Basis, conninfo: str, half: HalfFolder | None) -> Written:
    try:
        return await written(basis, conninfo, half)
    except BillingError as error:
        raise HeadendError(f"{error}; nothing was made") from error


def _enough(done: Written, require: Decimal | None) -> None:
    total = done.completeness["total"]
    if require is not None and Decimal(total["complete"]) < require:
        raise HeadendError(
            f"{total['complete']} % of the expected have a value, {require} are required: {total['missing']} of "
            f"{total['expected']} are missing; nothing was made"
        )


def _basis(
    form: str,
    name: str,
    sequence: int,
    start: datetime,
    end: datetime,
    as_of: int,
    request: Mapping[str, Any],
    content: Mapping[str, Any],
    correction: Correction | None,
) -> Basis:
    kept = content["batch"]
    created = datetime.fromisoformat(kept["created"])
    batch = Batch(
        name,
        sequence,
        start,
        end,
        created,
        ZoneInfo(request["zone"]),
        request["sender"],
        request["receiver"],
        generator=kept["generator"],
        previous=kept["previous"],
        supersedes=None if correction is None else correction.supersedes,
        reason="" if correction is None else correction.reason,
        decimals=request["decimals"],
        seed=request["seed"],
    )
    return Basis(form, batch, as_of, content)
