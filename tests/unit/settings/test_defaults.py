"""What holds when nothing says otherwise, where defaults depend on each other or on the surroundings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings.working import loaded


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("development", "wss://minerva-dev.freedomcti.local/ws"),
        ("qa", "wss://minerva-qa.freedomcti.com/ws"),
        ("staging", "wss://minerva-stage.freedomcti.com/ws"),
        ("production", "wss://minerva.freedomcti.com/ws"),
    ],
)
def test_minerva_is_found_by_environment(environment: str, url: str) -> None:
    assert loaded({"BRIDGE_ENVIRONMENT": environment}).minerva.url == url


@pytest.mark.parametrize(
    ("url", "api_url"),
    [
        ("wss://minerva.example/ws", "https://minerva.example"),
        ("wss://minerva.example:8443/v2/ws", "https://minerva.example:8443"),
        ("ws://127.0.0.1:9001/ws", "http://127.0.0.1:9001"),
        ("ws://[::1]:9001/ws", "http://[::1]:9001"),
    ],
)
def test_the_api_is_on_the_same_host(url: str, api_url: str) -> None:
    assert loaded({"BRIDGE_MINERVA__URL": url}).minerva.api_url == api_url


def test_a_given_api_url_wins() -> None:
    assert loaded({"BRIDGE_MINERVA__API_URL": "https://api.example/v2/"}).minerva.api_url == "https://api.example/v2"


@pytest.mark.parametrize(("environment", "attempts"), [("production", 15), ("staging", 5), ("development", 5)])
def test_production_is_more_patient_before_it_alerts(environment: str, attempts: int) -> None:
    assert loaded({"BRIDGE_ENVIRONMENT": environment}).minerva.alert_after_attempts == attempts


def test_given_attempts_win_in_production() -> None:
    changes = {"BRIDGE_ENVIRONMENT": "production", "BRIDGE_MINERVA__ALERT_AFTER_ATTEMPTS": "3"}
    assert loaded(changes).minerva.alert_after_attempts == 3


@pytest.mark.parametrize(
    ("login_url", "audience"),
    [
        ("https://example.my.salesforce.com", "https://login.salesforce.com"),
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://sandbox.my.salesforce.com", "https://login.salesforce.com"),
        ("https://example--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://example--uat.my.salesforce.com", "https://test.salesforce.com"),
        ("https://example-123.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://test.salesforce.com.example", "https://login.salesforce.com"),
        ("https://localhost:8443", "https://login.salesforce.com"),
    ],
)
def test_the_audience_follows_the_login_url(login_url: str, audience: str) -> None:
    assert loaded({"BRIDGE_SALESFORCE__LOGIN_URL": login_url}).salesforce.audience == audience


@pytest.mark.parametrize(("terminal", "form"), [(True, "console"), (False, "json")])
def test_logs_are_readable_on_a_terminal_and_json_elsewhere(terminal: bool, form: str) -> None:
    assert loaded(terminal=terminal).log_format == form


def test_a_given_log_format_wins_on_a_terminal() -> None:
    assert loaded({"BRIDGE_LOG_FORMAT": "JSON"}, terminal=True).log_format == "json"


def test_the_proxy_of_the_surroundings_is_known_and_said_to_be_unused() -> None:
    settings = loaded({"HTTPS_PROXY": "http://user:pass@proxy.example:3128", "NO_PROXY": "localhost,.example"})
    assert settings.proxy.url == "http://user:pass@proxy.example:3128"
    assert settings.proxy.no_proxy == "localhost,.example"
    assert settings.warnings == ("HTTPS_PROXY: a proxy is not available yet, connections are direct (leave it out)",)
    assert "pass" not in repr(settings)


def test_a_broken_proxy_of_the_surroundings_stops_nobody() -> None:
    settings = loaded({"https_proxy": "socks5:/hunter2"})
    assert settings.proxy.url is None
    assert settings.warnings == ("https_proxy: is not the URL of a proxy and is passed over (http://HOST:PORT)",)


def test_a_proxy_of_another_kind_stops_nobody() -> None:
    assert loaded({"HTTPS_PROXY": "socks5://proxy.example:1080"}).proxy.url is None


def test_without_sinks_everything_goes_to_the_log() -> None:
    settings = loaded(without=("BRIDGE_SINKS",))
    assert {name: sink.type for name, sink in settings.sinks.items()} == {"log": "log"}


def test_a_configured_sink_replaces_the_log() -> None:
    sinks = {"crm": {"type": "webhook", "url": "https://crm.example"}}
    assert set(loaded({"BRIDGE_SINKS": sinks}).sinks) == {"crm"}


def test_no_routes_given_is_told_from_none_wanted() -> None:
    assert loaded().routes is None
    assert loaded({"BRIDGE_ROUTES": [{"kind": "*", "sinks": []}]}).routes is not None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("database_url", "sqlite:///data/bridge.db"),
        ("log_level", "info"),
        ("log_pii", "masked"),
        ("log_frames", False),
        ("drain_timeout", 20.0),
        ("signing_keys", ()),
        ("minerva.sessions", "per_agent"),
        ("minerva.service_user", "bridge"),
        ("minerva.auth", "handshake"),
        ("minerva.heartbeat_interval", 30.0),
        ("minerva.heartbeat_timeout", 10.0),
        ("minerva.max_missed_heartbeats", 3),
        ("minerva.auth_timeout", 10.0),
        ("minerva.subscribe_timeout", 10.0),
        ("minerva.backoff_base", 1.0),
        ("minerva.backoff_max", 30.0),
        ("minerva.stable_after", 30.0),
        ("minerva.parked_retry", 900.0),
        ("minerva.connect_rate", 50.0),
        ("minerva.history_limit", 50),
        ("minerva.compression", True),
        ("minerva.retry_after_unit", "s"),
        ("roster.refresh", 300.0),
        ("salesforce.api_version", "67.0"),
        ("salesforce.timeout", 5.0),
        ("salesforce.concurrency", 8),
        ("salesforce.lookup_objects", ("Contact", "Account", "Lead")),
        ("salesforce.default_region", "US"),
        ("salesforce.lookup_deadline", 2.0),
        ("salesforce.cache_ttl", 300.0),
        ("salesforce.negative_cache_ttl", 15.0),
        ("salesforce.api_reserve", 0.1),
        ("screen_pop.when", "ringing"),
        ("screen_pop.on_single", "record"),
        ("screen_pop.on_multiple", "search"),
        ("screen_pop.on_none", "search"),
        ("screen_pop.new_record_object", "Contact"),
        ("screen_pop.prefer_open_case", False),
        ("screen_pop.max_age", 20.0),
        ("call_log.enabled", False),
        ("escalation.warning_delay", 60.0),
        ("escalation.critical_delay", 15.0),
        ("escalation.clear_delay", 120.0),
        ("escalation.group_wait", 5.0),
        ("escalation.group_interval", 60.0),
        ("console.host", "127.0.0.1"),
        ("console.port", 8080),
    ],
)
def test_the_defaults_are_those_of_the_contract(path: str, value: object) -> None:
    found: Any = loaded()
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value
