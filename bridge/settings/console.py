"""Where the HTTP server listens and who may use it: `BRIDGE_CONSOLE__…`."""

from __future__ import annotations

from pydantic import Field

from bridge.settings.kinds import Port, Secret
from bridge.settings.model import Model
from bridge.settings.urls import Host, WebUrl


class Console(Model):
    """Address and access of health, metrics, API and console."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on; beyond loopback a token is required.")
    port: Port = Field(default=8080, description="Port to listen on; 0 takes any free one.")
    token: Secret | None = Field(default=None, description="Bearer token of the API and the console.")
    public_url: WebUrl | None = Field(default=None, description="Address of the console for links in messages.")
