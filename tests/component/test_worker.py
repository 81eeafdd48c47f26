"""The three jobs, over real sockets: the real worker between a Minerva, a Salesforce org and a webhook receiver."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bridge.app import Worker
from bridge.console.server import PortTakenError
from bridge.core.errors import ConfigurationError
from bridge.intake import SIDE_BY_SIDE
from bridge.sandbox.minerva.acts import Malformed, Reset
from bridge.sandbox.salesforce import Fault
from bridge.sandbox.salesforce.fault_actions import UNAVAILABLE_PAGE, Hang
from bridge.sandbox.salesforce.fault_actions import Reset as OrgReset
from bridge.sandbox.world import record_id
from tests.support.receiver import Receiver
from tests.support.scene import scene

FOR_EVER = None


def metric(page: str, name: str, **labels: str) -> float:
    """One sample of the metrics page; 0 when it is not there."""
    wanted = {f'{label}="{value}"' for label, value in labels.items()}
    for line in page.splitlines():
        head, _, value = line.rpartition(" ")
        bare, _, inside = head.partition("{")
        if bare == name and wanted == set(filter(None, inside.rstrip("}").split(","))):
            return float(value)
    return 0.0


# --- calls ---------------------------------------------------------------------------------------------------------


async def test_a_ringing_call_pops_the_callers_record(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        caller = stage.caller("single")
        call_id = await stage.ring(caller)
        message = await stage.receiver.wait("screen_pop")
        data = message["data"]
        assert message["org_id"] == stage.world.org_id
        assert message["environment"] == "development"
        assert (data["call_id"], data["direction"]) == (call_id, "inbound")
        assert data["agent"]["user_id"] == stage.agent
        assert data["agent"]["salesforce_user_id"] == stage.world.agents[0].salesforce_user_id
        assert data["caller"]["e164"] == caller.number
        assert data["caller"]["name"] == data["matches"][0]["name"]
        assert data["queue"] == {"id": stage.world.queues[0].id, "name": stage.world.queues[0].name}
        target = data["target"]
        assert target["kind"] == "record"
        assert target["record_id"] == data["matches"][0]["id"]
        assert target["url"] == f"{stage.org.url}/lightning/r/{target['object']}/{target['record_id']}/view"
        assert (data["lookup"]["source"], data["lookup"]["api_calls"], data["lookup"]["degraded"]) == (
            "salesforce",
            1,
            False,
        )


async def test_several_matches_and_no_match_let_the_agent_search(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        several, none = stage.caller("several"), stage.caller("none")
        await stage.ring(several)
        first = await stage.receiver.wait("screen_pop")
        assert first["data"]["target"]["kind"] == "search"
        assert first["data"]["target"]["query"] == several.number
        assert len(first["data"]["matches"]) > 1
        await stage.ring(none)
        second = await stage.receiver.wait("screen_pop", 2)
        assert second["data"]["target"]["query"] == none.number
        assert second["data"]["matches"] == []


async def test_a_withheld_caller_costs_no_call_to_salesforce(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        await stage.ring(stage.caller("withheld"))
        message = await stage.receiver.wait("screen_pop")
        assert message["data"]["lookup"] == {
            **message["data"]["lookup"],
            "source": "none",
            "api_calls": 0,
            "degraded": False,
        }
        assert stage.org.ledger.api_calls == 0


async def test_ids_that_minerva_knows_pop_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        contact = record_id("Contact", 3)
        await stage.ring(stage.caller("single"), callerInfo={"name": "Known", "contactId": contact})
        message = await stage.receiver.wait("screen_pop")
        assert (message["data"]["target"]["record_id"], message["data"]["lookup"]["source"]) == (contact, "ids")
        assert stage.org.ledger.api_calls == 0


async def test_a_call_is_popped_once_however_often_it_is_announced(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        caller = stage.caller("single")
        call_id = await stage.ring(caller)
        await stage.ring(caller, callId=call_id)
        await stage.ring(caller, agent=stage.world.agents[1].user_id, callId=call_id)
        await stage.receiver.wait("screen_pop", 2)
        await stage.ring(caller)
        await stage.receiver.wait("screen_pop", 3)
        agents = [message["data"]["agent"]["user_id"] for message in stage.receiver.of("screen_pop")]
        assert sorted(agents) == sorted([stage.agent, stage.agent, stage.world.agents[1].user_id])


async def test_outbound_stale_and_ended_calls_pop_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        caller = stage.caller("single")
        await stage.ring(caller, direction="outbound")
        await stage.minerva.send_to_user(
            stage.agent,
            "CALL_INCOMING",
            {"callId": "old", "direction": "inbound", "from": caller.number},
            timestamp=stage.minerva.now_ms() - 60_000,
        )
        await stage.minerva.send_to_user(stage.agent, "CALL_ENDED", {"callId": "over"})
        await stage.ring(caller, callId="over")
        fresh = await stage.ring(caller)
        message = await stage.receiver.wait("screen_pop")
        assert message["data"]["call_id"] == fresh
        _, page = await stage.api("GET", "/metrics")
        for outcome in ("not_inbound", "ended"):
            assert metric(page, "minerva_bridge_screen_pops_total", outcome=outcome) == 1


@pytest.mark.parametrize("action", [Hang(), UNAVAILABLE_PAGE, OrgReset()])
async def test_when_salesforce_fails_the_pop_goes_out_as_a_degraded_search(tmp_path: Path, action: object) -> None:
    rules = {"BRIDGE_SALESFORCE__LOOKUP_DEADLINE": "0.2", "BRIDGE_SCREEN_POP__ON_NONE": "none"}
    async with scene(tmp_path, rules) as stage:
        stage.org.faults.add(Fault(action, times=FOR_EVER))  # type: ignore[arg-type]  # a union the sandbox keeps to itself
        caller = stage.caller("single")
        await stage.ring(caller)
        data = (await stage.receiver.wait("screen_pop"))["data"]
        assert (data["target"]["kind"], data["target"]["query"]) == ("search", caller.number)
        assert data["lookup"]["degraded"]
        assert data["lookup"]["reason"]
        stage.org.faults.release()


async def test_a_worker_starts_and_pops_while_salesforce_is_down_and_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_SALESFORCE__LOGIN_URL": "http://127.0.0.1:9"}) as stage:
        problem = (await stage.receiver.wait("bridge.problem"))["data"]
        assert (problem["subject"], problem["key"]) == ("salesforce", "salesforce")
        await stage.ring(stage.caller("single"))
        data = (await stage.receiver.wait("screen_pop"))["data"]
        assert (data["target"]["kind"], data["lookup"]["degraded"]) == ("search", True)


# --- voicemails ----------------------------------------------------------------------------------------------------


async def test_a_voicemail_notifies_once_with_everything_worth_reading(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        caller = stage.caller("single")
        voicemail_id = await stage.voicemail(caller, id="vm-message-1", priority="high", transcriptionConfidence=0.3)
        await stage.voicemail(caller, id="vm-message-1")
        await stage.voicemail(caller, voicemailId=voicemail_id)
        other = await stage.voicemail(caller)
        await stage.receiver.wait("voicemail.new", 2)
        first, second = stage.receiver.of("voicemail.new")
        assert [first["data"]["voicemail_id"], second["data"]["voicemail_id"]] == [voicemail_id, other]
        data = first["data"]
        assert data["title"] == "New Voicemail"
        name = data["caller"]["name"]
        assert data["body"].splitlines()[0] == f"From: {name}"
        assert "(uncertain)" in data["body"]
        assert data["caller"]["record"]["url"].startswith(f"{stage.org.url}/lightning/r/")
        assert data["recording_url"] == f"{stage.minerva.api_url}/api/voicemail/1/audio"
        assert (data["priority"], data["duration_s"], data["updated_fields"]) == ("high", 12, [])


async def test_an_updated_voicemail_says_what_changed(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        payload = {"voicemailId": "v", "transcription": "better", "priority": "high"}
        await stage.minerva.send_to_user(stage.agent, "VOICEMAIL_UPDATED", payload)
        data = (await stage.receiver.wait("voicemail.updated"))["data"]
        assert data["updated_fields"] == ["priority", "transcription"]


async def test_voicemails_left_while_the_connection_was_down_are_told_after_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        caller = stage.caller("none")
        before = await stage.voicemail(caller)
        await stage.receiver.wait("voicemail.new")
        connects = stage.minerva.journal.connects
        stage.minerva.arm(Reset(users=(stage.agent,)))
        meanwhile = await stage.voicemail(caller)
        await stage.minerva.wait_for(lambda: stage.minerva.journal.connects > connects)
        await stage.receiver.wait("voicemail.new", 2)
        after = await stage.voicemail(caller)
        await stage.receiver.wait("voicemail.new", 3)
        assert [each["data"]["voicemail_id"] for each in stage.receiver.of("voicemail.new")] == [
            before,
            meanwhile,
            after,
        ]


async def test_a_voicemail_outlasts_a_receiver_that_fails_for_a_while(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        stage.receiver.behave = lambda number: 503 if number < 3 else 204
        await stage.voicemail(stage.caller("none"))
        await stage.receiver.wait("voicemail.new")
        assert stage.receiver.requests == 3


# --- service level ---------------------------------------------------------------------------------------------------


POLICY = {
    "name": "floor",
    "queues": ["*"],
    "steps": [{"after": 0, "sinks": ["crm"]}, {"after": 0.1, "sinks": ["crm"]}],
    "repeat": 600,
    "ack_timeout": 600,
}


async def test_a_breach_escalates_until_a_person_answers_and_ends_when_the_queue_is_well(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_ESCALATION__POLICIES": json.dumps([POLICY])}) as stage:
        await stage.queue("critical")
        triggered = (await stage.receiver.wait("sla.triggered"))["data"]
        assert (triggered["severity"], triggered["status"], triggered["policy"]) == ("critical", "triggered", "floor")
        assert (triggered["current_level"], triggered["target_level"], triggered["step"]) == (62, 80, 1)
        escalated = (await stage.receiver.wait("sla.escalated"))["data"]
        assert (escalated["incident_id"], escalated["step"], escalated["loop"]) == (triggered["incident_id"], 2, 1)
        path = f"/api/v1/incidents/{triggered['incident_id']}/ack"
        status, answer = await stage.api("POST", path, json={"by": "the floor manager"})
        assert (status, answer["status"], answer["acknowledged_by"]) == (200, "acknowledged", "the floor manager")
        assert (await stage.receiver.wait("sla.acknowledged"))["data"]["acknowledged_by"] == "the floor manager"
        assert (await stage.api("POST", path, json={"by": "somebody else"}))[0] == 409
        await stage.queue("healthy")
        resolved = (await stage.receiver.wait("sla.resolved"))["data"]
        assert (resolved["incident_id"], resolved["status"]) == (triggered["incident_id"], "resolved")
        assert [message["type"] for message in stage.receiver.messages if message["type"].startswith("sla.")] == [
            "sla.triggered",
            "sla.escalated",
            "sla.acknowledged",
            "sla.resolved",
        ]
        assert (await stage.api("POST", path, json={"by": "too late"}))[0] == 409


async def test_a_stated_breach_raises_at_once_whatever_the_delays(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_ESCALATION__CRITICAL_DELAY": "600"}) as stage:
        queue = stage.world.queues[0]
        await stage.minerva.send_to_group(
            "queue", queue.id, "SLA_BREACH", {"queueId": queue.id, "currentLevel": 50, "targetLevel": 80}
        )
        data = (await stage.receiver.wait("sla.triggered"))["data"]
        assert (data["severity"], data["current_level"], data["policy"]) == ("critical", 50, "default")


# --- bad input -------------------------------------------------------------------------------------------------------


async def test_broken_messages_are_counted_and_the_connection_stays(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        connects = stage.minerva.journal.connects
        for text in ("not json", "[]", '{"timestamp": 1}', '{"type": "X"}', b"\x00\x01"):
            await stage.minerva.send_raw(stage.agent, text)
        await stage.minerva.send_to_user(stage.agent, "CALL_INCOMING", {"from": "+15550100"})
        await stage.minerva.send_raw(stage.agent, '{"type": "NEVER_HEARD_OF", "timestamp": 1}')
        await stage.ring(stage.caller("none"))
        await stage.receiver.wait("screen_pop")
        assert stage.minerva.journal.connects == connects
        _, page = await stage.api("GET", "/metrics")
        for reason in ("not_json", "not_object", "no_type", "no_timestamp", "missing_field", "binary"):
            assert metric(page, "minerva_bridge_events_total", type="malformed", outcome=reason) == 1, reason
        assert metric(page, "minerva_bridge_events_total", type="unknown", outcome="unknown") == 1


async def test_a_message_of_2_mib_costs_the_connection_once_and_the_session_comes_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        connects = stage.minerva.journal.connects
        stage.minerva.arm(Malformed(frame="big", users=(stage.agent,)))
        await stage.minerva.wait_for(lambda: stage.minerva.journal.connects == connects + 1)
        await stage.subscribed()
        await stage.ring(stage.caller("none"))
        await stage.receiver.wait("screen_pop")
        assert stage.minerva.journal.connects == connects + 1
        assert 1009 in stage.minerva.journal.close_codes


async def test_a_hanging_webhook_delays_nobody_else_and_is_visible(tmp_path: Path) -> None:
    async with Receiver() as stuck:
        stuck.behave = lambda _number: None
        sinks = {"BRIDGE_SINKS__STUCK__TYPE": "webhook", "BRIDGE_SINKS__STUCK__URL": stuck.url}
        secret = {"BRIDGE_SINKS__STUCK__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"}
        routes = json.dumps([{"kind": "*", "sinks": ["stuck", "crm"]}])
        drain = {"BRIDGE_DRAIN_TIMEOUT": "0.2"}
        async with scene(tmp_path, {**sinks, **secret, **drain, "BRIDGE_ROUTES": routes}) as stage:
            for _ in range(30):
                await stage.ring(stage.caller("none"))
            await stage.receiver.wait("screen_pop", 30)
            _, status = await stage.api("GET", "/api/v1/status")
            assert status["sinks"]["stuck"]["waiting"] == 30
            assert status["sinks"]["crm"]["delivered"] == 30


async def test_a_failing_sink_is_a_problem_told_through_the_others(tmp_path: Path) -> None:
    async with Receiver() as broken:
        broken.behave = lambda _number: 500
        sinks = {
            "BRIDGE_SINKS__BROKEN__TYPE": "webhook",
            "BRIDGE_SINKS__BROKEN__URL": broken.url,
            "BRIDGE_SINKS__BROKEN__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
            "BRIDGE_DRAIN_TIMEOUT": "0.2",
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["broken", "crm"]}]),
        }
        async with scene(tmp_path, sinks) as stage:
            for _ in range(3):
                await stage.voicemail(stage.caller("none"))
            problem = (await stage.receiver.wait("bridge.problem"))["data"]
            assert (problem["subject"], problem["key"]) == ("sink", "sink:broken")
            _, status = await stage.api("GET", "/api/v1/status")
            assert status["sinks"]["broken"]["failing"]
            assert status["sinks"]["broken"]["last_error"] == "HTTP 500"
            assert [each["key"] for each in status["problems"]] == ["sink:broken"]


@pytest.mark.parametrize("status", [410, 500])
async def test_the_fallback_serves_when_no_listed_sink_reaches_anyone(tmp_path: Path, status: int) -> None:
    async with Receiver() as broken:
        broken.behave = lambda _number: status
        sinks = {
            "BRIDGE_SINKS__BROKEN__TYPE": "webhook",
            "BRIDGE_SINKS__BROKEN__URL": broken.url,
            "BRIDGE_SINKS__BROKEN__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
            "BRIDGE_DRAIN_TIMEOUT": "0.2",
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["broken"], "fallback": ["crm"]}]),
        }
        async with scene(tmp_path, sinks) as stage:
            voicemail_id = await stage.voicemail(stage.caller("none"))
            assert (await stage.receiver.wait("voicemail.new"))["data"]["voicemail_id"] == voicemail_id
            assert len(stage.receiver.of("voicemail.new")) == 1


async def test_a_dead_letter_is_a_problem_told_through_the_others(tmp_path: Path) -> None:
    async with Receiver() as gone:
        gone.behave = lambda _number: 410
        sinks = {
            "BRIDGE_SINKS__GONE__TYPE": "webhook",
            "BRIDGE_SINKS__GONE__URL": gone.url,
            "BRIDGE_SINKS__GONE__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
            "BRIDGE_ROUTES": json.dumps([{"kind": "*", "sinks": ["gone", "crm"]}]),
        }
        async with scene(tmp_path, sinks) as stage:
            await stage.voicemail(stage.caller("none"))
            problem = (await stage.receiver.wait("bridge.problem"))["data"]
            assert (problem["subject"], problem["key"]) == ("dead_letter", "dead_letter:gone")
            assert "HTTP 410" in problem["body"]


async def test_rings_do_not_queue_behind_what_is_slow(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_SALESFORCE__LOOKUP_DEADLINE": "300", "BRIDGE_DRAIN_TIMEOUT": "0"}) as stage:
        stage.org.faults.add(Fault(Hang(), times=FOR_EVER))
        for number in range(SIDE_BY_SIDE + 20):
            await stage.voicemail(stage.caller("none"), **{"from": f"+1212555{number:04d}"})
        await stage.org.ledger.until(lambda seen: seen.running > 0)
        await stage.ring(stage.caller("withheld"))
        await stage.receiver.wait("screen_pop")
        assert stage.receiver.of("voicemail.new") == [], "the voicemails were all in hand, and none was done"
        stage.org.faults.release()


# --- the HTTP side ---------------------------------------------------------------------------------------------------


async def test_health_and_metrics_need_no_token_and_the_api_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        for path in ("/livez", "/healthz", "/readyz", "/metrics"):
            assert (await stage.api("GET", path, token=None))[0] == 200
        for path in ("/api/v1/status", "/api/v1/sessions", "/api/v1/incidents"):
            assert (await stage.api("GET", path, token=None))[0] == 401
            assert (await stage.api("GET", path, token="wrong"))[0] == 401
            assert (await stage.api("GET", path))[0] == 200
        _, page = await stage.api("GET", "/metrics", token=None)
        assert metric(page, "minerva_bridge_sessions", state="connected") == 3
        assert metric(page, "minerva_bridge_agents", kind="connected") == 2


async def test_sessions_are_shown_one_by_one(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        _, answer = await stage.api("GET", "/api/v1/sessions")
        shown = {each["user_id"]: each for each in answer["sessions"]}
        assert set(shown) == {*(agent.user_id for agent in stage.world.agents), "bridge"}
        assert {each["state"] for each in shown.values()} == {"connected"}
        assert shown["bridge"]["kind"] == "supervisor"
        assert shown["bridge"]["channels"] == [f"queue:{stage.world.queues[0].id}"]


@pytest.mark.parametrize(
    "body", ["", "null", "[]", '{"by": ""}', '{"by": 7}', '{"by": "a\\nb"}', "{", json.dumps({"by": "x" * 201})]
)
async def test_an_ack_without_a_name_is_refused_with_what_is_expected(tmp_path: Path, body: str) -> None:
    async with scene(tmp_path) as stage:
        await stage.queue("critical")
        incident_id = (await stage.receiver.wait("sla.triggered"))["data"]["incident_id"]
        status, answer = await stage.api("POST", f"/api/v1/incidents/{incident_id}/ack", data=body)
        assert status == 400
        assert answer["error"].startswith("by:")


async def test_unknown_incidents_and_paths_are_404_as_json(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        status, answer = await stage.api("POST", "/api/v1/incidents/nope/ack", json={"by": "x"})
        assert (status, "error" in answer) == (404, True)
        assert (await stage.api("GET", "/api/v1/nothing"))[0] == 404
        assert (await stage.api("DELETE", "/api/v1/status"))[0] == 405


async def test_without_a_token_only_loopback_hosts_are_answered(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_CONSOLE__TOKEN": None}) as stage:
        assert (await stage.api("GET", "/api/v1/status", token=None))[0] == 200
        url = f"{stage.worker.url}/api/v1/status"
        async with stage.http.get(url, headers={"Host": "rebinding.example"}) as answer:
            assert answer.status == 403
        for origin, status in (("http://evil.example", 403), ("null", 403), (stage.worker.url, 200)):
            async with stage.http.get(url, headers={"Origin": origin}) as answer:
                assert answer.status == status, origin


async def test_a_session_can_be_paused_resumed_and_reconnected_by_name(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        path = f"/api/v1/sessions/{stage.agent}"
        assert (await stage.api("POST", f"{path}/pause"))[0] == 200
        await stage.minerva.wait_for(lambda: not stage.minerva.is_subscribed("user", stage.agent))
        shown = {each["user_id"]: each for each in (await stage.api("GET", "/api/v1/sessions"))[1]["sessions"]}
        assert (shown[stage.agent]["paused"], shown[stage.agent]["state"]) == (True, "suspended")
        assert (await stage.api("POST", f"{path}/pause"))[0] == 409
        assert (await stage.api("POST", f"{path}/reconnect"))[0] == 409
        assert (await stage.api("POST", f"{path}/resume"))[0] == 200
        assert (await stage.api("POST", f"{path}/resume"))[0] == 409
        await stage.subscribed()
        connects = stage.minerva.journal.connects
        assert (await stage.api("POST", f"{path}/reconnect"))[0] == 200
        await stage.minerva.wait_for(lambda: stage.minerva.journal.connects == connects + 1)
        assert (await stage.api("POST", "/api/v1/sessions/nobody/pause"))[0] == 404
        assert (await stage.api("POST", f"{path}/explode"))[0] == 404


async def test_agents_of_a_file_come_and_go_while_the_worker_runs(tmp_path: Path) -> None:
    file = tmp_path / "agents.csv"
    file.write_text("user_id,name\nagent-0001,First\nagent-0002,Second\n")
    async with scene(tmp_path, {"BRIDGE_AGENTS": None, "BRIDGE_AGENTS_FILE": str(file)}) as stage:
        look = stage.worker._look_at_roster
        file.write_text("user_id,name\nagent-0002,Renamed\n")
        await look()
        await stage.minerva.wait_for(lambda: not stage.minerva.is_subscribed("user", "agent-0001"))
        await stage.ring(stage.caller("none"), agent="agent-0002")
        assert (await stage.receiver.wait("screen_pop"))["data"]["agent"]["name"] == "Renamed"
        file.write_text("user_id,name\nagent-0002,Renamed\nagent-0002,Twice\n")
        await look()
        problem = (await stage.receiver.wait("bridge.problem"))["data"]
        assert (problem["subject"], "agents.csv line 3" in problem["body"]) == ("source", True)
        assert stage.minerva.is_subscribed("user", "agent-0002")
        file.write_text("user_id,name\nagent-0001,First\nagent-0002,Second\n")
        await look()
        await stage.receiver.wait("bridge.recovered")
        await stage.subscribed()


async def test_a_gap_that_history_cannot_fill_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path, {"BRIDGE_MINERVA__HISTORY_LIMIT": "2"}) as stage:
        await stage.ring(stage.caller("none"))
        await stage.receiver.wait("screen_pop")
        stage.minerva.arm(Reset(users=(stage.agent,)))
        for _ in range(4):
            await stage.voicemail(stage.caller("none"))
        gap = (await stage.receiver.wait("bridge.gap"))["data"]
        assert gap["facts"]["agent"] == stage.agent
        assert gap["facts"]["from"] < gap["facts"]["to"]
        _, page = await stage.api("GET", "/metrics")
        assert metric(page, "minerva_bridge_gaps_total") == 1


# --- start and end ---------------------------------------------------------------------------------------------------


async def test_a_login_into_another_org_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"BRIDGE_ORG_ID: .*landed in org"):
        async with scene(tmp_path, {"BRIDGE_ORG_ID": "00D000000000009EAA"}):
            pass


async def test_a_taken_port_stops_the_start_with_its_address(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        port = stage.worker.url.rpartition(":")[2]
        console = stage.worker.settings.console.model_copy(update={"port": int(port)})
        with pytest.raises(PortTakenError, match=rf":{port} cannot be listened on"):
            async with Worker(stage.worker.settings.model_copy(update={"console": console})):
                pass


async def test_what_was_taken_in_is_delivered_before_the_worker_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        gate = asyncio.Event()
        stage.receiver.behave = lambda _number: 204 if gate.is_set() else 503
        await stage.voicemail(stage.caller("none"))
        await stage.receiver.until(lambda: stage.receiver.requests > 0)
        gate.set()
        receiver, worker = stage.receiver, stage.worker
        ended = stage.minerva.journal.close_codes
        await worker.__aexit__(None, None, None)
        assert worker.drained_clean
        assert len(receiver.of("voicemail.new")) == 1
        assert ended[1000] == 3


async def test_nothing_of_the_worker_is_left_behind(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with scene(tmp_path) as stage:
        await stage.ring(stage.caller("single"))
        await stage.receiver.wait("screen_pop")
    assert asyncio.all_tasks() == before
