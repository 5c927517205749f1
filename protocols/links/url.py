"""What a link's URL says, as frozen settings. Opens and reads nothing; every error is a `ModelError`.

serial:///dev/ttyUSB0?baudrate=9600&bytesize=8&parity=E&stopbits=1
tcp://host:port?timeout=10
tcp-listen://host:port?register=TEXT|hex:..|re:..&heartbeat=TEXT|hex:..|re:..&prefix=TEXT|hex:..|re:..
                       &answer=echo|TEXT|hex:..&welcome=echo|TEXT|hex:..&wait=30
mqtt://[user:password@]host[:1883]/up/topic?down=down/topic&payload=raw|hex|json&field=data&qos=1&timeout=10
mqtts://..[:8883]..&cafile=FILE&certfile=FILE&keyfile=FILE
faulty+SCHEME://..&faults=seed:1,noise:0.1&faults_sent=seed:2,drop:0.05
push:
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from protocols.errors import ModelError
from protocols.links.chatter import Answer, Chatter
from protocols.links.faults import Faults
from protocols.links.payload import PAYLOADS
from protocols.links.query import Query, redacted
from protocols.links.recognition import Words

NO_DEFAULTS: Final[Mapping[str, str]] = {}
FAULTY: Final = "faulty+"
PUSH: Final = "push:"
"""The URL of a line whose meters only push: there is nothing to open."""


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """A tty. The character format is the meter's: DL/T 645 and most Modbus meters use even parity."""

    url: str
    path: str
    baudrate: int
    bytesize: int
    parity: str
    stopbits: int


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """`timeout`: seconds until the connection must stand."""

    url: str
    host: str
    port: int
    timeout: float


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """`host`, `port`: our own; `wait`: seconds that opening waits for the DTU to dial in."""

    url: str
    host: str
    port: int
    chatter: Chatter
    wait: float

    @property
    def register(self) -> Words | None:
        """By which the DTU is known; None: whoever dials in is it."""
        return self.chatter.register


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files; without `cafile` the system's authorities are trusted."""

    cafile: str | None
    certfile: str | None
    keyfile: str | None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What makes two links share one broker connection."""

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: TlsSettings | None

    @property
    def name(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """`up`: the topic that we subscribe to; `down`: the one that we publish to."""

    url: str
    broker: BrokerSettings
    up: str
    down: str
    payload: str
    field: str
    qos: int
    timeout: float


@dataclass(frozen=True, slots=True)
class FaultySettings:
    """Another link (`inner`, a URL) with faults in what is received and in what is sent."""

    url: str
    inner: str
    received: Faults | None
    sent: Faults | None


@dataclass(frozen=True, slots=True)
class PushSettings:
    """No link at all."""

    url: str


LinkSettings: TypeAlias = SerialSettings | TcpSettings | ListenSettings | MqttSettings | FaultySettings | PushSettings


def parse_serial(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> SerialSettings:
    query = Query(url, defaults)
    if query.parts.netloc or not query.parts.path.startswith("/"):
        query.refuse("expected three slashes and the device's path, as in serial:///dev/ttyUSB0")
    settings = SerialSettings(
        url=query.shown,
        path=unquote(query.parts.path),
        baudrate=query.integer("baudrate", 9600, 50, 4_000_000),
        bytesize=query.integer("bytesize", 8, 5, 8),
        parity=query.choice("parity", "E", ("N", "E", "O", "M", "S")),
        stopbits=query.integer("stopbits", 1, 1, 2),
    )
    query.finish()
    return settings


def _no_path(query: Query) -> None:
    if query.parts.path not in ("", "/"):
        query.refuse(f"unexpected path {query.parts.path!r}, expected {query.parts.scheme}://host:port")
    if "@" in query.parts.netloc:
        query.refuse("user and password have no meaning here")


def parse_tcp(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> TcpSettings:
    query = Query(url, defaults)
    _no_path(query)
    settings = TcpSettings(query.shown, query.host(), query.port(), query.seconds("timeout", 10))
    query.finish()
    return settings


def _words(query: Query, name: str) -> Words | None:
    source = query.optional(name)
    if source is None:
        return None
    try:
        return Words.parse(source)
    except ValueError as error:
        query.refuse(f"parameter {name!r} is {source!r}, expected text, hex:.. or re:..: {error}")


def _answer(query: Query, name: str) -> Answer | None:
    source = query.optional(name)
    if source is None:
        return None
    try:
        return Answer.parse(source)
    except ValueError as error:
        query.refuse(f"parameter {name!r} is {source!r}, expected echo, text or hex:..: {error}")


def parse_listen(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> ListenSettings:
    query = Query(url, defaults)
    _no_path(query)
    register, prefix = _words(query, "register"), _words(query, "prefix")
    chatter = Chatter(
        register=prefix if register is None else register,
        heartbeat=_words(query, "heartbeat"),
        prefix=prefix,
        answer=_answer(query, "answer"),
        welcome=_answer(query, "welcome"),
    )
    settings = ListenSettings(query.shown, query.host(), query.port(), chatter, query.seconds("wait", 30))
    query.finish()
    if chatter.answer is not None and chatter.heartbeat is None:
        query.refuse("'answer' goes with a 'heartbeat' that it answers")
    if chatter.welcome is not None and chatter.register is None:
        query.refuse("'welcome' goes with a 'register' that it answers")
    return settings


def _topic(query: Query, what: str, topic: str) -> str:
    if not topic or "+" in topic or "#" in topic or "\0" in topic or len(topic.encode()) > 65535:
        query.refuse(f"the {what} topic is {topic!r}, expected one topic without the wildcards + and #")
    return topic


def _broker(query: Query) -> BrokerSettings:
    parts = query.parts
    tls = None
    if parts.scheme == "mqtts":
        tls = TlsSettings(query.optional("cafile"), query.optional("certfile"), query.optional("keyfile"))
        if (tls.certfile is None) != (tls.keyfile is None):
            query.refuse("parameters 'certfile' and 'keyfile' go together")
    if parts.password is not None and not parts.username:
        query.refuse("a password without a user, expected user:password@")
    return BrokerSettings(
        host=query.host(),
        port=query.port(8883 if tls else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=tls,
    )


def parse_broker(url: str) -> BrokerSettings:
    """A broker alone: ``mqtt://[user:password@]host[:1883]`` or ``mqtts://..``, no topic. Raises `ModelError`."""
    query = Query(url, NO_DEFAULTS)
    if query.parts.scheme not in ("mqtt", "mqtts"):
        query.refuse("expected a broker, mqtt://host:1883 or mqtts://host:8883")
    if query.parts.path not in ("", "/"):
        query.refuse(f"unexpected path {query.parts.path!r}, expected a broker without a topic")
    settings = _broker(query)
    query.finish()
    return settings


def parse_mqtt(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> MqttSettings:
    query = Query(url, defaults)
    broker = _broker(query)
    settings = MqttSettings(
        url=query.shown,
        broker=broker,
        up=_topic(query, "up", unquote(query.parts.path[1:])),
        down=_topic(query, "down", query.text("down")),
        payload=query.choice("payload", "raw", tuple(PAYLOADS)),
        field=query.text("field", "data"),
        qos=query.integer("qos", 1, 0, 2),
        timeout=query.seconds("timeout", 10),
    )
    query.finish()
    if settings.up == settings.down:
        query.refuse("the up and the down topic are the same: we would hear ourselves")
    return settings


def parse_faulty(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> FaultySettings:
    query = Query(url, defaults)
    found: dict[str, Faults | None] = {}
    for name in ("faults", "faults_sent"):
        text = query.optional(name)
        try:
            found[name] = Faults.parse(text) if text else None
        except ValueError as error:
            query.refuse(f"parameter {name!r}: {error}")
    kept = "&".join(item for item in query.parts.query.split("&") if item.partition("=")[0] not in found)
    inner = url.partition("?")[0][len(FAULTY) :] + (f"?{kept}" if kept else "")
    return FaultySettings(query.shown, inner, found["faults"], found["faults_sent"])


PARSERS: Final[Mapping[str, Callable[[str, Mapping[str, str]], LinkSettings]]] = {
    "serial": parse_serial,
    "tcp": parse_tcp,
    "tcp-listen": parse_listen,
    "mqtt": parse_mqtt,
    "mqtts": parse_mqtt,
}


def scheme_of(url: str) -> str:
    """Raises `ModelError` where the text is no URL."""
    if url == PUSH:
        return "push"
    scheme, mark, _ = url.partition("://")
    if not mark or not scheme:
        raise ModelError(
            f"link {redacted(url)}: not a link URL, expected one such as serial:///dev/ttyUSB0 or tcp://host:port"
        )
    return scheme.lower()


def parse_link(url: str, defaults: Mapping[str, str] = NO_DEFAULTS) -> LinkSettings:
    """The settings in `url`, of one of the schemes built in. Raises `ModelError`."""
    if url == PUSH:
        return PushSettings(url)
    scheme = scheme_of(url)
    if scheme.startswith(FAULTY):
        settings = parse_faulty(url, defaults)
        parse_link(settings.inner, defaults)
        return settings
    parser = PARSERS.get(scheme)
    if parser is None:
        raise ModelError(f"link {redacted(url)}: unknown scheme {scheme!r}, expected one of {', '.join(PARSERS)}")
    return parser(url, defaults)


def swapped(url: str) -> str:
    """The other end of an MQTT link (the meter's): the same URL with the two topics exchanged. Raises `ModelError`."""
    settings = parse_mqtt(url)
    parts = urlsplit(url)
    items = [item for item in parts.query.split("&") if not item.startswith("down=")]
    items.insert(0, f"down={quote(settings.up)}")
    return urlunsplit(parts._replace(path="/" + quote(settings.down), query="&".join(items)))
