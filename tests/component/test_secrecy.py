"""Every output of a real run, searched for what must not be in it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from bridge.sandbox.certificates import make_server_tls
from bridge.sandbox.minerva import SandboxMinerva
from bridge.sandbox.minerva.faults import AuthRefused
from bridge.sandbox.salesforce import Fault, SandboxOrg
from bridge.sandbox.salesforce.fault_actions import SESSION_EXPIRED, refusal
from bridge.sandbox.world import build_world
from tests.support.process import finished, started
from tests.support.receiver import SECRET, Receiver
from tests.support.scene import API_TOKEN, environment

SECRETS = {
    "service token": "planted-service-token",
    "client secret": "consumer-secret-of-this-test",
    "console token": API_TOKEN,
    "webhook secret": SECRET,
    "webhook header": "Bearer planted-header",
    "signing key": "planted-signing-key-of-32-bytes-or-more",
}
NAME, NUMBER, SAID = "Zebedee Quillfeather", "+12125550177", "the purple elephant is late"
FRAGMENTS = (NAME, "Quillfeather", NUMBER, "2125550177", "5550177", SAID, "purple elephant")
CALLER = {"name": NAME, "accountId": None, "contactId": None, "caseId": None}


async def everything_said(tmp_path: Path, changes: dict[str, str]) -> tuple[str, list[str]]:
    """Run the worker through calls, voicemails, refusals and a drain; gives all it said and the tokens it was given."""
    world = build_world(agents=1, queues=1)
    tls = await asyncio.to_thread(make_server_tls, tmp_path)
    org = SandboxOrg(world)
    org.faults.add(Fault(SESSION_EXPIRED, route="search", times=1))
    org.faults.add(Fault(refusal(400, "MALFORMED_SEARCH", f"cannot search for {NUMBER}"), route="query", times=1))
    async with (
        Receiver() as receiver,
        SandboxMinerva(world, faults=[AuthRefused(times=1, message="no such token")]) as minerva,
        org.serving(ssl_context=tls.context) as salesforce_url,
        aiohttp.ClientSession() as http,
    ):
        env = environment(world, minerva, salesforce_url, tls.ca_file, receiver)
        del env["BRIDGE_MINERVA__TOKEN"]
        sinks = {
            "crm": {
                "type": "webhook",
                "url": receiver.url,
                "secret": SECRET,
                "headers": {"Authorization": SECRETS["webhook header"]},
            },
            "log": {"type": "log"},
        }
        env |= {
            "BRIDGE_MINERVA__SERVICE_TOKEN": SECRETS["service token"],
            "BRIDGE_SIGNING_KEYS": json.dumps([SECRETS["signing key"]]),
            "BRIDGE_SINKS": json.dumps(sinks),
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["crm", "log"]}]),
            "BRIDGE_LOG_LEVEL": "debug",
            "BRIDGE_LOG_FRAMES": "true",
            **changes,
        }
        said = ["\n".join((await finished("config", env=env, cwd=tmp_path))[1:])]
        agent = world.agents[0].user_id
        async with started("run", env=env, cwd=tmp_path) as worker:
            url = (await worker.record("console.listening"))["url"]
            await worker.record("session.connected", user_id=agent)
            call = {"callId": "c-1", "direction": "inbound", "from": NUMBER, "callerInfo": CALLER}
            await minerva.send_to_user(agent, "CALL_INCOMING", call)
            voicemail = {"voicemailId": "v-1", "from": NUMBER, "transcription": SAID, "callerInfo": CALLER}
            await minerva.send_to_user(agent, "VOICEMAIL_NEW", voicemail)
            await minerva.send_raw(agent, f'{{"type": 7, "from": "{NUMBER}"}}')
            await receiver.wait("screen_pop")
            await receiver.wait("voicemail.new")
            for path in ("/metrics", "/livez", "/readyz", "/api/v1/status", "/api/v1/sessions", "/api/v1/incidents"):
                async with http.get(f"{url}{path}", headers={"Authorization": f"Bearer {API_TOKEN}"}) as answer:
                    assert answer.status == 200
                    said.append(await answer.text())
            async with http.get(f"{url}/api/v1/status") as answer:
                said.append(await answer.text())
            worker.signal(signal.SIGTERM)
            assert await worker.ended() == 0
        said += [*worker.out, *worker.err]
        bodies = json.dumps(receiver.messages)
        given = [SECRETS[name] for name in SECRETS if SECRETS[name] in bodies]
        assert given == [], "secrets in webhook bodies"
        assert SAID in bodies, "the flow was real"
        tokens = [*minerva._desk._issued, *org.sessions._living]
        return "\n".join(said), tokens


async def test_no_output_holds_a_secret_and_by_default_none_holds_a_caller(tmp_path: Path) -> None:
    said, tokens = await everything_said(tmp_path, {})
    assert len(tokens) >= 3, "two of Minerva, one of Salesforce at least"
    for secret in (*SECRETS.values(), SECRET.removeprefix("whsec_"), *tokens):
        assert secret not in said, secret
    for fragment in FRAGMENTS:
        assert fragment not in said, [line for line in said.splitlines() if fragment in line]
    assert "**77" in said, "numbers keep their last two digits"


@pytest.mark.parametrize("fragment", [NUMBER, NAME])
async def test_an_org_that_allows_it_sees_callers_in_its_log_and_still_no_secret(tmp_path: Path, fragment: str) -> None:
    said, tokens = await everything_said(tmp_path, {"BRIDGE_LOG_PII": "full"})
    assert fragment in said
    assert SAID not in said, "transcriptions are never logged"
    for secret in (*SECRETS.values(), *tokens):
        assert secret not in said
