"""When a call opens a record and which: `BRIDGE_SCREEN_POP__…`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bridge.settings.kinds import ApiName, Duration, Switch
from bridge.settings.model import Model


class ScreenPop(Model):
    """The rules of the screen pop."""

    when: Literal["ringing", "answered"] = Field(default="ringing", description="Moment of the call that pops.")
    on_single: Literal["record"] = Field(default="record", description="What opens when one record matches.")
    on_multiple: Literal["search", "most_recent", "none"] = Field(
        default="search", description="What opens when several records match."
    )
    on_none: Literal["new_record", "search", "none"] = Field(
        default="search", description="What opens when no record matches."
    )
    new_record_object: ApiName = Field(default="Contact", description="Object of the form that new_record opens.")
    prefer_open_case: Switch = Field(default=False, description="Open the caller's open case rather than the caller.")
    max_age: Duration = Field(default=20.0, description="Seconds after which a ring is stale and pops nothing.")
