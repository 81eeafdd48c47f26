from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.salesforce.errors import OAuthError
from bridge.sandbox.salesforce.login import CLIENT_CREDENTIALS, JWT_BEARER, RUN_AS, Consumer, Gatekeeper
from bridge.sandbox.salesforce.sessions import Sessions

NOW = 1_780_000_000
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CLAIMS: dict[str, Any] = {
    "iss": "bridge",
    "sub": "bot@x.example",
    "aud": "https://login.salesforce.com",
    "exp": NOW + 180,
}


def assertion(key: rsa.RSAPrivateKey = KEY, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "RS256"}, claims)]
    signature = jwt.get_algorithm_by_name("RS256").sign(b".".join(parts), key)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def gatekeeper(*consumers: Consumer) -> Gatekeeper:
    keeper = Gatekeeper(lambda: float(NOW), lambda: frozenset({"https://127.0.0.1:8443"}))
    for consumer in consumers:
        keeper.register(consumer)
    return keeper


def strict() -> Gatekeeper:
    return gatekeeper(Consumer("bridge", PUBLIC, "hush", frozenset({"bot@x.example"})))


def by_jwt(keeper: Gatekeeper, text: str) -> str:
    return keeper.username({"grant_type": JWT_BEARER, "assertion": text}, None)


def refused(keeper: Gatekeeper, text: str) -> tuple[str, str]:
    with pytest.raises(OAuthError) as caught:
        by_jwt(keeper, text)
    return caught.value.error, caught.value.description


@pytest.mark.parametrize("exp", [NOW + 180, str(NOW + 180)])
@pytest.mark.parametrize(
    "aud", ["https://login.salesforce.com", "https://test.salesforce.com/", "https://127.0.0.1:8443"]
)
def test_a_good_assertion_comes_in(exp: object, aud: str) -> None:
    assert by_jwt(strict(), assertion(exp=exp, aud=aud)) == "bot@x.example"


def test_anybody_well_formed_comes_in_while_nobody_is_registered() -> None:
    assert (
        by_jwt(gatekeeper(), assertion(OTHER_KEY, iss="anybody", aud="https://acme.my.salesforce.com"))
        == "bot@x.example"
    )


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"exp": NOW - 1}, "invalid_grant", "expired authorization code"),
        ({"exp": (NOW + 180) * 1000}, "invalid_grant", "expired authorization code"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
        ({"exp": None}, "invalid_grant", "invalid assertion"),
        ({"sub": "somebody@x.example"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"sub": None}, "invalid_grant", "invalid assertion"),
        ({"iss": "stranger"}, "invalid_client_id", "client identifier invalid"),
        ({"aud": "https://evil.example"}, "invalid_grant", "audience is invalid"),
    ],
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any], error: str, description: str) -> None:
    assert refused(strict(), assertion(**changes)) == (error, description)


def test_a_foreign_signature_is_refused() -> None:
    assert refused(strict(), assertion(OTHER_KEY)) == ("invalid_grant", "invalid assertion")


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", jwt.encode(CLAIMS, "k" * 32, algorithm="HS256")])
def test_no_assertion_is_refused(text: str) -> None:
    for keeper in (gatekeeper(), strict()):
        assert refused(keeper, text) == ("invalid_grant", "invalid assertion")


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(OAuthError):
        by_jwt(gatekeeper(), text)


def test_a_secret_comes_in_by_header_or_form() -> None:
    basic = "Basic " + base64.b64encode(b"bridge:hush").decode()
    form = {"grant_type": CLIENT_CREDENTIALS}
    assert strict().username(form, basic) == RUN_AS
    assert strict().username({**form, "client_id": "bridge", "client_secret": "hush"}, None) == RUN_AS


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": CLIENT_CREDENTIALS}, "invalid_client"),
        ({"grant_type": CLIENT_CREDENTIALS, "client_id": "bridge", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": CLIENT_CREDENTIALS, "client_id": "other", "client_secret": "hush"}, "invalid_client_id"),
    ],
)
def test_a_wrong_form_is_refused(form: dict[str, str], error: str) -> None:
    with pytest.raises(OAuthError) as caught:
        strict().username(form, "Basic !!!")
    assert caught.value.error == error


def test_a_token_dies_when_it_was_not_used_for_its_lifetime() -> None:
    now = [0.0]
    sessions = Sessions("00D000000000001AAA", lambda: now[0])
    token = sessions.issue("bot", "005").token
    now[0] = sessions.ttl_s - 1
    assert sessions.use(token) is not None
    now[0] += sessions.ttl_s - 1
    assert sessions.use(token) is not None
    now[0] += sessions.ttl_s
    assert sessions.use(token) is None


def test_a_user_may_log_in_only_so_often_in_an_hour() -> None:
    now = [0.0]
    sessions = Sessions("00D000000000001AAA", lambda: now[0])
    sessions.logins_per_hour = 2
    assert [sessions.admit_login("bot") for _ in range(3)] == [True, True, False]
    assert sessions.admit_login("other")
    now[0] = 3_600.0
    assert sessions.admit_login("BOT")
