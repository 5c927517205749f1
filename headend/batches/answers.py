"""What a receiver says of a batch: a file of its own, or a word of somebody.

    {"kind": "headend-billing-answer", "batch_id": "B000007", "status": "accepted",
     "manifest_sha256": "...", "received": "2026-06-01T03:10:00Z", "receiver": "BILLING",
     "counts": {"reads": 864}, "totals": [{"key": ["P1", "1-0:1.8.0*255"], "total": "12.3450"}],
     "reasons": [{"where": "P1", "code": "17", "message": "no contract"}]}

`status` is accepted or rejected. What is told of manifest, counts and totals is held against ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import msgspec

from headend.errors import UsageFault

KIND: Final = "headend-billing-answer"


class Counts(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    reads: int


class Total(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`key`: of the series as the manifest has it; `total`: exact decimal text in the manifest's unit."""

    key: list[str]
    total: str


class Reason(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    message: str
    where: str = ""
    code: str = ""


class AnswerFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    kind: str
    batch_id: str
    status: str
    manifest_sha256: str = ""
    received: str = ""
    receiver: str = ""
    counts: Counts | None = None
    totals: list[Total] = []
    reasons: list[Reason] = []


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it is kept. `digest`: the same file twice is one answer."""

    batch: str
    is_ack: bool
    actor: str
    document: Mapping[str, Any]
    digest: bytes
    answer: AnswerFile


def read(path: Path) -> Told:
    """Raises `UsageFault` saying what the file lacks."""
    try:
        data = path.read_bytes()
        answer = msgspec.json.decode(data, type=AnswerFile)
    except OSError as error:
        raise UsageFault(f"{path}: {error.strerror or error}") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageFault(f"{path}: {error}") from error
    if answer.kind != KIND:
        raise UsageFault(f"{path}: kind {answer.kind!r}, expected {KIND}")
    if answer.status not in ("accepted", "rejected"):
        raise UsageFault(f"{path}: status {answer.status!r}, expected accepted or rejected")
    for number, one in enumerate(answer.totals):
        if _decimal(one.total) is None:
            raise UsageFault(f"{path}: totals[{number}].total: {one.total!r} is no number")
    return Told(
        answer.batch_id,
        answer.status == "accepted",
        answer.receiver or str(path.name),
        json.loads(data),
        hashlib.sha256(data).digest(),
        answer,
    )


def said(batch: str, is_ack: bool, by: str, reasons: list[str]) -> Told:
    """Without a file."""
    answer = AnswerFile(
        KIND, batch, "accepted" if is_ack else "rejected", receiver=by, reasons=[Reason(text) for text in reasons]
    )
    document = msgspec.to_builtins(answer)
    digest = hashlib.sha256(msgspec.json.encode(answer)).digest()
    return Told(batch, is_ack, by, document, digest, answer)


def findings(answer: AnswerFile, manifest: str) -> list[str]:
    """How the receiver's numbers differ from the manifest's; empty: they do not, as far as it told any."""
    ours = json.loads(manifest)
    found = []
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    if answer.manifest_sha256 and answer.manifest_sha256.lower() != digest:
        found.append(f"manifest {answer.manifest_sha256}, ours is {digest}")
    if answer.counts is not None and answer.counts.reads != ours["counts"]["reads"]:
        found.append(f"{answer.counts.reads} reads, sent were {ours['counts']['reads']}")
    series = {tuple(one["key"]): one for one in ours["series"]}
    for one in answer.totals:
        sent = series.get(tuple(one.key))
        where = " ".join(one.key).strip()
        if sent is None:
            found.append(f"{where}: no such series was sent")
        elif _decimal(one.total) != Decimal(sent["total"]):
            found.append(f"{where}: {one.total}, sent was {sent['total']} {sent['unit']}")
    return found


def _decimal(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
