from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.salesforce.lexer import StatementError
from bridge.sandbox.salesforce.search_terms import RESERVED, Both, Either, Term, Without, Word
from bridge.sandbox.salesforce.sosl import parse

WORDS = st.sampled_from(
    [
        "FIND",
        "{",
        "}",
        "IN",
        "PHONE",
        "FIELDS",
        "RETURNING",
        "Contact",
        "(",
        "Id",
        ",",
        "Name",
        ")",
        "WHERE",
        "=",
        "'x'",
    ]
) | st.sampled_from(["ORDER", "BY", "LIMIT", "5", "AND", "OR", "NOT", '"', "\\", "*", "?", "ab", "555", "٣", "\u202e"])


def outcome(statement: str) -> str:
    try:
        parse(statement)
    except StatementError as error:
        return error.code
    return "parsed"


def term(text: str) -> Term | None:
    return parse(f"FIND {{{text}}} IN PHONE FIELDS RETURNING Contact(Id)").term


def refusal(statement: str) -> StatementError:
    with pytest.raises(StatementError) as caught:
        parse(statement)
    return caught.value


def test_scope_objects_and_bounds_are_read() -> None:
    search = parse(
        "find {5551234} in phone fields returning Contact(Id, Name where Name != null order by Name limit 3), Lead limit 9"
    )
    assert search.scope == "phone"
    assert search.limit == 9
    contact, lead = search.returning
    assert [str(field) for field in contact.fields] == ["Id", "Name"]
    assert contact.where is not None
    assert contact.limit == 3
    assert lead.source == "Lead"
    assert lead.fields == ()


def test_the_scope_is_all_fields_unless_said() -> None:
    assert parse("FIND {ab}").scope == "all"


def test_words_side_by_side_must_both_match() -> None:
    assert term("ada berg") == Both((Word("ada"), Word("berg")))


def test_or_binds_less_than_and() -> None:
    assert term("aa AND bb or cc") == Either((Both((Word("aa"), Word("bb"))), Word("cc")))


def test_parentheses_bind_first() -> None:
    assert term("aa AND (bb OR cc)") == Both((Word("aa"), Either((Word("bb"), Word("cc")))))


def test_and_not_takes_away() -> None:
    assert term("aa AND NOT bb") == Without(Word("aa"), Word("bb"))


def test_a_quoted_operator_is_a_word() -> None:
    assert term('"or else"') == Word("or else", phrase=True)


def test_an_escaped_character_is_itself() -> None:
    assert term(r"\+1\-555") == Word("+1-555")


def test_a_wildcard_stands_in_the_middle_or_at_the_end() -> None:
    assert term("a?b*") == Word("a?b*", wild=(1, 3))


@pytest.mark.parametrize("char", sorted(RESERVED - {"*", "?", '"', "(", ")", "\\", "}"}))
@pytest.mark.parametrize("place", ["{}ab", "ab{}cd", '"ab{}cd"'])
def test_unescaped_reserved_character_is_refused(char: str, place: str) -> None:
    error = refusal(f"FIND {{{place.format(char)}}}")
    assert error.code == "MALFORMED_SEARCH"
    assert f"mismatched character '{char}'" in error.message


@pytest.mark.parametrize("char", sorted(RESERVED))
@pytest.mark.parametrize("place", ["ab{}cd", '"ab{}cd"'])
def test_escaped_reserved_character_is_accepted(char: str, place: str) -> None:
    word = parse("FIND {" + place.format(f"\\{char}") + "}").term
    assert isinstance(word, Word)
    assert word.text == f"ab{char}cd"


@pytest.mark.parametrize("text", ["*ab", "?ab", "ab *cd", '"*ab"'])
def test_a_leading_wildcard_is_refused(text: str) -> None:
    assert refusal(f"FIND {{{text}}}").code == "MALFORMED_SEARCH"


@pytest.mark.parametrize("text", ["", " ", "a", "a b", "a*", '"a"', "()"])
def test_a_search_of_one_character_is_refused(text: str) -> None:
    error = refusal(f"FIND {{{text}}}")
    assert error.code == "INVALID_SEARCH"
    assert error.message.startswith("search term must be longer than one character: ")


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "FIND ab",
        "FIND {ab",
        r"FIND {ab\}",
        'FIND {"ab}',
        "FIND {ab} IN SOME FIELDS",
        "FIND {ab} RETURNING",
        "FIND {ab} RETURNING Contact(",
        "FIND {ab} RETURNING Contact()",
        "FIND {ab} LIMIT x",
        "FIND {ab} RETURNING Contact(Id) //}",
        "FIND {ab} RETURNING User(Id, Email) //} RETURNING Contact(Id)",
        "FIND {ab OR}",
        "FIND {OR ab}",
        "FIND {NOT ab}",
        "FIND {(ab}",
        "FIND {ab)}",
        "FIND {" + "(" * 500 + "ab" + ")" * 500 + "}",
    ],
)
def test_what_is_no_search_is_malformed(statement: str) -> None:
    assert refusal(statement).code == "MALFORMED_SEARCH"


def test_a_long_search_loses_its_operators() -> None:
    words = [f"w{number:04d}" for number in range(1000)]
    assert term(" ".join(words)) == Either(tuple(map(Word, words)))


def test_a_very_long_search_finds_nothing() -> None:
    assert term("x" * 10_001) is None


@given(st.text(max_size=200) | st.lists(WORDS, max_size=40).map(" ".join))
def test_no_text_raises_anything_but_a_statement_error(text: str) -> None:
    for statement in (
        text,
        f"FIND {{{text}}}",
        f"FIND {{ab}} {text}",
        f"FIND {{ab}} RETURNING Contact(Id WHERE {text})",
    ):
        assert outcome(statement) in {"parsed", "MALFORMED_SEARCH", "INVALID_SEARCH"}


@given(st.text(min_size=2, max_size=100))
def test_an_escaped_quoted_text_is_one_phrase(text: str) -> None:
    escaped = "".join(f"\\{char}" if char in RESERVED else char for char in text)
    assert term(f'"{escaped}"') == Word(text, phrase=True)
