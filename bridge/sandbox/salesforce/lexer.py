"""Words of a SOQL statement, and of what follows the braces of a SOSL one. Pure.

Messages with a position are worded as the platform words them: the statement, a caret, `ERROR at Row:1:Column:8`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

TokenKind = Literal["name", "text", "number", "date", "datetime", "symbol", "end"]
RESERVED = frozenset(
    {"and", "asc", "desc", "exclude", "first", "from", "group", "having", "in", "includes", "last", "like", "limit"}
    | {"not", "null", "nulls", "offset", "or", "order", "select", "true", "false", "using", "where", "with"}
)
"""Words that cannot name a field, object or alias (SOQL and SOSL Reference, "Reserved Keywords")."""
EXCERPT = 80
"""Characters of the statement that a message shows before the place of the mistake, and after it."""

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2}(?![\w-]))
    | (?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?!\w))
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<symbol><=|>=|!=|<>|[=<>(),:])
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)


class StatementError(Exception):
    """A statement is refused. `code` is the platform's errorCode, `message` what it says of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `text` as written, `at` its offset in the statement."""

    kind: TokenKind
    text: str
    at: int


def pointed(statement: str, at: int, message: str) -> str:
    """Give a message in the platform's form, with a caret under the place of the mistake."""
    row, column = _place(statement, at)
    start = max(0, at - EXCERPT)
    excerpt = re.sub(r"\s", " ", statement[start : at + EXCERPT])
    return f"\n{excerpt}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def lined(statement: str, at: int, message: str) -> str:
    """Give a message in the form that the platform's tokeniser uses: `line 1:12 …`."""
    row, column = _place(statement, at)
    return f"line {row}:{column} {message}"


def _place(statement: str, at: int) -> tuple[int, int]:
    before = statement[:at]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)


def tokens(statement: str, start: int, code: str) -> list[Token]:
    """Cut a statement into words from `start` on, an `end` token last.

    Raises:
        StatementError: with `code`, at the first character that begins no word.
    """
    found = []
    at = start
    while at < len(statement):
        match = _TOKEN.match(statement, at)
        if match is None:
            if statement[at] == "'":
                raise StatementError(
                    code, lined(statement, len(statement), "mismatched character '<EOF>' expecting '''")
                )
            raise StatementError(code, pointed(statement, at, f"unexpected token: '{statement[at]}'"))
        if match.lastgroup != "space":
            found.append(Token(cast("TokenKind", match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, Token("end", "<EOF>", len(statement))]


class Cursor:
    """Reads words one after another. `code` is the errorCode of a syntax error here."""

    def __init__(self, statement: str, words: Sequence[Token], code: str) -> None:
        self.statement = statement
        self.code = code
        self._words = words
        self._next = 0

    @property
    def token(self) -> Token:
        """The word that comes next; `end` when none does."""
        return self._words[self._next]

    @property
    def ended(self) -> bool:
        """Whether no word is left."""
        return self.token.kind == "end"

    def take(self) -> Token:
        """Give the next word and go on; the end is given again and again."""
        token = self.token
        if token.kind != "end":
            self._next += 1
        return token

    def is_word(self, word: str) -> bool:
        """Whether the next word is that keyword, in any case."""
        return self.token.kind == "name" and self.token.text.lower() == word

    def accept(self, *words: str) -> bool:
        """Go past these keywords (lower-case) when they all come next."""
        ahead = self._words[self._next : self._next + len(words)]
        if [token.text.lower() for token in ahead if token.kind == "name"] != list(words):
            return False
        self._next += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Go past these keywords, or refuse the statement."""
        if not self.accept(*words):
            raise self.refusal()

    def accept_symbol(self, symbol: str) -> bool:
        """Go past this symbol when it comes next."""
        if self.token.kind != "symbol" or self.token.text != symbol:
            return False
        self._next += 1
        return True

    def expect_symbol(self, symbol: str) -> None:
        """Go past this symbol, or refuse the statement."""
        if not self.accept_symbol(symbol):
            raise self.refusal()

    def name(self) -> Token:
        """Give the next word when it may name something, or refuse the statement."""
        if self.token.kind != "name" or self.token.text.lower() in RESERVED:
            raise self.refusal()
        return self.take()

    def whole_number(self) -> int:
        """Give the next word as a number from 0 up, or refuse the statement."""
        if self.token.kind != "number" or not self.token.text.isdigit() or len(self.token.text) > 9:
            raise self.refusal()
        return int(self.take().text)

    def refusal(self) -> StatementError:
        """Give the error for the word that comes next."""
        token = self.token
        message = "unexpected token: <EOF>" if token.kind == "end" else f"unexpected token: '{token.text[:EXCERPT]}'"
        return StatementError(self.code, pointed(self.statement, token.at, message))
