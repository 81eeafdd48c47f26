"""The settings as a whole: one frozen value, complete with every computed default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, SerializeAsAny

from bridge.settings.call_log import CallLog
from bridge.settings.console import Console
from bridge.settings.escalation import Escalation
from bridge.settings.kinds import DurationOrZero, Lowered, Names, ReadableFile, Secret, Switch, Text
from bridge.settings.minerva import Minerva
from bridge.settings.model import Expects, Model, Refusal, Shown
from bridge.settings.proxy import Proxy
from bridge.settings.record_id import OrgId
from bridge.settings.roster import Agent, Roster
from bridge.settings.routing import Route
from bridge.settings.salesforce import Salesforce
from bridge.settings.screen_pop import ScreenPop
from bridge.settings.urls import DatabaseUrl

SHORTEST_KEY = 32
"""Bytes; what HMAC-SHA256 needs to be as strong as it is long (RFC 2104, section 3)."""


def _strong(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value().encode()) < SHORTEST_KEY:
        raise Refusal("is too short", f"at least {SHORTEST_KEY} bytes")
    return key


class SinkSettings(Model):
    """One configured sink: its name, its type, and its options as that type's own model."""

    name: Text = Field(description="Name of the sink: a-z, 0-9, _ and -.")
    type: Text = Field(description="Type of the sink.")
    options: SerializeAsAny[BaseModel] = Field(description="Settings of the type.")


class Settings(Model):
    """Everything the bridge can be told. Durations are seconds, secrets are `SecretStr`."""

    environment: Literal["development", "qa", "staging", "production"] = Field(
        description="Which Minerva environment this worker serves."
    )
    org_id: OrgId = Field(description="Salesforce org id; a login that lands in another org stops the start.")
    database_url: Annotated[DatabaseUrl, Shown("sqlite:///data/bridge.db")] = Field(
        default="sqlite:///data/bridge.db", repr=False, description="Where events, deliveries and incidents are kept."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lowered] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Annotated[Annotated[Literal["json", "console"], Lowered], Shown("console on a terminal, else json")] = (
        Field(default="json", description="Form of the log lines.")
    )
    log_pii: Literal["masked", "full"] = Field(
        default="masked",
        description="masked: numbers keep their last two digits, names and transcriptions do not show.",
    )
    log_frames: Switch = Field(default=False, description="Log redacted Minerva frames at debug level.")
    drain_timeout: DurationOrZero = Field(
        default=20.0, description="How long a stopping worker may finish what it has begun."
    )
    signing_keys: Annotated[
        tuple[
            Annotated[Secret, AfterValidator(_strong), Expects("secret", f"at least {SHORTEST_KEY} bytes of text")], ...
        ],
        Expects("JSON list", f"a JSON list of keys of at least {SHORTEST_KEY} bytes"),
        Shown("made at the first start, kept in the store"),
    ] = Field(default=(), description="Keys for links in messages; the first signs, all verify.")
    proxy: Proxy = Field(default=Proxy(), description="Proxy for outgoing connections.")
    minerva: Minerva = Field(description="Sessions with Minerva.")
    agents: Annotated[
        tuple[Agent, ...], Expects("JSON list", 'a JSON list of agents, as [{"user_id": "…"}]'), Shown("none")
    ] = Field(default=(), description="The agents. Agents of AGENTS_FILE are added to them.")
    agents_file: ReadableFile | None = Field(
        default=None,
        description="CSV with the columns user_id, salesforce_user_id, name, email; only the first is due.",
    )
    roster: Roster = Field(default=Roster(), description="A roster kept in Salesforce.")
    queues: Annotated[Names, Shown("none")] = Field(
        default=(), description="Queue ids to watch. With neither queues nor teams there is no supervisor session."
    )
    teams: Annotated[Names, Shown("none")] = Field(default=(), description="Team ids to watch.")
    salesforce: Salesforce = Field(default=Salesforce(), description="Salesforce login and lookup.")
    screen_pop: ScreenPop = Field(default=ScreenPop(), description="Rules of the screen pop.")
    call_log: CallLog = Field(default=CallLog(), description="Call log.")
    sinks: Annotated[
        dict[str, SinkSettings],
        Expects("JSON object", 'a JSON object, as {"NAME": {"type": "webhook", "url": "…"}}'),
        Shown('{"log": {"type": "log"}}'),
    ] = Field(default={}, description="The sinks by name; each field also as BRIDGE_SINKS__NAME__FIELD.")
    routes: Annotated[
        tuple[Route, ...] | None,
        Expects("JSON list", "a JSON list of routes"),
        Shown("every kind to the sinks log, desk and salesforce_* that take it"),
    ] = Field(default=None, description="First route that matches a message takes it. SLA messages go by policies.")
    escalation: Escalation = Field(default=Escalation(), description="Escalation of service-level alerts.")
    console: Console = Field(default=Console(), description="HTTP server.")

    warnings: tuple[str, ...] = Field(
        default=(), exclude=True, repr=False, description="What is suspicious but no error, one line each."
    )
    origins: Mapping[str, str] = Field(
        default={}, exclude=True, repr=False, description="Where each variable that is not a plain default came from."
    )


class Startup(Model):
    """Where settings are looked for; read from the environment and `.env` only."""

    config_file: ReadableFile | None = Field(
        default=None, description="TOML file with settings: lower-case keys, tables for what has __ in its name."
    )
    secrets_dir: Annotated[Text | None, Shown("/run/secrets and /etc/bridge/secrets, where present")] = Field(
        default=None, description="Folder of secrets, one file per variable, named as the variable."
    )
    unknown: Literal["error", "warn"] = Field(
        default="error", description="What an unknown BRIDGE_ variable is: an error or a warning."
    )
