"""What a value may be: durations, numbers, addresses, ids, keys, files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.certificates import make_server_tls
from bridge.settings.kinds import LONGEST_DURATION, seconds
from bridge.settings.model import Refusal
from bridge.settings.urls import is_loopback
from tests.unit.settings.working import ORG_ID, loaded, pem, problem, problems, rsa_key


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("20", 20), ("0.5", 0.5), (".5", 0.5), ("90s", 90), ("5m", 300), ("2h", 7200), (" 1.5 h ", 5400), ("2.", 2)],
    )
    def test_numbers_are_seconds_and_units_are_understood(self, text: str, value: float) -> None:
        assert loaded({"BRIDGE_SALESFORCE__TIMEOUT": text}).salesforce.timeout == value

    @pytest.mark.parametrize(
        "text", ["-1", "nan", "inf", "1e3", "5 min", "1d", "h", "5M", "٣", "1_0", "--", "9" * 400, "99999h", "true"]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        assert problem({"BRIDGE_SALESFORCE__TIMEOUT": text}).startswith("BRIDGE_SALESFORCE__TIMEOUT: is ")

    @pytest.mark.parametrize("value", [-1, "-1", True, None, [], "9" * 400, 10**400, math.nan, math.inf])
    def test_json_values_are_held_to_the_same(self, value: object) -> None:
        policy = {"name": "a", "steps": [{"after": value, "sinks": ["crm"]}]}
        line = problem({"BRIDGE_ESCALATION__POLICIES": [policy]})
        assert line.startswith("BRIDGE_ESCALATION__POLICIES[0].steps[0].after: ")

    @pytest.mark.parametrize("name", ["SALESFORCE__CACHE_TTL", "DRAIN_TIMEOUT", "ESCALATION__WARNING_DELAY"])
    def test_zero_is_allowed_where_it_means_never_or_at_once(self, name: str) -> None:
        loaded({f"BRIDGE_{name}": "0"})

    @pytest.mark.parametrize("name", ["SALESFORCE__TIMEOUT", "MINERVA__HEARTBEAT_INTERVAL", "SCREEN_POP__MAX_AGE"])
    def test_zero_is_refused_where_it_would_break(self, name: str) -> None:
        assert problem({f"BRIDGE_{name}": "0"}) == (
            f"BRIDGE_{name}: is zero (seconds above zero, or a duration such as 90s, 5m, 2h)"
        )

    @given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
    def test_whatever_comes_is_a_bounded_number_or_refused(self, value: object) -> None:
        try:
            result = seconds(value)
        except Refusal:
            return
        assert 0 <= result <= LONGEST_DURATION

    @given(st.floats(min_value=0, max_value=1000), st.sampled_from([("s", 1), ("m", 60), ("h", 3600)]))
    def test_a_unit_multiplies(self, number: float, unit: tuple[str, int]) -> None:
        assert seconds(f"{number:.6f}{unit[0]}") == pytest.approx(float(f"{number:.6f}") * unit[1])


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("CONSOLE__PORT", ["0", "65535"], ["-1", "65536", "http", "80.5"]),
        ("SALESFORCE__API_RESERVE", ["0", "1", "0.25"], ["1.1", "-0.1", "nan", "10%"]),
        ("SALESFORCE__CONCURRENCY", ["1", "64"], ["0", "-1", "many", "1.5"]),
        ("MINERVA__HISTORY_LIMIT", ["1", "1000"], ["0", "1001"]),
        ("MINERVA__MAX_MISSED_HEARTBEATS", ["1"], ["0"]),
        ("MINERVA__ALERT_AFTER_ATTEMPTS", ["1"], ["0"]),
        ("MINERVA__CONNECT_RATE", ["0.5", "1000"], ["0", "-1", "inf", "nan"]),
        ("MINERVA__COMPRESSION", ["true", "FALSE", "1", "off"], ["maybe", "2"]),
        ("MINERVA__RETRY_AFTER_UNIT", ["s", "ms"], ["m"]),
        ("MINERVA__AUTH", ["handshake", "query"], ["basic"]),
        ("LOG_LEVEL", ["debug", "INFO"], ["loud"]),
        ("LOG_PII", ["full"], ["some"]),
        ("SCREEN_POP__ON_SINGLE", ["record"], ["search"]),
        ("SCREEN_POP__ON_MULTIPLE", ["search", "most_recent", "none"], ["record"]),
        ("SCREEN_POP__ON_NONE", ["new_record", "search", "none"], ["record"]),
        ("SCREEN_POP__NEW_RECORD_OBJECT", ["Lead", "Visit__c"], ["Not an object", "1x"]),
        ("SALESFORCE__API_VERSION", ["67.0", "100.0"], ["v67", "67", "67.5", "latest"]),
        ("SALESFORCE__DEFAULT_REGION", ["US", "de"], ["UK", "Germany", "001"]),
        ("SALESFORCE__LOOKUP_OBJECTS", ['["Lead"]'], ["[]", '["Lead", "Lead"]', '["a b"]', "Lead", '{"a": 1}', "3"]),
        ("QUEUES", ['["a"]'], ['["a", "a"]', '[""]', "[3]", '"a"', "a,b", '["a\\nb"]']),
        ("TEAMS", ['["a"]'], ['["a", "a"]', "null x"]),
        (
            "DATABASE_URL",
            ["sqlite:///x.db", "sqlite:////data/x.db"],
            ["sqlite://", "sqlite:///", "mysql://h/d", "x.db"],
        ),
    ],
)
def test_ranges_and_choices_are_held(name: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        loaded({f"BRIDGE_{name}": text})
    for text in bad:
        line = problem({f"BRIDGE_{name}": text})
        assert line.startswith(f"BRIDGE_{name}"), text
        assert line.endswith(")"), text


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        ["wss://minerva.example/ws", "ws://localhost:1/ws", "ws://127.8.9.1/ws", "ws://[::1]/", "ws://a.localhost"],
    )
    def test_plain_sockets_are_for_loopback_hosts(self, url: str) -> None:
        assert loaded({"BRIDGE_MINERVA__URL": url}).minerva.url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "ws://minerva.example/ws",
            "ws://127.0.0.1.example/ws",
            "ws://localhost.example",
            "https://minerva.example",
            "minerva.example",
            "wss://",
            "wss:///ws",
            "wss://user:hunter2@minerva.example/ws",
            "wss://hunter2@minerva.example/ws",
            "wss://minerva.example/ws#part",
            "wss://minerva.example/ws#",
            "wss://minerva.example:99999/ws",
            "wss://minerva.example:0/ws",
            "wss://minerva.example:port/ws",
            "wss://[::1/ws",
            "wss://minerva.example/w s",
            "wss://minerva\t.example/ws",
        ],
    )
    def test_other_addresses_are_refused_and_never_repeated(self, url: str) -> None:
        line = problem({"BRIDGE_MINERVA__URL": url})
        assert line.startswith("BRIDGE_MINERVA__URL: ")
        assert "hunter2" not in line

    def test_plain_http_is_for_loopback_hosts(self) -> None:
        loaded({"BRIDGE_SALESFORCE__INSTANCE_URL": "http://localhost:8443"})
        line = problem({"BRIDGE_SALESFORCE__INSTANCE_URL": "http://example.my.salesforce.com"})
        assert line == "BRIDGE_SALESFORCE__INSTANCE_URL: is plain http:// (https://, or a loopback host)"

    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST", "127.0.0.1", "::1", "[::1]", "x.localhost", "localhost."]
    )
    def test_this_machine_is_known_by_its_names(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example", "127.0.0.1.example", ""])  # noqa: S104 - listed as not loopback
    def test_other_machines_are_not_this_one(self, host: str) -> None:
        assert not is_loopback(host)


class TestRecordIds:
    @pytest.mark.parametrize("value", [ORG_ID, ORG_ID[:15], "00Dxx0000001gPLEAY", "00Dxx0000001gPL"])
    def test_both_forms_of_an_org_id_are_taken(self, value: str) -> None:
        assert loaded({"BRIDGE_ORG_ID": value}).org_id == value

    @pytest.mark.parametrize(
        ("value", "wrong"),
        [
            ("00D00000000001", "has 14 characters"),
            ("001000000000001", "does not start with 00D"),
            ("00D0000000000-1", "contains other characters"),
            ("00D00000000000é", "contains other characters"),
        ],
    )
    def test_others_are_refused(self, value: str, wrong: str) -> None:
        assert problem({"BRIDGE_ORG_ID": value}).startswith(f"BRIDGE_ORG_ID: {wrong}")

    def test_a_user_id_is_not_an_org_id(self) -> None:
        line = problem({"BRIDGE_AGENTS": [{"user_id": "a", "salesforce_user_id": ORG_ID}]})
        assert line.startswith("BRIDGE_AGENTS[0].salesforce_user_id: does not start with 005 (")


class TestPrivateKey:
    def jwt(self, key: str) -> dict[str, str]:
        return {
            "BRIDGE_SALESFORCE__AUTH": "jwt",
            "BRIDGE_SALESFORCE__LOGIN_URL": "https://example.my.salesforce.com",
            "BRIDGE_SALESFORCE__CLIENT_ID": "id",
            "BRIDGE_SALESFORCE__USERNAME": "bridge@example.com",
            "BRIDGE_SALESFORCE__PRIVATE_KEY": key,
        }

    def test_it_may_have_real_or_literal_line_ends(self) -> None:
        text = pem(rsa_key())
        for form in (text, text.replace("\n", "\\n"), text.replace("\n", "\\r\\n"), text.replace("\n", "\r\n")):
            key = loaded(self.jwt(form)).salesforce.private_key
            assert key is not None
            assert key.get_secret_value().replace("\r", "") == text

    @pytest.mark.parametrize(
        ("key", "wrong"),
        [
            ("not a key", "is not a private key in PEM form"),
            ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "is not a private key in PEM form"),
            (pem(ec.generate_private_key(ec.SECP256R1())), "is not an RSA key"),
        ],
    )
    def test_what_is_no_rsa_key_is_refused(self, key: str, wrong: str) -> None:
        assert problem(self.jwt(key)) == (f"BRIDGE_SALESFORCE__PRIVATE_KEY: {wrong} (an RSA private key in PEM form)")

    def test_a_public_or_encrypted_key_is_refused(self) -> None:
        public = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        assert "is not a private key" in problem(self.jwt(public))
        encrypted = pem(rsa_key(), BestAvailableEncryption(b"x"))
        assert problem(self.jwt(encrypted)) == (
            "BRIDGE_SALESFORCE__PRIVATE_KEY: is encrypted (the key without a passphrase)"
        )


class TestSigningKeys:
    def test_each_has_32_bytes_at_least(self) -> None:
        assert len(loaded({"BRIDGE_SIGNING_KEYS": ["k" * 32, "ü" * 16]}).signing_keys) == 2
        lines = problems({"BRIDGE_SIGNING_KEYS": ["k" * 31, "k" * 32, "short"]})
        assert lines == [
            "BRIDGE_SIGNING_KEYS[0]: is too short (at least 32 bytes)",
            "BRIDGE_SIGNING_KEYS[2]: is too short (at least 32 bytes)",
        ]


class TestSecrets:
    def test_a_secret_is_on_one_line_and_white_space_around_it_is_not_part_of_it(self) -> None:
        token = loaded({"BRIDGE_MINERVA__TOKEN": " padded\n"}).minerva.token
        assert token is not None
        assert token.get_secret_value() == "padded"
        assert problem({"BRIDGE_MINERVA__TOKEN": "two\nlines"}).startswith(
            "BRIDGE_MINERVA__TOKEN: contains line breaks or control characters ("
        )


def test_a_token_does_not_belong_into_minervas_url() -> None:
    line = problem({"BRIDGE_MINERVA__URL": "wss://minerva.example/ws?token=planted"})
    assert line.startswith("BRIDGE_MINERVA__URL: has a query (")
    assert "planted" not in line


class TestHosts:
    @pytest.mark.parametrize("host", ["http://localhost", "127.0.0.1:8080", "a b", "[::1]", "-x", "x/y"])
    def test_the_console_listens_on_a_host_without_port(self, host: str) -> None:
        assert problems({"BRIDGE_CONSOLE__HOST": host, "BRIDGE_CONSOLE__TOKEN": "x"}) == [
            "BRIDGE_CONSOLE__HOST: is not the name or address of a host (an IP address or a host name, without port)"
        ]


class TestFiles:
    @pytest.mark.parametrize("name", ["MINERVA__CA_FILE", "SALESFORCE__CA_FILE"])
    def test_a_ca_file_exists_and_is_readable(self, name: str, tmp_path: Path) -> None:
        make_server_tls(tmp_path)
        settings = loaded({f"BRIDGE_{name}": "ca.pem"}, cwd=tmp_path)
        assert tmp_path / "ca.pem" in {settings.minerva.ca_file, settings.salesforce.ca_file}
        line = problem({f"BRIDGE_{name}": "gone.pem"}, cwd=tmp_path)
        assert (
            line == f"BRIDGE_{name}: cannot be read: No such file or directory (the path of a PEM file of certificates)"
        )
        assert "cannot be read: Is a directory" in problem({f"BRIDGE_{name}": "."}, cwd=tmp_path)
        (tmp_path / "x.pem").write_text("hello")
        line = problem({f"BRIDGE_{name}": "x.pem"}, cwd=tmp_path)
        assert line == f"BRIDGE_{name}: holds no certificate in PEM form (the path of a PEM file of certificates)"

    def test_a_null_byte_is_no_path(self) -> None:
        assert "is not a path" in problem({"BRIDGE_MINERVA__CA_FILE": "a\0b"})
