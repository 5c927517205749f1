"""A conformance run as a document and as a page to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headend.conform.check import Finding, Result
from protocols.dlt645.services.mask import masked


@dataclass(frozen=True, slots=True)
class Report:
    """Whom it is about, when it was, and what came of it."""

    link: str
    protocol: str
    address: str
    model: str
    started: datetime
    ended: datetime
    findings: Sequence[Finding]

    @property
    def conforms(self) -> bool:
        """Nothing failed, and something passed."""
        results = self.counts
        return not results[Result.FAIL] and bool(results[Result.PASS])

    @property
    def counts(self) -> Counter[Result]:
        return Counter(finding.result for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """For JSON; bytes in hex, passwords hidden."""
        return {
            "link": self.link,
            "protocol": self.protocol,
            "address": self.address,
            "model": self.model,
            "started": self.started,
            "ended": self.ended,
            "conforms": self.conforms,
            "summary": {str(result): self.counts[result] for result in Result},
            "checks": [
                {
                    "check": finding.key,
                    "title": finding.title,
                    "clause": finding.clause,
                    "result": str(finding.result),
                    "why": finding.why,
                    "frames": [
                        {"sent": masked(heard.sent), "received": masked(heard.raw), "after_ms": _ms(heard.delay_s)}
                        for heard in finding.heard
                    ],
                }
                for finding in self.findings
            ],
        }

    def page(self) -> str:
        """Markdown: the summary, the table, and the bytes of what did not pass."""
        counted = ", ".join(f"{self.counts[result]} {result}" for result in Result)
        lines = [
            f"# Conformance: {self.protocol} meter {self.address}",
            "",
            f"{self.link}, model {self.model}, {self.started.isoformat(timespec='seconds')} to "
            f"{self.ended.isoformat(timespec='seconds')}. **{'conforms' if self.conforms else 'does not conform'}**: "
            f"{counted}.",
            "",
            "| Check | Clause | Result | Observed |",
            "|---|---|---|---|",
            *(f"| {f.title} | {f.clause} | {f.result} | {_cell(f.why)} |" for f in self.findings),
        ]
        for finding in self.findings:
            if finding.result is not Result.PASS and finding.heard:
                lines += ["", f"## {finding.title}: {finding.result}", "", finding.why, "", "```"]
                for heard in finding.heard:
                    lines += [f"> {masked(heard.sent)}", f"< {masked(heard.raw) or '(silence)'}"]
                lines.append("```")
        return "\n".join(lines) + "\n"


def _ms(delay_s: float | None) -> float | None:
    return None if delay_s is None else round(delay_s * 1000, 1)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
