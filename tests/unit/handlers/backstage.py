"""What handlers lean on, in its simplest form: a lookup that answers as told and a post that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.events import CallerHint
from bridge.handlers.ports import Caller, Directory
from bridge.notifications import (
    AgentShape,
    LookupShape,
    MatchShape,
    Notification,
    RecordShape,
    ScreenPop,
    TargetShape,
    Voicemail,
)

DIRECTORY = Directory([AgentShape(user_id="agent-1", salesforce_user_id="005000000000001", name="First Agent")])


@dataclass
class FoundCaller:
    """A caller as the lookup found them; nothing found unless said."""

    found_name: str | None = None
    e164: str | None = None
    degraded: bool = False
    shows: TargetShape | None = field(default_factory=lambda: TargetShape(kind="search", query="x"))
    own_record: RecordShape | None = None

    @property
    def lookup(self) -> LookupShape:
        return LookupShape(source="none", api_calls=1, duration_s=0.1, degraded=self.degraded)

    def matches(self) -> list[MatchShape]:
        return []

    def record(self) -> RecordShape | None:
        return self.own_record

    def name(self) -> str | None:
        return self.found_name

    def target(self, name: str | None) -> TargetShape | None:
        if self.shows is not None and self.shows.kind == "new_record":
            return self.shows.model_copy(update={"defaults": {"LastName": name or ""}})
        return self.shows


@dataclass
class ToldLookup:
    """Finds `caller`, whoever calls."""

    caller: FoundCaller = field(default_factory=FoundCaller)
    asked: list[tuple[str | None, CallerHint]] = field(default_factory=list)

    async def find(self, number: str | None, hint: CallerHint, *, named: bool = False) -> Caller:  # noqa: ARG002 - the same caller either way
        self.asked.append((number, hint))
        await asyncio.sleep(0)
        return self.caller


@dataclass
class Posted:
    """Remembers what was posted, with what was left out."""

    notifications: list[Notification] = field(default_factory=list)
    left_out: list[str | None] = field(default_factory=list)
    fails: Iterable[Exception] = ()

    def __call__(self, notification: Notification, *, leave_out: str | None = None) -> int:
        for error in self.fails:
            self.fails = ()
            raise error
        self.notifications.append(notification)
        self.left_out.append(leave_out)
        return 1

    @property
    def pops(self) -> list[ScreenPop]:
        return [each.data for each in self.notifications if isinstance(each.data, ScreenPop)]

    @property
    def voicemails(self) -> list[Voicemail]:
        return [each.data for each in self.notifications if isinstance(each.data, Voicemail)]
