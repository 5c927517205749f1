"""Checks files against the manifest of their batch: sizes, hashes, counts and control totals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Final

from analytics.billing.exports.formats import CHECKS
from analytics.billing.exports.manifest import KIND
from analytics.billing.exports.verify.found import Found

_PREFIXES: Final = {"K": 3, "M": 6, "G": 9}
_PLAIN: Final = frozenset({"WH", "VARH", "VAH", "W", "VAR", "VA"})


def check(manifest: bytes, opened: Callable[[str], BinaryIO]) -> Found:
    """`opened` gives a file of the batch by its name, or raises `OSError`."""
    found = Found()
    try:
        content = json.loads(manifest)
        form, files, series = content["format"], content["files"], content["series"]
        claims = {tuple(map(str, one["key"])): one for one in series}
        names = [(str(file["name"]), int(file["size"]), str(file["sha256"])) for file in files]
        counts = content["counts"]
        kind = content["kind"]
        _ = {key: (Decimal(one["total"]), one["unit"], one["reads"]) for key, one in claims.items()}
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        found.bad("manifest", "manifest", f"is none: {type(error).__name__} {error}")
        return found
    if kind != KIND or form not in CHECKS:
        found.bad("manifest", "manifest", f"kind {kind!r} of format {form!r}")
        return found
    for name, size, digest in names:
        _file(name, size, digest, CHECKS[form], opened, found)
    _totals(claims, found)
    _counts(counts, claims, found)
    return found


def _file(
    name: str,
    size: int,
    digest: str,
    checker: Callable[[BinaryIO], Found],
    opened: Callable[[str], BinaryIO],
    found: Found,
) -> None:
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        found.bad(name, "file", "is no name of a file beside the manifest")
        return
    try:
        with opened(name) as file:
            made = hashlib.sha256()
            length = 0
            while chunk := file.read(1 << 20):
                made.update(chunk)
                length += len(chunk)
            file.seek(0)
            one = checker(file)
    except OSError as error:
        found.bad(name, "file", f"cannot be read: {error.strerror or error}")
        return
    if length != size:
        found.bad(name, "size", f"{length} bytes, the manifest says {size}")
    if made.hexdigest() != digest:
        found.bad(name, "hash", f"SHA-256 is {made.hexdigest()}, the manifest says {digest}")
    for finding in one.findings:
        found.bad(f"{name}: {finding.where}", finding.code, finding.message)
    found.passed_over += one.passed_over
    for key, total in one.sums.items():
        found.read(key, total.unit, total.reads, total.total, total.first, total.last)
    for quality, reads in (one.qualities or {}).items():
        found.quality(quality, reads)


def _totals(claims: Mapping[tuple[str, ...], Mapping[str, Any]], found: Found) -> None:
    for key in sorted(found.sums.keys() - claims.keys()):
        found.bad(" ".join(key), "series", "is in the files, not in the manifest")
    for key, claim in claims.items():
        where = " ".join(key).strip()
        is_ = found.sums.get(key)
        if is_ is None:
            if claim["reads"]:
                found.bad(where, "series", f"{claim['reads']} reads in the manifest, none in the files")
            continue
        if is_.reads != claim["reads"]:
            found.bad(where, "count", f"{is_.reads} reads, the manifest says {claim['reads']}")
        if _plain(is_.total, is_.unit) != _plain(Decimal(claim["total"]), claim["unit"]):
            said = f"the manifest says {claim['total']} {claim['unit']}"
            found.bad(where, "total", f"comes to {is_.total:f} {is_.unit}, {said}")
        if (is_.first, is_.last) != (claim.get("first"), claim.get("last")):
            found.bad(where, "period", f"from {is_.first} to {is_.last}, the manifest says otherwise")


def _counts(counts: Mapping[str, Any], claims: Mapping[tuple[str, ...], Mapping[str, Any]], found: Found) -> None:
    reads = sum(one["reads"] for one in claims.values())
    if counts.get("reads") != reads:
        found.bad("manifest", "count", f"{counts.get('reads')} reads, its series have {reads}")
    if counts.get("expected") != counts.get("reads", 0) + counts.get("missing", 0):
        found.bad("manifest", "count", "expected is not reads and missing")
    if found.qualities is not None and found.qualities != counts.get("by_quality"):
        found.bad("manifest", "quality", f"{found.qualities} reads by quality, it says {counts.get('by_quality')}")


def _plain(total: Decimal, unit: str) -> tuple[Decimal, str]:
    """In the unit without prefix, as no two formats write the same."""
    capital = unit.upper()
    if capital[:1] in _PREFIXES and capital[1:] in _PLAIN:
        return total.scaleb(_PREFIXES[capital[0]]), capital[1:]
    return total, capital
