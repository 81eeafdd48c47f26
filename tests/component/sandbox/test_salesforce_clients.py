"""A client that knows nothing of this sandbox works against it over TLS: simple-salesforce itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
import requests
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id, format_soql

from bridge.sandbox.certificates import ServerTls, make_server_tls
from bridge.sandbox.salesforce import Fault, SandboxOrg
from bridge.sandbox.salesforce.fault_actions import SESSION_EXPIRED
from tests.component.sandbox.salesforce_client import CALL_ID, WORLD

Ask = Callable[[Callable[[Salesforce], Any]], Any]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    return make_server_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def org(tls: ServerTls) -> AsyncIterator[SandboxOrg]:
    org = SandboxOrg(WORLD)
    org.declare_field("Task", CALL_ID)
    async with org.serving(ssl_context=tls.context):
        yield org


@pytest.fixture
async def ask(org: SandboxOrg, tls: ServerTls) -> AsyncIterator[Ask]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(tls.ca_file)
        client = Salesforce(session_id=org.issue_token(), instance_url=org.url, session=session, version="67.0")
        yield lambda work: asyncio.to_thread(work, client)


def of(client: Salesforce, name: str) -> SFType:
    return cast("SFType", getattr(client, name))


async def test_it_queries_pages_and_searches(ask: Ask, org: SandboxOrg) -> None:
    name = WORLD.agents[0].name
    found = await ask(lambda sf: sf.query(format_soql("SELECT Id, Name FROM User WHERE Name = {}", name)))
    assert found["records"][0]["Id"] == WORLD.agents[0].salesforce_user_id
    for number in range(2_001):
        org.store.add("Lead", LastName=f"Lead {number}", Company="x")
    everyone = await ask(lambda sf: list(sf.query_all_iter("SELECT Id FROM Lead")))
    assert len(everyone) == 2_001 + len(WORLD.records["Lead"])
    hits = await ask(lambda sf: sf.search("FIND {Ada} IN NAME FIELDS RETURNING Contact(Id, Name)"))
    assert all(hit["Name"].startswith("Ada") for hit in hits["searchRecords"])
    assert (await ask(lambda sf: sf.quick_search("Ada")))["searchRecords"]


async def test_it_writes_and_reads_records(ask: Ask) -> None:
    made = await ask(lambda sf: of(sf, "Case").create({"Subject": "Hello", "Origin": "Phone"}))
    assert made["success"]
    assert await ask(lambda sf: of(sf, "Case").update(made["id"], {"Status": "Closed"})) == 204
    assert (await ask(lambda sf: of(sf, "Case").get(made["id"])))["IsClosed"] is True
    assert await ask(lambda sf: of(sf, "Case").delete(made["id"])) == 204
    with pytest.raises(SalesforceResourceNotFound):
        await ask(lambda sf: of(sf, "Case").get(made["id"]))


async def test_it_upserts_by_external_id(ask: Ask, org: SandboxOrg) -> None:
    path = "sobjects/Task/" + format_external_id("Call_Id__c", "a/b c?#'+ü")
    for created in (True, False):
        answer = await ask(lambda sf: sf.restful(path, method="PATCH", json={"Subject": "Call"}))
        assert answer["created"] is created
    assert org.ledger.created_by_external_id["Task", "Call_Id__c", "a/b c?#'+ü"] == 1


async def test_it_reads_descriptions_limits_and_usage(ask: Ask, org: SandboxOrg) -> None:
    fields = (await ask(lambda sf: of(sf, "Contact").describe()))["fields"]
    assert {"Phone", "MobilePhone"} <= {field["name"] for field in fields if field["type"] == "phone"}
    assert (await ask(lambda sf: sf.limits()))["DailyApiRequests"]["Max"] == org.api_limit
    assert await ask(lambda sf: sf.api_usage["api-usage"]) == (2, org.api_limit)


async def test_it_understands_the_refusals(ask: Ask, org: SandboxOrg) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Nope'"):
        await ask(lambda sf: sf.query("SELECT Nope FROM Contact"))
    org.faults.add(Fault(SESSION_EXPIRED))
    with pytest.raises(SalesforceExpiredSession):
        await ask(lambda sf: sf.query("SELECT Id FROM User"))
    for subject in ("a", "b"):
        org.store.add("Task", Subject=subject, Call_Id__c="twice")
    with pytest.raises(SalesforceMoreThanOneRecord):
        await ask(lambda sf: sf.restful("sobjects/Task/Call_Id__c/twice"))
    org.api_limit = 0
    with pytest.raises(SalesforceRefusedRequest, match="TotalRequests Limit exceeded"):
        await ask(lambda sf: sf.query("SELECT Id FROM User"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_strict_verification_accepts_the_certificate(org: SandboxOrg, tls: ServerTls, host: str) -> None:
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    url = org.url.replace("127.0.0.1", host)
    async with aiohttp.ClientSession() as http, http.get(f"{url}/services/data", ssl=context) as response:
        assert response.status == 200


async def test_another_authority_is_not_trusted(org: SandboxOrg, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=make_server_tls(tmp_path).ca_file)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{org.url}/services/data", ssl=context)


async def test_only_the_authority_stays_on_disk(tmp_path: Path) -> None:
    made = make_server_tls(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == [made.ca_file]
    assert "PRIVATE KEY" not in made.ca_file.read_text()
