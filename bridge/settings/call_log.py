"""Whether ended calls are written to Salesforce: `BRIDGE_CALL_LOG__…`."""

from __future__ import annotations

from pydantic import Field

from bridge.settings.kinds import Switch
from bridge.settings.model import Model


class CallLog(Model):
    """The call log."""

    enabled: Switch = Field(default=False, description="Log ended calls as Tasks.")
