"""A folder of files is the whole registry: out, in and out again gives the same files; every bad row is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.registry import Registry
from tests.conftest import Servers
from tests.headend.command import Headend
from tests.headend.conftest import configuration

FILES = {
    "lines": "name,url,protocol\nbus,tcp://192.0.2.1:1,dlt645\n",
    "meters": """\
name,address,model,line,multiplier,created,state
m1,1,dlt645_2007,bus,80,2026-01-01T00:00:00+08:00,planned
m2,1,dlt645_2007,bus,,,
m3,3,dlt645_2007,bus,,2026-01-01T00:00:00+08:00,
total,9,dlt645_2007,bus,200,2026-01-01T00:00:00+08:00,
""",
    "points": """\
name,address,tariff,category,capacity_kw,rated_current_a,options
home,"1, Main Street",step,residential,8.5,60,"{""户号"": 7}"
roof,,,pv,,,
""",
    "feeders": "name,address\n10kV 东线,North\n",
    "areas": 'name,timezone,options\n台区1,Asia/Shanghai,"{""kva"": 400}"\narea 2,,\n',
    "installations": """\
point,meter,from,to
home,m1,2026-01-02T00:00:00+08:00,2026-03-01T10:00:00+08:00
home,m2,2026-03-01T10:00:00+08:00,
roof,m3,2026-01-02T00:00:00+08:00,
""",
    "area_feeders": "area,feeder,from\n台区1,10kV 东线,2026-01-01T00:00:00+08:00\n",
    "area_points": """\
point,area,from,to,phase,branch
home,台区1,2026-01-02T00:00:00+08:00,2026-02-01T00:00:00+08:00,L1,b1
home,area 2,2026-02-01T00:00:00+08:00,,three-phase,
roof,台区1,2026-01-02T00:00:00+08:00,,,
""",
    "totals": """\
meter,area,feeder,from,to
total,台区1,,2026-01-01T00:00:00+08:00,2026-02-01T00:00:00+08:00
total,,10kV 东线,2026-02-01T00:00:00+08:00,
""",
    "states": """\
meter,from,state,actor,reason
m1,2026-01-02T00:00:00+08:00,active,li,
m2,2026-03-01T10:00:00+08:00,active,li,
m1,2026-03-01T10:00:00+08:00,removed,li,"old, worn"
""",
    "multipliers": "meter,from,multiplier,actor,reason\nm1,2026-02-01T00:00:00+08:00,120,li,CT 600/5\n",
    "registers": """\
meter,time,quantity,edge,value,source,actor,reason
m1,2026-03-01T10:00:00+08:00,active_energy_import,final,20451.37,read,li,
m2,2026-03-01T10:00:00+08:00,1-0:1.8.0,initial,0.03,manual,li,
""",
    "exchanges": "old,new,at,actor,reason\nm1,m2,2026-03-01T10:00:00+08:00,li,worn\n",
    "vacancies": """\
point,from,to,actor,reason
home,2026-01-05T00:00:00+08:00,2026-01-20T00:00:00+08:00,li,moved out
home,2026-02-05T00:00:00+08:00,,li,
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    for name, text in FILES.items():
        (made / f"{name}.csv").write_text(text, encoding="utf-8")
    return made


@pytest.fixture
def empty_site(servers: Servers, tmp_path: Path) -> Iterator[Path]:
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        file = tmp_path / "other.toml"
        file.write_text(configuration(conninfo), encoding="utf-8")
        yield file


def test_out_in_and_out_again_gives_the_same_files(
    headend: Headend, site: Path, empty_site: Path, folder: Path, tmp_path: Path
) -> None:
    ran = headend("meter", "import", folder, "--config", site, "--json")
    assert (ran.code, ran.document["added"]) == (0, sum(text.count("\n") - 1 for text in FILES.values()) - 1)
    assert headend("meter", "import", folder, "--config", site, "--json").document["added"] == 0
    once, again = tmp_path / "once", tmp_path / "again"
    assert headend("meter", "export", once, "--config", site).code == 0
    assert headend("meter", "import", once, "--config", empty_site).code == 0
    assert headend("meter", "export", again, "--config", empty_site).code == 0
    names = sorted(path.name for path in once.iterdir())
    assert names == sorted(f"{name}.csv" for name in FILES)
    for name in names:
        text = (once / name).read_bytes()
        assert text == (again / name).read_bytes()
        assert text.count(b"\n") == FILES[name[:-4]].count("\n") - (name == "states.csv"), name
    assert "CT 600/5" in (once / "multipliers.csv").read_text(encoding="utf-8")
    assert 'home,"1, Main Street",step,residential,8.5,60,"{""户号"": 7}"' in (once / "points.csv").read_text("utf-8")


BAD = {
    "feeders": [("10kV 东线,", "name", "'10kV 东线' stands in row 2 too")],
    "areas": [
        ("a3,Mars/Olympus", "timezone", "'Mars/Olympus' is no time zone"),
        ("a4,,{kva}", "options", "is no JSON"),
        ("a5,,[1]", "options", "expected a JSON object"),
    ],
    "points": [
        ("x,,,,-1", "capacity_kw", "'-1', expected a number above 0"),
        ("y,,,,,sixty", "rated_current_a", "'sixty' is no number"),
    ],
    "meters": [
        ("m9,1,dlt645_2007,bus,,2026-02-15T00:00:00+08:00,", "address", "000000000001 is meter 'm1' on line bus"),
        ("m8,8,dlt645_2007,bus,,2026-02-15T00:00:00,", "created", "has no offset"),
        ("m7,7,dlt645_2007,bus,,,asleep", "state", "'asleep', expected one of planned, active"),
        ("m6,6,dlt645_2099,bus,,,", "model", "unknown model"),
    ],
    "installations": [
        ("home,m1,2026-02-01T00:00:00Z,2026-02-02T00:00:00Z", "meter", "'m1' overlaps another row"),
        ("moon,m3,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z", "point", "'moon' is not known"),
        ("home,m3,2025-02-01T00:00:00Z,2025-01-01T00:00:00Z", "to", "is not after from"),
        ("home,m8,2026-02-01T00:00:00,", "from", "has no offset"),
        ("home,m3,,", "from", "is empty"),
    ],
    "area_feeders": [
        ("台区1,10kV 东线,2026-05-01T00:00:00Z", "area", "'台区1' overlaps"),
        ("area 2,西线,2026-05-01T00:00:00Z", "feeder", "'西线' is not known"),
    ],
    "area_points": [
        ("home,台区1,2025-12-01T00:00:00Z,,L1,", "point", "'home' overlaps"),
        ("roof,台区1,2025-12-01T00:00:00Z,2025-12-02T00:00:00Z,L4,", "phase", "'L4', expected one of L1, L2"),
    ],
    "totals": [
        ("m3,台区1,10kV 东线,2026-01-01T00:00:00Z,", "area", "fill one of the two"),
        ("m3,,,2026-01-01T00:00:00Z,", "area", "fill one of the two"),
        ("m3,area 9,,2026-01-01T00:00:00Z,", "area", "'area 9' is not known"),
    ],
    "states": [
        ("m3,2026-04-01T00:00:00Z,scrapped,,", "state", "'m3' is active then, and does not become scrapped"),
        ("m3,2025-04-01T00:00:00Z,suspended,,", "from", "later than that"),
        ("m0,2026-04-01T00:00:00Z,active,,", "meter", "'m0' is not known"),
    ],
    "multipliers": [
        ("m1,2026-02-01T00:00:00+08:00,7,,", "row", "says what another row says"),
        ("m1,2026-02-02T00:00:00+08:00,0,,", "multiplier", "expected a number above 0"),
    ],
    "registers": [
        ("m1,2026-03-01T10:00:00+08:00,colour,final,1,read,,", "quantity", "colour"),
        ("m3,2026-03-01T10:00:00+08:00,1-0:1.8.0,final,1.00001,read,,", "value", "has more than 4 decimals"),
        ("m3,2026-03-01T10:00:00+08:00,1-0:1.8.0,middle,1,read,,", "edge", "'middle', expected one of initial"),
        ("m3,2026-03-01T10:00:00+08:00,1-0:1.8.0,final,1,dreamt,,", "source", "'dreamt', expected one of read"),
        ("m3,2026-03-01T10:00:00+08:00,1-0:1.8.0,final,many,read,,", "value", "'many' is no number"),
    ],
    "exchanges": [
        ("m3,m3,2026-03-01T10:00:00+08:00,,", "new", "'m3' takes its own place"),
        ("m3,m5,2026-03-01T10:00:00+08:00,,", "new", "'m5' is not known"),
    ],
    "vacancies": [
        ("home,2026-03-05T00:00:00+08:00,,li,", "point", "'home' overlaps"),
        ("roof,2026-03-05T00:00:00+08:00,,,", "actor", "is empty"),
        ("roof,2026-03-05T00:00:00+08:00,2026-03-05T00:00:00+08:00,li,", "to", "is not after from"),
    ],
}


def test_every_bad_row_of_every_file_is_told_and_nothing_is_imported(
    headend: Headend, site: Path, folder: Path, conninfo: str
) -> None:
    expected = []
    for name, rows in BAD.items():
        path = folder / f"{name}.csv"
        first = FILES[name].count("\n") + 1
        path.write_text(FILES[name] + "".join(f"{row}\n" for row, _, _ in rows), encoding="utf-8")
        expected += [(str(path), first + n, key, said) for n, (_, key, said) in enumerate(rows)]
    ran = headend("meter", "import", folder, "--dry-run", "--config", site, "--json")
    assert ran.code == 2
    told = {(row["file"], row["row"]): row for row in ran.document["rows"]}
    assert len(told) == len(ran.document["rows"])
    assert sorted(told) == sorted(where[:2] for where in expected), "all of them, and none for another's fault"
    for file, number, key, said in expected:
        assert told[file, number]["key"] == key
        assert said in told[file, number]["problem"]
    assert headend("meter", "import", folder, "--config", site).code == 2

    async def count() -> int:
        async with Registry(conninfo) as registry:
            return len(await registry.lines())

    assert asyncio.run(count()) == 0


def test_a_folder_that_is_none(headend: Headend, site: Path, tmp_path: Path, folder: Path) -> None:
    ran = headend("meter", "import", tmp_path / "gone", "--config", site)
    assert (ran.code, "no such folder" in ran.err) == (2, True)
    (folder / "mters.csv").write_text("name\n", encoding="utf-8")
    ran = headend("meter", "import", folder, "--config", site)
    assert (ran.code, "mters.csv: no file of the registry, expected lines.csv" in ran.err) == (2, True)
    (tmp_path / "empty").mkdir()
    assert (
        "no file of the registry stands there" in headend("meter", "import", tmp_path / "empty", "--config", site).err
    )


def test_what_is_stored_counts_for_the_rows(headend: Headend, site: Path, folder: Path, tmp_path: Path) -> None:
    assert headend("meter", "import", folder, "--config", site).code == 0
    more = tmp_path / "more"
    more.mkdir()
    (more / "installations.csv").write_text("point,meter,from\nroof,m2,2026-05-01T00:00:00Z\n", encoding="utf-8")
    (more / "states.csv").write_text(
        "meter,from,state\nm1,2026-05-01T00:00:00Z,suspended\nm3,2026-05-01T00:00:00Z,suspended\n", encoding="utf-8"
    )
    (more / "meters.csv").write_text("name,address,model,line\nm7,3,dlt645_2007,bus\n", encoding="utf-8")
    ran = headend("meter", "import", more, "--config", site, "--json")
    assert ran.code == 2
    assert [(Path(row["file"]).stem, row["row"], row["key"]) for row in ran.document["rows"]] == [
        ("meters", 2, "address"),
        ("states", 2, "state"),
        ("installations", 2, "meter"),
    ]
