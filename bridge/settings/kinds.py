"""The kinds of value that settings are made of: durations, shares, ports, names, files."""

from __future__ import annotations

import math
import re
import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from bridge.settings.model import Expects, Refusal

LONGEST_DURATION = 366 * 86_400.0
"""Seconds. Nothing here waits for more than a year, and what is longer overflows dates further on."""

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)", re.ASCII)
_FACTORS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_API_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)


def seconds(value: object) -> float:
    """Read a duration: a number of seconds, or text such as `20`, `0.5`, `90s`, `5m`, `2h`.

    Raises:
        Refusal: It is neither, negative, not finite or longer than a year.
    """
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise Refusal("is not a duration")
        number = float(found[1]) * _FACTORS[found[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = _as_float(value)
    else:
        raise Refusal("is not a duration")
    if not math.isfinite(number) or number > LONGEST_DURATION:
        raise Refusal("is too long or not finite", "at most 366 days")
    if number < 0:
        raise Refusal("is negative")
    return number


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an int of more than 308 digits
        return math.inf


def _above_zero(value: float) -> float:
    if value == 0:
        raise Refusal("is zero")
    return value


def _text(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise Refusal("is empty")
    if not stripped.isprintable():
        raise Refusal("contains line breaks or control characters")
    return stripped


def _secret(value: SecretStr) -> SecretStr:
    return SecretStr(_text(value.get_secret_value()))


def _some(values: tuple[object, ...]) -> tuple[object, ...]:
    if not values:
        raise Refusal("is empty")
    return values


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise Refusal(f"has the same value twice, at position {index}", "each once")
    return values


def _api_name(value: str) -> str:
    if _API_NAME.fullmatch(value) is None:
        raise Refusal("is not the API name of an object or field")
    return value


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _readable(value: Path, info: ValidationInfo) -> Path:
    path = located(value, info)
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise Refusal(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError:  # an embedded null byte
        raise Refusal("is not a path") from None
    return path


def located(path: Path, info: ValidationInfo) -> Path:
    """Give `path` as seen from the folder that settings are read from."""
    context = info.context if isinstance(info.context, dict) else {}
    return Path(context.get("cwd", ".")) / path


DurationOrZero = Annotated[
    float, BeforeValidator(seconds), Expects("duration", "seconds, or a duration such as 90s, 5m, 2h; zero is allowed")
]
Duration = Annotated[
    float,
    BeforeValidator(seconds),
    AfterValidator(_above_zero),
    Expects("duration", "seconds above zero, or a duration such as 90s, 5m, 2h"),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Expects("share", "a number from 0 to 1")]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False), Expects("number", "a number above 0")]
Count = Annotated[int, Field(ge=1), Expects("number", "a whole number of at least 1")]
Port = Annotated[int, Field(ge=0, le=65535), Expects("port", "a port from 0 to 65535; 0 takes any free one")]
Switch = Annotated[bool, Expects("true | false", "true or false")]
Text = Annotated[str, AfterValidator(_text), Expects("text", "text on one line")]
BlankIsNone = BeforeValidator(_blank_is_none)
"""An empty string in a list element counts as not given, as everywhere."""
Names = Annotated[tuple[Text, ...], AfterValidator(_distinct), Expects("JSON list", 'a JSON list of ids, as ["a","b"]')]
Secret = Annotated[
    SecretStr,
    AfterValidator(_secret),
    Expects("secret", "text on one line, or the path of a file that holds it as <VARIABLE>_FILE"),
]
NotEmpty = AfterValidator(_some)
"""For lists. Unlike a least length it says nothing when it is elements that are wrong."""


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError, ValueError):
        raise Refusal("holds no certificate in PEM form") from None
    return path


ApiName = Annotated[Text, AfterValidator(_api_name), Expects("API name", "an API name such as Contact or Visit__c")]
ApiNames = Annotated[
    tuple[ApiName, ...],
    NotEmpty,
    AfterValidator(_distinct),
    Expects("JSON list", 'a JSON list of API names, as ["Contact","Account"]'),
]
CaFile = Annotated[
    Path,
    AfterValidator(_readable),
    AfterValidator(_certificates),
    Expects("path", "the path of a PEM file of certificates"),
]
ReadableFile = Annotated[Path, AfterValidator(_readable), Expects("path", "the path of a readable file")]
Lowered = BeforeValidator(_lower)
"""For choices that people write in capitals."""
