"""What holds for all commands: options anywhere, help, exit codes, and never a traceback."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headend.cli
from headend.cli.main import COMMANDS, parser, run
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.ports import free_port

FRAME = "68129078563412681104333334336816"
SHORTEST = {
    "demo": [["demo"]],
    "init": [["init"]],
    "check": [["check"]],
    "run": [["run"]],
    "status": [["status"]],
    "meter": [
        ["meter", "list"],
        ["meter", "show", "m1"],
        ["meter", "add", "m1", "--address", "1", "--model", "dlt645_2007", "--line", "bus 1"],
        ["meter", "unknown"],
        ["meter", "import", "--lines", "lines.csv"],
        ["meter", "import", "registry", "--dry-run"],
        ["meter", "export", "out"],
        ["meter", "exchange", "m1", "m2", "--final", "1-0:1.8.0=1", "--initial", "1-0:1.8.0=0"],
        ["meter", "suspend", "m1"],
        ["meter", "resume", "m1", "m2"],
        ["meter", "remove", "m1"],
        ["meter", "scrap", "m1"],
        ["meter", "multiplier", "m1", "80"],
        ["meter", "history", "m1"],
    ],
    "area": [
        ["area", "list"],
        ["area", "show", "a1"],
        ["area", "tree"],
        ["area", "move", "a1", "f1"],
    ],
    "point": [
        ["point", "show", "p1"],
        ["point", "move", "p1", "a1"],
        ["point", "contract", "p1"],
        ["point", "use", "p1", "--from", "2026-01-01", "--to", "2026-01-02"],
        ["point", "forget", "p1", "--readings", "keep", "--reason", "moved out"],
    ],
    "register-read": [
        ["register-read", "add", "m1", "--time", "2026-01-01", "--quantity", "1-0:1.8.0=1"],
        ["register-read", "import", "tests/__init__.py", "--dry-run"],
        ["register-read", "list", "m1"],
        ["register-read", "missing", "--cycle", "2026-11", "--csv"],
        ["register-read", "withdraw", "1", "--reason", "misread"],
    ],
    "vee": [
        ["vee", "run", "--from", "2026-03-01", "--to", "2026-03-02"],
        ["vee", "show", "p1", "--from", "2026-03-01", "--to", "2026-03-02"],
        ["vee", "findings", "--from", "2026-03-01", "--to", "2026-03-02"],
        ["vee", "edit", "p1", "--start", "2026-03-01", "--value", "1", "--reason", "SITE"],
        ["vee", "history", "p1", "2026-03-01"],
    ],
    "model": [["model", "list"], ["model", "show", "dlt645_2007"], ["model", "test"]],
    "read": [["read", "m1"]],
    "readings": [["readings", "m1"]],
    "quality": [["quality"], ["quality", "--worst", "5", "--by", "area"]],
    "plan": [["plan", "list"], ["plan", "due", "--line", "a"]],
    "gaps": [["gaps"]],
    "recollect": [["recollect", "--from", "2026-01-01"]],
    "events": [
        ["events", "list"],
        ["events", "show", "1"],
        ["events", "ack", "1"],
        ["events", "read", "m1"],
        ["events", "storms"],
    ],
    "clock": [
        ["clock", "list"],
        ["clock", "survey", "m1"],
        ["clock", "stats"],
        ["clock", "sync", "m1"],
        ["clock", "log"],
    ],
    "outages": [["outages", "list"], ["outages", "show", "1"], ["outages", "ping", "A"]],
    "access": [["access", "list"], ["access", "forgotten"]],
    "command": [
        ["command", "trip", "m1", "--reason", "danger"],
        ["command", "write", "m1", "--item", "04000103", "--value", "30", "--reason", "maintenance"],
        ["command", "list"],
        ["command", "show", "k1"],
        ["command", "approve", "k1"],
        ["command", "reject", "k1"],
        ["command", "release", "k1"],
        ["command", "recall", "k1"],
        ["command", "stop"],
        ["command", "resume"],
        ["command", "stops"],
        ["command", "paid", "p1"],
        ["command", "changes"],
        ["command", "holds"],
        ["command", "release-hold", "1", "--why", "looked"],
    ],
    "user": [["user", "list"], ["user", "add", "ada"], ["user", "disable", "ada"], ["user", "me"]],
    "token": [["token", "list"], ["token", "new"], ["token", "revoke", "1"]],
    "policy": [["policy", "show"], ["policy", "set", "tests/__init__.py"]],
    "protection": [["protection", "list"], ["protection", "add", "medical", "--meter", "m1"]],
    "audit": [["audit", "verify"], ["audit", "head"], ["audit", "export", "-o", "a.jsonl"], ["audit", "replay", "k1"]],
    "secret": [["secret", "list"], ["secret", "rewrap"]],
    "load": [
        ["load", "programme", "list"],
        ["load", "programme", "show", "peak"],
        ["load", "member", "add", "peak", "p1"],
        ["load", "member", "list", "peak"],
        ["load", "event", "plan", "tests/__init__.py"],
        ["load", "event", "list"],
        ["load", "event", "show", "e1"],
        ["load", "event", "settle", "e1"],
        ["load", "balance", "import", "tests/__init__.py"],
        ["load", "notice", "p1", "--kind", "warned", "--proof", "letter"],
        ["load", "accounts", "prepaid"],
        ["load", "limits", "works"],
    ],
    "forecast": [["forecast", "run"], ["forecast", "backtest"]],
    "label": [["label", "run"], ["label", "list"], ["label", "show", "p1"]],
    "tariff": [["tariff", "check", "t.toml"], ["tariff", "rate", "t.toml", "--determinants", "d.json"]],
    "bill": [
        ["bill", "home", "--cycle", "2026-11"],
        ["bill", "--point", "run", "--cycle", "2026-11", "--final"],
        ["bill", "run", "--cycle", "2026-11", "--dry-run"],
        ["bill", "list"],
        ["bill", "show", "1"],
        ["bill", "diff", "1", "2"],
    ],
    "frame": [["frame", "decode", FRAME]],
    "simulate": [["simulate", "scenario.toml"]],
    "theft": [
        ["theft", "scan"],
        ["theft", "case", "list"],
        ["theft", "case", "show", "1"],
        ["theft", "case", "open", "m1"],
        ["theft", "case", "set-status", "1", "closed"],
        ["theft", "case", "outcome", "1", "--found", "no"],
        ["theft", "case", "export", "1", "-o", "dir"],
    ],
    "lineloss": [["lineloss", "report"]],
    "export": [
        ["export", "--verify", "batch"],
        ["export", "csv", "--from", "2026-03-01", "--to", "2026-03-02", "-o", "dir"],
        ["export", "list"],
    ],
    "wire": [["wire", "replay", "east.jsonl"]],
    "conform": [["conform", "--protocol", "dlt645", "--address", "1"]],
    "dead-letters": [
        ["dead-letters", "list"],
        ["dead-letters", "show", "1"],
        ["dead-letters", "replay", "1"],
        ["dead-letters", "drop", "1"],
    ],
    "replay": [["replay", "--dead-letters"], ["replay", "--spool"]],
    "backup": [["backup", "dir"]],
    "restore": [["restore", "dir"]],
    "store": [["store", "rollup"], ["store", "retention"], ["store", "partitions"], ["store", "size"]],
}
"""The shortest good call of every verb of every command."""
CALLS = [call for calls in SHORTEST.values() for call in calls]
WITHOUT_CONFIG = {"demo", "model", "frame", "simulate", "conform", "wire", "tariff", "export"}


def needs_its_module(command: str) -> None:
    """A command may be announced before it is there; `COMMANDS` is where that is said."""
    if importlib.util.find_spec(f"headend.cli.{command.replace('-', '_')}") is None:
        pytest.skip(f"command {command} is in the table and not there yet")


def test_the_table_holds_every_command() -> None:
    modules = {module.name for module in pkgutil.iter_modules(headend.cli.__path__)}
    commands = {name for name in modules if hasattr(importlib.import_module(f"headend.cli.{name}"), "add")}
    assert {name.replace("_", "-") for name in commands} <= set(COMMANDS)
    assert set(SHORTEST) == set(COMMANDS)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_json_and_config_are_accepted_before_and_after(call: list[str]) -> None:
    needs_its_module(call[0])
    options = ["--json", "--config", "x.toml"]
    ways = [[*options, *call], [*call, *options], [*options[:1], *call, *options[1:]], [*call[:1], *options, *call[1:]]]
    found = [vars(parser(way).parse_args(way)) for way in ways]
    assert found[0]["json"] is True
    assert found[0]["config"] == "x.toml"
    assert found == [found[0]] * len(ways)
    assert not {"json", "config"} & set(vars(parser(call).parse_args(call)))


@pytest.mark.parametrize("call", [call for call in CALLS if call[0] not in {*WITHOUT_CONFIG, "init"}], ids=" ".join)
def test_the_configuration_named_is_the_one_used(headend: Headend, tmp_path: Path, call: list[str]) -> None:
    file = tmp_path / "none.toml"
    for way in (["--json", "--config", file, *call], [*call, "--config", file, "--json"]):
        ran = headend(*way)
        assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
        assert ran.document["error"]["message"].startswith(f"{file}: No such file")
        assert f"headend: {file}: No such file" in ran.err


@pytest.mark.parametrize("call", [["model", "list"], ["model", "show", "eastron_sdm630"], ["frame", "decode", FRAME]])
def test_json_is_json_wherever_it_is_asked_for(headend: Headend, call: list[str]) -> None:
    needs_its_module(call[0])
    before, after = headend("--json", *call), headend(*call, "--json")
    assert before == after
    assert (before.code, before.err) == (0, "")
    assert before.documents
    table = headend(*call)
    assert table.code == 0
    assert not table.out.lstrip().startswith("{")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(headend: Headend, command: str) -> None:
    needs_its_module(command)
    for option in ("--help", "-h"):
        ran = headend(command, option)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"usage: headend {command}")
        assert "--json" in ran.out
        assert "--config FILE" in ran.out
    for call in SHORTEST[command]:
        verbs = {tuple(other[:2]) for other in SHORTEST[command] if not other[-1].startswith("-")}
        if len(verbs) > 1 or command in ("frame", "model", "meter"):
            verb = [word for word in call[:2] if not word.startswith("-")]
            ran = headend(*verb, "--help")
            assert (ran.code, ran.err) == (0, "")
            assert ran.out.startswith(f"usage: headend {' '.join(verb)}")


def test_help_of_the_whole(headend: Headend) -> None:
    ran = headend("--help")
    assert ran.code == 0
    assert all(command in ran.out for command in COMMANDS)
    ran = headend()
    assert (ran.code, ran.out) == (2, "")
    assert "usage: headend" in ran.err


@pytest.mark.parametrize(
    "argv", [["frobnicate"], ["meter"], ["meter", "frobnicate"], ["model", "show"], ["read", "--x"]]
)
def test_wrong_usage_is_told_in_json_too(headend: Headend, argv: list[str]) -> None:
    ran = headend(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: " in ran.err
    assert "--help)" in ran.err
    ran = headend(*argv, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")


@pytest.mark.parametrize(
    "call",
    [["status"], ["check"], ["run"], ["readings", "m1"], ["meter", "list"], ["meter", "show", "m1"], ["read", "m1"],
     ["meter", "export", "out"], ["init"]],
    ids=" ".join,
)  # fmt: skip
def test_a_database_that_cannot_be_reached(headend: Headend, tmp_path: Path, call: list[str]) -> None:
    file = tmp_path / "headend.toml"
    file.write_text(configuration(f"postgresql://nobody:secret@127.0.0.1:{free_port()}/none"), encoding="utf-8")
    ran = headend(*call, "--config", file)
    assert ran.code == 3
    assert "database not reachable" in ran.err + ran.out
    assert "secret" not in ran.err + ran.out
    ran = headend(*call, "--config", file, "--json")
    assert ran.code == 3
    assert "database not reachable" in json.dumps(ran.documents[-1])
    assert not (tmp_path / "out").exists()


def test_models_that_are_no_models(headend: Headend, tmp_path: Path) -> None:
    bad = {
        "latin.toml": ("[model]\nname = 'é'\n".encode("latin-1"), "not UTF-8"),
        "empty.toml": (b"", "empty.toml: "),
        "no.toml": (b"[model", "not TOML"),
    }
    for name, (content, said) in bad.items():
        (tmp_path / name).write_bytes(content)
        for verb in ("show", "test"):
            ran = headend("model", verb, tmp_path / name, "--json")
            assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
            assert said in ran.err
    for name in ("none", "none.toml", str(tmp_path / "folder.toml")):
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        assert headend("model", "show", name).code == 2


def test_a_model_whose_evidence_is_wrong(headend: Headend, tmp_path: Path) -> None:
    shipped = Path(importlib.import_module("protocols.models").__path__[0]) / "dlt645_2007.toml"
    text = shipped.read_text(encoding="utf-8")
    for wrong, said in (("123456.79", "is 123456.78, stated 123456.79"), ("many", "'many', which is no number")):
        file = tmp_path / f"{wrong}.toml"
        file.write_text(text.replace('"123456.78"', f'"{wrong}"'), encoding="utf-8")
        ran = headend("model", "test", file, "--json")
        assert ran.code == 1
        assert [said in (document["problem"] or "") for document in ran.documents] == [True, False, False]
    assert headend("model", "test").code == 0


def test_words_that_are_not_utf8(headend: Headend) -> None:
    ran = headend("readings", "m\udcff", "--json")
    assert (ran.code, ran.document["error"]) == (2, {"kind": "usage", "message": "'m?' is not UTF-8"})


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """`headend ... | head -1`"""
    command = [sys.executable, "-m", "headend", "model", "show", "dlt645_2007", "--plan"]
    shown = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shown.stdout
    assert shown.stderr
    shown.stdout.close()
    with shown.stderr as said:
        assert said.read() == ""
    assert shown.wait(60) == 0


WORDS = st.sampled_from([
    "list", "show", "add", "import", "export", "test", "decode", "encode", "m1", "dlt645_2007", "eastron_sdm630",
    "--link", "tcp://127.0.0.1:9", "serial:///dev/none", "--protocol", "dlt645", "modbus", "--model", "--address", "1",
    "123456789012", "00010000", "voltage_l1", "--line", "--format", "csv", "parquet", "-o", "/nonexistent/x", "--from",
    "2026-03-01", "--to", "--quantity", "--within", "1h", "--lines", "--meters", "--dry-run", "--timeout", "0s",
    "--retries", "--json", "--echo", "--framing", "rtu", FRAME, "68" * 30, "",
])  # fmt: skip


@settings(max_examples=150)
@given(
    st.sampled_from(["read", "readings", "meter", "model", "status", "check", "frame"]),
    st.lists(WORDS | st.text(max_size=12), max_size=8),
)
def test_any_words_end_in_a_reason(command: str, words: list[str]) -> None:
    needs_its_module(command)
    out, err = io.StringIO(), io.StringIO()
    argv = [command, *words, "--config", "/nonexistent/headend.toml"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run(argv)
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code in (0, 1, 2, 3)
    if code:
        assert out.getvalue() or err.getvalue()
    if code in (2, 3):
        assert "headend: " in err.getvalue()
    if argv.count("--json") == 1 and code and not {"-h", "--help", "--"} & set(argv):
        for line in out.getvalue().splitlines():
            json.loads(line)
