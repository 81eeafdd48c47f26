"""The day is believable, seeded, and never two calls to one agent."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.sandbox.day import MOST_CALLS_PER_AGENT, Day
from bridge.sandbox.world import build_world

WORLD = build_world(agents=4, queues=3)
START_MS = 1_800_000_000_000
WORKDAY_S = 8 * 3600.0
DEMO_WINDOW_S = 20.0
DEMO_KINDS = {"CALL_INCOMING", "CALL_CONNECTED", "CALL_ENDED", "VOICEMAIL_NEW", "SLA_WARNING", "SLA_BREACH", "healthy"}

Event = tuple[float, str, str, str, Mapping[str, Any]]


class Tape:
    """Takes a day's events down, and its waiting."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.events: list[Event] = []
        self.ids: list[str] = []
        self.snapshots: dict[str, Mapping[str, Any]] = {}

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.at_s += seconds

    def now_ms(self) -> int:
        return START_MS + round(self.at_s * 1000)

    async def send_to_user(self, user_id: str, type: str, payload: Mapping[str, Any], *, id: str) -> None:  # noqa: A002 - the wire's own names
        self._note(user_id, type, payload, id)

    async def send_to_group(
        self,
        group_type: str,
        group_id: str,
        type: str,  # noqa: A002 - the wire's own name
        payload: Mapping[str, Any],
        *,
        id: str,  # noqa: A002 - the wire's own name
    ) -> None:
        assert group_type in {"queue", "team"}
        self._note(group_id, type, payload, id)

    def set_snapshot(self, group_type: str, group_id: str, type: str, payload: Mapping[str, Any]) -> None:  # noqa: A002 - the wire's own names
        self.snapshots[f"{group_type}:{group_id}:{type}"] = payload

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event[2] == kind]

    def _note(self, subject: str, kind: str, payload: Mapping[str, Any], identity: str) -> None:
        self.events.append((self.at_s, subject, kind, identity, payload))


async def play(seconds: float = WORKDAY_S, **settings: Any) -> Tape:
    tape = Tape()
    await Day(WORLD, tape, sleep=tape.sleep, **settings).run(seconds)
    return tape


async def test_the_same_seed_gives_the_same_events_with_the_same_ids() -> None:
    assert (await play(3600.0)).events == (await play(3600.0)).events


async def test_another_seed_gives_another_day() -> None:
    assert (await play(600.0, seed=1)).events != (await play(600.0, seed=2)).events


async def test_pace_shortens_the_waiting_and_changes_no_event() -> None:
    slow, fast = await play(600.0), await play(600.0, pace=10.0)
    assert [event[1:4] for event in fast.events] == [event[1:4] for event in slow.events]
    assert fast.at_s == pytest.approx(slow.at_s / 10)


async def test_a_day_can_be_played_in_pieces() -> None:
    whole, pieces = await play(600.0), Tape()
    day = Day(WORLD, pieces, sleep=pieces.sleep)
    for _ in range(6):
        await day.run(100.0)
    assert [event[1:4] for event in pieces.events] == [event[1:4] for event in whole.events]


async def test_calls_arrive_at_the_rate_asked_for() -> None:
    tape = await play(calls_per_minute=2.0, talk_s=(10.0, 20.0))
    assert len(tape.of("CALL_QUEUED")) == pytest.approx(2 * 8 * 60, rel=0.15)


async def test_an_agent_has_one_call_at_a_time() -> None:
    tape = await play(calls_per_minute=60.0)
    busy: dict[str, str] = {}
    for _, agent, kind, _, payload in tape.events:
        if kind == "CALL_INCOMING":
            assert agent not in busy
            busy[agent] = payload["callId"]
        elif kind in {"CALL_ENDED", "CALL_TRANSFERRED"}:
            assert busy.pop(agent) == payload["callId"]


async def test_outstanding_calls_are_capped() -> None:
    tape = await play(3600.0, calls_per_minute=600.0)
    waiting: set[str] = set()
    for _, _, kind, _, payload in tape.events:
        if kind == "CALL_QUEUED":
            waiting.add(payload["callId"])
            assert len(waiting) <= MOST_CALLS_PER_AGENT * len(WORLD.agents)
        elif kind == "CALL_DEQUEUED":
            waiting.discard(payload["callId"])


async def test_every_call_connects_after_it_rang_and_ends_once() -> None:
    tape = await play()
    story: dict[str, list[str]] = defaultdict(list)
    for _, _, kind, _, payload in tape.events:
        if kind.startswith("CALL_"):
            story[payload["callId"]].append(kind)
    finished = [kinds for kinds in story.values() if "CALL_ENDED" in kinds]
    assert len(finished) > 100
    for kinds in finished:
        assert kinds[:3] == ["CALL_QUEUED", "CALL_DEQUEUED", "CALL_INCOMING"]
        assert kinds.count("CALL_ENDED") == 1
        assert kinds[-1] == "CALL_ENDED"
        assert kinds.count("CALL_INCOMING") == 1 + kinds.count("CALL_TRANSFERRED")


async def test_a_transferred_call_rings_at_another_agent_under_the_same_id() -> None:
    tape = await play()
    transfers = tape.of("CALL_TRANSFERRED")
    assert transfers
    for at_s, agent, _, _, payload in transfers:
        rings = [
            ring for ring in tape.of("CALL_INCOMING") if ring[4]["callId"] == payload["callId"] and ring[0] >= at_s
        ]
        assert rings[-1][1] == payload["transferredTo"] != agent


async def test_incoming_calls_say_what_minerva_knows() -> None:
    rings = [event[4] for event in (await play()).of("CALL_INCOMING")]
    assert {ring["direction"] for ring in rings} == {"inbound"}
    withheld = [ring for ring in rings if ring["from"] == "anonymous"]
    assert withheld
    assert all(ring["ani"] is None for ring in withheld)
    unknown = [ring for ring in rings if not any(ring["callerInfo"].values())]
    assert len(unknown) > len(rings) / 2
    assert any(ring["callerInfo"]["contactId"] for ring in rings)


async def test_unanswered_calls_leave_believable_voicemails() -> None:
    tape = await play()
    voicemails = [event[4] for event in tape.of("VOICEMAIL_NEW")]
    assert len({voicemail["transcription"] for voicemail in voicemails}) > 12
    confidences = [each["transcriptionConfidence"] for each in voicemails if each["transcriptionConfidence"]]
    assert min(confidences) < 0.6
    assert max(confidences) > 0.9
    assert {voicemail["priority"] for voicemail in voicemails} == {"normal", "high"}
    assert all(voicemail["recordingUrl"].startswith("/") for voicemail in voicemails)


async def test_voicemail_updates_concern_voicemails_that_came_before() -> None:
    tape, known = await play(), set()
    assert tape.of("VOICEMAIL_UPDATED")
    for _, agent, kind, _, payload in tape.events:
        if kind == "VOICEMAIL_NEW":
            known.add((agent, payload["voicemailId"]))
        elif kind == "VOICEMAIL_UPDATED":
            assert (agent, payload["voicemailId"]) in known


async def test_each_queue_sags_breaches_and_recovers_in_turn() -> None:
    tape = await play(1800.0, dip_s=600.0)
    for queue in WORLD.queues:
        course = [event[4]["slaStatus"] for event in tape.of("QUEUE_UPDATE") if event[1] == queue.id]
        assert course == ["warning", "critical", "warning", "healthy"]
        assert [event[2] for event in tape.events if event[1] == queue.id and event[2].startswith("SLA_")] == [
            "SLA_WARNING",
            "SLA_BREACH",
        ]


async def test_a_queues_level_agrees_with_its_status() -> None:
    for event in (await play()).of("QUEUE_UPDATE"):
        stats = event[4]["stats"]
        margin = stats["currentServiceLevel"] - stats["serviceLevelTarget"]
        assert {"healthy": margin >= 0, "warning": -10 <= margin <= 0, "critical": margin <= -10}[event[4]["slaStatus"]]


async def test_snapshots_of_queues_and_the_team_are_kept() -> None:
    tape = await play(600.0)
    assert {name.split(":")[0] for name in tape.snapshots} == {"queue", "team"}


@pytest.mark.parametrize("seed", range(5))
async def test_in_any_20_seconds_of_a_demo_something_of_each_kind_happens(seed: int) -> None:
    tape = Tape()
    await Day.demo(build_world(), tape, seed=seed, sleep=tape.sleep).run(10 * 120.0)
    seen: dict[str, list[float]] = defaultdict(lambda: [0.0])
    for at_s, _, kind, _, payload in tape.events:
        name = payload["slaStatus"] if kind == "QUEUE_UPDATE" else kind
        seen[name].append(at_s)
    for kind in DEMO_KINDS:
        gaps = [later - earlier for earlier, later in zip(seen[kind], [*seen[kind][1:], tape.at_s], strict=True)]
        assert max(gaps) <= DEMO_WINDOW_S, kind


@pytest.mark.parametrize("wrong", [{"calls_per_minute": 0.0}, {"pace": -1.0}, {"dip_s": 0.0}])
async def test_a_day_that_cannot_be_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Day(WORLD, Tape(), **wrong)


async def test_a_day_needs_somebody_to_call() -> None:
    with pytest.raises(ValueError, match="needs an agent"):
        Day(build_world(agents=0), Tape())


async def test_a_cancelled_day_stops() -> None:
    tape = Tape()

    async def sleep(seconds: float) -> None:
        await tape.sleep(seconds)
        await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Day(WORLD, tape, sleep=sleep).run()
