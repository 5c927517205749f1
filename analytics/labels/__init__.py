"""What kind of customer it is: labels from loads and outages, by rules that are data, with evidence and an end."""

from __future__ import annotations

from analytics.labels.label import Further, label
from analytics.labels.rules import Rules, rules, shipped
from analytics.labels.words import Label, Labelled, Outage

__all__ = ["Further", "Label", "Labelled", "Outage", "Rules", "label", "rules", "shipped"]
