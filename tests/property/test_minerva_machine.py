"""Whatever Minerva sends and whenever: the machine never raises, never gets stuck, never breaks the protocol."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.minerva import outputs
from bridge.minerva.codec import EVENT_TYPES, Origin, to_event
from bridge.minerva.messages import Channel, user
from bridge.minerva.protocol import Phase
from bridge.minerva.wire import Malformed, parse
from tests.support.minerva import Bench

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "callId",
    "voicemailId",
    "queueId",
    "from",
    "ani",
    "callerInfo",
    "stats",
    "slaStatus",
    "duration",
    "createdAt",
]
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)
TYPES = st.sampled_from(sorted(EVENT_TYPES)) | st.text(max_size=10)


@given(st.text() | st.builds(json.dumps, JSON))
def test_no_text_raises_anything_but_a_verdict(text: str) -> None:
    with suppress(Malformed):
        to_event(parse(text), Origin("agent"))


@given(TYPES, PAYLOADS, JSON, JSON)
def test_no_payload_raises_anything_but_a_verdict_and_what_comes_out_can_be_encoded(
    kind: str, payload: dict[str, Any], meta: Any, message_id: Any
) -> None:
    text = json.dumps(
        {"type": kind, "timestamp": 1_700_000_000_000, "payload": payload, "meta": meta, "id": message_id}
    )
    try:
        event = to_event(parse(text), Origin("agent"))
    except Malformed:
        return
    repr(event).encode()


class AnyServer(RuleBasedStateMachine):
    """A server that says anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(agent=None, wanted=[user("a"), Channel("q", "queue"), Channel("t", "team")], roll=0.3)
        self.bench.machine.opened("token", 0.0, self.bench.wall)
        self.authenticated = False
        self.closed = False
        self.unanswered_beats = 0
        self.digest()

    def digest(self) -> None:
        for output in self.bench.take():
            assert not self.closed, "closed stays closed"
            if isinstance(output, outputs.Ended):
                self.closed = True
            if isinstance(output, outputs.Send):
                kind = json.loads(output.text)["type"]
                assert kind == "AUTH" or self.authenticated, "nothing before AUTH_SUCCESS"
                if kind == "HEARTBEAT":
                    self.unanswered_beats += 1
                    assert self.unanswered_beats <= 3, "three misses end it"

    @rule()
    def auth_success(self) -> None:
        if self.bench.machine.phase is Phase.AUTHENTICATING:
            self.authenticated = True
        self.bench.say("AUTH_SUCCESS", {"clientId": "c"})
        self.unanswered_beats = 0
        self.digest()

    @rule(
        kind=st.sampled_from(
            [
                "AUTH_FAILURE",
                "SUBSCRIPTION_CONFIRMED",
                "SUBSCRIPTION_ERROR",
                "RATE_LIMITED",
                "SESSION_EXPIRED",
                "ERROR",
                "HEARTBEAT_ACK",
            ]
        ),
        payload=st.sampled_from(
            [user("a").identity(), Channel("q", "queue").identity(), Channel("t", "team").identity()]
        )
        | PAYLOADS,
        retry_after=st.integers(-5, 500),
    )
    def control(self, kind: str, payload: dict[str, Any], retry_after: int) -> None:
        self.bench.say(kind, {**payload, "retryAfter": retry_after})
        self.unanswered_beats = 0
        self.digest()

    @rule(text=st.text(max_size=30) | st.builds(json.dumps, JSON))
    def noise(self, text: str) -> None:
        self.bench.raw(text)
        self.unanswered_beats = 0
        self.digest()

    @rule(seconds=st.floats(0.01, 40))
    def time(self, seconds: float) -> None:
        self.bench.pass_time(seconds)
        self.digest()

    @rule(seconds=st.floats(3, 400))
    def stall(self, seconds: float) -> None:
        self.bench.now += seconds
        self.bench.machine.tick(self.bench.now, self.bench.wall)
        self.digest()

    @precondition(lambda self: not self.closed)
    @invariant()
    def every_open_state_has_a_deadline(self) -> None:
        assert self.bench.machine.deadline() is not None


AnyServer.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyServer = AnyServer.TestCase
