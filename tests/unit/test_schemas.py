"""The published schemas say what is sent: every type has one, it is fresh, and real bodies fit it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.notifications import (
    DATA_BY_TYPE,
    AgentShape,
    CallerShape,
    Data,
    Incident,
    LookupShape,
    MatchShape,
    Notice,
    Notification,
    QueueShape,
    RecordShape,
    ScreenPop,
    TargetShape,
    Trouble,
    Voicemail,
    VoicemailCaller,
)
from tools import schemas

AGENT = AgentShape(user_id="agent-1")
SAMPLES: dict[type[Data], Data] = {
    ScreenPop: ScreenPop(
        event_id="e-1",
        call_id="c-1",
        direction="inbound",
        to=None,
        agent=AGENT,
        caller=CallerShape(number="+12025550123"),
        queue=QueueShape(id="q-1"),
        waited_s=4.5,
        expires_at="2026-11-23T08:15:50.123Z",
        target=TargetShape(kind="new_record", object="Contact", defaults={"Phone": "+12025550123"}),
        matches=[MatchShape(object="Contact", id="003000000000001")],
        lookup=LookupShape(source="salesforce", api_calls=2, duration_s=0.1),
    ),
    Voicemail: Voicemail(
        event_id="e-2",
        voicemail_id="v-1",
        title="New Voicemail",
        body="From: +12025550123",
        to="agent-1",
        agent=None,
        caller=VoicemailCaller(number="+12025550123", record=RecordShape(object="Contact", id="003000000000001")),
        duration_s=12,
        transcription=None,
        transcription_confidence=0.5,
        recording_url=None,
        priority="normal",
        created_at=None,
        updated_fields=["transcription"],
    ),
    Incident: Incident(
        incident_id="inc_1",
        summary="Sales: service level critical",
        policy="default",
        queue=QueueShape(id="q-1", name="Sales"),
        severity="critical",
        status="triggered",
        step=1,
        loop=1,
        flapping=False,
        current_level=62,
        target_level=80.0,
        stats={"callsInQueue": 12.0},
        opened_at="2026-11-23T08:15:30.123Z",
        acknowledged_by=None,
        resolved_by=None,
        duration_s=0.0,
        ack_url=None,
        console_url=None,
    ),
    Trouble: Trouble(
        subject="sink",
        key="sink:crm",
        severity="warning",
        title="Sink crm fails",
        body="HTTP 503",
        since="2026-11-23T08:15:30.123Z",
        facts={"sink": "crm"},
    ),
    Notice: Notice(title="Test", body="This is a test.", facts={}),
}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def body(kind: str) -> dict[str, Any]:
    notification = Notification(
        id="n-1", type=kind, at=1_795_421_730.123, data=SAMPLES[DATA_BY_TYPE[kind]], subject="subject"
    )
    sent: dict[str, Any] = json.loads(json.dumps(notification.body(org_id="00D000000000001", environment="qa")))
    return sent


def published(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((schemas.FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return schema


def misfits(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "$") -> Iterator[str]:
    """Where a value breaks a schema; knows the keywords that our schemas use and no others."""
    if "$ref" in schema:
        yield from misfits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
        return
    if "anyOf" in schema:
        if all(list(misfits(value, each, root, where)) for each in schema["anyOf"]):
            yield f"{where} fits none"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where} is not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind is not None and (
        not isinstance(value, JSON_TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        yield f"{where} is no {kind}"
        return
    yield from members(value, schema, root, where)


def members(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from misfits(item, schema.get("items", {}), root, f"{where}[{index}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            rule = properties.get(name, {} if others is True else others)
            yield from misfits(item, rule, root, f"{where}.{name}")


def test_every_type_has_a_schema_and_the_index_names_it() -> None:
    index = json.loads((schemas.FOLDER / "index.json").read_text(encoding="utf-8"))
    assert index == {kind: f"{kind}.json" for kind in DATA_BY_TYPE}
    assert all((schemas.FOLDER / name).is_file() for name in index.values())


def test_what_is_published_is_fresh() -> None:
    assert schemas.stale() == []


@pytest.mark.parametrize("kind", sorted(DATA_BY_TYPE))
def test_a_body_that_is_sent_fits_its_schema(kind: str) -> None:
    assert list(misfits(body(kind), published(kind), published(kind))) == []


@pytest.mark.parametrize("kind", sorted(DATA_BY_TYPE))
def test_the_schema_requires_every_key_that_is_sent(kind: str) -> None:
    sent, schema = body(kind), published(kind)
    assert set(schema["required"]) == set(sent)
    data = schema["$defs"][schema["properties"]["data"]["$ref"].removeprefix("#/$defs/")]
    assert set(data["required"]) == set(sent["data"])


def test_a_receiver_of_today_accepts_a_key_of_tomorrow() -> None:
    schema = published("screen_pop")
    assert list(misfits({**body("screen_pop"), "added": 1}, schema, schema)) == []


@pytest.mark.parametrize("broken", [{"type": "voicemail.new"}, {"environment": "moon"}, {"data": {}}, {"org_id": None}])
def test_a_wrong_body_does_not_fit(broken: dict[str, Any]) -> None:
    schema = published("screen_pop")
    assert list(misfits({**body("screen_pop"), **broken}, schema, schema))


def test_stale_missing_and_foreign_files_are_named_and_mended(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    (tmp_path / "screen_pop.json").write_text("{}", encoding="utf-8")
    (tmp_path / "voicemail.new.json").unlink()
    (tmp_path / "of_old.json").write_text("{}", encoding="utf-8")
    assert schemas.stale(tmp_path) == ["of_old.json", "screen_pop.json", "voicemail.new.json"]
    assert schemas.write(tmp_path) == ["of_old.json", "screen_pop.json", "voicemail.new.json"]
    assert schemas.stale(tmp_path) == []


def test_the_text_is_the_same_in_every_process() -> None:
    code = "from tools import schemas; print(sorted(schemas.files().items()))"
    outputs = {
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code],
            cwd=schemas.FOLDER.parent.parent,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
