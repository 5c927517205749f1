"""The rules against a table of identifiers gathered from the standards and public implementations.

The table is no part of the project: where it does not lie beside the checkout there is nothing to compare with.
"""

from __future__ import annotations

import csv
import re
from typing import Final

import pytest

from protocols.dlt645.catalogue import item
from protocols.dlt645.formats import Number
from protocols.dlt645.item import Item
from tests.project.tree import ROOT

TABLE: Final = ROOT.parent / "shared" / "dlt645" / "identifiers.csv"
UNITS: Final = {"degC": "°C", "deg": "°", "yuan": "CNY", "p/kWh": "imp/kWh", "p/kvarh": "imp/kvarh", "count": ""}

# The phases' combined reactive quantities are signed as the sums are; the table marks the sums only.
SIGNED_TOO: Final = re.compile(r"0[01](17|18|2B|2C|3F|40)00..")
# A reverse active demand is in kW; the table repeats a source's slip.
WRONG_UNITS: Final = {"05060A01": "kW"}

Row = dict[str, str]


def agreed() -> list[Row]:
    if not TABLE.is_file():
        return []
    with TABLE.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["check"] == "cross-checked"]


ROWS: Final = agreed()
needs_table = pytest.mark.skipif(not ROWS, reason="no table of identifiers beside the checkout")


def described(row: Row) -> Item:
    return item(row["di_hex"], "1997" if row["edition"] == "1997" else "2007")


@needs_table
def test_every_agreed_identifier_is_described() -> None:
    assert {described(row).code for row in ROWS} == {row["di_hex"] for row in ROWS}


@needs_table
def test_bytes() -> None:
    wrong = []
    for row in ROWS:
        found, told = described(row), row["bytes"]
        sizes = [form.length for _, form in found.parts]
        if fixed := re.fullmatch(r"[\d*+]+", told):
            terms = (tuple(map(int, term.split("*"))) for term in fixed[0].split("+"))
            right = sum(sizes) == sum(term[0] * (term[1] if len(term) > 1 else 1) for term in terms)
        elif repeated := re.fullmatch(r"(\d+)\*(\(1\+k\)|N)", told):
            group = 2 if len(set(sizes)) > 1 else 1
            right = sum(sizes[:group]) == int(repeated[1]) and sizes == sizes[:group] * (len(sizes) // group)
        else:
            right = told in ("", "var") and found.shape is not None
        if not right:
            wrong.append((row["di_hex"], told, sizes[:4]))
    assert wrong == []


@needs_table
def test_units() -> None:
    wrong = []
    for row in ROWS:
        units = {str(part.unit) for part, _ in described(row).parts} - {""}
        told = {UNITS.get(unit, unit) for unit in WRONG_UNITS.get(row["di_hex"], row["unit"]).split(",")} - {""}
        if units != told and (told or len(described(row).parts) == 1):
            wrong.append((row["di_hex"], told, units))
    assert wrong == []


@needs_table
def test_signs() -> None:
    wrong = []
    for row in ROWS:
        if row["edition"] == "2007-ext" or row["di_hex"][:2] in ("03", "05"):
            continue  # no column says which of several parts is signed
        signed = any(isinstance(form, Number) and form.signed for _, form in described(row).parts)
        if signed is not (row["signed"] == "Y" or bool(SIGNED_TOO.fullmatch(row["di_hex"]))):
            wrong.append((row["di_hex"], signed))
    assert wrong == []


@needs_table
def test_access() -> None:
    told = {row["di_hex"]: row["rw"] for row in ROWS if row["rw"]}
    ours = {row["di_hex"]: "r" * described(row).readable + "w" * described(row).writable for row in ROWS if row["rw"]}
    assert ours == told


@needs_table
def test_chinese_names() -> None:
    def plain(name: str) -> str:
        for digit, word in zip("1234", "一二三四", strict=True):
            name = name.replace(f"第{digit}象限", f"第{word}象限")
        return re.sub(r"[()（）]|当前|总和费率|时间数据|时间|上1次|每", "", name)

    wrong = [(row["di_hex"], row["name_zh"]) for row in ROWS if plain(row["name_zh"]) != plain(described(row).name_zh)]
    assert wrong == []
