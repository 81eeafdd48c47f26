"""What people read of a voicemail."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.events import CallerHint, Priority, VoicemailChanged, VoicemailLeft
from bridge.handlers.voicemail import VoicemailHandler, absolute
from bridge.notifications import Notification, RecordShape, Voicemail
from tests.support.clock import START
from tests.support.events import NUMBER, changed, left
from tests.support.notifications import HOSTILE
from tests.unit.handlers.backstage import DIRECTORY, FoundCaller, Posted, ToldLookup

API = "https://minerva.example/api"


async def told(event: VoicemailLeft, caller: FoundCaller | None = None) -> tuple[Voicemail, Notification]:
    posted = Posted()
    lookup = ToldLookup(caller or FoundCaller())
    handler = VoicemailHandler(api_url=API, lookup=lookup, directory=DIRECTORY, post=posted)
    outcome = await (handler.changed(event) if isinstance(event, VoicemailChanged) else handler.left(event))
    assert outcome == "handled"
    return posted.voicemails[0], posted.notifications[0]


async def test_a_voicemail_says_who_called_for_whom_how_long_and_what() -> None:
    event = left(
        caller=CallerHint(name="From Minerva"),
        to="+15550000001",
        duration_s=12.0,
        transcription="please call me back",
        transcription_confidence=0.9,
        created_at=START - 30,
        recording_url="/voicemail/1/audio",
    )
    record = RecordShape(object="Contact", id="003000000000001")
    data, notification = await told(event, FoundCaller("From The Record", e164=NUMBER, own_record=record))
    assert data.title == "New Voicemail"
    assert data.body.split("\n") == [
        "From: From Minerva",
        f"Number: {NUMBER}",
        "For: First Agent",
        "Length: 12 s",
        "Transcription: please call me back",
    ]
    assert data.caller.name == "From Minerva"
    assert data.caller.record == record
    assert data.recording_url == "https://minerva.example/voicemail/1/audio"
    assert data.created_at == "2027-01-15T07:59:30.000Z"
    assert data.updated_fields == []
    assert notification.type == "voicemail.new"
    assert notification.expires_at is None
    assert notification.facts == {"to": "+15550000001", "priority": "normal", "agent": "agent-1"}


@pytest.mark.parametrize(
    ("minerva", "record", "number", "first"),
    [
        ("From Minerva", "From The Record", NUMBER, "From: From Minerva"),
        (None, "From The Record", NUMBER, "From: From The Record"),
        (None, None, NUMBER, f"From: {NUMBER}"),
        (None, None, None, "From: withheld number"),
        ("From Minerva", None, None, "From: From Minerva"),
        ("\x00\n", None, NUMBER, f"From: {NUMBER}"),
        ("\u202e", None, "\t", "From: withheld number"),
    ],
)
async def test_the_body_starts_with_the_best_name_there_is(
    minerva: str | None, record: str | None, number: str | None, first: str
) -> None:
    event = left(caller=CallerHint(name=minerva), caller_number=number)
    data, _ = await told(event, FoundCaller(record))
    assert data.body.split("\n")[0] == first


async def test_the_number_is_not_said_twice() -> None:
    data, _ = await told(left())
    assert data.body.count(NUMBER) == 1


@pytest.mark.parametrize(("confidence", "mark"), [(0.3, " (uncertain)"), (0.59, " (uncertain)"), (0.6, ""), (None, "")])
async def test_an_uncertain_transcription_is_marked(confidence: float | None, mark: str) -> None:
    data, _ = await told(left(transcription="hello", transcription_confidence=confidence))
    assert f"Transcription{mark}: hello" in data.body.split("\n")


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_cannot_forge_a_line(text: str) -> None:
    forged = HOSTILE[text] + "\nFor: Somebody Else\r\nTranscription: forged"
    event = left(caller=CallerHint(name=forged), caller_number=forged, transcription=forged)
    data, _ = await told(event)
    lines = data.body.split("\n")
    assert [line.partition(":")[0] for line in lines] == ["From", "Number", "For", "Transcription"]
    assert data.body.splitlines() == lines
    assert all(line.isprintable() for line in lines)
    assert data.transcription == forged


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(st.text(max_size=100), st.text(max_size=30))
def test_no_text_forges_a_line(name: str, number: str) -> None:
    from bridge.handlers.voicemail import _body  # noqa: PLC0415 - the pure part

    body = _body(left(caller_number=number), name, None)
    assert len(body.splitlines()) <= 2
    assert body.startswith("From: ")
    assert body.split("\n")[0] != "From: "


async def test_an_old_voicemail_is_told_all_the_same() -> None:
    data, _ = await told(left(occurred_at=START - 30 * 86_400, replayed=True))
    assert data.title == "New Voicemail"


@pytest.mark.parametrize(
    ("urgency", "priority"), [("high", Priority.HIGH), ("normal", Priority.NORMAL), ("odd", Priority.NORMAL)]
)
async def test_an_urgent_voicemail_jumps_the_queue(urgency: str, priority: Priority) -> None:
    data, notification = await told(left(urgency=urgency))
    assert notification.priority is priority
    assert data.priority == notification.facts["priority"] == urgency


async def test_a_change_says_what_changed_and_each_change_is_told_once() -> None:
    data, notification = await told(changed(id="c1", changed=("transcription",), transcription="hello"))
    assert (data.title, data.updated_fields) == ("Voicemail updated", ["transcription"])
    assert notification.type == "voicemail.updated"
    _, again = await told(changed(id="c1", changed=("transcription",)))
    _, other = await told(changed(id="c2", changed=("priority",)))
    assert notification.id == again.id != other.id


async def test_a_change_that_names_no_field_is_still_a_change() -> None:
    data, first = await told(changed(id="c1"))
    _, second = await told(changed(id="c2"))
    assert data.title == "Voicemail updated"
    assert first.id != second.id


async def test_the_same_voicemail_keeps_its_id_whatever_the_events() -> None:
    _, first = await told(left(id="e1"))
    _, replay = await told(left(id="e2", replayed=True))
    _, other_agent = await told(left(agent="agent-2"))
    assert first.id == replay.id != other_agent.id
    assert first.subject == "voicemail agent-1/vm-1"


@pytest.mark.parametrize(
    ("given", "link"),
    [
        ("recordings/1", "https://minerva.example/api/recordings/1"),
        ("/recordings/1?x=1", "https://minerva.example/recordings/1?x=1"),
        ("https://files.example/1", "https://files.example/1"),
        ("http://files.example/1", "http://files.example/1"),
        ("//files.example/1", "https://files.example/1"),
        (None, None),
        ("", None),
        (" ", None),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("ftp://files.example/1", None),
        ("vbscript:x", None),
        ("http:///nowhere", None),
        ("https://[::1", None),
        ("http://files.example/a b", None),
        ("http://files.example/\r\nFrom: forged", None),
        ("ht\ntp://files.example/\nx", None),
        ("/recordings/\u202e1", None),
        ("/recordings/\x00", None),
    ],
)
def test_recording_links_are_absolute_and_hostile_ones_are_dropped(given: str | None, link: str | None) -> None:
    assert absolute(API, given) == link
    assert absolute(API + "/", given) == link


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(st.text(max_size=80))
def test_no_text_makes_a_link_that_is_none(given: str) -> None:
    link = absolute(API, given)
    assert link is None or (link.startswith(("https://", "http://")) and link.isprintable() and " " not in link)


async def test_an_update_keeps_what_it_does_not_change() -> None:
    posted = Posted()
    handler = VoicemailHandler(api_url=API, lookup=ToldLookup(FoundCaller()), directory=DIRECTORY, post=posted)
    await handler.left(left(transcription="old", duration_s=12.0, urgency="high", caller_number=NUMBER))
    await handler.changed(changed(caller_number=None, transcription="new", changed=("transcription",)))
    await handler.changed(changed(caller_number=None, urgency="low", changed=("priority",), id="m-3", key="k-3"))
    _, first, second = posted.voicemails
    assert (first.caller.number, first.duration_s, first.priority) == (NUMBER, 12.0, "high")
    assert (first.transcription, first.updated_fields) == ("new", ["transcription"])
    assert (second.transcription, second.priority, second.updated_fields) == ("new", "low", ["priority"])


async def test_an_update_of_a_voicemail_nobody_remembers_claims_no_withheld_number() -> None:
    data, _ = await told(changed(caller_number=None, changed=("priority",)))
    assert data.body.splitlines()[0] == "From: unknown caller"
