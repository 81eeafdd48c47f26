"""A session's subscriptions: granted, replayed, fed with snapshots, and given up (PROTOCOL §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bridge.core.clock import Clock
from bridge.core.tasks import Tasks
from bridge.sandbox.minerva.acts import Act
from bridge.sandbox.minerva.faults import HistoryForm, SubscriptionError, SubscriptionUnconfirmed
from bridge.sandbox.minerva.subscription import (
    Channel,
    Subscription,
    SubscriptionRefused,
    read_subscription,
    read_unsubscribe,
)
from bridge.sandbox.minerva.switchboard import Listener, Switchboard
from bridge.sandbox.minerva.wire import ClientMessage, Violation


class Subscriber(Listener, Protocol):
    """A session, as far as its subscriptions need it."""

    switchboard: Switchboard

    def send(self, kind: str, payload: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> None:
        """Make a message and send it."""

    def suffer(self, act: Act) -> None:
        """Let an act happen to this session."""

    def note(self, kind: str, detail: str = "") -> None:
        """Write into the journal."""


class Subscriptions:
    """What one session listens to. A second SUBSCRIBE to a channel takes the place of the first."""

    def __init__(self, session: Subscriber, clock: Clock, tasks: Tasks) -> None:
        self._session = session
        self._switchboard = session.switchboard
        self._board = session.switchboard.board
        self._clock = clock
        self._tasks = tasks
        self._granted: dict[Channel, Subscription] = {}

    def names(self) -> list[str]:
        """Give the channels as `kind:id`, sorted."""
        return sorted(_name(channel) for channel in self._granted)

    def want(self, channel: Channel, event_type: str) -> bool:
        """Tell whether events of that type were asked for."""
        return channel in self._granted and event_type in self._granted[channel].events

    def subscribe(self, message: ClientMessage) -> None:
        """Answer a SUBSCRIBE.

        Raises:
            Violation: it names no channel.
        """
        session = self._session
        try:
            subscription = read_subscription(
                message.payload, session_user=str(session.user_id), directory=self._switchboard.directory
            )
            self._may_fail(subscription.channel)
        except SubscriptionRefused as refused:
            session.note("subscription_error", f"{_name(refused.channel)}: {refused.code}")
            answer = {**refused.channel.identity(), "code": refused.code, "reason": str(refused)}
            session.send("SUBSCRIPTION_ERROR", answer, {"correlationId": message.id})
            return
        channel = subscription.channel
        if self._board.spend(SubscriptionUnconfirmed, session.user_id, lambda fault: _meant(fault.channels, channel)):
            return
        acts = self._board.acts("subscribe", session.user_id)
        if not any(act.instead for act in acts):
            self._grant(subscription, message.id)
        for act in acts:
            session.suffer(act)

    def unsubscribe(self, message: ClientMessage) -> None:
        """Obey an UNSUBSCRIBE; the protocol has no answer to it.

        Raises:
            Violation: it names no channel, says more than that, or there is no such subscription.
        """
        channel = read_unsubscribe(message.payload)
        if channel not in self._granted:
            raise Violation("NOT_SUBSCRIBED", "there is no such subscription")
        self._leave(channel)
        self._session.note("unsubscribe", _name(channel))

    def leave_all(self) -> None:
        """Listen to nothing any more."""
        for channel in list(self._granted):
            self._leave(channel)

    def _may_fail(self, channel: Channel) -> None:
        fault = self._board.spend(
            SubscriptionError, self._session.user_id, lambda fault: _meant(fault.channels, channel)
        )
        if fault:
            raise SubscriptionRefused(channel, fault.code, fault.reason)

    def _grant(self, subscription: Subscription, request_id: str | None) -> None:
        session, channel = self._session, subscription.channel
        self._granted[channel] = subscription
        self._switchboard.listen(channel, session)
        fault = self._board.find(HistoryForm, session.user_id)
        form = fault.form if fault else "messages"
        answer: dict[str, Any] = {**channel.identity(), "events": sorted(subscription.events)}
        past = self._switchboard.history.last(channel.id, subscription.history_limit, subscription.events)
        if subscription.history_limit and form == "inline":
            answer["history"] = [event.body() for event in past]
        session.send("SUBSCRIPTION_CONFIRMED", answer, {"correlationId": request_id})
        self._switchboard.journal.subscribes[_name(channel)] += 1
        session.note("subscribe", _name(channel))
        if form == "messages":
            for event in past:
                session.say(event)
        if subscription.stats_interval_s is not None:
            self._tasks.start(self._show(subscription, subscription.stats_interval_s), name="minerva-stats")

    def _leave(self, channel: Channel) -> None:
        del self._granted[channel]
        self._switchboard.unlisten(channel, self._session)

    async def _show(self, subscription: Subscription, interval_s: float) -> None:
        """Send the channel's state at once and at every interval, as long as this subscription is the valid one."""
        while self._granted.get(subscription.channel) is subscription:
            message = self._switchboard.snapshot(subscription.channel)
            if message:
                self._session.push(subscription.channel, message)
            await self._clock.sleep(interval_s)


def _name(channel: Channel) -> str:
    return f"{channel.kind}:{channel.id}"


def _meant(ids: tuple[str, ...], channel: Channel) -> bool:
    return not ids or channel.id in ids
