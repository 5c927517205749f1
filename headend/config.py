"""The configuration: one TOML file. An error names the file, the key and what was expected.

timezone = "Asia/Shanghai"             # of the meters' clocks

[database]
dsn = "postgresql://user@host/db"      # or, for an embedded server of our own:
directory = "database"                 # relative to this file

[daemon]
name = "headend"
metrics = "127.0.0.1:9645"             # Prometheus; "" for none

[api]
listen = "127.0.0.1:8645"              # the REST API; "" for none

[cluster]
enabled = false                        # true where several daemons share this database's lines

[queue]
captures = 10000                       # bound of what waits for the database; pollers wait when it is full

[spool]
directory = "spool"                    # on the disk, while the database is away; "" for none

[timing.dlt645]                        # per protocol; see docs/configuration.md
response = "500ms"

[[plan]]
name = "curve"
every = "15m"
quantities = ["active_energy_import", "voltage_l1"]

[[push]]                               # readings that come unasked; see docs/ingest.md
name = "site"
broker = "mqtt://127.0.0.1:1883"
topic = "hes/{line}/{address}/up"
payload = "frames"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from headend.api import settings as api
from headend.api.settings import ApiTable
from headend.batches import settings as batches
from headend.batches.settings import ExportTable
from headend.billing import settings as billing
from headend.billing.settings import BillingTable
from headend.clock import settings as clock
from headend.clock.settings import ClockTable
from headend.cluster import settings as cluster
from headend.cluster.settings import ClusterTable
from headend.collection import throttle
from headend.collection.plan_table import PlanTable as PlanTable
from headend.collection.plan_table import plan_problems
from headend.collection.throttle import ThrottleTable
from headend.duration import seconds
from headend.errors import UsageFault
from headend.ingest import settings as ingest
from headend.ingest.settings import PushTable
from headend.privacy.settings import PrivacyTable
from headend.recording import settings as spool_settings
from headend.recording.settings import SpoolTable
from headend.secrets.settings import SecretsTable
from headend.sending import settings as sending
from headend.sending.settings import CommandsTable
from headend.upkeep import settings as upkeep_settings
from headend.upkeep.settings import OutagesTable, RetentionTable, RollupTable
from headend.validation import settings as vee
from headend.validation.settings import VeeTable
from headend.wire import settings as wire_log
from headend.wire.settings import WireLogTable
from protocols.timing import Timing


class Database(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where readings are kept: a server's `dsn`, or an embedded server in `directory`. `daemon_dsn` is the same
    database for the daemon, as the role `headend_daemon`; empty: `dsn`."""

    dsn: str = ""
    directory: str = ""
    daemon_dsn: str = ""


class Daemon(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`metrics` is host:port of the Prometheus endpoint, empty for none."""

    name: str = "headend"
    metrics: str = "127.0.0.1:9645"
    log: str = "info"
    log_format: str = "auto"
    log_file: str = ""
    """Empty: stderr."""
    heartbeat: str = "2s"
    reload: str = "30s"
    """How often new and changed lines and meters are looked for."""
    meter_metrics: bool = False
    """Whether the endpoint tells of every meter, too."""


class Queue(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bounds of what waits between pollers and database."""

    captures: int = 10_000
    batch: int = 2_000
    linger: str = "200ms"


class TimingTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """See `protocols.timing.Timing`; durations are written out."""

    response: str = "500ms"
    latency: str = "500ms"
    gap: str = "500ms"
    pause: str = ""
    """Empty: as protocol and rate want it, see `headend.dialect.pause`."""
    late: str = "5s"
    retries: int = 2

    def timing(self, bits_per_second: int, pause: float) -> Timing:
        """`pause` holds where the table states none."""
        return Timing(
            response=seconds(self.response),
            latency=seconds(self.latency),
            gap=seconds(self.gap),
            pause=seconds(self.pause) if self.pause else pause,
            late=seconds(self.late),
            retries=self.retries,
            bits_per_second=bits_per_second,
        )


class Timings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    dlt645: TimingTable = TimingTable()
    modbus: TimingTable = TimingTable()


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file. `path` is where it was read from."""

    database: Database = Database()
    daemon: Daemon = Daemon()
    api: ApiTable = ApiTable()
    cluster: ClusterTable = ClusterTable()
    queue: Queue = Queue()
    spool: SpoolTable = SpoolTable()
    rollup: RollupTable = RollupTable()
    retention: RetentionTable = RetentionTable()
    outages: OutagesTable = OutagesTable()
    privacy: PrivacyTable = PrivacyTable()
    secrets: SecretsTable = SecretsTable()
    commands: CommandsTable = CommandsTable()
    clock: ClockTable = ClockTable()
    billing: BillingTable = BillingTable()
    vee: VeeTable = VeeTable()
    export: ExportTable = ExportTable()
    timing: Timings = Timings()
    wire_log: WireLogTable = WireLogTable()
    throttle: ThrottleTable = ThrottleTable()
    plan: list[PlanTable] = []
    push: list[PushTable] = []
    timezone: str = "Asia/Shanghai"
    path: str = ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def folder(self) -> Path:
        return Path(self.path).resolve().parent

    @property
    def log_file(self) -> Path | None:
        """None: stderr."""
        return self.folder / self.daemon.log_file if self.daemon.log_file else None

    @property
    def database_directory(self) -> Path | None:
        """The embedded server's data directory; None where a server is named by its dsn."""
        return None if self.database.dsn else self.folder / self.database.directory


def load(path: str) -> Config:
    """Read and check `path`. Raises `UsageFault` naming file, key and what was expected."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageFault(
            f"{path}: {error.strerror}; write one with `headend init`, or name it with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageFault(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    return parse(text, path)


def parse(text: str, path: str) -> Config:
    """Check the text of a configuration file. Raises `UsageFault`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageFault(f"{path}: not TOML: {error}") from error
    if "path" in tables:
        raise UsageFault(f"{path}: unknown key path")
    try:
        config = msgspec.convert({**tables, "path": path}, Config)
    except msgspec.ValidationError as error:
        raise UsageFault(f"{path}: {_keyed(str(error))}") from error
    for key, problem in _problems(config):
        raise UsageFault(f"{path}: {key}: {problem}")
    return config


def _keyed(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.queue.captures`" with the key in front."""
    what, _, where = message.partition(" - at ")
    return f"{where.strip('`').removeprefix('$.')}: {what}" if where else what


_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("auto", "text", "json")


def _problems(config: Config) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found: list[tuple[str, str]] = []
    if bool(config.database.dsn) == bool(config.database.directory):
        found.append(("database", "expected either dsn (a server) or directory (an embedded one)"))
    if config.database.daemon_dsn and not config.database.dsn:
        found.append(("database.daemon_dsn", "goes with dsn; an embedded server needs none"))
    for key in ("dsn", "daemon_dsn"):
        try:
            conninfo_to_dict(getattr(config.database, key))
        except psycopg.ProgrammingError as error:
            found.append((f"database.{key}", f"{str(error).strip()}; expected such as postgresql://user@host/db"))
    try:
        ZoneInfo(config.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        found.append(("timezone", f"{config.timezone!r} is no time zone, expected a name such as Asia/Shanghai"))
    if config.daemon.log not in _LOG_LEVELS:
        found.append(("daemon.log", f"{config.daemon.log!r}, expected one of {', '.join(_LOG_LEVELS)}"))
    if config.daemon.log_format not in _LOG_FORMATS:
        found.append(("daemon.log_format", f"{config.daemon.log_format!r}, expected one of {', '.join(_LOG_FORMATS)}"))
    host, _, port = config.daemon.metrics.rpartition(":")
    if config.daemon.metrics and not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        found.append(("daemon.metrics", f"{config.daemon.metrics!r}, expected host:port or an empty text"))
    if config.queue.captures < 1 or config.queue.batch < 1:
        found.append(("queue", "captures and batch are at least 1"))
    found += _duration_problem("daemon.heartbeat", config.daemon.heartbeat, above_0=True)
    found += _duration_problem("daemon.reload", config.daemon.reload, above_0=True)
    found += _duration_problem("queue.linger", config.queue.linger)
    found += [(f"spool.{key}", problem) for key, problem in spool_settings.problems(config.spool)]
    found += [(f"throttle.{key}", problem) for key, problem in throttle.problems(config.throttle)]
    found += [(f"wire_log.{key}", problem) for key, problem in wire_log.problems(config.wire_log)]
    found += upkeep_settings.problems(config.rollup, config.retention, config.outages)
    found += [(f"api.{key}", problem) for key, problem in api.problems(config.api)]
    found += [(f"clock.{key}", problem) for key, problem in clock.problems(config.clock)]
    found += [(f"commands.{key}", problem) for key, problem in sending.problems(config.commands)]
    found += [(f"vee.{key}", problem) for key, problem in vee.problems(config.vee)]
    found += [(f"billing.{key}", problem) for key, problem in billing.problems(config.billing)]
    found += [(f"export.{key}", problem) for key, problem in batches.problems(config.export)]
    for protocol in ("dlt645", "modbus"):
        table: TimingTable = getattr(config.timing, protocol)
        for key in ("response", "latency", "gap", "pause", "late"):
            if getattr(table, key) or key != "pause":
                found += _duration_problem(f"timing.{protocol}.{key}", getattr(table, key))
        if table.retries < 0:
            found.append((f"timing.{protocol}.retries", "is at least 0"))
    if not found:
        tables = (config.timing.dlt645, config.timing.modbus)
        answer_s = max(seconds(table.response) + seconds(table.latency) for table in tables)
        flaws = cluster.problems(config.cluster, is_served=bool(config.database.dsn), answer_s=answer_s)
        found += [(f"cluster.{key}", problem) for key, problem in flaws]
    names: set[str] = set()
    for number, plan in enumerate(config.plan):
        found += [(f"plan[{number}].{key}", problem) for key, problem in plan_problems(plan, names)]
        names.add(plan.name)
    found += _push_problems(config)
    return found


def _push_problems(config: Config) -> list[tuple[str, str]]:
    found = []
    names: set[str] = set()
    sessions: set[tuple[str, str]] = set()
    for number, push in enumerate(config.push):
        flaws = list(ingest.problems(push))
        if push.name in names:
            flaws.append(("name", f"{push.name!r} stands twice"))
        session = (push.broker, push.identity(config.daemon.name))
        if session in sessions:
            flaws.append(("client_id", f"{session[1]!r} is another source's: each needs a session of its own"))
        names.add(push.name)
        sessions.add(session)
        found += [(f"push[{number}].{key}", problem) for key, problem in flaws]
    return found


def _duration_problem(key: str, text: str, *, above_0: bool = False) -> list[tuple[str, str]]:
    try:
        if seconds(text) or not above_0:
            return []
    except ValueError as error:
        return [(key, str(error))]
    return [(key, f"{text!r}, expected a duration above 0")]
