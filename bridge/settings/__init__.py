"""The configuration of the worker: from the environment to one frozen, validated value.

`load` reads environment, `.env`, secrets folder and TOML file, in this order of precedence, and gives `Settings` or
raises one `ConfigurationError` with every problem. An empty value counts as not set. `describe` and `reference` are
what `bridge config` prints.
"""

from __future__ import annotations

from bridge.settings.agents_file import load as load_agents
from bridge.settings.call_log import CallLog
from bridge.settings.console import Console
from bridge.settings.escalation import Escalation, Hours, Policy, Step
from bridge.settings.loading import load
from bridge.settings.minerva import Minerva
from bridge.settings.proxy import Proxy
from bridge.settings.report import Effective, Reference, describe, reference
from bridge.settings.roster import Agent, Roster
from bridge.settings.routing import Match, Route, SinkRef
from bridge.settings.salesforce import Salesforce
from bridge.settings.screen_pop import ScreenPop
from bridge.settings.settings import Settings, SinkSettings

__all__ = [
    "Agent",
    "CallLog",
    "Console",
    "Effective",
    "Escalation",
    "Hours",
    "Match",
    "Minerva",
    "Policy",
    "Proxy",
    "Reference",
    "Roster",
    "Route",
    "Salesforce",
    "ScreenPop",
    "Settings",
    "SinkRef",
    "SinkSettings",
    "Step",
    "describe",
    "load",
    "load_agents",
    "reference",
]
