"""Who the agents are: `BRIDGE_AGENTS`, `BRIDGE_AGENTS_FILE`, `BRIDGE_ROSTER__…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from bridge.settings.kinds import ApiName, BlankIsNone, Duration, Text
from bridge.settings.model import Expects, Model, Refusal, Shown
from bridge.settings.record_id import UserId


def _address(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    if not (local and at and domain) or any(char.isspace() for char in value.strip()):
        raise Refusal("is not an e-mail address")
    return value.strip()


class Agent(Model):
    """One agent, known to Minerva by `user_id`."""

    user_id: Text = Field(description="userId in Minerva, unique.")
    salesforce_user_id: Annotated[UserId | None, BlankIsNone] = Field(
        default=None, description="Id of the agent's Salesforce user."
    )
    name: Annotated[Text | None, BlankIsNone] = Field(default=None, description="Name to show.")
    email: Annotated[
        Annotated[str, AfterValidator(_address), Expects("address", "an e-mail address")] | None, BlankIsNone
    ] = Field(default=None, description="E-mail address.")


class Roster(Model):
    """A roster kept in Salesforce."""

    salesforce_field: ApiName | None = Field(
        default=None, description="Field on User that holds the Minerva userId; agents are then read from Salesforce."
    )
    refresh: Annotated[Duration, Shown("5m")] = Field(
        default=300.0, description="How often the roster is read from Salesforce."
    )
