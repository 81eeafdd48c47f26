"""Every problem at once, one line each, by the variable's name, and never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import ConfigurationError
from bridge.settings import load
from bridge.settings.schema import LEAVES, SECRET_FILES, STARTUP
from tests.unit.settings.working import SINK_MODELS, WORKING, loaded, problem, problems

PLANTED = "plantedS3cret"


def attempted(environ: Mapping[str, str]) -> ConfigurationError:
    """Load; give the error, one without problems when there is none. Anything else that is raised fails the test."""
    try:
        load(environ, sink_models=SINK_MODELS, dotenv=None, secrets_dirs=())
    except ConfigurationError as error:
        return error
    return ConfigurationError(())


def test_every_problem_is_reported_at_once() -> None:
    lines = problems(
        {
            "BRIDGE_ENVIRONMENT": "prod",
            "BRIDGE_CONSOLE__HOST": "example.com",
            "BRIDGE_QUEUES": "[",
            "BRIDGE_TYPO": "x",
            "BRIDGE_SALESFORCE__AUTH": "jwt",
            "BRIDGE_SALESFORCE__TIMEOUT": "soon",
            "BRIDGE_MINERVA__SERVICE_TOKEN": "second",
            "BRIDGE_CALL_LOG__ENABLED": "true",
            "BRIDGE_SINKS__CRM__RETRIES": "0",
            "BRIDGE_SINKS__CHAT__TYPE": "slack",
            "BRIDGE_AGENTS": [{"user_id": "a"}, {"user_id": 3}, {"user_id": "a"}],
            "BRIDGE_ROUTES": [{"kind": "*", "sinks": ["gone"]}, {"kind": "fax", "sinks": []}],
            "BRIDGE_ESCALATION__POLICIES": [{"name": "p", "steps": []}, {"name": "q", "steps": [{"after": 0}]}],
        },
        without=("BRIDGE_ORG_ID",),
    )
    assert sorted(line.split(": ")[0] for line in lines) == [
        "BRIDGE_AGENTS[1].user_id",
        "BRIDGE_AGENTS[2].user_id",
        "BRIDGE_CALL_LOG__ENABLED",
        "BRIDGE_CONSOLE__TOKEN",
        "BRIDGE_ENVIRONMENT",
        "BRIDGE_ESCALATION__POLICIES[0].steps",
        "BRIDGE_ESCALATION__POLICIES[1].steps[0].sinks",
        "BRIDGE_MINERVA__TOKEN",
        "BRIDGE_ORG_ID",
        "BRIDGE_QUEUES",
        "BRIDGE_ROUTES[0].sinks[0]",
        "BRIDGE_ROUTES[1].kind",
        "BRIDGE_SALESFORCE__CLIENT_ID",
        "BRIDGE_SALESFORCE__LOGIN_URL",
        "BRIDGE_SALESFORCE__PRIVATE_KEY",
        "BRIDGE_SALESFORCE__TIMEOUT",
        "BRIDGE_SALESFORCE__USERNAME",
        "BRIDGE_SINKS__CHAT__TYPE",
        "BRIDGE_SINKS__CRM__RETRIES",
        "BRIDGE_TYPO",
    ]


def test_an_empty_environment_names_what_is_required() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({}, sink_models=SINK_MODELS, dotenv=None, secrets_dirs=())
    assert {problem.variable for problem in caught.value.problems} == {
        "BRIDGE_ENVIRONMENT",
        "BRIDGE_ORG_ID",
        "BRIDGE_MINERVA__TOKEN",
        "BRIDGE_AGENTS",
        "BRIDGE_SALESFORCE__LOGIN_URL",
        "BRIDGE_SALESFORCE__CLIENT_ID",
        "BRIDGE_SALESFORCE__USERNAME",
        "BRIDGE_SALESFORCE__PRIVATE_KEY",
    }


def test_a_problem_says_what_is_wrong_and_what_is_expected() -> None:
    assert problem({"BRIDGE_ENVIRONMENT": "prod"}) == (
        "BRIDGE_ENVIRONMENT: is not one of the choices (development, qa, staging or production)"
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[", "is not JSON: Expecting value at line 1 column 2"),
        ('["a",\n "b"\n "c"]', "is not JSON: Expecting ',' delimiter at line 3 column 2"),
        ("q1,q2", "is not JSON: Expecting value at line 1 column 1"),
        ("[" * 100_000, "is JSON nested too deep"),
        ("[" + "9" * 5000 + "]", "is JSON with a number that is too long"),
        ('[{"a": 1, "a": 2}]', "is JSON with a key twice in one object"),
    ],
)
def test_ill_formed_json_says_where(text: str, wrong: str) -> None:
    assert problem({"BRIDGE_QUEUES": text}) == f'BRIDGE_QUEUES: {wrong} (a JSON list of ids, as ["a","b"])'


def test_what_depends_on_something_unreadable_is_not_a_second_problem() -> None:
    routes = [{"kind": "*", "match": {"agent": "ada", "queue": "q1"}, "sinks": ["crm"]}]
    for name in ("BRIDGE_AGENTS", "BRIDGE_QUEUES", "BRIDGE_SINKS"):
        assert problem({name: "[", "BRIDGE_ROUTES": routes}).startswith(f"{name}: is not JSON")


def test_elements_of_lists_are_named_by_position() -> None:
    agents = [{"user_id": "a"}, {"user_id": "b", "nmae": "B"}, {"name": "C"}, "d"]
    assert problems({"BRIDGE_AGENTS": agents}) == [
        "BRIDGE_AGENTS[1].nmae: is not known here (one of user_id, salesforce_user_id, name, email)",
        "BRIDGE_AGENTS[2].user_id: is required (text on one line)",
        'BRIDGE_AGENTS[3]: is not an object (a JSON list of agents, as [{"user_id": "…"}])',
    ]


def test_names_from_outside_never_break_the_line() -> None:
    lines = problems({"BRIDGE_SINKS": {"a\nb": {"type": "log"}, "X" * 5000: {"type": "log"}}, "BRIDGE_A\nB": "1"})
    assert all(len(line) < 400 for line in lines)
    assert len(lines) == 3


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.data())
def test_no_problem_shows_a_secret_whatever_it_is(text: str, data: st.DataObject) -> None:
    secret = PLANTED + text
    forms: list[Any] = [secret, [secret], {"a": secret}, [[secret]], {secret: 1}]
    secrets = [path for path in SECRET_FILES.values() if len(path) > 1]
    path = data.draw(st.sampled_from([*secrets, ("sinks", "crm", "secret"), ("sinks", "crm", "secrets")]))
    form = data.draw(st.sampled_from(forms[:4]))
    value = form if isinstance(form, str) else json.dumps(form)
    environ = {**WORKING, "BRIDGE_" + "__".join(path).upper(): value, "BRIDGE_BROKEN": "1"}
    with pytest.raises(ConfigurationError) as caught:
        load(environ, sink_models=SINK_MODELS, dotenv=None, secrets_dirs=())
    assert PLANTED not in str(caught.value)
    assert PLANTED not in repr(caught.value.problems)


@given(st.sampled_from(sorted({*LEAVES, *SECRET_FILES, *STARTUP})), st.text(min_size=1))
def test_any_text_in_any_variable_is_taken_or_explained(path: tuple[str, ...], text: str) -> None:
    environ = {**WORKING, "BRIDGE_" + "__".join(path).upper(): PLANTED + text}
    error = attempted(environ)
    assert PLANTED not in str(error)
    assert len(str(error).splitlines()) == len(error.problems)


@pytest.mark.parametrize("path", sorted(LEAVES), ids=".".join)
def test_bytes_that_are_no_text_are_explained(path: tuple[str, ...]) -> None:
    # What the process environment gives for bytes outside UTF-8.
    for text in ("\udcff", '["\\ud800"]', '{"\\ud800": 1}'):
        error = attempted({**WORKING, "BRIDGE_" + "__".join(path).upper(): text})
        str(error).encode()
        assert len(str(error).splitlines()) == len(error.problems)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["kind", "match", "sinks", "sink", "to", "queue", "name", "steps", "after", "type", "user_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["ROUTES", "ESCALATION__POLICIES", "AGENTS", "SINKS", "SINKS__CRM", "QUEUES", "MINERVA"]),
    json_values,
)
def test_any_json_in_any_structure_is_taken_or_explained(name: str, value: object) -> None:
    environ = {**WORKING, f"BRIDGE_{name}": json.dumps(value)}
    error = attempted(environ)
    assert len(str(error).splitlines()) == len(error.problems)


def test_settings_are_frozen_and_hide_their_secrets() -> None:
    settings = loaded({"BRIDGE_CONSOLE__TOKEN": PLANTED})
    assert PLANTED not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.console.port = 1  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValueError, match="frozen"):
        settings.environment = "qa"  # type: ignore[misc]  # the point of the test
