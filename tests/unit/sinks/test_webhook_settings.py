"""What a webhook may be configured with: refused at the start, not at the first delivery."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.sinks.webhook import WebhookSettings, key_bytes, signature

URL = "https://receiver.example/hook"
KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def made(**fields: Any) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": URL, **fields})


def refused(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        made(**fields)
    return str(caught.value)


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8080/", "https://[::1]:8443/a?b=c", "https://x.example"])
def test_an_address_of_the_web_is_taken(url: str) -> None:
    assert made(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example/hook",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:pass@receiver.example/",
        "https://user@receiver.example/",
        "https://receiver.example:0/",
        "https://receiver.example:99999/",
        "https://receiver.example:port/",
        "https://[::1/",
        "https://receiver.example/a b",
        "https://receiver.example/\r\nX: y",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    assert "url" in refused(url=url)


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_is_base64_of_24_to_64_bytes(length: int) -> None:
    text = base64.b64encode(b"x" * length).decode()
    assert key_bytes("whsec_" + text) == key_bytes(text) == b"x" * length


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!!!", "whsec_" + "QUJD" * 5, base64.b64encode(b"x" * 23).decode(), "QUJD" * 22]
)
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    for fields in ({"secret": secret}, {"secrets": [SECRET, secret]}):
        text = refused(**fields)
        assert next(iter(fields)) in text
        assert not secret or len(secret) < 7 or secret not in text


@pytest.mark.parametrize(
    "name",
    ["webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "Content-Type", "content-length", "Transfer-Encoding"],
)
def test_headers_that_the_bridge_sets_cannot_be_given(name: str) -> None:
    assert "headers" in refused(headers={name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("webhook-id ", "x"),
        ("X-\u00e9", "x"),
        ("X-A\r\nX-B", "x"),
        ("X-A", "x\r\nX-B: y"),
        ("X-A", "x\ny"),
        ("X-A", "x\0y"),
        ("X-A", "\x1b[2J"),
        ("X-A", "\udc80"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused_without_showing_the_value(name: str, value: str) -> None:
    text = refused(headers={name: f"secret-of-a-header{value}"})
    assert "headers" in text
    assert "secret-of-a-header" not in text


def test_ordinary_headers_are_taken() -> None:
    headers = made(headers={"Authorization": "Bearer abc", "X-Team": "S\u00fcd"}).headers
    assert {name: value.get_secret_value() for name, value in headers.items()} == {
        "Authorization": "Bearer abc",
        "X-Team": "S\u00fcd",
    }


def test_no_secret_shows_in_what_settings_print() -> None:
    settings = made(secret=SECRET, secrets=[SECRET], headers={"Authorization": "Bearer abc"})
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in text
        assert "Bearer abc" not in text


def test_an_unknown_field_is_refused_by_name() -> None:
    assert "secrte" in refused(secrte=SECRET)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """Standard Webhooks 1.0.0 publishes this secret, id, timestamp, body and signature."""
    key = key_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert (
        signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
