"""The configuration: the shipped sample says everything, and a wrong file is told by file, key and expectation."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headend.batches.settings import TargetTable
from headend.cli.init import sample
from headend.config import Config, Database, PlanTable, load, parse
from headend.errors import UsageFault
from headend.ingest.settings import PushTable
from headend.recording.settings import SpoolTable
from headend.work.schedule import Every
from tests.headend.command import Headend

SAMPLE = sample()
_TARGET = SAMPLE[SAMPLE.index("# [[export.target]]") : SAMPLE.index("# [[push]]")]
TARGET = "\n".join(line.removeprefix("# ") for line in _TARGET.splitlines())
PUSH = "\n".join(line.removeprefix("# ") for line in SAMPLE[SAMPLE.index("# [[push]]") :].splitlines())
"""What the sample shows of pushed readings, which are received only where somebody asks for it."""


def test_the_sample_is_the_defaults() -> None:
    config = parse(SAMPLE, "sample.toml")
    assert config.plan
    given = msgspec.structs.replace(config, plan=[], database=Database(), spool=SpoolTable(), path="")
    assert given == Config()
    assert config.spool == SpoolTable(directory="spool")
    assert config.database == Database(directory="database")


def test_the_sample_s_push_is_the_defaults() -> None:
    (push,) = parse(SAMPLE + PUSH, "sample.toml").push
    assert push == PushTable(push.name, push.broker, push.topic, push.payload)
    assert push.identity("headend") == "headend-site"
    assert push.subscription == "hes/+/+/up"


def test_the_sample_s_target_is_one() -> None:
    (target,) = parse(SAMPLE + TARGET, "sample.toml").export.target
    own = TargetTable(target.name, target.url, host_key=target.host_key, key_file=target.key_file)
    assert target == own


def keys_of(kind: Any, prefix: str = "") -> list[str]:
    """Every key that the type has, written out: ``timing.dlt645.response``."""
    found = []
    for field in msgspec.structs.fields(kind):
        name, form = f"{prefix}{field.encode_name}", field.type
        inner = getattr(form, "__args__", [form])[0]
        is_table = isinstance(inner, type) and issubclass(inner, msgspec.Struct)
        found += keys_of(inner, f"{name}.") if is_table else [name]
    return found


@pytest.mark.parametrize("key", [key for key in keys_of(Config) if key != "path"])
def test_every_key_stands_in_the_sample(key: str) -> None:
    if key in ("database.dsn", "database.daemon_dsn"):
        assert f"\n# {key.removeprefix('database.')} = " in SAMPLE  # either these or directory
        return
    if key.startswith("push."):
        assert key.removeprefix("push.") in tomllib.loads(PUSH)["push"][0]
        return
    if key.startswith("export.target."):
        assert key.removeprefix("export.target.") in tomllib.loads(TARGET)["export"]["target"][0]
        return
    if key.startswith("plan."):
        assert re.search(rf"\b{key.split('.')[-1]} = ", SAMPLE), f"{key} is not in the sample"
        return
    table: Any = tomllib.loads(SAMPLE)
    for step in key.split("."):
        table = table[0] if isinstance(table, list) else table
        assert step in table, f"{key} is not in the sample"
        table = table[step]


def test_every_key_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    lacking = [key for key in keys_of(Config) if key != "path" and f"`{key.split('.')[-1]}`" not in text]
    lacking = [key for key in lacking if f"`{key}`" not in text]
    assert not lacking


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://user@host/db", r"""user='a "quoted" \'one\''""", "host=/tmp/a dbname='é'", "user=a\tport=1"],
)
def test_a_server_in_place_of_the_embedded_one(dsn: str) -> None:
    config = parse(sample(dsn), "sample.toml")
    assert config.database == Database(dsn=dsn)
    assert config.spool.directory == "spool"
    assert config.database_directory is None


def test_an_embedded_server_stands_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "headend.toml").write_text(SAMPLE)
    assert load(str(tmp_path / "headend.toml")).database_directory == tmp_path / "database"


PLACE = '[database]\ndirectory = "d"\n'
PUSHED = """\
[[push]]
name = "p"
broker = "mqtt://127.0.0.1:1883"
topic = "hes/{line}/{address}/up"
payload = "frames"
"""
PLAN = '[[plan]]\nname = "p"\nevery = "15m"\nquantities = ["voltage_l1"]\n'


def test_a_plan_in_full() -> None:
    config = parse(PLACE + PLAN, "x")
    assert config.plan == [PlanTable("p", "15m", quantities=["voltage_l1"])]
    assert config.plan[0].schedule(config.zone) == Every(900)
    assert [q.name for q in config.plan[0].wanted] == ["voltage_l1"]


BAD = {
    "unknown table": (PLACE + "[deamon]\n", "unknown field `deamon`"),
    "unknown key": (PLACE + "[daemon]\nlogs = 'info'\n", "daemon: .*unknown field `logs`"),
    "our own field": ("path = 'x'\n" + PLACE, "unknown key path"),
    "number for text": (PLACE + "[daemon]\nname = 7\n", "daemon.name: Expected `str`, got `int`"),
    "text for number": (PLACE + "[queue]\ncaptures = '7'\n", "queue.captures: Expected `int`, got `str`"),
    "table for list": (PLACE + "[plan]\nname = 'x'\n", "plan: Expected `array`"),
    "missing key": (PLACE + '[[plan]]\nevery = "1m"\n', r"plan\[0\]: .*missing required field `name`"),
    "no schedule": (PLACE + '[[plan]]\nname = "x"\n', r"plan\[0\].every: expected exactly one of every, daily"),
    "two schedules": (PLACE + PLAN + 'daily = "00:05"\n', r"plan\[0\].every: expected exactly one of every, daily"),
    "time of day": (
        PLACE + PLAN.replace('every = "15m"', 'daily = "25:00"'),
        r"plan\[0\].daily: '25:00', expected",
    ),
    "day of month": (
        PLACE + PLAN.replace('every = "15m"', 'monthly = "31 00:00"'),
        r"monthly: .*from 1 to 28",
    ),
    "kind": (PLACE + PLAN + 'kind = "all"\n', r"plan\[0\].kind: Invalid enum value 'all'"),
    "collect": (PLACE + PLAN + 'collect = "1h"\n', r"plan\[0\].collect: is for records alone"),
    "priority": (PLACE + PLAN + 'priority = "high"\n', r"plan\[0\].priority: 'high', expected one of event, today"),
    "no tries": (PLACE + PLAN + "tries = 0\n", r"plan\[0\].tries: 0, expected 1 to 100"),
    "horizon": (PLACE + PLAN + 'horizon = "long"\n', r"plan\[0\].horizon: 'long' is no duration"),
    "events with quantities": (PLACE + PLAN + 'kind = "events"\n', r"plan\[0\].quantities: events reads none"),
    "duration": (PLACE + "[daemon]\nheartbeat = '2 weeks'\n", "daemon.heartbeat: '2 weeks' .*expected .*15m"),
    "duration without unit": (PLACE + "[queue]\nlinger = '5'\n", "queue.linger: '5' is no duration"),
    "timing": (PLACE + "[timing.modbus]\ngap = 'x'\n", "timing.modbus.gap: 'x' is no duration"),
    "endless": (PLACE + PLAN.replace("15m", "9" * 400 + "d"), r"plan\[0\].every: .*longer"),
    "no heartbeat": (PLACE + "[daemon]\nheartbeat = '0s'\n", "daemon.heartbeat: .*above 0"),
    "retries": (PLACE + "[timing.dlt645]\nretries = -1\n", "timing.dlt645.retries: .*at least 0"),
    "no place": ("", "database: expected either dsn .* or directory"),
    "two places": ("[database]\ndirectory = 'd'\ndsn = 'x'\n", "database: expected either dsn .* or directory"),
    "no dsn": ("[database]\ndsn = 'nonsense'\n", "database.dsn: missing .*expected such as postgresql://"),
    "zone": ("timezone = 'Mars/Olympus'\n" + PLACE, "timezone: 'Mars/Olympus' is no time zone, expected .*Asia"),
    "zone that is a folder": ("timezone = 'Asia'\n" + PLACE, "timezone: 'Asia' is no time zone"),
    "zone outside": ("timezone = '../../etc/passwd'\n" + PLACE, "timezone: .*is no time zone"),
    "empty zone": ("timezone = ''\n" + PLACE, "timezone: '' is no time zone"),
    "log level": (PLACE + "[daemon]\nlog = 'loud'\n", "daemon.log: 'loud', expected one of debug"),
    "spool too small": (PLACE + "[spool]\nbytes = 5\n", "spool.bytes: 5, expected at least 1000000"),
    "spool's patience": (PLACE + "[spool]\nafter = 'soon'\n", "spool.after: 'soon' is no duration"),
    "queue": (PLACE + "[queue]\nbatch = 0\n", "queue: captures and batch are at least 1"),
    "port missing": (PLACE + "[daemon]\nmetrics = 'localhost'\n", "daemon.metrics: 'localhost', expected host:port"),
    "port alone": (PLACE + "[daemon]\nmetrics = '9645'\n", "daemon.metrics: '9645', expected host:port"),
    "port no number": (PLACE + "[daemon]\nmetrics = 'x:port'\n", "daemon.metrics: 'x:port', expected host:port"),
    "port too large": (PLACE + "[daemon]\nmetrics = 'x:65536'\n", "daemon.metrics: 'x:65536', expected host:port"),
    "port of another script": (PLACE + "[daemon]\nmetrics = 'x:²'\n", "daemon.metrics: 'x:²', expected host:port"),
    "quantity": (PLACE + PLAN.replace("voltage_l1", "volts"), r"plan\[0\].quantities: unknown quantity 'volts'"),
    "no quantity": (PLACE + PLAN.replace('"voltage_l1"', ""), r"plan\[0\].quantities: is empty"),
    "quantity twice": (
        PLACE + PLAN.replace('"voltage_l1"', '"voltage_l1", "1-0:32.7.0"'),
        r"plan\[0\].quantities: voltage_l1 stands twice",
    ),
    "plan twice": (PLACE + PLAN + PLAN, r"plan\[1\].name: 'p' stands twice"),
    "plan without name": (PLACE + PLAN.replace('"p"', '""'), r"plan\[0\].name: is empty"),
    "period below a second": (PLACE + PLAN.replace("15m", "500ms"), r"plan\[0\].every: '500ms', expected whole sec"),
    "period of one and a half": (PLACE + PLAN.replace("15m", "1500ms"), r"plan\[0\].every: '1500ms', expected whole"),
    "period no duration": (PLACE + PLAN.replace("15m", "often"), r"plan\[0\].every: 'often' is no duration"),
    "push without payload": (PLACE + PUSHED.replace('payload = "frames"\n', ""), r"push\[0\]: .*field `payload`"),
    "push payload": (PLACE + PUSHED.replace('"frames"', '"fax"'), r"push\[0\].payload: 'fax', expected one of frames"),
    "push broker": (PLACE + PUSHED.replace("mqtt:", "http:"), r"push\[0\].broker: http:.*expected a broker, mqtt://"),
    "push broker with a topic": (PLACE + PUSHED.replace(":1883", ":1883/up"), r"push\[0\].broker: .*without a topic"),
    "push topic": (PLACE + PUSHED.replace("{line}", "#"), r"push\[0\].topic: not a topic template"),
    "push edition": (PLACE + PUSHED + 'edition = "1987"\n', r"push\[0\].edition: Invalid enum value '1987'"),
    "push slot": (PLACE + PUSHED + 'slot = "1500ms"\n', r"push\[0\].slot: '1500ms', expected whole seconds"),
    "push keepalive": (PLACE + PUSHED + 'keepalive = "0s"\n', r"push\[0\].keepalive: '0s', expected whole .* 5s to"),
    "push bound": (PLACE + PUSHED + "receive_maximum = 65536\n", r"push\[0\].receive_maximum: 65536, .*1 to 65535"),
    "push captures": (PLACE + PUSHED + "captures = 0\n", r"push\[0\].captures: 0, expected a number from 1 to 20000"),
    "push group": (PLACE + PUSHED + 'group = "a/b"\n', r"push\[0\].group: 'a/b', expected a name without"),
    "push group of old": (PLACE + PUSHED + 'group = "g"\nversion = "3.1.1"\n', r"push\[0\].group: .*needs version 5"),
    "push status": (PLACE + PUSHED + 'status_topic = "a/#"\n', r"push\[0\].status_topic: 'a/#', expected a topic"),
    "push password twice": (
        PLACE + PUSHED + 'password_file = "p"\npassword_env = "P"\n',
        r"push\[0\].password_file: and password_env",
    ),
    "push password without user": (PLACE + PUSHED + 'password_env = "P"\n', r"push\[0\].broker: a password without"),
    "push twice": (PLACE + PUSHED + PUSHED, r"push\[1\].name: 'p' stands twice"),
    "push of one session": (
        PLACE + PUSHED + PUSHED.replace('"p"', '"q"') + 'client_id = "headend-p"\n',
        r"push\[1\].client_id: .*another",
    ),
    "not TOML": ("[database\n", "not TOML: .*line 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_told_by_file_key_and_expectation(headend: Headend, tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageFault, match=said) as fault:
        load(str(file))
    assert str(fault.value).startswith(f"{file}: ")
    ran = headend("--config", file, "--json", "meter", "list")
    assert ran.code == 2
    assert ran.document["error"] == {"kind": "usage", "message": str(fault.value)}
    assert ran.err == f"headend: {fault.value}\n"


def test_a_file_in_another_encoding(headend: Headend, tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes("[database]\ndirectory = 'é'\n".encode("latin-1"))
    ran = headend("--config", file, "status")
    assert (ran.code, ran.out) == (2, "")
    assert f"{file}: not UTF-8" in ran.err


def test_no_file(headend: Headend, tmp_path: Path) -> None:
    for file in (tmp_path / "none.toml", tmp_path):
        ran = headend("status", "--config", file)
        assert ran.code == 2
        assert f"headend: {file}: " in ran.err
        assert "headend init" in ran.err


def test_the_file_can_be_named_by_the_environment(
    headend: Headend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADEND_CONFIG", str(tmp_path / "of-environment.toml"))
    assert "of-environment.toml: No such file" in headend("status").err
    assert "stated.toml: No such file" in headend("status", "--config", tmp_path / "stated.toml").err
    monkeypatch.delenv("HEADEND_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert "headend.toml: No such file" in headend("status").err
