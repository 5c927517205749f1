"""Class profiles: built of many points' sound days or imported, and what a run fills in with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.vee.validated import Method
from headend.validation.class_build import build
from storage.class_profiles import ClassProfile, ClassProfiles, NewClassVersion
from storage.topology_entries import Vacancy
from storage.vacancies import Vacancies
from tests.headend.command import Headend, Ran
from tests.headend.validation.site import BERLIN, DAY, IMPORT, RULES, Site, energies, midnight

MONDAY = date(2026, 3, 2)
SPAN = ("--from", "2026-03-02", "--to", "2026-03-09")
POINTS = 12


def _profile(value: int, category: str = "home") -> ClassProfile:
    return ClassProfile(category=category, quantity=IMPORT, step_s=900, day_type="workday", steps=(value,) * 96)


async def _imported(conninfo: str, *profiles: ClassProfile) -> int:
    async with ClassProfiles(conninfo) as kept:
        return await kept.add(NewClassVersion(actor="Li", file="slp.csv"), profiles)


async def test_a_point_without_history_gets_the_newest_profile_and_says_which(database: str) -> None:
    site = Site(database, midnight(MONDAY))
    await site.build(2, category="home")
    for name in ("m1", "m2"):  # nothing bounds the gap: no register tells what it comes to
        await site.store(site.captures(name, energies(96), missing=range(50, 97)))
    await site.vee(MONDAY, MONDAY + DAY)
    assert (await site.days(MONDAY, MONDAY + DAY)).method[:, 60].tolist() == [Method.NONE] * 2
    assert await _imported(database, _profile(700), _profile(900, "shop")) == 1
    assert await _imported(database, _profile(950, "shop")) == 2
    assert (await site.vee(MONDAY, MONDAY + DAY)).changed == 2
    first = await site.days(MONDAY, MONDAY + DAY)
    assert (first.method[:, 49:] == Method.CLASS).all()
    assert (first.steps[:, 49:] == 700).all()
    assert first.profiles.tolist() == [2, 2]
    assert (await site.vee(MONDAY, MONDAY + DAY)).same == 2, "the same again"
    await _imported(database, _profile(900, "shop"))
    assert (await site.vee(MONDAY, MONDAY + DAY)).same == 2, "of the same values no version is made"
    await _imported(database, _profile(800))
    assert (await site.vee(MONDAY, MONDAY + DAY, ["p1"])).changed == 1
    newest = await site.days(MONDAY, MONDAY + DAY)
    assert newest.steps[:, 60].tolist() == [800, 700]
    assert newest.profiles.tolist() == [4, 2]
    as_it_was = await site.days(MONDAY, MONDAY + DAY, as_of=2)
    assert as_it_was.steps[:, 60].tolist() == [700, 700]


async def test_a_register_is_shared_out_by_the_shape_of_the_class(plain_database: str) -> None:
    site = Site(plain_database, midnight(MONDAY))
    await site.build(category="home")
    steps = energies(96)
    await site.store(site.captures("m1", steps, missing=range(51, 60)))
    await _imported(plain_database, _profile(700))
    await site.vee(MONDAY, MONDAY + DAY)
    days = await site.days(MONDAY, MONDAY + DAY)
    assert (days.method[0, 50:60] == Method.REGISTER).all()
    assert int(days.steps.sum()) == sum(steps)
    assert days.profiles.tolist() == [1]


@pytest.fixture
def district(site: Path, conninfo: str) -> Site:
    """Twelve homes over a week, each with a level of its own; the last one's Friday has a gap."""
    made = Site(conninfo, midnight(MONDAY))

    async def fill() -> None:
        await made.build(POINTS, category="home")
        for n in range(1, POINTS + 1):
            await made.store(
                made.captures(f"m{n}", _week(n), missing=range(4 * 96 + 9, 4 * 96 + 14) if n == 12 else ())
            )
        await made.vee(MONDAY, MONDAY + 7 * DAY)

    asyncio.run(fill())
    return made


def _week(n: int) -> list[int]:
    return [each + n for each in energies(5 * 96)] + [each + 2 * n for each in energies(2 * 96)]


def _mean(days: list[list[int]]) -> list[int]:
    return [round(sum(slot) / len(days)) for slot in zip(*days, strict=True)]  # half to even, of small numbers


def _build(headend: Headend, site: Path) -> Callable[..., Ran]:
    def build(*more: str) -> Ran:
        return headend("vee", "class", "build", *SPAN, "--by", "Li", "--json", "--config", site, *more)

    return build


def test_built_of_sound_days(headend: Headend, site: Path, district: Site, conninfo: str) -> None:
    ran = _build(headend, site)("--least-points", "10", "--reason", "spring")
    assert ran.code == 0
    assert ran.document["version"] == 1
    assert [(one["day_type"], one["points"], one["days"]) for one in ran.document["profiles"]] == [
        ("weekend", 12, 24), ("workday", 12, 59),
    ]  # fmt: skip
    (listed,) = headend("vee", "class", "list", "--json", "--config", site).documents
    assert (listed["from"], listed["to"], listed["least_points"], listed["by"], listed["reason"]) == (
        "2026-03-02", "2026-03-09", 10, "Li", "spring",
    )  # fmt: skip
    assert (listed["as_of"], listed["file"], listed["profiles"]) == (1, None, 2)
    weekend, workday = headend("vee", "class", "show", "--json", "--config", site).documents
    weeks = [_week(n) for n in range(1, POINTS + 1)]
    by_day = [[week[96 * n : 96 * (n + 1)] for n in range(7)] for week in weeks]
    assert [IMPORT.steps(Decimal(value)) for value in weekend["values"]] == _mean(
        [d for own in by_day for d in own[5:]]
    )
    sound = [d for own in by_day for d in own[:5]]
    sound.remove(by_day[11][4])
    assert [IMPORT.steps(Decimal(value)) for value in workday["values"]] == _mean(sound)
    assert "home" in headend("vee", "class", "show", "--config", site).out

    async def vacate() -> None:
        async with Vacancies(conninfo) as vacancies:
            start = district.start + 5 * DAY
            await vacancies.add(Vacancy(point="p1", start=start, end=start + DAY / 2, actor="Li"))

    asyncio.run(vacate())
    again = _build(headend, site)("--least-points", "10").document
    assert [(one["day_type"], one["points"], one["days"]) for one in again["profiles"]] == [
        ("weekend", 12, 23), ("workday", 12, 59),
    ]  # fmt: skip
    assert again["version"] == 2
    first = headend("vee", "class", "show", "--version", "1", "--json", "--config", site).documents
    assert first == [weekend, workday]


def test_what_would_tell_of_single_customers_is_refused(headend: Headend, site: Path, district: Site) -> None:
    build = _build(headend, site)
    ran = build()
    assert ran.code == 1
    assert ran.document["version"] is None
    assert ran.document["refused"][0] == {
        "category": "home", "quantity": "active_energy_import", "day_type": "weekend",
        "why": "12 usage points with sound days, at least 15 are needed",
    }  # fmt: skip
    assert headend("vee", "class", "list", "--json", "--config", site).documents == []
    assert "expected 10 or more" in build("--least-points", "9").err
    shop = build("--least-points", "10", "--category", "home", "--category", "shop")
    assert (shop.code, shop.document["version"]) == (1, 1)
    assert shop.document["refused"] == [{"category": "shop", "quantity": None, "day_type": None, "why": "no sound day"}]
    assert "no usage point has such a category" in build("--category", "shop").err


async def test_a_day_of_23_hours_is_no_days_shape(plain_database: str) -> None:
    saturday = date(2026, 3, 28)
    site = Site(plain_database, midnight(saturday, BERLIN), BERLIN)
    await site.build(10, category="home")
    for n in range(1, 11):
        await site.store(site.captures(f"m{n}", energies(96 + 92)))
    await site.vee(saturday, saturday + 2 * DAY)
    span = saturday, saturday + 2 * DAY
    done = await build(plain_database, RULES, BERLIN, span, None, 10, "Li", "")
    assert [(one.day_type, one.days, one.steps) for one in done.profiles] == [("weekend", 10, tuple(energies(96)))]
    assert not done.refused


HEADING = "category,quantity,day_type,time,value\n"


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "slp.csv"
    file.write_text(text, encoding="utf-8")
    return file


def _rows(category: str, value: str, skip: tuple[int, ...] = ()) -> str:
    return "".join(
        f"{category},active_energy_import,workday,{n // 4:02}:{n % 4 * 15:02},{value}\n"
        for n in range(96)
        if n not in skip
    )


def test_profiles_from_a_file(headend: Headend, site: Path, tmp_path: Path) -> None:
    file = _file(tmp_path, HEADING + _rows("home", "0.05") + _rows("shop", "1"))
    words = ("vee", "class", "import", file, "--by", "Li", "--json", "--config", site)
    assert headend(*words, "--dry-run").document["version"] is None
    ran = headend(*words)
    assert (ran.code, ran.document["version"]) == (0, 1)
    assert [(one["category"], one["energy"], one["points"]) for one in ran.document["profiles"]] == [
        ("home", "4.8", None), ("shop", "96", None),
    ]  # fmt: skip
    (home,) = headend("vee", "class", "show", "--category", "home", "--json", "--config", site).documents
    assert home["values"] == ["0.05"] * 96
    assert headend("vee", "class", "list", "--json", "--config", site).document["file"] == "slp.csv"


@pytest.mark.parametrize(
    ("row", "key", "problem"),
    [
        ("home,active_energy_import,workday,00:00,1", "time", "stands there already"),
        ("home,active_energy_import,monday,00:00,1", "day_type", "expected one of workday, weekend, holiday"),
        ("home,active_energy_import,weekend,00:10,1", "time", "begins no interval of 15 minutes"),
        ("home,active_energy_import,weekend,noon,1", "time", "expected a time of day"),
        ("home,active_energy_import,weekend,00:00,-1", "value", "expected 0 or more"),
        ("home,active_energy_import,weekend,00:00,0.00001", "value", "more than 4 decimals"),
        ("home,active_energy_import,weekend,00:00,lots", "value", "is no number"),
        ("home,reactive_energy_import,weekend,00:00,1", "quantity", "(vee.quantities)"),
        ("home,colour,weekend,00:00,1", "quantity", "colour"),
        (",active_energy_import,weekend,00:00,1", "category", "is empty"),
    ],
)
def test_a_bad_row_is_told_and_nothing_is_imported(
    headend: Headend, site: Path, tmp_path: Path, row: str, key: str, problem: str
) -> None:
    file = _file(tmp_path, HEADING + _rows("home", "1") + row + "\n")
    ran = headend("vee", "class", "import", file, "--json", "--config", site)
    assert ran.code == 2
    (bad,) = ran.document["rows"]
    assert (bad["row"], bad["key"]) == (98, key)
    assert problem in bad["problem"]
    assert headend("vee", "class", "list", "--json", "--config", site).documents == []


def test_a_day_with_a_hole_is_told_at_its_last_row(headend: Headend, site: Path, tmp_path: Path) -> None:
    ran = headend(
        "vee", "class", "import", _file(tmp_path, HEADING + _rows("home", "1", skip=(1, 50))), "--config", site
    )
    assert ran.code == 2
    assert "row 95: time: home, active_energy_import, workday lacks 00:15 and 1 more" in ran.err
    assert "there are none" in headend("vee", "class", "import", _file(tmp_path, HEADING), "--config", site).err


def test_a_version_that_is_not_there(headend: Headend, site: Path) -> None:
    assert "there are no class profiles yet" in headend("vee", "class", "show", "--config", site).err
    assert "nothing was validated yet" in _build(headend, site)().err


def test_values_say_which_profiles_they_stand_on(headend: Headend, site: Path, conninfo: str) -> None:
    made = Site(conninfo, midnight(MONDAY))

    async def fill() -> None:
        await made.build(category="home")
        await made.store(made.captures("m1", energies(96), missing=range(50, 97)))
        await _imported(conninfo, _profile(700))
        await made.vee(MONDAY, MONDAY + DAY)

    asyncio.run(fill())
    span = ("--from", "2026-03-02", "--to", "2026-03-03")
    shown = headend("vee", "show", "p1", *span, "--json", "--config", site).documents
    assert [(one["rule"], one["value"], one["profiles"]) for one in (shown[0], shown[60])] == [
        ("raw", "0.2", None), ("class", "0.07", 1),
    ]  # fmt: skip
    start = "2026-03-02T20:00:00+08:00"
    put = ("vee", "edit", "p1", "--start", start, "--value", "1", "--reason", "SITE", "--config", site)
    assert headend(*put).code == 0
    after = headend("vee", "show", "p1", *span, "--json", "--config", site).documents
    assert [(after[at]["rule"], after[at]["profiles"]) for at in (60, 80)] == [("class", 1), ("edit", None)]
