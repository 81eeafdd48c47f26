"""What a search can find: a copy of the records' text that follows the records after a lag.

The platform's index is refreshed some time after a change: "could take about 15 minutes or more" (Salesforce, Best
Practices for Deployments with Large Data Volumes, "Search Architecture"). Until then the old text is what is found.

Decision on telephone numbers: Salesforce publishes no rule for how they are cut into words, so this org compares
digits alone. A searched number finds a field whose digits are the same, or end with it when it has at least
`NATIONAL_DIGITS`: so the national number finds the international spelling, and a short code finds only itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from bridge.sandbox.salesforce.schema import Field, Schema
from bridge.sandbox.salesforce.values import Values

NATIONAL_DIGITS = 7
"""Digits from which on a number is also found by its end."""
TEXT_TYPES = frozenset({"string", "textarea", "email", "url", "picklist"})
_NUMBERS = "#"  # no field is called so
_OTHER_THAN_DIGITS = re.compile(r"[^0-9]+")
_TOKEN = re.compile(r"[^\W_]+")


def digits_of(text: str) -> str:
    """Give the ASCII digits of a text."""
    return _OTHER_THAN_DIGITS.sub("", text)


def tokens_of(text: str) -> list[str]:
    """Cut a text into words at blanks and punctuation, in lower case."""
    return _TOKEN.findall(text.casefold())


class SearchIndex:
    """The indexed copy of every searchable record. `lag_s` may be changed at any time; it is in seconds."""

    def __init__(self, schema: Schema, clock: Callable[[], float], lag_s: float) -> None:
        self.lag_s = lag_s
        self._schema = schema
        self._clock = clock
        self._copies: defaultdict[str, dict[str, Values]] = defaultdict(dict)
        self._entries: defaultdict[str, dict[tuple[str, str], set[str]]] = defaultdict(dict)
        self._waiting: dict[tuple[str, str], tuple[float, Values]] = {}

    def put(self, kind: str, values: Values, *, at_once: bool = False) -> None:
        """Note a new or changed record; it is found in its new form when the lag has passed."""
        self._settle()
        if at_once or self.lag_s <= 0:
            self._index(kind, dict(values))
        else:
            self._waiting[kind, str(values["Id"])] = (self._clock(), dict(values))

    def drop(self, kind: str, record_id: str) -> None:
        """Forget a deleted record at once."""
        self._waiting.pop((kind, record_id), None)
        self._forget(kind, record_id)

    def rebuild(self) -> None:
        """Index every copy anew: the fields of an object have changed."""
        copies = [(kind, values) for kind, rows in self._copies.items() for values in rows.values()]
        self._copies.clear()
        self._entries.clear()
        for kind, values in copies:
            self._index(kind, values)

    def by_number(self, kind: str, digits: str) -> set[str]:
        """Give the records with a telephone number that these digits find."""
        self._settle()
        return set(self._entries[kind].get((_NUMBERS, digits), ()))

    def by_number_pattern(self, kind: str, pattern: re.Pattern[str]) -> set[str]:
        """Give the records with a telephone number whose digits match."""
        return self._matching(kind, frozenset({_NUMBERS}), pattern)

    def by_words(self, kind: str, fields: frozenset[str], words: list[str | re.Pattern[str]]) -> set[str]:
        """Give the records where these words stand one after another in one of these fields."""
        self._settle()
        found = set.intersection(*(self._by_word(kind, fields, word) for word in words))
        if len(words) == 1:
            return found
        return {record_id for record_id in found if self._has_run(self._copies[kind][record_id], fields, words)}

    def _by_word(self, kind: str, fields: frozenset[str], word: str | re.Pattern[str]) -> set[str]:
        if isinstance(word, re.Pattern):
            return self._matching(kind, fields, word)
        entries = self._entries[kind]
        return set().union(*(entries.get((field, word), ()) for field in fields))

    def _matching(self, kind: str, fields: frozenset[str], pattern: re.Pattern[str]) -> set[str]:
        self._settle()
        found: set[str] = set()
        for (field, token), ids in self._entries[kind].items():
            if field in fields and pattern.fullmatch(token):
                found |= ids
        return found

    def _has_run(self, values: Values, fields: frozenset[str], words: list[str | re.Pattern[str]]) -> bool:
        for field in fields:
            tokens = tokens_of(str(values.get(field) or ""))
            starts = range(len(tokens) - len(words) + 1)
            if any(all(_is(tokens[start + step], word) for step, word in enumerate(words)) for start in starts):
                return True
        return False

    def _settle(self) -> None:
        if not self._waiting:
            return
        now = self._clock()
        due = [key for key, (changed_at, _) in self._waiting.items() if now >= changed_at + self.lag_s]
        for key in due:
            self._index(key[0], self._waiting.pop(key)[1])

    def _index(self, kind: str, values: Values) -> None:
        record_id = str(values["Id"])
        self._forget(kind, record_id)
        self._copies[kind][record_id] = values
        for key in self._keys(kind, values):
            self._entries[kind].setdefault(key, set()).add(record_id)

    def _forget(self, kind: str, record_id: str) -> None:
        values = self._copies[kind].pop(record_id, None)
        for key in set(self._keys(kind, values)) if values else ():
            ids = self._entries[kind].get(key, set())
            ids.discard(record_id)
            if not ids:
                self._entries[kind].pop(key, None)

    def _keys(self, kind: str, values: Values) -> Iterator[tuple[str, str]]:
        fields: Iterable[Field] = self._schema.entity(kind) or ()
        for field in fields:
            text = values.get(field.name)
            if isinstance(text, str) and field.type == "phone":
                yield from ((_NUMBERS, digits) for digits in _endings(digits_of(text)))
            elif isinstance(text, str) and field.type in TEXT_TYPES:
                yield from ((field.name, token) for token in tokens_of(text))


def _is(token: str, word: str | re.Pattern[str]) -> bool:
    return token == word if isinstance(word, str) else word.fullmatch(token) is not None


def _endings(digits: str) -> Iterator[str]:
    """Give what finds a number: all its digits, and its last ones from `NATIONAL_DIGITS` on."""
    if digits:
        yield digits
    for start in range(1, len(digits) - NATIONAL_DIGITS + 1):
        yield digits[start:]
