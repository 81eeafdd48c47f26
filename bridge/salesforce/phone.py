"""Telephone numbers as carriers, people and Salesforce write them, brought to one form. Pure.

A number that is *possible* is looked up; *valid* is never asked for, because real numbering plans outrun the metadata.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers

LONGEST_INPUT = 256
"""No way to write one number is longer; the rest of a longer text is not looked at."""

LONGEST_FIELD = 40
"""Characters that a telephone field of Salesforce holds (Object Reference, "Phone" fields)."""

WITHHELD = frozenset(
    {
        "anonymous",
        "anonymous caller",
        "blocked",
        "caller id unavailable",
        "no caller id",
        "no number",
        "null",
        "number withheld",
        "private",
        "private caller",
        "private number",
        "restricted",
        "unavailable",
        "unknown",
        "unknown caller",
        "unknown number",
        "withheld",
    }
)
_INSIDE_ANGLES = re.compile(r"<([^<>]*)>")
_SCHEME = re.compile(r"(?:sips?|tel|callto):", re.IGNORECASE)
_EXTENSION = re.compile(r"\s*(?:ext\.?|extension|x|#)\s*\d{1,7}\s*$", re.IGNORECASE)
_UP_TO_A_LETTER = re.compile(r"\D*\d(?:[\d_]|\W)*")
_PLAIN = re.compile(r"[^\w*#]*\d[^*#A-Za-z]*", re.ASCII)
_SHORTEST_SEARCHABLE = 3  # one or two digits are a slip, not an extension
_SHORTEST_NATIONAL = 7  # shorter ones without the trunk prefix are internal extensions and short codes
_SHORTEST_INTERNATIONAL = 11  # digits without any sign of a country code, unless the region makes sense of them
_POSSIBLE = phonenumbers.ValidationResult.IS_POSSIBLE


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """One caller's number.

    `raw` is how it came. `e164` is None when it cannot be read as a telephone number (an internal extension, a short
    code). `digits` is what remains when all else is taken away; the empty string means that there is nobody to look up.
    """

    raw: str
    e164: str | None
    digits: str
    national: str

    @property
    def key(self) -> str:
        """What tells two callers apart: E.164, else the digits."""
        return self.e164 or self.digits

    def terms(self) -> tuple[str, ...]:
        """The digit strings to search for, fewest first: national, then with the country code."""
        if self.e164 is None:
            return (self.digits,)
        full = self.e164.lstrip("+")
        return (self.national, full) if self.national != full else (full,)

    def spellings(self) -> tuple[str, ...]:
        """The usual ways to write it, for an exact comparison where the search index lags behind."""
        if self.e164 is None:
            as_it_came = _visible(self.raw[:LONGEST_INPUT]).strip()
            fits = 0 < len(as_it_came) <= LONGEST_FIELD
            return tuple(dict.fromkeys((as_it_came, self.digits) if fits else (self.digits,)))
        parsed = phonenumbers.parse(self.e164)
        shapes = phonenumbers.PhoneNumberFormat
        national = phonenumbers.format_number(parsed, shapes.NATIONAL)
        written = (
            self.e164,
            self.e164.lstrip("+"),
            self.national,
            national,
            phonenumbers.format_number(parsed, shapes.INTERNATIONAL),
            re.sub(r"\D", "", national),
            "-".join(re.findall(r"\d+", national)),
            ".".join(re.findall(r"\d+", national)),
        )
        return tuple(dict.fromkeys(written))


def is_withheld(raw: str | None) -> bool:
    """True when there is nobody to look up: no number at all, or a word that says so (PROTOCOL §5)."""
    if raw is None:
        return True
    user, _ = _user(raw)
    return not user or user.lower() in WITHHELD


def read(raw: str, region: str) -> PhoneNumber:
    """Read a number the way it came from the line.

    Args:
        raw: `+15551234567`, `0044 20 7946 0123`, `(415) 555-0132 ext. 4`, `sip:+15551234567@host`, `1234`, anything.
        region: Two letters: where numbers without a country code are dialled.
    """
    user, is_address = _user(raw)
    if is_address and user[:1].isalpha():
        return PhoneNumber(raw, None, "", "")  # the name of a SIP account: digits in it are no number
    text = _ascii_digits(user)
    bare = _EXTENSION.sub("", text)
    if not _digits(bare):
        bare = text  # an extension is all there is
    digits = _digits(bare)
    readings = (_possible(spelling, region) for spelling in _readings(bare, digits))
    parsed = next((each for each in readings if each is not None), None)
    if parsed is None:
        return PhoneNumber(raw, None, digits, digits)
    parsed = _without_plus(parsed, bare, digits, region) or parsed
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(raw, e164, digits, phonenumbers.national_significant_number(parsed))


def searchable(number: PhoneNumber) -> bool:
    """True when it can be searched for at all, and a telephone field could hold it."""
    return _SHORTEST_SEARCHABLE <= len(number.digits) <= LONGEST_FIELD


def same(number: PhoneNumber, written: str | None, region: str) -> bool:
    """True when what somebody typed into Salesforce is this very number, extension or not."""
    if not written:
        return False
    other = read(written, region)
    return other.key == number.key and bool(other.key)


def _user(raw: str) -> tuple[str, bool]:
    """What stands for the subscriber, and whether it came as an address: `"Name" <sip:USER;…@host>`, `tel:USER;…`."""
    text = _visible(raw[:LONGEST_INPUT])
    inside = _INSIDE_ANGLES.search(text)
    text = (inside[1] if inside is not None else text).strip()
    scheme = _SCHEME.match(text)
    user, at, _ = text[scheme.end() if scheme is not None else 0 :].partition("@")
    user = user.partition(";")[0]
    is_address = scheme is not None or bool(at)
    if is_address:
        user = _visible(unquote(user))
    return user.strip().strip('"').strip(), is_address


def _readings(bare: str, digits: str) -> Iterator[str]:
    """The ways to read a text as a number, the likeliest first."""
    start = _UP_TO_A_LETTER.match(bare)
    if start is not None:
        yield start[0]  # `415-555-0132 mobile`: a remark behind a number is not dialled
    yield bare  # `1-800-FLOWERS`
    if _PLAIN.fullmatch(bare) is None:
        return
    if digits.startswith("00"):
        yield f"+{digits[2:]}"  # also where another prefix is dialled for abroad
    elif len(digits) >= _SHORTEST_INTERNATIONAL:
        yield f"+{digits}"  # many carriers leave the plus out


def _possible(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The number when it can be dialled from anywhere; None for local ones, internal extensions and short codes."""
    try:
        parsed = phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    if not parsed.national_number or phonenumbers.is_possible_number_with_reason(parsed) != _POSSIBLE:
        return None
    if parsed.country_code_source != phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return parsed
    national = phonenumbers.national_significant_number(parsed)
    trunk = phonenumbers.ndd_prefix_for_region(region, True)
    inside = len(national) < _SHORTEST_NATIONAL and bool(trunk) and not _digits(text).startswith(str(trunk))
    if national.startswith("00") or (inside and not phonenumbers.is_valid_number(parsed)):
        return None
    return parsed


def _without_plus(
    parsed: phonenumbers.PhoneNumber, bare: str, digits: str, region: str
) -> phonenumbers.PhoneNumber | None:
    """The number with its country code when only the plus is missing: `4915112345678` in Germany, from many carriers.

    Where national numbers may be that long both readings are possible. Then the one that is in use is meant, and the
    region's own country code is not taken for an area.
    """
    if (
        parsed.country_code_source != phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
        or len(digits) < _SHORTEST_INTERNATIONAL
        or _PLAIN.fullmatch(bare) is None
    ):
        return None
    other = _possible(f"+{digits}", region)
    if other is None or not phonenumbers.is_valid_number(other):
        return None
    return other if other.country_code == parsed.country_code or not phonenumbers.is_valid_number(parsed) else None


def _visible(text: str) -> str:
    """Without the marks that only steer how text is laid out (RTL, zero width); control characters as blanks."""
    if text.isascii() and text.isprintable():
        return text
    kinds = ((char, unicodedata.category(char)) for char in text)
    return "".join(" " if kind in {"Cc", "Cs", "Zl", "Zp"} else char for char, kind in kinds if kind != "Cf")


def _digits(text: str) -> str:
    return "".join(re.findall(r"[0-9]", text))


def _ascii_digits(text: str) -> str:
    """Digits of other scripts as ASCII ones; everything else as it is."""
    if text.isascii():
        return text
    return "".join(str(int(char)) if char.isdecimal() else char for char in text)
