"""The one error tree of this layer.

    CommunicationError            anything that kept us from a value; `label` names it in metrics and logs
    |- ProtocolError              bytes that are not what the standard allows; carries them in `raw`
    |  |- FrameError              a check sum, length or structure is wrong
    |  |- BadAnswer               a good frame whose content contradicts the request or its own format
    |- Refused                    the meter said no: `code` (hex, as sent) and `meaning`
    |- NoAnswer                   silence until the time-out, after all tries, or only `noise`
    |- NotPermitted               a frame that acts was not sent: nobody permitted it
    |- LinkError
       |- LinkUnreachable         the link could not be opened
       |- LinkClosed              an open link went away
       |- LeaseLost               the line is not ours to speak on any more

    ModelError                    a model, item, quantity or link URL that does not exist or is written wrongly

A wrong call of ours stays `ValueError` and crashes loudly.
"""

from __future__ import annotations


class CommunicationError(Exception):
    """No value came back, and this is why."""

    label = "communication"


class ProtocolError(CommunicationError):
    """Bytes that the standard does not allow; `raw` holds them."""

    label = "protocol"

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} [{self.raw.hex(' ')}]" if self.raw else text


class FrameError(ProtocolError):
    """Check sum, length or structure of a frame is wrong."""

    label = "bad_frame"


class BadAnswer(ProtocolError):
    """A sound frame whose content contradicts the request or its own format."""

    label = "bad_answer"


class Refused(CommunicationError):
    """The meter answered, and the answer is no."""

    label = "refused"

    def __init__(self, code: str, meaning: str) -> None:
        super().__init__(f"refused by the meter: {meaning} (code {code})")
        self.code = code
        self.meaning = meaning


class NoAnswer(CommunicationError):
    """No answer until the time-out, after all tries.

    `noise` is how many bytes came instead that were no frame: 0 is silence; what else may be several meters speaking at
    once, a wrong rate, a bad line.
    """

    label = "no_answer"

    def __init__(self, message: str, noise: int = 0) -> None:
        super().__init__(message)
        self.noise = noise


class NotPermitted(CommunicationError):
    """A frame that acts was held back: not one byte of it was sent."""

    label = "not_permitted"


class LinkError(CommunicationError):
    """The path that carries bytes failed."""

    label = "link"


class LinkUnreachable(LinkError):
    """The link could not be opened."""

    label = "unreachable"


class LinkClosed(LinkError):
    """An open link went away."""

    label = "link_closed"


class LeaseLost(LinkError):
    """A request was held back, not one byte of it sent: another master may be speaking on the line."""

    label = "lease_lost"


class ModelError(Exception):
    """A meter model, item, quantity or link URL that does not exist or is written wrongly."""
