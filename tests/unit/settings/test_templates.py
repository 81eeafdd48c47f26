"""The templates in `config/` are valid as they stand, once what they ask for is filled in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge.settings import Settings, load
from bridge.settings.schema import LEAVES, SECRET_FILES, STARTUP, variable
from bridge.sinks.log import LogSink
from bridge.sinks.webhook import WebhookSink
from tests.unit.settings.working import ORG_ID, pem, rsa_key

CONFIG = Path(__file__).parents[3] / "config"
ENVIRONMENTS = ("development", "qa", "staging", "production")
SINK_MODELS: dict[str, type[BaseModel]] = {"log": LogSink.Settings, "webhook": WebhookSink.Settings}
NAMED = re.compile(r"BRIDGE_[A-Z0-9_]*[A-Z0-9]")


def filled(environment: str, folder: Path, **changes: str) -> Settings:
    """Load a template with what its comments ask for, each secret as a file of its own."""
    secrets = folder / "secrets"
    secrets.mkdir()
    (folder / "agents.csv").write_text("user_id,salesforce_user_id,name,email\nagent-1,,,\n")
    changes = {"BRIDGE_ORG_ID": ORG_ID, "BRIDGE_AGENTS_FILE": "agents.csv", "BRIDGE_SECRETS_DIR": "secrets", **changes}
    kept = {"BRIDGE_MINERVA__SERVICE_TOKEN": "service-token", "BRIDGE_CONSOLE__TOKEN": "console-token"}
    if environment == "development":
        changes["BRIDGE_SALESFORCE__INSTANCE_URL"] = "https://example--dev.sandbox.my.salesforce.com"
        kept["BRIDGE_SALESFORCE__ACCESS_TOKEN"] = "access-token"
    else:
        changes["BRIDGE_SALESFORCE__LOGIN_URL"] = "https://example.my.salesforce.com"
        changes["BRIDGE_SALESFORCE__CLIENT_ID"] = "consumer-key"
        changes["BRIDGE_SALESFORCE__USERNAME"] = "bridge@example.com"
        kept["BRIDGE_SALESFORCE__PRIVATE_KEY"] = pem(rsa_key())
    for name, value in kept.items():
        (secrets / name).write_text(value)
    template = CONFIG / f"{environment}.env"
    return load(changes, sink_models=SINK_MODELS, dotenv=template, cwd=folder, terminal=False)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_template_works_once_filled_in(environment: str, tmp_path: Path) -> None:
    settings = filled(environment, tmp_path)
    assert settings.environment == environment
    assert settings.warnings == ()
    assert settings.log_pii == "masked"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_template_works_with_the_example_of_routes(environment: str, tmp_path: Path) -> None:
    settings = filled(environment, tmp_path, BRIDGE_CONFIG_FILE=str(CONFIG / "example.toml"))
    assert settings.warnings == ()
    assert settings.routes is not None
    assert set(settings.sinks) == {"log", "crm", "on_call"}
    assert [policy.name for policy in settings.escalation.policies] == ["support", "everything-else"]
    assert all(len(policy.steps) == 2 for policy in settings.escalation.policies)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_a_template_mentions_exists(environment: str) -> None:
    known = {variable(path) for path in (*LEAVES, *SECRET_FILES, *STARTUP)}
    text = (CONFIG / f"{environment}.env").read_text()
    assert set(NAMED.findall(text)) <= known


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_a_template_suggests_works_when_uncommented(environment: str, tmp_path: Path) -> None:
    text = (CONFIG / f"{environment}.env").read_text()
    suggested = re.findall(r"^# (BRIDGE_(?:CONSOLE|QUEUES)[A-Z_]*)=(.+)$", text, re.MULTILINE)
    assert suggested
    filled(environment, tmp_path, **dict(suggested))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_template_holds_no_secret(environment: str) -> None:
    text = (CONFIG / f"{environment}.env").read_text()
    secrets = {
        variable(path)
        for path, leaf in LEAVES.items()
        if path in SECRET_FILES.values() and leaf.path[0] != "database_url"
    }
    assigned = dict(re.findall(r"^(?:# )?(BRIDGE_\w+)=(.*)$", text, re.MULTILINE))
    assert not secrets & set(assigned)
