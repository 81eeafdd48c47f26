"""What stands between the braces of `FIND {…}`: words, phrases, wildcards, AND/OR/AND NOT, parentheses. Pure.

Reserved characters must be escaped by a backslash, inside quotation marks too, unless they are syntax at that place:
quotation marks round a phrase, parentheses outside one, `*` and `?` at the middle or end of a word.
Source: Salesforce SOQL and SOSL Reference, "FIND {SearchQuery}".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bridge.sandbox.salesforce.lexer import StatementError, lined

CODE = "MALFORMED_SEARCH"
RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
WILDCARDS = frozenset("*?")
OPERATORS_DROPPED_ABOVE = 4_000
"""Characters of the search text above which operators lose their meaning: every word may match then."""
NOTHING_FOUND_ABOVE = 10_000
"""Characters of the search text above which no row is found."""
MAX_DEPTH = 40
MIN_CHARACTERS = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One word or phrase. `wild` are the places in `text` of the characters that are wildcards."""

    text: str
    phrase: bool = False
    wild: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Both:
    """Every part matches."""

    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Some part matches."""

    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """`left AND NOT right`."""

    left: Term
    right: Term


Term = Word | Both | Either | Without


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: Literal["(", ")", "and", "or", "not", "word", "end"]
    at: int
    word: Word | None = None


def read_terms(statement: str, start: int, end: int) -> Term | None:
    """Parse `statement[start:end]`, the text inside the braces; None when it is too long to find anything.

    Raises:
        StatementError: MALFORMED_SEARCH, or INVALID_SEARCH when no word has two characters.
    """
    marks = _marks(statement, start, end)
    words = [mark.word for mark in marks if mark.word is not None]
    if max((len(word.text) - len(word.wild) for word in words), default=0) < MIN_CHARACTERS:
        text = statement[start:end][:80]
        raise StatementError("INVALID_SEARCH", f"search term must be longer than one character: {text}")
    term = _Reader(statement, marks).read()
    if end - start > NOTHING_FOUND_ABOVE:
        return None
    return Either(tuple(words)) if end - start > OPERATORS_DROPPED_ABOVE else term


def _illegal(statement: str, at: int) -> StatementError:
    return StatementError(CODE, lined(statement, at, f"mismatched character '{statement[at]}' expecting '}}'"))


def _marks(statement: str, start: int, end: int) -> list[_Mark]:
    marks: list[_Mark] = []
    at = start
    while at < end:
        char = statement[at]
        if char.isspace():
            at += 1
        elif char in {"(", ")"}:
            marks.append(_Mark("(" if char == "(" else ")", at))
            at += 1
        elif char == '"':
            mark, at = _phrase(statement, at, end)
            marks.append(mark)
        else:
            mark, at = _word(statement, at, end)
            marks.append(mark)
    return [*marks, _Mark("end", end)]


def _phrase(statement: str, start: int, end: int) -> tuple[_Mark, int]:
    word, at = _characters(statement, start + 1, end, closing='"')
    if at >= end:
        raise StatementError(CODE, lined(statement, end, "mismatched character '}' expecting '\"'"))
    return _Mark("word", start, Word(word.text, phrase=True, wild=word.wild)), at + 1


def _word(statement: str, start: int, end: int) -> tuple[_Mark, int]:
    word, at = _characters(statement, start, end, closing=None)
    spoken = statement[start:at].lower()
    if spoken in {"and", "or", "not"}:
        kind: Literal["and", "or", "not"] = "and" if spoken == "and" else "or" if spoken == "or" else "not"
        return _Mark(kind, start), at
    return _Mark("word", start, word), at


def _characters(statement: str, at: int, end: int, *, closing: str | None) -> tuple[Word, int]:
    """Read up to `closing`, or to the next blank, parenthesis or quotation mark when that is None."""
    text: list[str] = []
    wild: list[int] = []
    while at < end:
        char = statement[at]
        if char == closing or (closing is None and (char.isspace() or char in '()"')):
            break
        if char == "\\":
            if at + 1 >= end:
                raise _illegal(statement, at)
            text.append(statement[at + 1])
            at += 2
            continue
        if char in WILDCARDS:
            if not text or text[-1].isspace():
                raise _illegal(statement, at)  # a wildcard may not begin a word
            wild.append(len(text))
        elif char in RESERVED:
            raise _illegal(statement, at)
        text.append(char)
        at += 1
    return Word("".join(text), wild=tuple(wild)), at


class _Reader:
    """Joins the words. Parentheses bind first, then AND NOT, AND (the default between words), OR."""

    def __init__(self, statement: str, marks: list[_Mark]) -> None:
        self._statement = statement
        self._marks = marks
        self._next = 0

    def read(self) -> Term:
        term = self._either(0)
        if self._mark.kind != "end":
            raise self._refusal()
        return term

    @property
    def _mark(self) -> _Mark:
        return self._marks[self._next]

    def _accept(self, kind: str) -> bool:
        if self._mark.kind != kind:
            return False
        self._next += 1
        return True

    def _refusal(self) -> StatementError:
        mark = self._mark
        found = "}" if mark.kind == "end" else self._statement[mark.at]
        return StatementError(CODE, lined(self._statement, mark.at, f"no viable alternative at character '{found}'"))

    def _either(self, depth: int) -> Term:
        if depth > MAX_DEPTH:
            raise self._refusal()
        parts = [self._both(depth)]
        while self._accept("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Term:
        parts = [self._single(depth)]
        while True:
            if self._accept("and"):
                if self._accept("not"):
                    parts[-1] = Without(parts[-1], self._single(depth))
                    continue
            elif self._mark.kind not in {"word", "("}:
                break
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _single(self, depth: int) -> Term:
        if self._accept("("):
            term = self._either(depth + 1)
            if not self._accept(")"):
                raise self._refusal()
            return term
        word = self._mark.word
        if word is None:
            raise self._refusal()
        self._next += 1
        return word
