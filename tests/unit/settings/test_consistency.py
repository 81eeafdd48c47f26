"""Settings that are right by themselves and wrong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from bridge.settings import Agent, Match, SinkRef
from tests.unit.settings.working import ORG_ID, loaded, problem, problems

USER_ID = "005000000000001"


class TestLogins:
    @pytest.mark.parametrize(
        ("auth", "needed"),
        [
            ("jwt", ["LOGIN_URL", "CLIENT_ID", "USERNAME", "PRIVATE_KEY"]),
            ("client_credentials", ["LOGIN_URL", "CLIENT_ID", "CLIENT_SECRET"]),
            ("token", ["INSTANCE_URL", "ACCESS_TOKEN"]),
        ],
    )
    def test_each_way_to_log_in_names_all_it_lacks(self, auth: str, needed: list[str]) -> None:
        without = ("BRIDGE_SALESFORCE__INSTANCE_URL", "BRIDGE_SALESFORCE__ACCESS_TOKEN")
        lines = problems({"BRIDGE_SALESFORCE__AUTH": auth}, without=without)
        expected = f"is required (needed by BRIDGE_SALESFORCE__AUTH={auth})"
        assert lines == [f"BRIDGE_SALESFORCE__{name}: {expected}" for name in needed]

    def test_client_credentials_need_nothing_else(self) -> None:
        changes = {
            "BRIDGE_SALESFORCE__AUTH": "client_credentials",
            "BRIDGE_SALESFORCE__LOGIN_URL": "https://example.my.salesforce.com/",
            "BRIDGE_SALESFORCE__CLIENT_ID": "id",
            "BRIDGE_SALESFORCE__CLIENT_SECRET": "secret",
        }
        without = ("BRIDGE_SALESFORCE__INSTANCE_URL", "BRIDGE_SALESFORCE__ACCESS_TOKEN")
        assert loaded(changes, without=without).salesforce.login_url == "https://example.my.salesforce.com"

    def test_minerva_takes_exactly_one_credential(self) -> None:
        expected = "(exactly one of BRIDGE_MINERVA__TOKEN and BRIDGE_MINERVA__SERVICE_TOKEN)"
        assert problem({"BRIDGE_MINERVA__SERVICE_TOKEN": "x"}) == (
            f"BRIDGE_MINERVA__TOKEN: is given together with BRIDGE_MINERVA__SERVICE_TOKEN {expected}"
        )
        assert problem(without=("BRIDGE_MINERVA__TOKEN",)) == f"BRIDGE_MINERVA__TOKEN: is required {expected}"
        loaded({"BRIDGE_MINERVA__SERVICE_TOKEN": "x"}, without=("BRIDGE_MINERVA__TOKEN",))

    def test_back_off_cannot_end_below_its_start(self) -> None:
        assert problem({"BRIDGE_MINERVA__BACKOFF_MAX": "0.5"}).startswith("BRIDGE_MINERVA__BACKOFF_MAX: is below")


class TestConsole:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "bridge.example"])  # noqa: S104 - refused without a token
    def test_beyond_loopback_it_needs_a_token(self, host: str) -> None:
        line = problem({"BRIDGE_CONSOLE__HOST": host})
        assert line == "BRIDGE_CONSOLE__TOKEN: is required (needed when BRIDGE_CONSOLE__HOST is not a loopback host)"
        loaded({"BRIDGE_CONSOLE__HOST": host, "BRIDGE_CONSOLE__TOKEN": "x"})

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
    def test_on_loopback_it_needs_none(self, host: str) -> None:
        assert loaded({"BRIDGE_CONSOLE__HOST": host}).console.token is None


class TestAgents:
    def test_nothing_to_do_is_an_error(self) -> None:
        expected = "(agents in BRIDGE_AGENTS or BRIDGE_AGENTS_FILE, or ids in BRIDGE_QUEUES or BRIDGE_TEAMS)"
        line = f"BRIDGE_AGENTS: is empty and there are no queues and teams either: nothing to do {expected}"
        assert problem(without=("BRIDGE_AGENTS", "BRIDGE_QUEUES")) == line
        assert problem({"BRIDGE_AGENTS": [], "BRIDGE_QUEUES": []}) == line

    @pytest.mark.parametrize("name", ["BRIDGE_QUEUES", "BRIDGE_TEAMS"])
    def test_queues_or_teams_alone_are_enough(self, name: str) -> None:
        assert loaded({name: ["a"]}, without=("BRIDGE_AGENTS",)).agents == ()

    def test_each_agent_is_there_once(self) -> None:
        line = problem({"BRIDGE_AGENTS": [{"user_id": "a"}, {"user_id": "b"}, {"user_id": " a "}]})
        assert line == "BRIDGE_AGENTS[2].user_id: 'a' is given twice (each agent once)"

    def test_optional_parts_may_be_missing_empty_or_null(self) -> None:
        agents = [{"user_id": "a", "name": None, "email": "", "salesforce_user_id": " "}]
        assert loaded({"BRIDGE_AGENTS": agents}).agents == (Agent(user_id="a"),)

    def test_an_address_looks_like_one(self) -> None:
        for text in ("a", "a@", "@a", "a b@c"):
            assert "email: is not an e-mail address" in problem({"BRIDGE_AGENTS": [{"user_id": "a", "email": text}]})


class TestAgentsFile:
    def loaded(self, folder: Path, text: str, **changes: Any) -> tuple[Agent, ...]:
        (folder / "agents.csv").write_text(text, encoding="utf-8", newline="")
        without = () if "BRIDGE_AGENTS" in changes else ("BRIDGE_AGENTS",)
        return loaded({"BRIDGE_AGENTS_FILE": "agents.csv", **changes}, without=without, cwd=folder).agents

    def problems(self, folder: Path, text: str, **changes: Any) -> list[str]:
        (folder / "agents.csv").write_text(text, encoding="utf-8", newline="")
        without = () if "BRIDGE_AGENTS" in changes else ("BRIDGE_AGENTS",)
        return problems({"BRIDGE_AGENTS_FILE": "agents.csv", **changes}, without=without, cwd=folder)

    def test_agents_are_read_from_csv(self, tmp_path: Path) -> None:
        text = f'\ufeffname,user_id,email,salesforce_user_id\r\n"Doe, Ada",ada,ada@example.com,{USER_ID}\r\n,ben,,\r\n,,,\r\n'
        assert self.loaded(tmp_path, text) == (
            Agent(user_id="ada", name="Doe, Ada", email="ada@example.com", salesforce_user_id=USER_ID),
            Agent(user_id="ben"),
        )

    def test_they_are_added_to_those_of_the_variable(self, tmp_path: Path) -> None:
        agents = self.loaded(tmp_path, "user_id\ncid\n", BRIDGE_AGENTS='[{"user_id": "ada"}]')
        assert [agent.user_id for agent in agents] == ["ada", "cid"]

    def test_each_bad_row_is_named_by_file_and_line(self, tmp_path: Path) -> None:
        text = f"user_id,salesforce_user_id,email\nada,{ORG_ID},\n,,x@y\nben,,nobody\ncid\ndan,,,,\nada,,\nada,,\n"
        lines = self.problems(tmp_path, text, BRIDGE_AGENTS='[{"user_id": "eve"}]')
        starts = [
            "agents.csv line 2: salesforce_user_id does not start with 005 (",
            "agents.csv line 3: user_id is empty (",
            "agents.csv line 4: email is not an e-mail address (",
            "agents.csv line 5: has more or fewer fields than the header (",
            "agents.csv line 6: has more or fewer fields than the header (",
            "agents.csv line 8: user_id 'ada' is given twice (",
        ]
        assert len(lines) == len(starts)
        for line, start in zip(lines, starts, strict=True):
            assert line.startswith(f"BRIDGE_AGENTS_FILE: {start}")

    def test_a_missing_column_is_named(self, tmp_path: Path) -> None:
        assert self.problems(tmp_path, "userid,name\nada,Ada\n") == [
            "BRIDGE_AGENTS_FILE: agents.csv line 1: has no column user_id (columns user_id, salesforce_user_id, name, email)"
        ]
        assert "has no column user_id" in self.problems(tmp_path, "")[0]

    def test_an_unknown_column_is_refused_or_warned_of(self, tmp_path: Path) -> None:
        text = "user_id,salesforce_userid\nada,x\n"
        assert self.problems(tmp_path, text) == [
            "BRIDGE_AGENTS_FILE: agents.csv line 1: has an unknown column 'salesforce_userid' (did you mean salesforce_user_id?)"
        ]
        assert self.loaded(tmp_path, text, BRIDGE_UNKNOWN="warn") == (Agent(user_id="ada"),)

    def test_a_column_given_twice_is_refused(self, tmp_path: Path) -> None:
        assert "has the column user_id twice" in self.problems(tmp_path, "user_id,user_id\na,b\n")[0]

    def test_a_file_without_agents_is_refused(self, tmp_path: Path) -> None:
        assert "lists no agents" in self.problems(tmp_path, "user_id,name\n")[0]

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "agents.csv").write_bytes(b"user_id\n\xff\xfe\n")
        line = problem({"BRIDGE_AGENTS_FILE": "agents.csv"}, cwd=tmp_path)
        assert line == "BRIDGE_AGENTS_FILE: agents.csv is not UTF-8 text (a CSV file in UTF-8)"
        assert "cannot be read" in problem({"BRIDGE_AGENTS_FILE": "gone.csv"}, cwd=tmp_path)


class TestRoutes:
    def routes(self, *routes: dict[str, Any]) -> dict[str, Any]:
        return {"BRIDGE_ROUTES": [*routes, {"kind": "*", "sinks": ["log"]}]}

    def test_sinks_are_names_or_objects_and_matches_one_or_many(self) -> None:
        route = {
            "kind": "screen_pop",
            "match": {"queue": "q1", "agent": ["ada", "ben"], "to": "+15550100"},
            "sinks": ["crm", {"sink": "crm", "to": "agent"}, {"sink": "crm", "to": ["a@example.com"]}],
            "fallback": ["log"],
        }
        settings = loaded(self.routes(route))
        assert settings.routes is not None
        first = settings.routes[0]
        assert first.match == Match(queue=("q1",), agent=("ada", "ben"), to=("+15550100",))
        assert first.sinks == (
            SinkRef(sink="crm"),
            SinkRef(sink="crm", to="agent"),
            SinkRef(sink="crm", to=("a@example.com",)),
        )
        assert first.fallback == (SinkRef(sink="log"),)

    def test_unknown_sinks_are_named_with_the_known_ones(self) -> None:
        route = {"kind": "bridge", "sinks": ["log", "gone"], "fallback": [{"sink": "away", "to": "agent"}]}
        assert problems(self.routes(route)) == [
            "BRIDGE_ROUTES[0].sinks[1]: there is no sink 'gone' (one of BRIDGE_SINKS: crm, log)",
            "BRIDGE_ROUTES[0].fallback[0]: there is no sink 'away' (one of BRIDGE_SINKS: crm, log)",
        ]

    @pytest.mark.parametrize("to", ["me", [], [""], [3], 3, {"a": 1}])
    def test_an_address_is_the_agent_or_a_list(self, to: object) -> None:
        line = problem(self.routes({"kind": "bridge", "sinks": [{"sink": "log", "to": to}]}))
        assert line.startswith("BRIDGE_ROUTES[0].sinks[0].to: addresses nobody (")

    @pytest.mark.parametrize(
        ("kind", "match", "wrong"),
        [
            ("screen_pop", {"agent": "zed"}, "agent: can never be true: there is no agent 'zed'"),
            ("voicemail", {"agent": ["ada", "zed"]}, "agent: can never be true: there is no agent 'zed'"),
            ("screen_pop", {"queue": "q9"}, "queue: can never be true: there is no queue 'q9'"),
            ("*", {"queue": "q9"}, "queue: can never be true: there is no queue 'q9'"),
            ("voicemail", {"priority": "urgent"}, "priority: can never be true: there is no priority 'urgent'"),
            ("screen_pop", {"priority": "high"}, "priority: can never be true: screen_pop messages have no priority"),
            ("voicemail", {"queue": "q1"}, "queue: can never be true: voicemail messages have no queue"),
            ("bridge", {"to": "1"}, "to: can never be true: bridge messages have no to"),
            ("bridge", {"queue": "q1"}, "queue: can never be true: bridge messages have no queue"),
            ("bridge", {"agent": "ada"}, "agent: can never be true: bridge messages have no agent"),
            ("bridge", {"priority": "high"}, "priority: can never be true: bridge messages have no priority"),
            ("screen_pop", {"to": []}, "to: can never be true: the list is empty"),
            ("screen_pop", {"colour": "red"}, "colour: is not known here"),
            ("screen_pop", {"to": 3}, "to: is not a list"),
        ],
    )
    def test_a_match_that_can_never_be_true_is_refused(self, kind: str, match: dict[str, Any], wrong: str) -> None:
        line = problem(self.routes({"kind": kind, "match": match, "sinks": []}))
        assert line.startswith(f"BRIDGE_ROUTES[0].match.{wrong} (")

    def test_a_match_that_can_be_true_is_taken(self) -> None:
        for kind, match in (
            ("voicemail", {"priority": ["high", "low"], "to": "1", "agent": "ben"}),
            ("*", {"priority": "high"}),
            ("*", {"queue": ["q1", "q2"]}),
        ):
            loaded(self.routes({"kind": kind, "match": match, "sinks": ["crm"]}))

    def test_calls_name_their_queue_even_when_no_queue_is_watched(self) -> None:
        changes = self.routes({"kind": "screen_pop", "match": {"queue": "any"}, "sinks": ["crm"]})
        loaded(changes, without=("BRIDGE_QUEUES",))

    def test_a_kind_that_no_route_covers_is_refused(self) -> None:
        assert problem(
            {"BRIDGE_ROUTES": [{"kind": "screen_pop", "sinks": ["log"]}, {"kind": "bridge", "sinks": []}]}
        ) == (
            "BRIDGE_ROUTES: no route covers voicemail"
            ' (a route of kind voicemail or *; "sinks": [] says on purpose that it goes nowhere)'
        )
        assert len(problems({"BRIDGE_ROUTES": []})) == 3

    def test_a_kind_that_only_matches_cover_is_warned_of(self) -> None:
        match = {"kind": "screen_pop", "match": {"agent": "ada"}, "sinks": ["crm"]}
        rest = [{"kind": kind, "sinks": ["log"]} for kind in ("voicemail", "bridge")]
        assert loaded({"BRIDGE_ROUTES": [match, *rest]}).warnings == (
            "BRIDGE_ROUTES: screen_pop messages that match no route go nowhere (a last route without match)",
        )

    def test_a_route_behind_one_that_takes_all_is_warned_of(self) -> None:
        routes = [{"kind": "*", "sinks": ["log"]}, {"kind": "bridge", "sinks": ["crm"]}]
        assert loaded({"BRIDGE_ROUTES": routes}).warnings == (
            "BRIDGE_ROUTES[1]: is never reached, an earlier route takes all of its messages (put it before that one)",
        )


class TestPolicies:
    def test_a_policy_is_complete_with_its_defaults(self) -> None:
        policy = {"name": "desk", "steps": [{"after": 0, "sinks": ["log"]}, {"after": "5m", "sinks": ["crm"]}]}
        found = loaded({"BRIDGE_ESCALATION__POLICIES": [policy]}).escalation.policies[0]
        assert found.queues == ("*",)
        assert [step.after for step in found.steps] == [0.0, 300.0]
        assert (found.loops, found.repeat, found.ack_timeout) == (1, 900.0, 1800.0)
        assert found.warning_delay is None

    def test_a_policy_has_delays_of_its_own(self) -> None:
        policy = {"name": "p", "steps": [{"after": 0, "sinks": ["log"]}], "critical_delay": 0, "group_wait": "1m"}
        found = loaded({"BRIDGE_ESCALATION__POLICIES": [policy]}).escalation.policies[0]
        assert (found.critical_delay, found.group_wait, found.clear_delay) == (0.0, 60.0, None)

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            ({"steps": []}, "steps: is empty"),
            ({"steps": [{"after": 0, "sinks": []}]}, "steps[0].sinks: is empty"),
            ({"steps": [{"sinks": ["log"]}]}, "steps[0].after: is required"),
            ({"steps": [{"after": 0, "sinks": ["log", "gone"]}]}, "steps[0].sinks[1]: there is no sink 'gone'"),
            ({"queues": ["q1", "q9"]}, "queues: there is no queue 'q9'"),
            ({"queues": []}, "queues: is empty"),
            ({"queues": "q1"}, "queues: is not a list"),
            ({"loops": 0}, "loops: is out of range"),
            ({"repeat": 0}, "repeat: is zero"),
            ({"ack_timeout": -1}, "ack_timeout: is negative"),
            ({"warning_delay": "soon"}, "warning_delay: is not a duration"),
            ({"name": ""}, "name: is empty"),
            ({"colour": "red"}, "colour: is not known here"),
        ],
    )
    def test_what_cannot_work_is_refused(self, change: dict[str, Any], wrong: str) -> None:
        policy = {"name": "p", "steps": [{"after": 0, "sinks": ["log"]}], **change}
        assert problem({"BRIDGE_ESCALATION__POLICIES": [policy]}).startswith(
            f"BRIDGE_ESCALATION__POLICIES[0].{wrong} ("
        )

    def test_names_are_unique(self) -> None:
        policy = {"name": "p", "steps": [{"after": 0, "sinks": ["log"]}]}
        assert problem({"BRIDGE_ESCALATION__POLICIES": [policy, policy]}).startswith(
            "BRIDGE_ESCALATION__POLICIES[1].name: 'p' is given twice ("
        )

    def test_queues_that_no_policy_takes_are_left_to_the_default(self) -> None:
        policy = {"name": "p", "queues": ["q1"], "steps": [{"after": 0, "sinks": ["log"]}]}
        assert loaded({"BRIDGE_ESCALATION__POLICIES": [policy]}).warnings == ()


class TestSinks:
    @pytest.mark.parametrize("name", ["CRM", "my sink", "ü", "a.b", ""])
    def test_names_are_plain_and_lower_case(self, name: str) -> None:
        line = problem({"BRIDGE_SINKS": {name: {"type": "log"}}})
        assert line.endswith(": is not a name for a sink (lower-case letters, digits, _ and -)")

    def test_a_type_is_required_and_known(self) -> None:
        sinks = {
            "a": {},
            "b": {"url": "x"},
            "c": {"type": "fax"},
            "d": {"type": 3},
            "e": "log",
            "f-1_x": {"type": "log"},
        }
        assert sorted(problems({"BRIDGE_SINKS": sinks})) == [
            "BRIDGE_SINKS__A__TYPE: is required (one of log, webhook)",
            "BRIDGE_SINKS__B__TYPE: is required (one of log, webhook)",
            "BRIDGE_SINKS__C__TYPE: is an unknown type (one of log, webhook)",
            "BRIDGE_SINKS__D__TYPE: is not text (one of log, webhook)",
            "BRIDGE_SINKS__E: is not an object (a JSON object)",
        ]

    def test_a_problem_in_the_options_is_named_by_variable(self) -> None:
        sinks = {"crm": {"type": "webhook", "retries": 0, "headers": {"a": 3}, "secrets": ["a", 3]}}
        assert problems({"BRIDGE_SINKS": sinks}) == [
            "BRIDGE_SINKS__CRM__URL: is required (Where to POST)",
            "BRIDGE_SINKS__CRM__SECRETS[1]: is not text (Several)",
            "BRIDGE_SINKS__CRM__HEADERS__A: is not text (Sent along)",
            "BRIDGE_SINKS__CRM__RETRIES: is out of range (A number)",
        ]

    def test_a_careless_validator_of_a_sink_shows_no_secret(self) -> None:
        line = problem({"BRIDGE_SINKS__CRM__SECRET": "hunter2\\\"'hunter2"})
        assert line == "BRIDGE_SINKS__CRM__SECRET: '***' does not start with whsec_ (Signs)"

    def test_a_type_that_takes_any_field_is_given_any_field(self) -> None:
        class Open(BaseModel):
            model_config = ConfigDict(extra="allow")

        options = loaded({"BRIDGE_SINKS": {"x": {"type": "open", "colour": "red"}}}, sink_models={"open": Open})
        assert options.sinks["x"].options.model_dump() == {"colour": "red"}

    def test_an_unknown_field_far_from_all_names_them(self) -> None:
        line = problem({"BRIDGE_SINKS__LOG__XYZZY": "1"})
        assert line == "BRIDGE_SINKS__LOG__XYZZY: is not a variable of the bridge (the fields of log sinks: none)"

    def test_ill_formed_json_in_a_field_is_one_problem(self) -> None:
        line = problem({"BRIDGE_SINKS__CRM__HEADERS": "{"})
        assert line.startswith("BRIDGE_SINKS__CRM__HEADERS: is not JSON: ")


def test_the_supervisor_needs_a_user_of_its_own() -> None:
    line = problem({"BRIDGE_AGENTS": [{"user_id": "bridge"}], "BRIDGE_QUEUES": ["q-1"]})
    assert line.startswith("BRIDGE_MINERVA__SERVICE_USER: is an agent's user_id as well")
    loaded({"BRIDGE_AGENTS": [{"user_id": "bridge"}], "BRIDGE_QUEUES": []})
    loaded({"BRIDGE_AGENTS": [{"user_id": "bridge"}], "BRIDGE_QUEUES": ["q-1"], "BRIDGE_MINERVA__SESSIONS": "shared"})


class TestNotAvailableYet:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DATABASE_URL", "postgresql://bridge:hunter2@db.example/bridge"),
            ("ROSTER__SALESFORCE_FIELD", "Minerva_User__c"),
            ("SCREEN_POP__PREFER_OPEN_CASE", "true"),
            ("CALL_LOG__ENABLED", "on"),
            ("PROXY__URL", "http://user:hunter2@proxy.example:3128"),
        ],
    )
    def test_what_is_not_built_is_refused_rather_than_ignored(self, name: str, value: str) -> None:
        line = problem({f"BRIDGE_{name}": value})
        assert line.startswith(f"BRIDGE_{name}: ")
        assert "not available yet" in line
        assert "hunter2" not in line

    @pytest.mark.parametrize(
        "kind",
        [
            "slack",
            "teams",
            "email",
            "pagerduty",
            "salesforce_notification",
            "salesforce_event",
            "salesforce_task",
            "salesforce_case",
            "desk",
            "apprise",
        ],
    )
    def test_sinks_of_the_contract_are_told_from_unknown_ones(self, kind: str) -> None:
        sinks = {"x": {"type": kind, "whatever": 1}}
        expected = f"BRIDGE_SINKS__X__TYPE: {kind} sinks are not available yet (one of log, webhook)"
        assert problem({"BRIDGE_SINKS": sinks}) == expected

    def test_objects_whose_phone_fields_are_not_known_are_refused(self) -> None:
        assert problem({"BRIDGE_SALESFORCE__LOOKUP_OBJECTS": ["Contact", "Line__c"]}) == (
            "BRIDGE_SALESFORCE__LOOKUP_OBJECTS: looking up 'Line__c' is not available yet (from Account, Contact, Lead)"
        )

    def test_what_can_be_tuned_ahead_of_its_feature_is_told(self) -> None:
        settings = loaded({"BRIDGE_SIGNING_KEYS": ["k" * 32], "BRIDGE_SALESFORCE__API_RESERVE": "0.2"})
        assert [warning.partition(":")[0] for warning in settings.warnings] == [
            "BRIDGE_SIGNING_KEYS",
            "BRIDGE_SALESFORCE__API_RESERVE",
        ]

    def test_hours_of_duty_are_refused(self) -> None:
        hours = {"zone": "Europe/Berlin", "days": "mon-fri", "from": "08:00", "to": "18:00", "holidays": ["2026-12-25"]}
        policy = {"name": "p", "steps": [{"after": 0, "sinks": ["log"]}], "hours": hours}
        assert problem({"BRIDGE_ESCALATION__POLICIES": [policy]}) == (
            "BRIDGE_ESCALATION__POLICIES[0].hours: hours of duty are not available yet (leave it out)"
        )

    def test_what_is_switched_off_is_taken(self) -> None:
        loaded({"BRIDGE_CALL_LOG__ENABLED": "false", "BRIDGE_SCREEN_POP__PREFER_OPEN_CASE": "0"})
