"""How the worker reaches Minerva and how patient it is: `BRIDGE_MINERVA__…`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from bridge.settings.kinds import CaFile, Count, Duration, DurationOrZero, Rate, Secret, Switch, Text
from bridge.settings.model import Expects, Model, Shown
from bridge.settings.urls import SocketUrl, WebUrl

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "development": "wss://minerva-dev.freedomcti.local/ws",
        "qa": "wss://minerva-qa.freedomcti.com/ws",
        "staging": "wss://minerva-stage.freedomcti.com/ws",
        "production": "wss://minerva.freedomcti.com/ws",
    }
)
"""The WebSocket endpoint of each environment (Minerva guide, "endpoints")."""

ALERT_AFTER_ATTEMPTS_IN_PRODUCTION = 15
ALERT_AFTER_ATTEMPTS = 5
LONGEST_HISTORY = 1000


class Minerva(Model):
    """Addresses, credentials and timing of the Minerva sessions; times in seconds."""

    url: Annotated[SocketUrl, Shown("by environment")] = Field(description="WebSocket endpoint of Minerva.")
    api_url: Annotated[WebUrl, Shown("https on the host of the URL")] = Field(
        description="Base of Minerva's HTTP API: the ws-token endpoint and recordings. For a ws:// URL: http."
    )
    token: Secret | None = Field(
        default=None, description="Static WebSocket token. Exactly one of TOKEN and SERVICE_TOKEN."
    )
    service_token: Secret | None = Field(
        default=None, description="Credential for the ws-token endpoint, which then gives each session its token."
    )
    sessions: Literal["per_agent", "shared"] = Field(
        default="per_agent", description="One session for each agent, or one shared by all."
    )
    service_user: Text = Field(default="bridge", description="userId of the supervisor session and the shared session.")
    auth: Literal["handshake", "query"] = Field(
        default="handshake", description="AUTH message after open, or the token on the URL (older servers)."
    )
    heartbeat_interval: Duration = Field(default=30.0, description="From one heartbeat sent to the next.")
    heartbeat_timeout: Duration = Field(default=10.0, description="How long a heartbeat may go unanswered.")
    max_missed_heartbeats: Count = Field(default=3, description="Consecutive misses after which a session reconnects.")
    auth_timeout: Duration = Field(default=10.0, description="How long the answer to AUTH may take.")
    subscribe_timeout: Duration = Field(default=10.0, description="How long the answer to SUBSCRIBE may take.")
    backoff_base: Duration = Field(default=1.0, description="First wait before a reconnect; doubles each time.")
    backoff_max: Duration = Field(default=30.0, description="Longest wait between two attempts.")
    alert_after_attempts: Annotated[Count, Shown("15 in production, else 5")] = Field(
        description="Failed attempts after which a session is reported; it keeps trying."
    )
    stable_after: DurationOrZero = Field(
        default=30.0, description="How long a session must hold before its back-off starts anew."
    )
    parked_retry: Annotated[Duration, Shown("15m")] = Field(
        default=900.0, description="How often a session that Minerva refused for good is tried again."
    )
    connect_rate: Rate = Field(default=50.0, description="New connections a second for the whole fleet.")
    history_limit: Annotated[
        int, Field(ge=1, le=LONGEST_HISTORY), Expects("number", f"a whole number from 1 to {LONGEST_HISTORY}")
    ] = Field(default=50, description="Missed events asked for after a reconnect, per agent.")
    compression: Switch = Field(
        default=True, description="Offer permessage-deflate; costs about 100 KiB of memory a session."
    )
    retry_after_unit: Literal["s", "ms"] = Field(default="s", description="Unit of retryAfter in RATE_LIMITED.")
    ca_file: CaFile | None = Field(
        default=None, description="PEM file of the authority that signed Minerva's certificate, if it is a private one."
    )
