"""The way out through a proxy: `BRIDGE_PROXY__…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bridge.settings.kinds import Text
from bridge.settings.model import Model, Shown
from bridge.settings.urls import ProxyUrl


class Proxy(Model):
    """The proxy for outgoing connections; its URL may carry credentials and stays out of `repr`."""

    url: Annotated[ProxyUrl | None, Shown("from HTTPS_PROXY")] = Field(
        default=None, repr=False, description="Proxy for outgoing connections."
    )
    no_proxy: Annotated[Text | None, Shown("from NO_PROXY")] = Field(
        default=None, description="Hosts reached without the proxy, separated by commas."
    )
