"""Where a setting may come from, which source wins, and how what cannot be read is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bridge.core.errors import ConfigurationError
from bridge.settings import load
from tests.unit.settings.working import SINK_MODELS, WORKING, loaded, problem, problems


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_environment_wins_over_dotenv_over_secrets_over_toml(tmp_path: Path) -> None:
    written(
        tmp_path,
        "bridge.toml",
        '[console]\nport = 1\nhost = "localhost"\n[minerva]\nservice_user = "toml"\n[salesforce]\ntimeout = 1\n',
    )
    for name, value in {"CONSOLE__PORT": "2", "CONSOLE__HOST": "::1", "MINERVA__SERVICE_USER": "secrets"}.items():
        written(tmp_path / "secrets", f"BRIDGE_{name}", value)
    written(tmp_path, ".env", "BRIDGE_CONSOLE__PORT=3\nBRIDGE_CONSOLE__HOST=127.0.0.2\n")
    settings = loaded(
        {"BRIDGE_CONFIG_FILE": "bridge.toml", "BRIDGE_SECRETS_DIR": "secrets", "BRIDGE_CONSOLE__PORT": "4"},
        cwd=tmp_path,
        dotenv=Path(".env"),
    )
    assert settings.console.port == 4
    assert settings.console.host == "127.0.0.2"
    assert settings.minerva.service_user == "secrets"
    assert settings.salesforce.timeout == 1.0


def test_the_process_environment_is_read_by_default_and_never_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WORKING.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    settings = load(sink_models=SINK_MODELS, dotenv=None, secrets_dirs=())
    assert settings.environment == "qa"
    assert dict(os.environ) == before


def test_an_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    written(tmp_path, ".env", "BRIDGE_CONSOLE__PORT=9000\n")
    settings = loaded(
        {"BRIDGE_CONSOLE__PORT": "", "BRIDGE_SALESFORCE__DEFAULT_REGION": " ", "BRIDGE_SINKS__CRM__SECRET": ""},
        cwd=tmp_path,
        dotenv=Path(".env"),
    )
    assert settings.console.port == 9000
    assert settings.salesforce.default_region == "US"


def test_an_empty_required_value_is_required() -> None:
    assert problem({"BRIDGE_ORG_ID": ""}).startswith("BRIDGE_ORG_ID: is required (a Salesforce org id")


def test_names_are_case_sensitive() -> None:
    assert loaded({"bridge_console__port": "1", "Bridge_x": "1"}).console.port == 8080
    assert problem({"BRIDGE_Console__Port": "1"}).startswith("BRIDGE_Console__Port: is not a variable of the bridge")


class TestSinksByField:
    def test_a_field_is_set_by_its_own_variable(self) -> None:
        changes = {"BRIDGE_SINKS__LATE__TYPE": "webhook", "BRIDGE_SINKS__LATE__URL": "https://late.example"}
        options = loaded(changes, without=("BRIDGE_SINKS",)).sinks["late"].options
        assert options.model_dump()["url"] == "https://late.example"

    def test_a_field_overrides_one_field_of_a_toml_sink(self, tmp_path: Path) -> None:
        toml = '[sinks.my_crm]\ntype = "webhook"\nurl = "https://toml.example"\nretries = 7\n'
        written(tmp_path, "b.toml", toml)
        changes = {"BRIDGE_CONFIG_FILE": "b.toml", "BRIDGE_SINKS__MY_CRM__URL": "https://env.example"}
        options = loaded(changes, without=("BRIDGE_SINKS",), cwd=tmp_path).sinks["my_crm"].options.model_dump()
        assert (options["url"], options["retries"]) == ("https://env.example", 7)

    def test_json_objects_merge_with_toml_field_by_field(self, tmp_path: Path) -> None:
        toml = '[sinks.crm]\ntype = "webhook"\nurl = "https://toml.example"\nretries = 7\n[sinks.other]\ntype = "log"\n'
        written(tmp_path, "b.toml", toml)
        changes = {"BRIDGE_CONFIG_FILE": "b.toml", "BRIDGE_SINKS": {"crm": {"url": "https://env.example"}}}
        sinks = loaded(changes, cwd=tmp_path).sinks
        options = sinks["crm"].options.model_dump()
        assert (options["url"], options["retries"]) == ("https://env.example", 7)
        assert sinks["other"].type == "log"

    def test_the_deeper_variable_wins_over_json_of_the_same_source(self) -> None:
        options = loaded({"BRIDGE_SINKS__CRM__URL": "https://deeper.example"}).sinks["crm"].options
        assert options.model_dump()["url"] == "https://deeper.example"

    def test_one_sink_is_given_as_json(self) -> None:
        settings = loaded({"BRIDGE_SINKS__NEW": {"type": "webhook", "url": "https://new.example"}})
        assert settings.sinks["new"].type == "webhook"

    def test_lists_and_objects_of_a_field_are_json(self) -> None:
        changes = {"BRIDGE_SINKS__CRM__HEADERS": '{"X-Key": "k"}', "BRIDGE_SINKS__CRM__SECRETS": '["a", "b"]'}
        options = loaded(changes).sinks["crm"].options.model_dump()
        assert options["headers"]["X-Key"].get_secret_value() == "k"
        assert [secret.get_secret_value() for secret in options["secrets"]] == ["a", "b"]

    def test_a_field_that_takes_text_or_a_list_takes_both(self) -> None:
        for text, value in (("plain", "plain"), ('["a"]', ["a"])):
            options = loaded({"BRIDGE_SINKS__CRM__SECRET_WORDS": text}).sinks["crm"].options
            assert options.model_dump()["secret_words"] == value


def test_a_group_is_given_as_json_and_its_fields_win_over_it() -> None:
    settings = loaded({"BRIDGE_CONSOLE": '{"port": 1, "host": "::1"}', "BRIDGE_CONSOLE__PORT": "2"})
    assert (settings.console.port, settings.console.host) == (2, "::1")


class TestSecretFiles:
    def test_every_secret_may_be_the_path_of_a_file(self, tmp_path: Path) -> None:
        written(tmp_path, "token", "from-a-file\n")
        written(tmp_path, "keys", json.dumps(["k" * 32]))
        written(tmp_path, "hook", "whsec_abc\n")
        settings = loaded(
            {
                "BRIDGE_MINERVA__TOKEN_FILE": str(tmp_path / "token"),
                "BRIDGE_SIGNING_KEYS_FILE": "keys",
                "BRIDGE_SINKS__CRM__SECRET_FILE": "hook",
            },
            without=("BRIDGE_MINERVA__TOKEN",),
            cwd=tmp_path,
        )
        assert settings.minerva.token is not None
        assert settings.minerva.token.get_secret_value() == "from-a-file"
        assert settings.signing_keys[0].get_secret_value() == "k" * 32
        assert settings.sinks["crm"].options.model_dump()["secret"].get_secret_value() == "whsec_abc"

    def test_the_source_that_comes_first_wins_whichever_way_it_says_it(self, tmp_path: Path) -> None:
        written(tmp_path, "token", "from-a-file")
        written(tmp_path, ".env", "BRIDGE_MINERVA__TOKEN_FILE=token\n")
        settings = loaded(cwd=tmp_path, dotenv=Path(".env"))
        assert settings.minerva.token is not None
        assert settings.minerva.token.get_secret_value() == "minerva-token"
        written(tmp_path, ".env", "BRIDGE_MINERVA__TOKEN=in-dotenv\n")
        settings = loaded(
            {"BRIDGE_MINERVA__TOKEN_FILE": "token"},
            without=("BRIDGE_MINERVA__TOKEN",),
            cwd=tmp_path,
            dotenv=Path(".env"),
        )
        assert settings.minerva.token is not None
        assert settings.minerva.token.get_secret_value() == "from-a-file"

    def test_both_ways_in_one_source_are_refused(self, tmp_path: Path) -> None:
        written(tmp_path, "token", "x")
        line = problem({"BRIDGE_MINERVA__TOKEN_FILE": "token"}, cwd=tmp_path)
        assert line == "BRIDGE_MINERVA__TOKEN: is given twice, also as BRIDGE_MINERVA__TOKEN_FILE (one of them)"

    def test_a_file_that_is_not_there_is_one_problem_only(self, tmp_path: Path) -> None:
        line = problem({"BRIDGE_MINERVA__TOKEN_FILE": "gone"}, without=("BRIDGE_MINERVA__TOKEN",), cwd=tmp_path)
        assert line.startswith("BRIDGE_MINERVA__TOKEN_FILE: is a file that cannot be read: No such file or directory (")

    def test_an_empty_or_binary_or_huge_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        written(tmp_path, "empty", "\n")
        written(tmp_path, "huge", "x" * (1 << 21))
        without = ("BRIDGE_MINERVA__TOKEN",)
        lines = [
            problem({"BRIDGE_MINERVA__TOKEN_FILE": name}, without=without, cwd=tmp_path)
            for name in ("binary", "empty", "huge", "bad\0name")
        ]
        assert "is a file that is not UTF-8 text" in lines[0]
        assert "is an empty file" in lines[1]
        assert "is too large a file" in lines[2]
        assert "cannot be read" in lines[3]

    def test_what_a_file_holds_is_held_to_the_same(self, tmp_path: Path) -> None:
        written(tmp_path, "keys", "not JSON")
        assert problem({"BRIDGE_SIGNING_KEYS_FILE": "keys"}, cwd=tmp_path).startswith(
            "BRIDGE_SIGNING_KEYS: is not JSON: "
        )
        written(tmp_path, "b.toml", "[console]\ntoken_file = 3\n")
        line = problem({"BRIDGE_CONFIG_FILE": "b.toml"}, cwd=tmp_path)
        assert line == "BRIDGE_CONSOLE__TOKEN_FILE: is not a path (the path of a readable file)"

    def test_a_setting_that_is_no_secret_has_no_file(self) -> None:
        assert "BRIDGE_CONSOLE__HOST_FILE: is not a variable" in problem({"BRIDGE_CONSOLE__HOST_FILE": "x"})


class TestSecretsFolder:
    def test_folders_dot_files_and_foreign_files_are_skipped(self, tmp_path: Path) -> None:
        secrets = tmp_path / "secrets"
        written(secrets, "BRIDGE_CONSOLE__TOKEN", "console-token\n")
        written(secrets, "tls.key", "foreign")
        written(secrets, "bridge_notes.txt", "foreign")
        written(secrets, ".BRIDGE_HIDDEN", "hidden")
        written(secrets / "..data", "BRIDGE_CONSOLE__PORT", "1")
        written(secrets / "BRIDGE_FOLDER", "x", "1")
        settings = loaded({"BRIDGE_SECRETS_DIR": "secrets"}, cwd=tmp_path)
        assert settings.console.token is not None
        assert settings.console.token.get_secret_value() == "console-token"
        assert settings.console.port == 8080

    def test_the_usual_folders_are_read_where_present(self, tmp_path: Path) -> None:
        written(tmp_path / "two", "BRIDGE_CONSOLE__PORT", "2")
        written(tmp_path / "one", "BRIDGE_CONSOLE__PORT", "1")
        folders = (tmp_path / "gone", tmp_path / "one", tmp_path / "two")
        assert loaded(secrets_dirs=folders).console.port == 1

    def test_a_named_folder_replaces_the_usual_ones(self, tmp_path: Path) -> None:
        written(tmp_path / "usual", "BRIDGE_CONSOLE__PORT", "1")
        (tmp_path / "mine").mkdir()
        changes = {"BRIDGE_SECRETS_DIR": "mine"}
        assert loaded(changes, cwd=tmp_path, secrets_dirs=(tmp_path / "usual",)).console.port == 8080

    def test_a_named_folder_has_to_be_there(self, tmp_path: Path) -> None:
        line = problem({"BRIDGE_SECRETS_DIR": "gone"}, cwd=tmp_path)
        assert line == "BRIDGE_SECRETS_DIR: is not a folder (a folder with one file per variable)"

    def test_a_folder_or_file_that_may_not_be_read_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secrets = written(tmp_path / "s", "BRIDGE_MINERVA__URL", "x").parent

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patched:  # root reads everything, so permissions alone would prove nothing
            patched.setattr(Path, "read_text", refused)
            line = problem({"BRIDGE_SECRETS_DIR": "s"}, cwd=tmp_path)
            assert line.startswith("BRIDGE_MINERVA__URL: is a file that cannot be read: Permission denied (")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "iterdir", refused)
            line = problem(cwd=tmp_path, secrets_dirs=(secrets,))
            assert line.startswith("BRIDGE_SECRETS_DIR: s cannot be read: Permission denied (")

    def test_an_unknown_variable_in_the_folder_is_told(self, tmp_path: Path) -> None:
        written(tmp_path, "BRIDGE_CONSOLE__TOKNE", "x")
        assert "did you mean BRIDGE_CONSOLE__TOKEN?" in problem({"BRIDGE_SECRETS_DIR": str(tmp_path)})


class TestDotenv:
    def test_comments_quotes_and_export_are_understood(self, tmp_path: Path) -> None:
        text = "# comment\nexport BRIDGE_CONSOLE__PORT=1\nBRIDGE_MINERVA__SERVICE_USER='quoted user'\nOTHER=1\n"
        written(tmp_path, ".env", text)
        settings = loaded(cwd=tmp_path, dotenv=Path(".env"))
        assert settings.console.port == 1
        assert settings.minerva.service_user == "quoted user"

    def test_a_line_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        written(tmp_path, ".env", "A=1\nBRIDGE_CONSOLE__PORT\n")
        line = problem(cwd=tmp_path, dotenv=Path(".env"))
        assert line == ".env: line 2 cannot be read (NAME=value, quotes closed)"

    def test_a_file_that_is_no_text_is_told(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"\xff\xfe")
        assert problem(cwd=tmp_path, dotenv=Path(".env")).startswith(".env: cannot be read: ")

    def test_it_says_where_the_other_sources_are(self, tmp_path: Path) -> None:
        written(tmp_path, ".env", "\ufeffBRIDGE_CONFIG_FILE=b.toml\nBRIDGE_UNKNOWN=warn\n")
        written(tmp_path, "b.toml", "[console]\nport = 5\n")
        settings = loaded({"BRIDGE_NOISE": "1", "BRIDGE_CONFIG_FILE": ""}, cwd=tmp_path, dotenv=Path(".env"))
        assert settings.console.port == 5
        assert len(settings.warnings) == 1


class TestToml:
    def test_it_holds_the_whole_shape(self, tmp_path: Path) -> None:
        toml = """
            queues = ["a"]
            [salesforce]
            api_version = 66.0
            [[agents]]
            user_id = "tom"
            [[routes]]
            kind = "*"
            match = { queue = "a" }
            sinks = ["crm", { sink = "log", to = "agent" }]
            [[routes]]
            kind = "*"
            sinks = []
            [[escalation.policies]]
            name = "desk"
            [[escalation.policies.steps]]
            after = "5m"
            sinks = ["crm"]
        """
        written(tmp_path, "b.toml", toml)
        without = ("BRIDGE_AGENTS", "BRIDGE_QUEUES")
        settings = loaded({"BRIDGE_CONFIG_FILE": "b.toml"}, without=without, cwd=tmp_path)
        assert settings.queues == ("a",)
        assert settings.salesforce.api_version == "66.0"
        assert settings.agents[0].user_id == "tom"
        assert settings.routes is not None
        assert settings.routes[0].sinks[1].to == "agent"
        assert settings.escalation.policies[0].steps[0].after == 300.0

    def test_unknown_keys_are_reported_as_variables(self, tmp_path: Path) -> None:
        written(tmp_path, "b.toml", "[minerva]\ntokne = 'x'\n[Console]\nport = 1\n")
        lines = problems({"BRIDGE_CONFIG_FILE": "b.toml"}, cwd=tmp_path)
        expected = "BRIDGE_MINERVA__TOKNE: is not a variable of the bridge (did you mean BRIDGE_MINERVA__TOKEN?)"
        assert lines[0] == expected
        assert lines[1] == "BRIDGE_CONSOLE: is not a variable of the bridge (keys are lower-case)"

    @pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "[[x", "\x00"])
    def test_ill_formed_toml_is_one_line_with_a_position(self, tmp_path: Path, text: str) -> None:
        written(tmp_path, "b.toml", text)
        line = problem({"BRIDGE_CONFIG_FILE": "b.toml"}, cwd=tmp_path)
        assert line.startswith("BRIDGE_CONFIG_FILE: is not TOML (at ")

    def test_a_missing_or_binary_file_is_told(self, tmp_path: Path) -> None:
        assert "is not a file" in problem({"BRIDGE_CONFIG_FILE": "gone"}, cwd=tmp_path)
        (tmp_path / "b.toml").write_bytes(b"\xff")
        assert "cannot be read" in problem({"BRIDGE_CONFIG_FILE": "b.toml"}, cwd=tmp_path)

    def test_a_value_where_a_table_belongs_is_told(self, tmp_path: Path) -> None:
        written(tmp_path, "b.toml", "minerva = 3\n")
        assert problem({"BRIDGE_CONFIG_FILE": "b.toml"}, cwd=tmp_path) == (
            "BRIDGE_MINERVA: is not an object (a JSON object)"
        )

    def test_where_to_look_is_not_said_in_the_places_that_it_names(self, tmp_path: Path) -> None:
        written(tmp_path, "b.toml", "unknown = 'warn'\n")
        written(tmp_path / "s", "BRIDGE_CONFIG_FILE", "b.toml")
        changes = {"BRIDGE_CONFIG_FILE": "b.toml", "BRIDGE_SECRETS_DIR": "s"}
        assert [line.split(":")[0] for line in problems(changes, cwd=tmp_path)] == [
            "BRIDGE_CONFIG_FILE",
            "BRIDGE_UNKNOWN",
        ]


class TestUnknownVariables:
    def test_the_nearest_known_one_is_named(self) -> None:
        line = problem({"BRIDGE_SALESFORCE__TIMOUT": "3"})
        assert line == (
            "BRIDGE_SALESFORCE__TIMOUT: is not a variable of the bridge (did you mean BRIDGE_SALESFORCE__TIMEOUT?)"
        )

    def test_a_guess_from_far_off_points_to_the_reference(self) -> None:
        line = problem({"BRIDGE_COLOUR_OF_CONSOLE": "3"})
        assert "(the nearest known one is BRIDGE_" in line
        assert line.endswith("; see bridge config --reference)")

    def test_a_field_of_a_sink_is_compared_with_those_of_its_type(self) -> None:
        assert "did you mean BRIDGE_SINKS__CRM__URL?" in problem({"BRIDGE_SINKS__CRM__ULR": "3"})
        assert "BRIDGE_SINKS__CRM__HEADERS__X" in problem({"BRIDGE_SINKS__CRM__HEADERS__X": "3"})

    def test_they_can_be_warnings(self, tmp_path: Path) -> None:
        written(tmp_path, "b.toml", "colour = 'blue'\n")
        changes = {
            "BRIDGE_UNKNOWN": "warn",
            "BRIDGE_CONFIG_FILE": "b.toml",
            "BRIDGE_COLOR": "red",
            "BRIDGE_SINKS__CRM__ULR": "3",
        }
        warnings = loaded(changes, cwd=tmp_path).warnings
        assert [line.split(":")[0] for line in warnings] == ["BRIDGE_COLOR", "BRIDGE_COLOUR", "BRIDGE_SINKS__CRM__ULR"]

    def test_what_they_are_is_checked(self) -> None:
        assert problem({"BRIDGE_UNKNOWN": "ignore"}) == "BRIDGE_UNKNOWN: is not one of the choices (error, warn)"

    @pytest.mark.parametrize(
        "name",
        [
            "BRIDGE_PORT",
            "BRIDGE_PORT_8080_TCP",
            "BRIDGE_PORT_8080_TCP_ADDR",
            "BRIDGE_SERVICE_HOST",
            "BRIDGE_SERVICE_PORT",
            "BRIDGE_SERVICE_PORT_HTTP",
        ],
    )
    def test_what_kubernetes_injects_is_ignored(self, name: str) -> None:
        assert loaded({name: "tcp://10.0.0.1:8080"}).warnings == ()

    def test_a_wrong_variable_hides_nothing(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load({"BRIDGE_X": "1"}, sink_models=SINK_MODELS, dotenv=None, secrets_dirs=())
        names = {problem.variable for problem in caught.value.problems}
        assert {"BRIDGE_X", "BRIDGE_ENVIRONMENT", "BRIDGE_ORG_ID", "BRIDGE_MINERVA__TOKEN"} <= names
