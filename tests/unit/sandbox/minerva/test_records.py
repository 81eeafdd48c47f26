"""History, journal and fault board keep what they promise."""

from __future__ import annotations

import pytest

from bridge.sandbox.minerva.acts import Act, Drop
from bridge.sandbox.minerva.board import FaultBoard
from bridge.sandbox.minerva.distortion import Distortion
from bridge.sandbox.minerva.faults import AuthRefused, Duplicate, Lose, Sequence, Silent
from bridge.sandbox.minerva.history import CAPACITY, History
from bridge.sandbox.minerva.journal import TEXT_LIMIT, Journal
from bridge.sandbox.minerva.wire import USER_EVENTS, Message
from tests.unit.sandbox.minerva.hand_clock import HandClock, turn


def event(number: int, kind: str = "CALL_ENDED") -> Message:
    return Message(kind, number, {"callId": f"call-{number}"}, f"id-{number}")


def test_history_keeps_the_last_200_of_each_user() -> None:
    history = History()
    for number in range(CAPACITY + 50):
        history.record("a", event(number))
    history.record("b", event(1))
    kept = history.last("a", 1_000, USER_EVENTS)
    assert len(kept) == 200
    assert (kept[0].id, kept[-1].id) == ("id-50", "id-249")


def test_history_gives_only_the_types_asked_for() -> None:
    history = History()
    history.record("a", event(1, "VOICEMAIL_NEW"))
    history.record("a", event(2, "CALL_ENDED"))
    assert [message.id for message in history.last("a", 10, frozenset({"VOICEMAIL_NEW"}))] == ["id-1"]


def test_presence_is_not_history() -> None:
    history = History()
    history.record("a", event(1, "PRESENCE_UPDATE"))
    assert history.last("a", 10, USER_EVENTS) == []


def test_a_limit_of_zero_gives_no_history() -> None:
    history = History()
    history.record("a", event(1))
    assert history.last("a", 0, USER_EVENTS) == []


async def test_the_peak_is_of_one_second() -> None:
    clock = HandClock()
    journal = Journal(clock)
    for number in range(3):
        journal.connected(number)
    await clock.advance(1.0)
    journal.connected(3)
    assert (journal.connects, journal.peak_connects_per_s) == (4, 3)


def test_the_log_is_bounded_in_number_and_size() -> None:
    journal = Journal(HandClock(), capacity=10)
    for _ in range(20):
        journal.record("x", "u" * 10_000, detail="d" * 10_000)
    assert len(journal.entries) == 10
    assert len(journal.entries[0].detail) == TEXT_LIMIT


async def test_a_waiter_that_gave_up_is_forgotten() -> None:
    journal = Journal(HandClock())
    with pytest.raises(TimeoutError):
        await journal.wait_for(lambda: False, timeout_s=0)
    assert not journal._waiters


@pytest.fixture
def struck() -> list[Act]:
    return []


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def board(clock: HandClock, struck: list[Act]) -> FaultBoard:
    return FaultBoard(clock, struck.append)


def test_a_fault_is_spent_after_its_times(board: FaultBoard) -> None:
    board.arm([AuthRefused(times=2)])
    assert [bool(board.spend(AuthRefused, "a")) for _ in range(3)] == [True, True, False]
    assert board.armed() == []


def test_a_fault_concerns_its_users_only(board: FaultBoard) -> None:
    board.arm([AuthRefused(users=("a",))])
    assert board.find(AuthRefused, "a")
    assert not board.find(AuthRefused, "b")
    assert not board.find(AuthRefused, None)


async def test_a_fault_begins_and_ends_in_time(board: FaultBoard, clock: HandClock) -> None:
    board.arm([Silent(at_s=10, for_s=5)])
    seen = []
    for _ in range(4):
        seen.append(bool(board.find(Silent, "a")))
        await clock.advance(5.0)
    assert seen == [False, False, True, False]
    await board.close()


async def test_an_act_now_strikes_as_often_as_told(board: FaultBoard, clock: HandClock, struck: list[Act]) -> None:
    board.arm([Drop(at_s=1, times=3, every_s=10)])
    await clock.advance(100.0)
    assert len(struck) == 3
    assert board.armed() == []


async def test_an_act_without_end_stops_when_its_time_is_over(
    board: FaultBoard, clock: HandClock, struck: list[Act]
) -> None:
    board.arm([Drop(times=None, every_s=10, for_s=30)])
    await clock.advance(200.0)
    assert len(struck) == 4  # at 0, 10, 20 and 30


async def test_clearing_stops_acts_that_go_on(board: FaultBoard, clock: HandClock, struck: list[Act]) -> None:
    board.arm([Drop(times=None, every_s=1)])
    await turn()
    board.clear()
    await clock.advance(10.0)
    assert len(struck) == 1
    await board.close()


def test_without_faults_events_leave_as_they_came(board: FaultBoard) -> None:
    assert Distortion(board).apply(event(1), "a") == [event(1)]


def test_numbers_count_lost_events_and_not_copies(board: FaultBoard) -> None:
    board.arm([Sequence(), Duplicate(), Lose(every=2)])
    way_out = Distortion(board)
    numbers = [[copy.meta["sequence"] for copy in way_out.apply(event(number), "a")] for number in range(4)]
    assert numbers == [[1, 1], [], [3, 3], []]
