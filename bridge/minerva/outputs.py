"""What the protocol machine puts out: messages to send, events to act on, and what there is to tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.events import Event
from bridge.minerva.endings import Ending
from bridge.minerva.messages import Channel


@dataclass(frozen=True, slots=True)
class Send:
    """Put this text on the wire."""

    text: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event to act on."""

    event: Event


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that is counted and not acted on; `why` is replay_before_contact."""

    event: Event
    why: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A message that became no event: `outcome` is unknown, or a Malformed reason."""

    type: str
    outcome: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """Authenticated, and every wanted subscription answered; `failed` ones are being tried again."""

    failed: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A user channel's history is in.

    `full`: as much came as was asked for, so that older events may be missing. `jump_at`: the instant (seconds since the
    epoch, Minerva's clock) of a jump in the sequence that history did not fill.
    """

    channel: Channel
    oldest_at: float | None
    full: bool
    jump_at: float | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionFailed:
    """One subscription was refused or not answered; it is tried again."""

    channel: Channel
    reason: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Minerva asks everybody to wait that long before new connects and SUBSCRIBEs."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One heartbeat's round trip in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ServerError:
    """An ERROR message: told, never fatal."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SequenceJump:
    """`meta.sequence` jumped: events between are missing."""

    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is to be closed with `close_code`, and this is why it ended."""

    ending: Ending
    close_code: int = 1000


Output = (
    Send
    | Delivered
    | Recorded
    | Counted
    | Ready
    | Replayed
    | SubscriptionFailed
    | RateLimited
    | Latency
    | ServerError
    | SequenceJump
    | Ended
)
