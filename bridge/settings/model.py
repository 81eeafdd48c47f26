"""The base of every settings model, and the marks a field can carry for messages and the reference."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, refuses unknown keys, and keeps input values out of pydantic's own messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Expects:
    """What a field's value has to be: `type` for the reference, `text` for a problem's parenthesis."""

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The default as the reference shows it, where it is computed or says nothing by itself."""

    default: str


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Marks a plain string that may carry a password: masked, and available as `<VARIABLE>_FILE`."""


class Refusal(ValueError):
    """What a validator raises; pydantic carries it to the report. It must not contain the value of a secret.

    Args:
        wrong: What is wrong, to stand after the variable's name.
        expected: What is expected instead; empty: what the field's `Expects` says.
    """

    def __init__(self, wrong: str, expected: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected
