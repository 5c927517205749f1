"""The registry's files: every bad row is told by file, row and key, and nothing is taken from a file that has one."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from headend.registry.files import BadRegistry, BadRow, additions
from storage.entries import Additions, MeterState
from storage.registry import Registry
from tests.conftest import Servers
from tests.headend.command import Headend
from tests.headend.conftest import configuration

LINES = """\
name,url,protocol,framing,echo,window
bus 1,serial:///dev/ttyUSB0?baudrate=2400,dlt645,,yes
gate,tcp://192.0.2.7:502,modbus,tcp,no,16
线路,"mqtt://user:secret@192.0.2.8/up/7?down=down/7&payload=hex",dlt645,,
"""
METERS = """\
name,address,model,line,multiplier
m1,1,dlt645_2007,bus 1,
m2,123456789012,dlt645_2007,bus 1,80.5
m3,1,eastron_sdm630,gate,1
电表,AAAAAAAAAAAA,dlt645_2007,线路,0.001
"""
POINTS = """\
name,meter,from,address
home,m1,2026-01-01T00:00:00+08:00,"1, Main Street"
works,m3,2026-02-01T00:00:00Z,
"""


class Files:
    """The three files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.lines, self.meters, self.points = (folder / f"{name}.csv" for name in ("lines", "meters", "points"))

    def write(self, lines: str = LINES, meters: str = METERS, points: str = POINTS, encoding: str = "utf-8") -> None:
        for path, text in ((self.lines, lines), (self.meters, meters), (self.points, points)):
            path.write_text(text, encoding=encoding)

    @property
    def arguments(self) -> list[object]:
        return ["--lines", self.lines, "--meters", self.meters, "--points", self.points]

    def bad(self) -> list[tuple[str, int, str, str]]:
        with pytest.raises(BadRegistry) as found:
            additions(Additions(), self.lines, self.meters, self.points)
        rows: list[BadRow] = list(found.value.rows)
        assert all(str(row) in str(found.value) for row in rows)
        return [(Path(row.file).stem, row.row, row.key, row.problem) for row in rows]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    found = Files(tmp_path)
    found.write()
    return found


def test_good_files(files: Files) -> None:
    found = additions(Additions(), files.lines, files.meters, files.points)
    assert [(line.name, line.protocol, line.options) for line in found.lines] == [
        ("bus 1", "dlt645", {"framing": "", "echo": True, "window": 1}),
        ("gate", "modbus", {"framing": "tcp", "echo": False, "window": 16}),
        ("线路", "dlt645", {"framing": "", "echo": False, "window": 1}),
    ]
    assert [(m.name, m.address, m.line, str(m.multiplier)) for m in found.meters] == [
        ("m1", "000000000001", "bus 1", "1"),
        ("m2", "123456789012", "bus 1", "80.5"),
        ("m3", "1", "gate", "1"),
        ("电表", "AAAAAAAAAAAA", "线路", "0.001"),
    ]
    assert all(meter.quantities for meter in found.meters)
    assert [(point.name, point.address) for point in found.points] == [("home", "1, Main Street"), ("works", None)]
    assert [(i.point, i.meter, i.start.isoformat()) for i in found.installations] == [
        ("home", "m1", "2026-01-01T00:00:00+08:00"),
        ("works", "m3", "2026-02-01T00:00:00+00:00"),
    ]


def test_a_byte_order_mark_and_windows_line_ends(files: Files) -> None:
    plain = additions(Additions(), files.lines, files.meters, files.points)
    lines, meters, points = (text.replace("\n", "\r\n") for text in (LINES, METERS, POINTS))
    files.write(lines, meters, points, encoding="utf-8-sig")
    assert additions(Additions(), files.lines, files.meters, files.points) == plain


BAD_LINES = {
    "x,tcp://192.0.2.1:1,iec104": ("protocol", "'iec104', expected one of dlt645, modbus"),
    "x,tcp://192.0.2.1:1,modbus,ascii": ("framing", "'ascii' does not fit modbus, expected rtu or tcp"),
    "x,tcp://192.0.2.1:1,dlt645,rtu": ("framing", "'rtu' does not fit dlt645, expected none"),
    "x,tcp://192.0.2.1:1,dlt645,,maybe": ("echo", "'maybe', expected yes or no"),
    "x,tcp://192.0.2.1:1,modbus,,,0": ("window", "'0', expected a whole number from 1 to 256"),
    "x,tcp://192.0.2.1:1,modbus,,,257": ("window", "'257', expected a whole number from 1 to 256"),
    "x,tcp://192.0.2.1:1,modbus,,,-4": ("window", "'-4', expected a whole number"),
    "x,tcp://192.0.2.1:1,modbus,,,4.0": ("window", "'4.0', expected a whole number"),
    "x,tcp://192.0.2.1:1,modbus,,,four": ("window", "'four', expected a whole number"),
    "x,tcp://192.0.2.1:1,modbus,,,٤": ("window", "'٤', expected a whole number"),
    "x,tcp://192.0.2.1:1,modbus,rtu,,2": ("window", "2, expected 1: only Modbus TCP (and no echo)"),
    "x,tcp://192.0.2.1:1,modbus,,yes,2": ("window", "2, expected 1: only Modbus TCP (and no echo)"),
    "x,serial:///dev/ttyS0,modbus,,,2": ("window", "2, expected 1: only Modbus TCP (and no echo)"),
    "x,tcp://192.0.2.1:1,dlt645,,,2": ("window", "2, expected 1: only Modbus TCP (and no echo)"),
    "x,192.0.2.1:1,dlt645": ("url", "not a link URL"),
    "x,http://192.0.2.1:1,dlt645": ("url", "unknown scheme 'http'"),
    "x,serial:///dev/ttyS0?baudrate=fast,dlt645": ("url", "baudrate"),
    "x,tcp://192.0.2.1,dlt645": ("url", "port"),
    ",tcp://192.0.2.1:1,dlt645": ("name", "is empty"),
    "x,,dlt645": ("url", "is empty"),
    "x,tcp://192.0.2.1:1": ("protocol", "is empty"),
    "bus 1,tcp://192.0.2.1:1,dlt645": ("name", "'bus 1' stands in row 2 too"),
    "x,tcp://192.0.2.1:1,dlt645,,,1,more": ("row", "has more than 6 cells"),
    "x\0y,tcp://192.0.2.1:1,dlt645": ("name", "holds a NUL"),
}
BAD_METERS = {
    "x,2,dlt645_2099,bus 1": ("model", "unknown model 'dlt645_2099'"),
    "x,2,./none.toml,bus 1": ("model", "No such file"),
    "x,2,eastron_sdm630,bus 1": ("model", "eastron_sdm630 speaks modbus, line bus 1 dlt645"),
    "x,12 34,dlt645_2007,bus 1": ("address", "12 34"),
    "x,1234567890123,dlt645_2007,bus 1": ("address", "1234567890123"),
    "x,256,eastron_sdm630,gate": ("address", "256"),
    "x,999999999999,dlt645_2007,bus 1": ("address", "999999999999 is the broadcast"),
    "x,,dlt645_2007,bus 1": ("address", "is empty"),
    "x,2,dlt645_2007,bus 9": ("line", "'bus 9' is not known"),
    "x,2,dlt645_2007,bus 1,0": ("multiplier", "'0', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,-1": ("multiplier", "'-1', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,NaN": ("multiplier", "'NaN', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,inf": ("multiplier", "'inf', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,1e99": ("multiplier", "'1e99', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,1e-99": ("multiplier", "'1e-99', expected a number above 0"),
    "x,2,dlt645_2007,bus 1,80:1": ("multiplier", "'80:1' is no number"),
    "m1,2,dlt645_2007,bus 1": ("name", "'m1' stands in row 2 too"),
    "x,000000000001,dlt645_2007,bus 1": ("address", "000000000001 is meter 'm1' on line bus 1"),
    "x,01,eastron_sdm630,gate": ("address", "1 is meter 'm3' on line gate"),
}
BAD_POINTS = {
    "x,m9": ("meter", "'m9' is not known"),
    "x,m2,yesterday": ("from", "'yesterday' is no time, expected ISO 8601 with offset"),
    "x,m2,2026-01-01T00:00:00": ("from", "'2026-01-01T00:00:00' has no offset"),
    "x,m1": ("meter", "'m1' stands at point 'home' too"),
    "home,m2": ("name", "'home' stands in row 2 too"),
    "x,": ("meter", "is empty"),
}


@pytest.mark.parametrize(
    ("kind", "row", "key", "said"),
    [
        *(("lines", row, *told) for row, told in BAD_LINES.items()),
        *(("meters", row, *told) for row, told in BAD_METERS.items()),
        *(("points", row, *told) for row, told in BAD_POINTS.items()),
    ],
)
def test_a_bad_row_is_told_by_file_row_and_key(files: Files, kind: str, row: str, key: str, said: str) -> None:
    texts = {"lines": LINES, "meters": METERS, "points": POINTS}
    before = texts[kind].count("\n")
    texts[kind] += "\n" + row + "\n"  # an empty line is no row, and is counted as an editor counts it
    files.write(**texts)
    ((file, number, found, problem),) = files.bad()
    assert (file, number, found) == (kind, before + 2, key)
    assert said in problem


def test_every_bad_row_is_told_not_the_first_one_only(files: Files) -> None:
    files.write(
        LINES + "\n".join(BAD_LINES) + "\n", METERS + "\n".join(BAD_METERS) + "\n", POINTS + "\n".join(BAD_POINTS)
    )
    rows = files.bad()
    told = [*BAD_LINES.values(), *BAD_METERS.values(), *BAD_POINTS.values()]
    # most rows are named x: from the second on it is the name that is told
    assert len(rows) == len(told)
    counts = {"lines": len(BAD_LINES), "meters": len(BAD_METERS), "points": len(BAD_POINTS)}
    assert [row[0] for row in rows] == [kind for kind, count in counts.items() for _ in range(count)]


BAD_FILES = {
    "": "heading lacks name, lacks url, lacks protocol; expected name,url,protocol and perhaps framing,echo",
    "name,url\n": "heading lacks protocol",
    "name,url,protocol,colour\n": "heading has unknown colour",
    "name,url,protocol,\n": "heading has unknown an empty column",
    "name,url,protocol,url\n": "heading has url twice",
    'name,url,"protocol\n': "line 1: ",
    LINES + 'x,"tcp://192.0.2.1:1\n': "line 5: ",
    LINES + 'x,"tcp"://192.0.2.1:1,dlt645\n': "line 5: ",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_file_that_is_no_such_table(headend: Headend, site: Path, files: Files, text: str) -> None:
    files.write(lines=text)
    ran = headend("--config", site, "meter", "import", "--lines", files.lines)
    assert ran.code == 2
    assert f"{files.lines}: {BAD_FILES[text]}" in ran.err


def test_a_file_in_another_encoding_or_none_at_all(headend: Headend, site: Path, files: Files) -> None:
    files.write(encoding="gb18030")
    assert f"{files.meters}: not UTF-8" in headend("--config", site, "meter", "import", "--meters", files.meters).err
    files.lines.unlink()
    ran = headend("--config", site, "meter", "import", *files.arguments)
    assert (ran.code, ran.err) == (2, f"headend: {files.lines}: No such file or directory\n")
    ran = headend("--config", site, "meter", "import")
    assert (ran.code, ran.err) == (2, "headend: nothing to import: give DIR, --lines, --meters or --points\n")


@pytest.fixture
def empty_site(servers: Servers, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A second configuration with an empty database of its own."""
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        file = tmp_path / "other.toml"
        file.write_text(configuration(conninfo), encoding="utf-8")
        yield file, conninfo


async def entries(conninfo: str) -> tuple[object, ...]:
    """What the registry holds, without ids and the time of making."""
    async with Registry(conninfo) as known:
        return (
            [(line.name, line.url, line.protocol, line.options) for line in await known.lines()],
            [(m.name, m.address, m.model, m.line, m.multiplier, m.quantities, m.state) for m in await known.meters()],
            [(point.name, point.address) for point in await known.usage_points()],
            [(i.point, i.meter, i.start, i.end) for i in await known.installations()],
        )


NOTHING: tuple[object, ...] = ([], [], [], [])


def test_one_bad_row_and_nothing_is_imported(headend: Headend, site: Path, files: Files, conninfo: str) -> None:
    files.write(points=POINTS + "x,m9\n")
    ran = headend("meter", "import", *files.arguments, "--config", site, "--json")
    assert ran.code == 2
    assert ran.document["error"]["kind"] == "usage"
    assert ran.document["rows"] == [
        {"file": str(files.points), "row": 4, "key": "meter", "problem": "'m9' is not known"}
    ]
    assert "1 bad row, nothing was imported" in ran.err
    assert f"{files.points}: row 4: meter: 'm9' is not known" in ran.err
    assert asyncio.run(entries(conninfo)) == NOTHING


def test_a_dry_run_changes_nothing(headend: Headend, site: Path, files: Files, conninfo: str) -> None:
    ran = headend("meter", "import", *files.arguments, "--dry-run", "--config", site, "--json")
    assert (ran.code, ran.document) == (
        0,
        {"read": {"lines": 3, "meters": 4, "points": 2}, "added": 0, "dry_run": True},
    )
    assert asyncio.run(entries(conninfo)) == NOTHING


def test_an_import_can_be_repeated_and_continued(headend: Headend, site: Path, files: Files, conninfo: str) -> None:
    arguments = ["meter", "import", *files.arguments, "--config", site, "--json"]
    files.write(points=POINTS + "undated,m2\n")
    assert headend(*arguments).document["added"] == 3 + 4 + 3 + 3
    first = asyncio.run(entries(conninfo))
    again = headend(*arguments)
    assert (again.code, again.document["added"]) == (0, 0)
    assert asyncio.run(entries(conninfo)) == first
    files.write(meters=METERS + "m5,5,dlt645_2007,bus 1\n")
    assert headend(*arguments).document["added"] == 1


def test_what_is_stored_counts_for_later_files(headend: Headend, site: Path, files: Files) -> None:
    assert headend("meter", "import", *files.arguments, "--config", site).code == 0
    files.write(meters="name,address,model,line\nother,1,dlt645_2007,bus 1\n", points="name,meter\nelsewhere,m1\n")
    arguments = ["--meters", files.meters, "--points", files.points]
    ran = headend("meter", "import", *arguments, "--config", site, "--json")
    assert ran.code == 2
    assert [(row["key"], row["problem"]) for row in ran.document["rows"]] == [
        ("address", "000000000001 is meter 'm1' on line bus 1"),
        ("meter", "'m1' stands at point 'home' since 2025-12-31T16:00:00+00:00"),
    ]


def test_export_and_import_into_an_empty_database_give_the_same_registry(
    headend: Headend, site: Path, files: Files, conninfo: str, empty_site: tuple[Path, str], tmp_path: Path
) -> None:
    assert headend("meter", "import", *files.arguments, "--config", site).code == 0
    ran = headend("meter", "export", tmp_path / "out", "--config", site, "--json")
    assert (ran.code, len(ran.document["written"])) == (0, 14)
    assert all(Path(path).parent == tmp_path / "out" for path in ran.document["written"])
    other, other_conninfo = empty_site
    assert headend("meter", "import", tmp_path / "out", "--config", other).code == 0
    assert asyncio.run(entries(other_conninfo)) == asyncio.run(entries(conninfo))


def test_a_removed_meter_is_exported_with_its_life(
    headend: Headend, site: Path, files: Files, conninfo: str, tmp_path: Path
) -> None:
    assert headend("meter", "import", *files.arguments, "--config", site).code == 0

    async def remove() -> None:
        async with Registry(conninfo) as known:
            await known.set_meter_state("m1", MeterState.REMOVED)

    asyncio.run(remove())
    new = ["m1b", "--address", "1", "--model", "dlt645_2007", "--line", "bus 1"]
    assert headend("meter", "add", *new, "--config", site).code == 0
    assert headend("meter", "export", tmp_path / "out", "--config", site).code == 0
    with (tmp_path / "out" / "meters.csv").open(encoding="utf-8") as file:
        assert [(row["name"], row["state"]) for row in csv.DictReader(file)] == [
            ("m1", "active"), ("m1b", "active"), ("m2", "active"), ("m3", "active"), ("电表", "active"),
        ]  # fmt: skip
    with (tmp_path / "out" / "states.csv").open(encoding="utf-8") as file:
        assert [(row["meter"], row["state"]) for row in csv.DictReader(file)] == [("m1", "removed")]
