"""Whatever a caller's number holds, what is sent is one query of the shape we meant, to the letter."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.salesforce import phone, queries
from bridge.sandbox.salesforce import soql, sosl
from bridge.sandbox.salesforce.search_terms import Either, Word
from bridge.sandbox.salesforce.syntax import Query

OBJECTS = tuple(queries.PHONE_FIELDS)
SYNTAX = "'\"\\{}()[]?&|!^~*:+-,%_0123456789 \n\x00\u202e\u0663FINDselectORAND"
HOSTILE = st.text() | st.text(alphabet=SYNTAX, max_size=300)
MARKED = st.builds("{}{}{}".format, HOSTILE, st.text(alphabet="0123456789", min_size=2, max_size=20), HOSTILE)
NUMBERS = st.builds(phone.read, MARKED, st.sampled_from(["US", "GB", "DE", "IT", "JP"]))
RAW_NUMBERS = st.builds(phone.PhoneNumber, HOSTILE, st.none(), HOSTILE, HOSTILE)
"""What `phone.read` would never give: the queries do not lean on its manners."""


def words(term: object) -> list[str]:
    parts = term.parts if isinstance(term, Either) else (term,)
    assert all(isinstance(part, Word) and part.phrase and not part.wild for part in parts)
    return [part.text for part in parts if isinstance(part, Word)]


@given(NUMBERS, st.permutations(OBJECTS))
def test_search_is_always_one_search_for_these_digits(number: phone.PhoneNumber, objects: list[str]) -> None:
    assume(phone.searchable(number))
    search = sosl.parse(queries.search(number, objects))
    assert search.scope == "phone"
    assert words(search.term) == list(number.terms())
    assert [each.source for each in search.returning] == objects
    assert {each.limit for each in search.returning} == {queries.PER_OBJECT}


@given(st.text(min_size=2) | st.text(alphabet=SYNTAX, min_size=2, max_size=300))
def test_escaped_text_is_one_literal_term(text: str) -> None:
    plain = "".join(char if char.isprintable() else " " for char in text)
    assume(len(plain.strip()) >= 2)
    search = sosl.parse(f'FIND {{"{queries.escape_sosl(text)}"}} IN PHONE FIELDS RETURNING Contact(Id)')
    [word] = words(search.term)
    assert word.split() == plain.split()
    assert [each.source for each in search.returning] == ["Contact"]


@given(NUMBERS | RAW_NUMBERS, st.sampled_from(OBJECTS))
def test_exact_query_is_always_one_query_of_the_same_shape(number: phone.PhoneNumber, name: str) -> None:
    query = soql.parse(queries.exact(number, name))
    usual = soql.parse(queries.exact(phone.read("+14155550132", "US"), name))
    assert (query.source, query.limit, query.all_rows) == (name, queries.PER_OBJECT, False)
    assert [str(each) for each in query.select if not isinstance(each, Query)] == [str(each) for each in usual.select]
    assert len(query.orders) == 1
    assert _shape(query.where) == _shape(usual.where)


def _shape(condition: object) -> object:
    """A condition without its literals and places in the text."""
    if isinstance(condition, tuple):
        return [_shape(each) for each in condition]
    if hasattr(condition, "parts") and hasattr(condition, "at"):
        return str(condition)
    names = [name for name in getattr(condition, "__dataclass_fields__", {}) if name not in {"at", "values", "value"}]
    return [type(condition).__name__, *(_shape(getattr(condition, name)) for name in names)]
