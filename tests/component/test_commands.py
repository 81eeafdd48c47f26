"""The commands, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.process import Process, finished, started
from tests.support.receiver import SECRET, Receiver

CONSOLE_TOKEN = "console-token-of-this-test"


async def sandbox_line(process: Process) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(await process.line(lambda line: line.startswith("{")))
    return line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_every_problem_of_the_configuration_is_one_line_and_the_exit_is_2(tmp_path: Path) -> None:
    env = {
        "BRIDGE_ORG_ID": "not an id",
        "BRIDGE_SALESFORCE__CLIENT_SECRET": "planted-secret",
        "BRIDGE_MINERVA__TOKENN": "planted-token",
        "BRIDGE_SINKS": '{"crm": {"type": "slack"}}',
    }
    code, out, err = await finished("run", env=env, cwd=tmp_path)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    for variable in ("BRIDGE_ENVIRONMENT", "BRIDGE_ORG_ID", "BRIDGE_MINERVA__TOKENN", "BRIDGE_SINKS__CRM__TYPE"):
        (line,) = [line for line in lines if line.startswith(f"{variable}: ")]
        assert line.endswith(")"), line
    assert "not available yet" in err
    assert "planted" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("run", "--nonsense"), ("sandbox", "--agents", "0"), ("demo", "--seconds", "-1")]
)
async def test_wrong_usage_exits_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = await finished(*arguments, cwd=tmp_path)
    assert code == 2
    assert "Traceback" not in err


async def test_the_reference_names_every_variable_and_the_effective_settings_hide_secrets(tmp_path: Path) -> None:
    code, out, _ = await finished("config", "--reference", "--json", cwd=tmp_path)
    rows = json.loads(out)
    assert code == 0
    assert {"BRIDGE_ENVIRONMENT", "BRIDGE_MINERVA__HEARTBEAT_INTERVAL", "BRIDGE_SINKS__NAME__URL"} <= {
        row["variable"] for row in rows
    }
    assert all(row["meaning"] for row in rows)


async def test_the_worker_runs_against_the_sandbox_by_environment_alone(tmp_path: Path) -> None:
    """The issue's own scenario: two processes, a webhook receiver that verifies signatures, every flow seen."""
    async with (
        Receiver() as receiver,
        started("sandbox", "--tls", "--calls-per-minute", "120", "--agents", "6", cwd=tmp_path) as sandbox,
    ):
        world = await sandbox_line(sandbox)
        assert set(world) == {
            "minerva_url",
            "api_url",
            "salesforce_url",
            "org_id",
            "ca_file",
            "agents",
            "queues",
            "env",
        }
        port = free_port()
        policy = {
            "name": "floor",
            "queues": ["*"],
            "repeat": 600,
            "ack_timeout": 600,
            "steps": [{"after": 0, "sinks": ["crm"]}, {"after": 1, "sinks": ["crm"]}],
        }
        env = {
            **world["env"],
            "BRIDGE_SINKS": json.dumps(
                {"crm": {"type": "webhook", "url": receiver.url, "secret": SECRET}, "log": {"type": "log"}}
            ),
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["crm", "log"]}]),
            "BRIDGE_ESCALATION__POLICIES": json.dumps([policy]),
            "BRIDGE_CONSOLE__PORT": str(port),
            "BRIDGE_CONSOLE__TOKEN": CONSOLE_TOKEN,
        }
        async with started("run", env=env, cwd=tmp_path) as worker:
            await worker.record("worker.started")
            await receiver.wait("screen_pop")
            await breach(world)
            triggered = (await receiver.wait("sla.triggered"))["data"]
            await receiver.wait("sla.escalated")
            code, out, err = await finished("incidents", "--json", env=env, cwd=tmp_path)
            assert code == 0, err
            assert json.loads(out)[0]["incident_id"] == triggered["incident_id"]
            code, out, _ = await finished(
                "incidents", "ack", triggered["incident_id"][:12], "--by", "the night shift", env=env, cwd=tmp_path
            )
            assert (code, "acknowledged_by: the night shift" in out) == (0, True)
            assert (await receiver.wait("sla.acknowledged"))["data"]["acknowledged_by"] == "the night shift"
            code, _, err = await finished("incidents", "ack", triggered["incident_id"], env=env, cwd=tmp_path)
            assert (code, "acknowledged already" in err) == (1, True)
            await push(
                world, world["agents"][0]["user_id"], "VOICEMAIL_NEW", {"voicemailId": "v-1", "from": "+12125550100"}
            )
            await receiver.wait("voicemail.new")
            worker.signal(signal.SIGTERM)
            assert await worker.ended() == 0
            stopped = await worker.record("worker.stopped")
            assert (stopped["clean"], stopped["undelivered"]) == (True, 0)
        sandbox.signal(signal.SIGTERM)
        assert await sandbox.ended() == 0
        assert len(sandbox.out) == 1


async def breach(world: dict[str, Any]) -> None:
    queue = world["queues"][0]
    payload = {"queueId": queue["id"], "queueName": queue["name"], "currentLevel": 40, "targetLevel": 80}
    await control(
        world,
        {"queue": queue["id"], "type": "SLA_BREACH", "payload": payload},
    )


async def push(world: dict[str, Any], user_id: str, kind: str, payload: dict[str, Any]) -> None:
    await control(world, {"user": user_id, "type": kind, "payload": payload})


async def control(world: dict[str, Any], body: dict[str, Any]) -> None:
    import ssl  # noqa: PLC0415 - the sandbox's own authority

    trust = ssl.create_default_context(cafile=world["ca_file"])
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{world['api_url']}/control/send", json=body, ssl=trust) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async with Receiver() as stuck, started("sandbox", cwd=tmp_path) as sandbox:
        stuck.behave = lambda _number: None
        world = await sandbox_line(sandbox)
        env = {
            **world["env"],
            "BRIDGE_SINKS": json.dumps({"crm": {"type": "webhook", "url": stuck.url, "secret": SECRET}}),
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["crm"]}]),
            "BRIDGE_CONSOLE__PORT": "0",
        }
        async with started("run", env=env, cwd=tmp_path) as worker:
            await worker.record("session.connected", user_id=world["agents"][0]["user_id"])
            async with aiohttp.ClientSession() as http:
                body = {
                    "user": world["agents"][0]["user_id"],
                    "type": "VOICEMAIL_NEW",
                    "payload": {"voicemailId": "v"},
                }
                async with http.post(f"{world['api_url']}/control/send", json=body) as answer:
                    assert answer.status == 200
            await stuck.until(lambda: True)
            await worker.record("voicemail.new")
            worker.signal(signal.SIGTERM)
            await worker.record("worker.draining")
            worker.signal(signal.SIGTERM)
            assert await worker.ended() == 1


async def test_commands_beside_no_worker_say_so(tmp_path: Path) -> None:
    async with started("sandbox", cwd=tmp_path) as sandbox:
        env = {**(await sandbox_line(sandbox))["env"], "BRIDGE_CONSOLE__PORT": str(free_port())}
        code, _, err = await finished("incidents", env=env, cwd=tmp_path)
        assert (code, "no worker answers" in err) == (1, True)


async def test_a_script_of_faults_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('[{"fault": "nonsense"}]')
    code, _, err = await finished("sandbox", "--script", "faults.json", cwd=tmp_path)
    assert (code, err.startswith("--script: ")) == (2, True)


async def test_the_demo_shows_all_three_jobs_as_plain_lines_and_leaves_nothing(tmp_path: Path) -> None:
    code, out, err = await finished("demo", "--seconds", "12", cwd=tmp_path)
    assert (code, err) == (0, "")
    labels = {line.split()[1] for line in out.splitlines() if line[:8].strip().endswith("s")}
    assert {"POP", "VOICEMAIL", "SLA", "ESCALATED", "ANSWERED"} <= labels
    assert "\x1b" not in out
    summary = out[out.index("Summary") :]
    for name in ("events in", "screen pops", "notifications", "incidents", "pop time p50", "pop time p99"):
        assert name in summary
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib would block as well, and a list reads better
