"""Which message goes to which sinks: `BRIDGE_ROUTES`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from bridge.settings.kinds import Text
from bridge.settings.model import Expects, Model, Refusal, Shown

KINDS = ("screen_pop", "voicemail", "bridge")
"""What routes carry; SLA messages go by escalation policies alone."""

MATCHABLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "screen_pop": ("to", "queue", "agent"),
        "voicemail": ("to", "priority", "agent"),
        "bridge": (),
        "*": ("to", "queue", "priority", "agent"),
    }
)
"""What a message of each kind has that a match could look at."""

PRIORITIES = ("high", "normal", "low")


def _one_or_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _recipients(value: object) -> object:
    if value is None or value == "agent":
        return value
    items = value if isinstance(value, list | tuple) else None
    if not items or not all(isinstance(item, str) and item.strip() for item in items):
        raise Refusal("addresses nobody", 'leave it out, or "agent", or a list of addresses or ids')
    return tuple(item.strip() for item in items)


OneOrList = Annotated[
    tuple[Text, ...], BeforeValidator(_one_or_list), Expects("text or list", "a text or a list of texts")
]


class SinkRef(Model):
    """A sink that a message goes to; given as `NAME` or `{"sink": NAME, "to": …}`."""

    sink: Text = Field(description="Name of the sink.")
    to: Annotated[
        Literal["agent"] | tuple[str, ...] | None,
        BeforeValidator(_recipients),
        Expects("agent | list", '"agent", or a list of addresses or ids'),
        Shown("the sink's own address"),
    ] = Field(default=None, description="Whom to reach through it: the agent concerned, or these addresses or ids.")

    @model_validator(mode="wrap")
    @classmethod
    def _name_alone(cls, value: object, handler: ModelWrapValidatorHandler[SinkRef]) -> SinkRef:
        if isinstance(value, str):
            return handler({"sink": value})
        if not isinstance(value, Mapping | SinkRef):
            raise Refusal("is not a sink", 'NAME, or {"sink": NAME, "to": "agent" or a list}')
        return handler(value)


SinkRefs = Annotated[
    tuple[SinkRef, ...], Expects("list of sinks", 'a list of NAME or {"sink": NAME, "to": "agent" or a list}')
]


class Match(Model):
    """What a message must have for its route; empty matches all, several values mean any of them."""

    to: OneOrList | None = Field(default=None, description="Number that was called.")
    queue: OneOrList | None = Field(default=None, description="Queue id of a call.")
    priority: OneOrList | None = Field(default=None, description="high, normal or low, of a voicemail.")
    agent: OneOrList | None = Field(default=None, description="user_id of the agent concerned.")

    def given(self) -> dict[str, tuple[str, ...]]:
        """The fields that restrict, with the values that they allow."""
        fields = {"to": self.to, "queue": self.queue, "priority": self.priority, "agent": self.agent}
        return {name: values for name, values in fields.items() if values is not None}


class Route(Model):
    """One route; the first whose kind and match fit a message takes it."""

    kind: Literal["screen_pop", "voicemail", "bridge", "*"] = Field(description="Kind of message; * is any.")
    match: Annotated[Match, Shown("any message")] = Field(default=Match(), description="What the message must have.")
    sinks: SinkRefs = Field(description='Where it goes; [] says on purpose "nowhere".')
    fallback: Annotated[SinkRefs, Shown("none")] = Field(
        default=(), description="Where it goes when no listed sink could reach anyone."
    )
