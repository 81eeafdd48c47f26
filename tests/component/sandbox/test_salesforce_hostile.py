"""No input makes the org answer 500, hang up, or answer in another shape than Salesforce's."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator

import pytest

from tests.component.sandbox.salesforce_client import Answer, Client, serving

NASTY = [
    "",
    "x" * 10_000,
    "'" * 3_000,
    "\\" * 3_001,
    "(" * 5_000,
    "{" * 5_000,
    "\x00\x01\x1b[31m\x7f\r\n\t",
    "\u202eabc\u200f \u0661\u0662\u0663",
    "😀" * 500,
    "x} RETURNING User(Id,Email) //",
    "' OR Name != '",
    "%" * 2_000,
    "a* " * 1_000,
    "555* OR " * 400 + "ab",
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"{" * 100_000,
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"\x00\xff\xfe\x80",
    b'{"LastName": "\\ud800", "Phone": "\\u0000"}',
    b'{"LastName": NaN}',
    b'{"LastName": 1e999}',
    b'{"LastName": ' + b"9" * 6_000 + b"}",
    b'{"IsEscalated": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"q": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"inputs": [{"recipientIds": [{}], "title": 5}]}',
    b'{"q": "ab", "in": {}, "sobjects": 5, "fields": 7}',
    b'{"": 1, "\\n": 2}',
]
WRITES = [
    ("POST", "sobjects/Contact"),
    ("POST", "sobjects/Case"),
    ("POST", "sobjects/Pop__e"),
    ("PATCH", "sobjects/Task/Call_Id__c/x"),
    ("POST", "parameterizedSearch"),
    ("POST", "actions/standard/customNotificationAction"),
]


@pytest.fixture
async def client(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Client]:
    caplog.set_level(logging.ERROR)
    async with serving() as client:
        yield client
    assert not caplog.records


def check(answer: Answer) -> None:
    if answer.status < 300:
        return
    assert 400 <= answer.status < 500, answer.text[:200]
    for error in answer.json:
        assert error.get("errorCode") or error.get("errors")
    assert len(answer.text) < 4_000


@pytest.mark.parametrize("text", NASTY)
async def test_hostile_statements_are_answered_in_kind(client: Client, text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    check(await client.query(text))
    check(await client.query(f"SELECT Id FROM Contact WHERE Name = '{escaped}'"))  # noqa: S608 - it is what is tested
    check(await client.query(f"SELECT {text} FROM {text}"))  # noqa: S608 - it is what is tested
    for statement in (text, f"FIND {{{text}}} IN ALL FIELDS RETURNING Contact(Id)", f"FIND {{ab}} RETURNING {text}"):
        check(await client.search(statement))
    params = {"q": text, "in": text[:50], "sobject": text[:50], "overallLimit": text[:50]}
    check(await client.call("GET", "parameterizedSearch", params=params))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_hostile_bodies_are_answered_in_kind(client: Client, method: str, path: str, body: bytes) -> None:
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "image/png"}, {}):
        check(await client.call(method, path, data=body, headers=headers))


async def test_a_body_that_is_not_what_its_encoding_says_is_refused(client: Client) -> None:
    answer = await client.call("POST", "sobjects/Contact", data=b"no gzip", headers={"Content-Encoding": "gzip"})
    assert answer.status == 400
    check(answer)


async def test_a_huge_body_is_refused(client: Client) -> None:
    body = io.BytesIO(b'{"LastName": "' + b"x" * 7_000_000 + b'"}')
    answer = await client.call("POST", "sobjects/Contact", data=body)
    check(answer)
    assert answer.status == 400


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"grant_type=%FF%00&assertion=%ff", b"grant_type=" + b"x" * 10_000])
async def test_hostile_logins_are_refused(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic \x80\x81"}
    answer = await client.call("POST", "/services/oauth2/token", data=body, headers=headers)
    assert answer.status == 400
    assert set(answer.json) == {"error", "error_description"}


async def test_a_long_uri_is_refused(client: Client) -> None:
    answer = await client.query("x" * 17_000)
    assert (answer.status, answer.code) == (414, "URI_TOO_LONG")
    answer = await client.call("GET", "limits", headers={"X-Long": "x" * 17_000})
    assert (answer.status, answer.code) == (431, "REQUEST_HEADER_FIELDS_TOO_LARGE")


@pytest.mark.parametrize(
    "target",
    [
        b"/services/data/v67.0/query?q=%ff%fe%zz%",
        b"/services/data/v67.0/search?q=%00%0a&q=2",
        b"/services/data/v67.0/sobjects/Contact/%ff%2f%2e%2e",
        b"/services/data/v67.0/sobjects/Task/Call_Id__c/%ff",
        b"/services/data/v67.0/sobjects/%2e%2e/x",
        b"/services/data/v67.0/sobjects/Task/Call_Id__c/" + b"%41" * 3_000,
        b"//services//data",
        b"/services/data/v999999999999.0/query",
        b"/services/data/v67.0/query/01g000000000000-" + b"9" * 5_000,
        b"/%",
    ],
)
async def test_hostile_paths_are_answered_in_kind(client: Client, target: bytes) -> None:
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: x", b"Authorization: Bearer " + client.token.encode()]
    writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    check(Answer(int(head.split()[1]), {}, body.decode()))
