"""What `bridge config` shows."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.settings import describe, reference
from bridge.settings.schema import LEAVES, STARTUP
from tests.unit.settings.working import SINK_MODELS, loaded

CONTRACT = [
    "ENVIRONMENT",
    "ORG_ID",
    "DATABASE_URL",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "LOG_PII",
    "LOG_FRAMES",
    "DRAIN_TIMEOUT",
    "SIGNING_KEYS",
    "PROXY__URL",
    "PROXY__NO_PROXY",
    "MINERVA__URL",
    "MINERVA__API_URL",
    "MINERVA__TOKEN",
    "MINERVA__SERVICE_TOKEN",
    "MINERVA__SESSIONS",
    "MINERVA__SERVICE_USER",
    "MINERVA__AUTH",
    "MINERVA__HEARTBEAT_INTERVAL",
    "MINERVA__HEARTBEAT_TIMEOUT",
    "MINERVA__MAX_MISSED_HEARTBEATS",
    "MINERVA__AUTH_TIMEOUT",
    "MINERVA__SUBSCRIBE_TIMEOUT",
    "MINERVA__BACKOFF_BASE",
    "MINERVA__BACKOFF_MAX",
    "MINERVA__ALERT_AFTER_ATTEMPTS",
    "MINERVA__STABLE_AFTER",
    "MINERVA__PARKED_RETRY",
    "MINERVA__CONNECT_RATE",
    "MINERVA__HISTORY_LIMIT",
    "MINERVA__COMPRESSION",
    "MINERVA__RETRY_AFTER_UNIT",
    "MINERVA__CA_FILE",
    "AGENTS",
    "AGENTS_FILE",
    "ROSTER__SALESFORCE_FIELD",
    "ROSTER__REFRESH",
    "QUEUES",
    "TEAMS",
    "SALESFORCE__AUTH",
    "SALESFORCE__LOGIN_URL",
    "SALESFORCE__AUDIENCE",
    "SALESFORCE__INSTANCE_URL",
    "SALESFORCE__CLIENT_ID",
    "SALESFORCE__CLIENT_SECRET",
    "SALESFORCE__USERNAME",
    "SALESFORCE__PRIVATE_KEY",
    "SALESFORCE__ACCESS_TOKEN",
    "SALESFORCE__API_VERSION",
    "SALESFORCE__CA_FILE",
    "SALESFORCE__TIMEOUT",
    "SALESFORCE__CONCURRENCY",
    "SALESFORCE__LOOKUP_OBJECTS",
    "SALESFORCE__DEFAULT_REGION",
    "SALESFORCE__LOOKUP_DEADLINE",
    "SALESFORCE__CACHE_TTL",
    "SALESFORCE__NEGATIVE_CACHE_TTL",
    "SALESFORCE__API_RESERVE",
    "SCREEN_POP__WHEN",
    "SCREEN_POP__ON_SINGLE",
    "SCREEN_POP__ON_MULTIPLE",
    "SCREEN_POP__ON_NONE",
    "SCREEN_POP__NEW_RECORD_OBJECT",
    "SCREEN_POP__PREFER_OPEN_CASE",
    "SCREEN_POP__MAX_AGE",
    "CALL_LOG__ENABLED",
    "SINKS",
    "ROUTES",
    "ESCALATION__POLICIES",
    "ESCALATION__WARNING_DELAY",
    "ESCALATION__CRITICAL_DELAY",
    "ESCALATION__CLEAR_DELAY",
    "ESCALATION__GROUP_WAIT",
    "ESCALATION__GROUP_INTERVAL",
    "CONSOLE__HOST",
    "CONSOLE__PORT",
    "CONSOLE__TOKEN",
    "CONSOLE__PUBLIC_URL",
    "CONFIG_FILE",
    "SECRETS_DIR",
    "UNKNOWN",
]


def test_the_variables_are_those_of_the_contract() -> None:
    assert {leaf.name for leaf in (*LEAVES.values(), *STARTUP.values())} == {f"BRIDGE_{name}" for name in CONTRACT}


class TestReference:
    def test_it_lists_every_variable_once_with_its_meaning(self) -> None:
        rows = reference(SINK_MODELS)
        names = [row.variable for row in rows]
        assert len(names) == len(set(names))
        assert {f"BRIDGE_{name}" for name in CONTRACT} <= set(names)
        for row in rows:
            assert row.meaning, row
            assert row.type, row

    def test_it_reaches_into_sinks_routes_and_policies(self) -> None:
        names = {row.variable for row in reference(SINK_MODELS)}
        assert {
            "BRIDGE_AGENTS[].salesforce_user_id",
            "BRIDGE_SINKS__NAME__TYPE",
            "BRIDGE_SINKS__NAME__URL",
            "BRIDGE_ROUTES[].match.priority",
            "BRIDGE_ROUTES[].sinks[].to",
            "BRIDGE_ESCALATION__POLICIES[].steps[].after",
            "BRIDGE_ESCALATION__POLICIES[].hours.from",
            "BRIDGE_ESCALATION__POLICIES[].group_interval",
        } <= names

    def test_types_and_defaults_are_for_people(self) -> None:
        rows = {row.variable: row for row in reference(SINK_MODELS)}
        assert rows["BRIDGE_ENVIRONMENT"][1:3] == ("development | qa | staging | production", "required")
        assert rows["BRIDGE_MINERVA__URL"][1:3] == ("URL", "by environment")
        assert rows["BRIDGE_CONSOLE__PORT"][1:3] == ("port", "8080")
        assert rows["BRIDGE_SALESFORCE__CACHE_TTL"][1:3] == ("duration", "300")
        assert rows["BRIDGE_SCREEN_POP__NEW_RECORD_OBJECT"][1:3] == ("API name", "Contact")
        assert rows["BRIDGE_MINERVA__TOKEN"].type == "secret, or its file as BRIDGE_MINERVA__TOKEN_FILE"
        assert rows["BRIDGE_SINKS__NAME__TYPE"].type == "log | webhook"
        assert rows["BRIDGE_SINKS__NAME__URL"].meaning == "webhook: Where to POST."
        assert rows["BRIDGE_SINKS__NAME__SECRETS"][1:3] == (
            "JSON of secrets, or its file as BRIDGE_SINKS__NAME__SECRETS_FILE",
            "",
        )
        assert rows["BRIDGE_SINKS__NAME__RETRIES"][1:3] == ("number", "3")

    def test_no_meaning_runs_over_a_line(self) -> None:
        assert all("\n" not in field for row in reference(SINK_MODELS) for field in row)


class TestDescribe:
    def test_it_says_what_is_in_force_and_where_it_came_from(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("BRIDGE_DRAIN_TIMEOUT=5m\n")
        (tmp_path / "b.toml").write_text("[console]\nport = 9000\n[sinks.crm]\nretries = 5\n")
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "BRIDGE_CONSOLE__TOKEN").write_text("hunter2")
        (tmp_path / "keys").write_text('["' + "k" * 40 + '"]')
        settings = loaded(
            {
                "BRIDGE_CONFIG_FILE": "b.toml",
                "BRIDGE_SECRETS_DIR": "secrets",
                "BRIDGE_SIGNING_KEYS_FILE": "keys",
                "HTTPS_PROXY": "http://user:hunter2@proxy.example",
            },
            cwd=tmp_path,
            dotenv=Path(".env"),
        )
        rows = {row.variable: row[1:] for row in describe(settings)}
        assert rows["BRIDGE_ENVIRONMENT"] == ("qa", "environment")
        assert rows["BRIDGE_DRAIN_TIMEOUT"] == ("300", ".env")
        assert rows["BRIDGE_CONSOLE__PORT"] == ("9000", "TOML")
        assert rows["BRIDGE_CONSOLE__TOKEN"] == ("***", "secrets")
        assert rows["BRIDGE_SIGNING_KEYS"] == ("***", "environment (BRIDGE_SIGNING_KEYS_FILE)")
        assert rows["BRIDGE_MINERVA__URL"] == ("wss://minerva-qa.freedomcti.com/ws", "default")
        assert rows["BRIDGE_MINERVA__COMPRESSION"] == ("true", "default")
        assert rows["BRIDGE_MINERVA__SERVICE_TOKEN"] == ("", "default")
        assert rows["BRIDGE_PROXY__URL"] == ("http://***@proxy.example", "environment (HTTPS_PROXY)")
        assert rows["BRIDGE_SINKS__CRM__TYPE"] == ("webhook", "environment")
        assert rows["BRIDGE_SINKS__CRM__RETRIES"] == ("5", "TOML")
        assert rows["BRIDGE_AGENTS"] == ('[{"user_id":"ada"},{"user_id":"ben"}]', "environment")
        assert rows["BRIDGE_SINKS__LOG__TYPE"] == ("log", "environment")

    def test_it_shows_no_secret(self) -> None:
        planted = "plantedS3cret"
        settings = loaded(
            {
                "BRIDGE_MINERVA__TOKEN": planted,
                "BRIDGE_SALESFORCE__ACCESS_TOKEN": planted,
                "BRIDGE_SALESFORCE__CLIENT_SECRET": planted,
                "BRIDGE_CONSOLE__TOKEN": planted,
                "BRIDGE_SIGNING_KEYS": [planted * 4],
                "BRIDGE_SINKS__CRM__SECRET": f"whsec_{planted}",
                "BRIDGE_SINKS__CRM__SECRETS": [planted],
                "BRIDGE_SINKS__CRM__HEADERS": {"Authorization": planted},
                "HTTPS_PROXY": f"http://user:{planted}@proxy.example",
            }
        )
        text = "\n".join("|".join(row) for row in describe(settings)) + repr(settings) + str(settings.warnings)
        assert planted not in text
        assert len(re.findall(r"\*\*\*", text)) >= 8

    def test_agents_of_both_places_are_named_with_both(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("user_id\ncid\n")
        rows = {row.variable: row[1:] for row in describe(loaded({"BRIDGE_AGENTS_FILE": "a.csv"}, cwd=tmp_path))}
        listed = '[{"user_id":"ada"},{"user_id":"ben"},{"user_id":"cid"}]'
        assert rows["BRIDGE_AGENTS"] == (listed, "environment, environment (BRIDGE_AGENTS_FILE)")

    def test_every_variable_has_a_row(self) -> None:
        names = {row.variable for row in describe(loaded())}
        assert {leaf.name for leaf in LEAVES.values()} - {"BRIDGE_SINKS"} <= names
