"""Who is calling: against an org over TLS, counted in API calls and bounded by the deadline."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.events import CallerHint
from bridge.salesforce import phone
from bridge.salesforce.auth import WrongOrgError
from bridge.sandbox.certificates import ServerTls
from bridge.sandbox.salesforce import Fault, soql, sosl
from bridge.sandbox.salesforce.fault_actions import (
    FORBIDDEN,
    LOGIN_REFUSED,
    SERVER_ERROR,
    TOTAL_REQUESTS,
    UNAUTHORIZED_PAGE,
    UNAVAILABLE_PAGE,
    Action,
    Hang,
    Latency,
    Reply,
    Reset,
    Truncate,
    refusal,
    too_many_requests,
)
from bridge.sandbox.world import Match
from bridge.settings.screen_pop import ScreenPop
from tests.component.salesforce.line import WORLD, line, together
from tests.support.clock import ManualClock

ALWAYS: dict[str, Any] = {"times": None}
SHORT = 0.1
"""A deadline in seconds that a hanging org misses."""


def number_of(matches: Match) -> str:
    """A caller of the world whose record is a contact's and of whom Minerva knows nothing."""
    contacts = [
        phone.read(str(row[field]), "US").key for row in WORLD.records["Contact"] for field in ("Phone", "MobilePhone")
    ]
    return next(
        caller.number
        for caller in WORLD.callers
        if caller.matches == matches and caller.number is not None and (matches == "none" or caller.number in contacts)
    )


SINGLE, SEVERAL, UNKNOWN = number_of("single"), number_of("several"), number_of("none")


# API calls


async def test_caller_with_one_record_costs_one_call(tls: ServerTls) -> None:
    async with line(tls) as there:
        answer = await there.find(SINGLE)
        assert (answer.lookup.source, answer.lookup.api_calls, answer.lookup.degraded) == ("salesforce", 1, False)
        assert there.org.ledger.api_calls == 1
        target = answer.target(None)
        assert target is not None
        assert target.kind == "record"
        assert target.record_id == answer.hits[0].id
        assert target.url == f"{there.url}/lightning/r/Contact/{answer.hits[0].id}/view"
        assert answer.e164 == SINGLE


async def test_every_caller_of_the_world_gets_what_the_world_says(tls: ServerTls) -> None:
    async with line(tls) as there:
        for caller in WORLD.callers[:60]:
            answer = await there.find(caller.number)
            best = sum(hit.object == answer.hits[0].object for hit in answer.hits) if answer.hits else 0
            found = {0: "none", 1: "single"}.get(best, "several")
            assert found == ("none" if caller.matches == "withheld" else caller.matches), caller


async def test_several_records_cost_one_call_and_are_all_listed(tls: ServerTls) -> None:
    async with line(tls) as there:
        answer = await there.find(SEVERAL)
        assert answer.lookup.api_calls == 1
        assert len(answer.matches()) > 1
        assert answer.record() is None
        target = answer.target(None)
        assert target is not None
        assert (target.kind, target.query) == ("search", SEVERAL)


async def test_miss_costs_one_search_and_one_query(tls: ServerTls) -> None:
    async with line(tls) as there:
        answer = await there.find(UNKNOWN)
        assert (answer.lookup.source, answer.lookup.api_calls, answer.hits) == ("salesforce", 2, ())
        assert there.org.ledger.operations["search"] == there.org.ledger.operations["query"] == 1
        assert there.api_calls == 2


async def test_known_id_costs_nothing(tls: ServerTls) -> None:
    contact = str(WORLD.records["Contact"][0]["Id"])
    async with line(tls) as there:
        answer = await there.find(SINGLE, CallerHint(contact_id=contact, name="Ada"))
        assert (answer.lookup.source, answer.lookup.api_calls) == ("ids", 0)
        target = answer.target(None)
        assert target is not None
        assert (target.object, target.record_id) == ("Contact", contact)
        assert answer.name() is None, "the org was not asked what the record is called"
        assert there.org.ledger.operations.total() == 0


async def test_id_of_wrong_shape_is_looked_up_by_number_instead(tls: ServerTls) -> None:
    async with line(tls) as there:
        answer = await there.find(SINGLE, CallerHint(contact_id="../evil", account_id="7", case_id="003Sb0000000001"))
        assert answer.lookup.source == "salesforce"
        assert len(answer.hits) >= 1


@pytest.mark.parametrize("number", [SINGLE, UNKNOWN])
async def test_repeat_costs_nothing(tls: ServerTls, number: str) -> None:
    async with line(tls) as there:
        first = await there.find(number)
        before = there.api_calls
        again = await there.find(f" {number} ")
        assert (again.lookup.source, again.lookup.api_calls, again.hits) == ("cache", 0, first.hits)
        assert there.api_calls == before


async def test_caller_is_looked_up_afresh_when_the_memory_is_over(tls: ServerTls) -> None:
    clock = ManualClock()
    async with line(tls, clock=clock) as there:
        await there.find(SINGLE)
        clock.move(there.settings.cache_ttl)
        assert (await there.find(SINGLE)).lookup.source == "salesforce"


async def test_caller_who_was_not_found_is_looked_up_again_soon(tls: ServerTls) -> None:
    clock = ManualClock()
    async with line(tls, clock=clock) as there:
        assert (await there.find(UNKNOWN)).hits == ()
        there.org.store.add("Contact", Name="New", LastName="New", Phone=UNKNOWN)
        assert (await there.find(UNKNOWN)).lookup.source == "cache"
        clock.move(there.settings.negative_cache_ttl)
        assert [hit.object for hit in (await there.find(UNKNOWN)).hits] == ["Contact"]


async def test_same_number_in_flight_is_asked_for_once(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Latency(1), route="search", **ALWAYS))
        async with asyncio.TaskGroup() as group:
            ringing = group.create_task(together(20, lambda: there.find(SINGLE)))
            await there.until(lambda ledger: ledger.operations["search"] == 1)
            there.gate.open()
        answers = ringing.result()
        assert there.api_calls == 1
        assert sum(answer.lookup.api_calls for answer in answers) == 1
        assert {answer.hits for answer in answers} == {answers[0].hits}
        assert {answer.lookup.source for answer in answers} == {"salesforce"}


async def test_spellings_of_one_number_share_its_lookup(tls: ServerTls) -> None:
    digits = SINGLE.lstrip("+")
    async with line(tls) as there:
        for spelling in (SINGLE, f"sip:{SINGLE}@pbx.example", f"00{digits}", f"tel:{SINGLE};ext=4"):
            assert len((await there.find(spelling)).hits) >= 1
        assert there.api_calls == 1


async def test_fifty_fresh_callers_cost_one_login(tls: ServerTls) -> None:
    numbers = [caller.number for caller in WORLD.callers if caller.number and caller.matches == "single"][:50]
    async with line(tls) as there:
        answers = await asyncio.gather(*(there.find(number) for number in numbers))
        assert all(answer.hits for answer in answers)
        assert there.org.ledger.logins == 1
        assert there.api_calls == len(numbers)


# What is found


async def test_fresh_contact_is_found_before_the_search_index_has_it(tls: ServerTls) -> None:
    async with line(tls, index_lag_s=900) as there:
        entity = there.org.schema.entity("Contact")
        assert entity is not None
        fresh = there.org.store.create(entity, {"LastName": "New", "Phone": "(415) 555-0987"}, "005Sb0000000001AAA")
        answer = await there.find("+14155550987")
        assert [hit.id for hit in answer.hits] == [fresh]
        assert answer.lookup.api_calls == 2


@pytest.mark.parametrize("stored", ["(415) 555-0988", "4155550987 99", "+44 4155550987", "555-0987", "(510) 555-0987"])
async def test_near_match_is_never_popped(tls: ServerTls, stored: str) -> None:
    async with line(tls) as there:
        there.org.store.add("Contact", Name="Near", LastName="Near", Phone=stored)
        answer = await there.find("+14155550987")
        assert answer.hits == ()
        assert answer.record() is None


async def test_record_that_a_lying_org_returns_is_not_believed(tls: ServerTls) -> None:
    async with line(tls) as there:
        body = (
            '{"searchRecords": [{"attributes": {"type": "Contact"}, "Id": "003Sb0000000001AAA", "Phone": "911"}, 7,'
            ' null, {"Id": "x"}, {"attributes": {"type": "Contact"}, "Id": 7, "Phone": "+14155550987"}]}'
        )
        there.org.faults.add(Fault(Reply(200, body), route="search"))
        assert (await there.find("+14155550987")).hits == ()


async def test_contact_comes_before_account_and_lead_with_the_same_number(tls: ServerTls) -> None:
    async with line(tls) as there:
        for kind in ("Lead", "Account", "Contact"):
            there.org.store.add(kind, Name=kind, LastName=kind, Phone="+1 (415) 555-0987", IsConverted=False)
        answer = await there.find("+14155550987")
        assert [hit.object for hit in answer.hits] == ["Contact", "Account", "Lead"]
        record = answer.record()
        assert record is not None
        assert record.object == "Contact"


async def test_order_of_objects_is_the_operators(tls: ServerTls) -> None:
    async with line(tls, lookup_objects=["Lead", "Contact"]) as there:
        for kind in ("Account", "Contact", "Lead"):
            there.org.store.add(kind, Name=kind, LastName=kind, Phone="+14155550987", IsConverted=False)
        assert [hit.object for hit in (await there.find("+14155550987")).hits] == ["Lead", "Contact"]


async def test_converted_lead_and_deleted_contact_are_left_out(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.store.add("Lead", Name="Old", LastName="Old", Phone="+14155550987", IsConverted=True)
        gone = there.org.store.add("Contact", Name="Gone", LastName="Gone", Phone="+14155550987")
        entity = there.org.schema.entity("Contact")
        assert entity is not None
        there.org.store.delete(entity, gone)
        assert (await there.find("+14155550987")).hits == ()


async def test_most_recently_changed_record_is_the_best(tls: ServerTls) -> None:
    async with line(tls, rules=ScreenPop(on_multiple="most_recent")) as there:
        for name, changed in (("old", "2026-01-01"), ("new", "2026-03-03"), ("mid", "2026-02-02")):
            stamp = f"{changed}T00:00:00.000+0000"
            there.org.store.add("Contact", Name=name, LastName=name, Phone="+14155550987", LastModifiedDate=stamp)
        answer = await there.find("+14155550987")
        assert [hit.name for hit in answer.hits] == ["new", "mid", "old"]
        target = answer.target(None)
        assert target is not None
        assert target.record_id == answer.hits[0].id


async def test_numbers_of_the_region_are_found_as_they_are_dialled(tls: ServerTls) -> None:
    async with line(tls, default_region="GB") as there:
        there.org.store.add("Contact", Name="Ada", LastName="Ada", MobilePhone="07911 123456")
        assert [hit.name for hit in (await there.find("+447911123456")).hits] == ["Ada"]


async def test_internal_number_is_found_as_it_stands(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.store.add("Contact", Name="Desk", LastName="Desk", Phone="2047")
        assert [hit.name for hit in (await there.find("2047")).hits] == ["Desk"]


# Nobody to look up


@pytest.mark.parametrize(
    "number", [None, "", "anonymous", "Restricted", '"Anonymous" <sip:anonymous@anonymous.invalid>']
)
async def test_withheld_caller_is_not_looked_up(tls: ServerTls, number: str | None) -> None:
    async with line(tls) as there:
        answer = await there.find(number)
        assert (answer.number, answer.lookup.source, answer.lookup.api_calls) == (None, "none", 0)
        assert not answer.lookup.degraded
        target = answer.target(None)
        assert target is not None
        assert (target.kind, target.query) == ("search", None)
        assert there.org.ledger.operations.total() == 0


@pytest.mark.parametrize("number", ["7", "alice", "sip:alice42@pbx.example", "+", "1" * 10_000])
async def test_what_no_field_can_hold_is_not_looked_up(tls: ServerTls, number: str) -> None:
    async with line(tls) as there:
        answer = await there.find(number)
        assert (answer.lookup.source, answer.lookup.degraded, answer.hits) == ("none", False, ())
        assert there.org.ledger.operations.total() == 0


HOSTILE = [
    "12' OR Name != '",
    '12"} IN ALL FIELDS RETURNING User(Id, Email) //',
    "12} RETURNING User(Id)",
    "12\\' OR Id != null --",
    "12*",
    "?12",
    "12%",
    "1_2",
    "12\x00\x01\x02\n\r\t",
    "\u202e21\u202c",
    "12" + "é" * 10_000,
    "12" + "'" * 10_000,
    "((((((((((12))))))))))",
    "1" + "{" * 60 + "2",
    "+1415555098" + "\u0667",
    "12 AND NOT 13 OR 14",
    "\ud80012",
]


@pytest.mark.parametrize("number", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_number_is_one_well_formed_lookup_that_finds_nobody(tls: ServerTls, number: str) -> None:
    async with line(tls) as there:
        answer = await there.find(number)
        assert (answer.hits, answer.lookup.degraded, answer.lookup.reason) == ((), False, None)
        assert there.org.ledger.statuses[400] == 0
        for search in there.org.ledger.searches:
            assert [each.source for each in sosl.parse(search).returning] == ["Contact", "Account", "Lead"]
        for query in there.org.ledger.queries:
            assert soql.parse(query).source == "Contact"


# The deadline


@pytest.mark.parametrize("route", ["search", "query", "login"])
async def test_answer_leaves_by_the_deadline_when_the_org_hangs(tls: ServerTls, route: str) -> None:
    async with line(tls, lookup_deadline=SHORT) as there:
        there.org.faults.add(Fault(Hang(), route=route, **ALWAYS))
        answer = await there.find(UNKNOWN)
        assert answer.lookup.degraded
        assert answer.lookup.source == "none"
        assert answer.lookup.reason == "Salesforce did not answer within 0.1 s"
        assert SHORT <= answer.lookup.duration_s < SHORT + 2
        target = answer.target("Ada")
        assert target is not None
        assert (target.kind, target.query) == ("search", UNKNOWN)


async def test_everyone_who_waits_leaves_by_the_deadline(tls: ServerTls) -> None:
    async with line(tls, lookup_deadline=SHORT, concurrency=2) as there:
        there.org.faults.add(Fault(Hang(), route="search", **ALWAYS))
        numbers = [caller.number for caller in WORLD.callers if caller.number][:30]
        answers = await asyncio.gather(*(there.find(number) for number in numbers))
        assert all(answer.lookup.degraded for answer in answers)
        assert max(answer.lookup.duration_s for answer in answers) < SHORT + 2


async def test_late_answer_warms_the_memory(tls: ServerTls) -> None:
    async with line(tls, lookup_deadline=SHORT) as there:
        there.org.faults.add(Fault(Latency(1), route="search"))
        assert (await there.find(SINGLE)).lookup.degraded
        there.gate.open()
        await there.lookup._tasks.join()
        again = await there.find(SINGLE)
        assert (again.lookup.source, again.lookup.degraded) == ("cache", False)
        assert len(again.hits) >= 1
        assert there.api_calls == 1


async def test_second_ring_joins_the_search_that_the_first_gave_up(tls: ServerTls) -> None:
    async with line(tls, lookup_deadline=SHORT) as there:
        there.org.faults.add(Fault(Latency(1), route="search"))
        assert (await there.find(SINGLE)).lookup.degraded
        async with asyncio.TaskGroup() as group:
            second = group.create_task(there.find(SINGLE))
            group.create_task(_open(there.gate.open))
        assert second.result().lookup.source in {"salesforce", "cache"}
        assert there.api_calls == 1


async def _open(gate: Any) -> None:
    gate()


async def test_failed_lookup_is_not_remembered(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(UNAVAILABLE_PAGE, route="search"))
        assert (await there.find(SINGLE)).lookup.degraded
        again = await there.find(SINGLE)
        assert (again.lookup.source, again.lookup.degraded) == ("salesforce", False)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (UNAVAILABLE_PAGE, "503"),
        (SERVER_ERROR, "UNKNOWN_EXCEPTION"),
        (TOTAL_REQUESTS, "REQUEST_LIMIT_EXCEEDED"),
        (too_many_requests(30), "REQUEST_LIMIT_EXCEEDED"),
        (FORBIDDEN, "INSUFFICIENT_ACCESS"),
        (UNAUTHORIZED_PAGE, "fresh login"),
        (Reset(), "cannot be reached"),
        (Truncate(), "no Salesforce answer"),
        (Reply(200, "<html>log in</html>", "text/html"), "no Salesforce answer"),
        (Reply(200, '{"hello": "world"}'), "no Salesforce answer"),
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["search", "query"])
async def test_whatever_goes_wrong_the_pop_is_a_search_that_says_why(
    tls: ServerTls, route: str, action: Action, reason: str
) -> None:
    async with line(tls, rules=ScreenPop(on_none="none", on_multiple="none")) as there:
        there.org.faults.add(Fault(action, route=route, **ALWAYS))
        answer = await there.find(UNKNOWN)
        assert answer.lookup.degraded
        assert reason in (answer.lookup.reason or "")
        target = answer.target(None)
        assert target is not None
        assert (target.kind, target.query) == ("search", UNKNOWN)
        assert len(there.troubles) == 1
        assert reason in (there.troubles[0] or "")


async def test_refused_login_degrades_with_its_mend(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(LOGIN_REFUSED, route="login"))
        answer = await there.find(SINGLE)
        assert "pre-authorise" in (answer.lookup.reason or "")
        assert answer.instance_url is None


async def test_recovery_is_told(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(UNAVAILABLE_PAGE, route="search"))
        await there.find(SINGLE)
        await there.find(SINGLE)
        assert there.troubles[-1] is None
        assert len(there.troubles) == 2


async def test_trouble_and_log_do_not_carry_the_callers_number(tls: ServerTls) -> None:
    async with line(tls) as there:
        quoted = refusal(400, "MALFORMED_SEARCH", f"unexpected token: {SINGLE.lstrip('+')} at line 1")
        there.org.faults.add(Fault(quoted, route="search"))
        with capture_logs() as logs:
            answer = await there.find(SINGLE)
        assert logs
        digits = phone.read(SINGLE, "US").national
        for told in (str(logs), str(there.troubles), str(answer.lookup.reason)):
            assert digits not in told
            assert "MALFORMED_SEARCH" in told


# The end


async def test_close_leaves_nobody_waiting(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Hang(), route="search"))
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(there.find(SINGLE))
            await there.until(lambda ledger: ledger.faults["Hang"] == 1)
            await there.lookup.close()
        assert waiting.result().lookup.degraded
        assert len(there.lookup._tasks) == 0
        assert there.lookup._in_flight == {}


async def test_caller_who_hangs_up_does_not_end_the_search_for_others(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(Latency(1), route="search"))
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(there.find(SINGLE))
            stays = group.create_task(there.find(SINGLE))
            await there.until(lambda ledger: ledger.operations["search"] == 1)
            gone.cancel()
            there.gate.open()
        assert gone.cancelled()
        assert len(stays.result().hits) >= 1


async def test_failing_listener_does_not_cost_the_answer(tls: ServerTls) -> None:
    def broken(_why: str | None) -> None:
        raise RuntimeError("the listener is broken")

    async with line(tls) as there:
        there.lookup._trouble = broken
        with capture_logs() as logs:
            answer = await there.find(SINGLE)
            await there.lookup._tasks.join()
        assert len(answer.hits) >= 1
        assert [entry["event"] for entry in logs] == ["task.failed"]


async def test_ids_of_minerva_get_the_records_name_when_a_name_is_wanted(tls: ServerTls) -> None:
    caller = next(each for each in WORLD.callers if each.contact_id and each.number)
    hint = CallerHint(contact_id=caller.contact_id)
    async with line(tls) as there:
        assert (await there.find(caller.number, hint)).name() is None
        assert there.api_calls == 0
        found = await there.find(caller.number, hint, named=True)
        assert found.name()
        assert [hit.id for hit in found.hits] == [caller.contact_id]
        assert there.api_calls == 1


async def test_ids_of_minerva_serve_without_a_name_when_the_org_fails(tls: ServerTls) -> None:
    async with line(tls) as there:
        there.org.faults.add(Fault(SERVER_ERROR, **ALWAYS))
        found = await there.find(SINGLE, CallerHint(contact_id="003000000000001AAA"), named=True)
        assert (found.lookup.source, found.lookup.degraded) == ("ids", False)


async def test_a_given_token_of_another_org_is_found_out(tls: ServerTls) -> None:
    given: dict[str, Any] = {
        "auth": "token",
        "access_token": lambda org: org.issue_token(),
        "instance_url": lambda org: org.url,
    }
    async with line(tls, **given) as there:
        await there.client.check_org(WORLD.org_id)
        with pytest.raises(WrongOrgError, match=WORLD.org_id):
            await there.client.check_org("00D000000000009EAA")
