from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.sandbox.salesforce import Consumer, Fault, Field, SandboxOrg
from bridge.sandbox.salesforce.fault_actions import Latency
from bridge.sandbox.salesforce.ids import numbered_id
from bridge.sandbox.salesforce.login import JWT_BEARER
from tests.component.sandbox.salesforce_client import WORLD, Client, serving

USER = WORLD.agents[0].salesforce_user_id


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving() as client:
        yield client


async def test_a_login_gives_a_token_that_works(client: Client) -> None:
    answer = await client.login()
    assert answer.status == 200
    assert set(answer.json) >= {"access_token", "instance_url", "id", "token_type", "scope", "issued_at"}
    assert answer.json["instance_url"] == client.url
    assert answer.json["id"].startswith(f"{client.url}/id/{WORLD.org_id}/005")
    client.token = answer.json["access_token"]
    assert (await client.query("SELECT Id FROM User")).json["totalSize"] == 3
    assert (await client.call("GET", "/services/oauth2/userinfo")).json["organization_id"] == WORLD.org_id
    assert (await client.call("GET", answer.json["id"].removeprefix(client.url))).status == 200


async def test_a_refused_login_says_why(client: Client) -> None:
    client.org.register(Consumer("bridge", secret="other"))
    answer = await client.login()
    assert answer.status == 400
    assert answer.json == {"error": "invalid_client", "error_description": "invalid client credentials"}
    assert (client.org.ledger.logins, client.org.ledger.refused_logins) == (0, 1)


async def test_too_many_logins_are_refused(client: Client) -> None:
    client.org.sessions.logins_per_hour = 1
    await client.login()
    assert (await client.login()).json == {"error": "invalid_grant", "error_description": "login rate exceeded"}


async def test_an_unknown_token_is_refused(client: Client) -> None:
    client.token = "stale"
    answer = await client.query("SELECT Id FROM User")
    assert answer.status == 401
    assert answer.json == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert "Sforce-Limit-Info" not in answer.headers


async def test_a_token_expires_by_time_and_by_order(client: Client) -> None:
    client.clock.now += client.org.sessions.ttl_s
    assert (await client.query("SELECT Id FROM User")).status == 401
    client.token = client.org.issue_token()
    assert (await client.query("SELECT Id FROM User")).status == 200
    client.org.expire_tokens()
    assert (await client.query("SELECT Id FROM User")).status == 401


@pytest.mark.parametrize("version", ["v20.0", "v59.0", "v67.0", "v99.0"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_any_version_answers_with_and_without_a_slash(client: Client, version: str, slash: str) -> None:
    answer = await client.call("GET", f"/services/data/{version}/query{slash}", params={"q": "SELECT Id FROM User"})
    assert answer.status == 200
    assert answer.json["records"][0]["attributes"]["url"].startswith(f"/services/data/{version}/sobjects/User/005")


async def test_every_data_answer_says_what_is_used_of_the_day(client: Client) -> None:
    client.org.api_limit = 2
    assert (await client.call("GET", "limits")).json["DailyApiRequests"] == {"Max": 2, "Remaining": 1}
    answer = await client.query("SELECT Id FROM User")
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=2/2"
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    answer = await client.query("SELECT Id FROM User")
    assert answer.status == 403
    assert answer.json == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert (await client.login()).status == 200


async def test_versions_are_open_and_uncounted(client: Client) -> None:
    client.token = "none"
    answer = await client.call("GET", "/services/data/")
    assert [version["version"] for version in answer.json] == ["66.0", "67.0", "68.0"]
    assert "Sforce-Limit-Info" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/services/data/vX/query", 404, "NOT_FOUND"),
        ("GET", "nothing", 404, "NOT_FOUND"),
        ("DELETE", "limits", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "sobjects/Nope/describe", 404, "NOT_FOUND"),
        ("POST", "sobjects/Nope", 404, "NOT_FOUND"),
        ("GET", "sobjects/Contact/xyz", 404, "NOT_FOUND"),
        ("GET", "sobjects/Contact/003000000000001AAA", 404, "NOT_FOUND"),
        ("GET", f"sobjects/Contact/{USER}", 400, "MALFORMED_ID"),
        ("GET", "sobjects/Task/Nope__c/x", 404, "NOT_FOUND"),
        ("GET", "sobjects/Task/Call_Id__c/x", 404, "NOT_FOUND"),
        ("GET", "query/01gxx0000000001-2000", 400, "INVALID_QUERY_LOCATOR"),
        ("GET", "query", 400, "MALFORMED_QUERY"),
        ("GET", "search", 400, "MALFORMED_SEARCH"),
        ("GET", f"sobjects/User/{USER}?fields=Id,Nope", 400, "INVALID_FIELD"),
    ],
)
async def test_a_wrong_path_is_answered_in_kind(client: Client, method: str, path: str, status: int, code: str) -> None:
    answer = await client.call(method, path)
    assert (answer.status, answer.code) == (status, code)


async def test_many_rows_come_in_pages(client: Client) -> None:
    headers = {"Sforce-Query-Options": "batchSize=200"}
    answer = await client.call("GET", "query", params={"q": "SELECT Id FROM Contact"}, headers=headers)
    page = answer.json
    total = len(WORLD.records["Contact"])
    assert (page["totalSize"], page["done"], len(page["records"])) == (total, False, 200)
    rest = (await client.call("GET", page["nextRecordsUrl"])).json
    assert rest["done"]
    assert "nextRecordsUrl" not in rest
    ids = {row["Id"] for row in page["records"] + rest["records"]}
    assert len(ids) == total


async def test_a_record_lives_from_create_to_delete(client: Client) -> None:
    answer = await client.call("POST", "sobjects/contact/", json={"lastname": "Berg", "Phone": "+1 (212) 555-0190"})
    assert answer.status == 201
    assert (answer.json["success"], answer.json["errors"]) == (True, [])
    path = f"sobjects/Contact/{answer.json['id']}"
    assert (await client.call("PATCH", path, json={"FirstName": "Ada"})).status == 204
    assert (await client.call("POST", f"{path}?_HttpMethod=PATCH", json={"Title": "Dr"})).status == 204
    record = (await client.call("GET", f"{path}?fields=Name,Title")).json
    assert (record["Name"], record["Title"]) == ("Ada Berg", "Dr")
    assert (await client.call("GET", path[:-3])).json["Phone"] == "+1 (212) 555-0190"
    assert (await client.call("DELETE", path)).status == 204
    assert (await client.call("GET", path)).code == "ENTITY_IS_DELETED"
    statement = "SELECT Id FROM Contact WHERE IsDeleted = true"
    assert (await client.query(statement)).json["totalSize"] == 0
    assert (await client.query(statement, "queryAll")).json["totalSize"] == 1


async def test_a_caller_of_the_world_is_found_by_search(client: Client) -> None:
    record = next(row for row in WORLD.records["Contact"] if row["Phone"])
    digits = "".join(filter(str.isdigit, str(record["Phone"])))
    answer = await client.search(f"FIND {{{digits[-10:]}}} IN PHONE FIELDS RETURNING Contact(Id, Name, Phone)")
    assert record["Id"] in [row["Id"] for row in answer.json["searchRecords"]]
    assert client.org.ledger.searches[-1].startswith("FIND {")


async def test_an_old_version_gives_a_bare_list_of_hits(client: Client) -> None:
    answer = await client.call("GET", "/services/data/v36.0/search", params={"q": "FIND {ada} RETURNING Contact"})
    assert isinstance(answer.json, list)


async def test_what_is_new_is_searchable_after_the_lag(client: Client) -> None:
    client.org.index_lag_s = 900.0
    await client.call("POST", "sobjects/Contact", json={"LastName": "Fresh", "Phone": "5550001111"})
    search = "FIND {5550001111} IN PHONE FIELDS RETURNING Contact(Id)"
    assert (await client.search(search)).json == {"searchRecords": []}
    assert (await client.query("SELECT Id FROM Contact WHERE Phone = '5550001111'")).json["totalSize"] == 1
    client.clock.now += 900
    assert len((await client.search(search)).json["searchRecords"]) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_parameters_search_without_syntax(client: Client, method: str) -> None:
    await client.call("POST", "sobjects/Contact", json={"LastName": "Night-Owl", "Phone": "+1 (212) 555-0190"})
    kwargs: dict[str, Any]
    if method == "GET":
        params = {"q": "(212) 555-0190", "in": "PHONE", "sobject": "Contact", "Contact.fields": "Id,Name"}
        kwargs = {"params": {**params, "q": "2125550190", "Contact.limit": "5"}}
    else:
        sources = [{"name": "Contact", "fields": ["Id", "Name"], "limit": 5}]
        kwargs = {"json": {"q": "2125550190", "in": "PHONE", "sobjects": sources, "overallLimit": 9}}
    answer = await client.call(method, "parameterizedSearch", **kwargs)
    assert [row["Name"] for row in answer.json["searchRecords"]] == ["Night-Owl"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"q": "a"}, "INVALID_SEARCH"),
        ({"q": "ab", "in": "SOMEWHERE"}, "INVALID_SEARCH_SCOPE"),
        ({"q": "ab", "sobjects": [{"name": "Nope"}]}, "INVALID_TYPE"),
        ({"q": "ab", "sobjects": [{"name": "Contact", "fields": ["Id;"]}]}, "JSON_PARSER_ERROR"),
        ({"q": "ab", "overallLimit": "many"}, "JSON_PARSER_ERROR"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
async def test_wrong_parameters_are_refused(client: Client, body: object, code: str) -> None:
    answer = await client.call("POST", "parameterizedSearch", json=body)
    assert (answer.status, answer.code) == (400, code)


async def test_an_upsert_creates_once_and_then_updates(client: Client) -> None:
    first = await client.upsert("a%2Fb%20c%3F%23", Subject="one")
    second = await client.upsert("a%2Fb%20c%3F%23", Subject="two")
    assert (first.status, first.json["created"]) == (201, True)
    assert (second.status, second.json["created"]) == (200, False)
    assert first.json["id"] == second.json["id"]
    task = (await client.call("GET", "sobjects/Task/Call_Id__c/a%2Fb%20c%3F%23")).json
    assert (task["Subject"], task["Call_Id__c"]) == ("two", "a/b c?#")
    assert client.org.ledger.created_by_external_id["Task", "Call_Id__c", "a/b c?#"] == 1
    old = await client.call("PATCH", "/services/data/v45.0/sobjects/Task/Call_Id__c/a%2Fb%20c%3F%23", json={})
    assert (old.status, old.text) == (204, "")


async def test_an_upsert_that_may_only_update_creates_nothing(client: Client) -> None:
    answer = await client.call("PATCH", "sobjects/Task/Call_Id__c/x?updateOnly=true", json={"Subject": "x"})
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_an_ambiguous_external_id_is_answered_with_choices(client: Client) -> None:
    client.org.declare_field("Task", Field("Loose__c", length=64, external_id=True))
    ids = [client.org.store.add("Task", Subject="x", Loose__c="same") for _ in range(2)]
    answer = await client.call("PATCH", "sobjects/Task/Loose__c/same", json={"Subject": "y"})
    assert answer.status == 300
    assert answer.json == [f"/services/data/v67.0/sobjects/Task/{record_id}" for record_id in ids]


async def test_upserts_that_overlap_collide(client: Client) -> None:
    async def wait(_seconds: float) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    client.org._gate._sleep = wait
    client.org.faults.add(Fault(Latency(1.0), route="upsert", times=None))
    answers = await asyncio.gather(*(client.upsert("c-1", Subject="x") for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [201, 400]
    [lost] = [answer for answer in answers if answer.status == 400]
    assert lost.json[0]["errorCode"] == "DUPLICATE_VALUE"
    assert "Call_Id__c duplicates value on record with id: 00T" in lost.json[0]["message"]
    assert (await client.upsert("c-1", Subject="again")).json["created"] is False


async def test_a_describe_tells_fields_and_their_types(client: Client) -> None:
    client.org.declare_field("Contact", Field("Night_Phone__c", "phone", 40))
    described = (await client.call("GET", "sobjects/contact/describe")).json
    fields = {field["name"]: field for field in described["fields"]}
    assert fields["Night_Phone__c"]["type"] == fields["MobilePhone"]["type"] == "phone"
    assert (fields["Id"]["createable"], fields["LastName"]["nillable"]) == (False, False)
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    task = (await client.call("GET", "sobjects/Task/describe")).json
    assert next(field for field in task["fields"] if field["name"] == "Call_Id__c")["externalId"]
    names = [entity["name"] for entity in (await client.call("GET", "sobjects")).json["sobjects"]]
    assert {"Account", "Contact", "Lead", "Case", "Task", "User"} <= set(names)


async def test_a_custom_object_is_as_good_as_another(client: Client) -> None:
    client.org.declare_object("Line__c", Field("Number__c", "phone", 40))
    await client.call("POST", "sobjects/Line__c", json={"Name": "Desk", "Number__c": "2125550198"})
    answer = await client.search("FIND {2125550198} IN PHONE FIELDS RETURNING line__c(Name)")
    assert [row["Name"] for row in answer.json["searchRecords"]] == ["Desk"]


async def test_person_accounts_are_there_when_enabled(client: Client) -> None:
    assert (await client.query("SELECT IsPersonAccount FROM Account LIMIT 1")).code == "INVALID_FIELD"
    client.org.enable_person_accounts()
    assert (await client.query("SELECT IsPersonAccount FROM Account LIMIT 1")).status == 200


async def test_a_published_event_succeeds_with_a_non_empty_list_of_errors(client: Client) -> None:
    answer = await client.call("POST", "sobjects/Minerva_Screen_Pop__e/", json={"Call__c": "c-1", "Body__c": "{}"})
    assert answer.status == 201
    assert answer.json["success"] is True
    assert answer.json["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    assert client.org.ledger.events[-1] == ("Minerva_Screen_Pop__e", {"Call__c": "c-1", "Body__c": "{}"})


async def test_a_declared_event_takes_its_own_fields_only(client: Client) -> None:
    client.org.declare_field("Pop__e", Field("Call__c", required=True))
    assert (await client.call("POST", "sobjects/Pop__e", json={"Other__c": 1})).code == "INVALID_FIELD"
    assert (await client.call("POST", "sobjects/Pop__e", json={})).code == "REQUIRED_FIELD_MISSING"
    assert (await client.call("POST", "sobjects/Pop__e", json={"Call__c": "x"})).status == 201


async def test_a_notification_is_taken(client: Client) -> None:
    found = (await client.query("SELECT Id FROM CustomNotificationType WHERE DeveloperName = 'Minerva_Bridge'")).json
    item = {
        "customNotifTypeId": found["records"][0]["Id"],
        "recipientIds": [USER],
        "title": "New Voicemail",
        "body": "From: Ada",
        "targetId": "000000000000000AAA",
    }
    answer = await client.call("POST", "actions/standard/customNotificationAction", json={"inputs": [item]})
    assert answer.status == 200
    assert answer.json[0]["isSuccess"] is True
    assert list(client.org.ledger.notifications) == [item]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x" * 251},
        {"body": "x" * 751},
        {"body": ""},
        {"recipientIds": []},
        {"recipientIds": [USER] * 501},
        {"recipientIds": ["nobody"]},
        {"customNotifTypeId": None},
        {"targetId": None},
    ],
)
async def test_a_wrong_notification_is_refused(client: Client, change: dict[str, object]) -> None:
    item = {
        "customNotifTypeId": numbered_id("0ML", 1),
        "recipientIds": [USER],
        "title": "t",
        "body": "b",
        "targetId": USER,
        **change,
    }
    answer = await client.call("POST", "actions/standard/customNotificationAction", json={"inputs": [item]})
    assert answer.status == 400
    assert answer.json[0]["isSuccess"] is False
    assert not client.org.ledger.notifications


async def test_the_ledger_counts_what_was_asked(client: Client) -> None:
    await asyncio.gather(*(client.query("SELECT Id FROM User") for _ in range(5)))
    assert client.org.ledger.operations["query"] == 5
    assert client.org.ledger.statuses[200] == 5
    assert client.org.ledger.api_calls == 5
    assert client.org.ledger.running == 0
    assert list(client.org.ledger.queries) == ["SELECT Id FROM User"] * 5


async def test_an_org_stops_twice_and_starts_again(client: Client) -> None:
    with pytest.raises(RuntimeError, match="served already"):
        await client.org.start()
    await client.org.stop()
    await client.org.stop()
    assert client.org.url == ""
    client.url = await client.org.start()
    assert (await client.query("SELECT Id FROM User")).status == 200


def key_and_certificate() -> tuple[rsa.RSAPrivateKey, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bridge")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    blank = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = blank.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=365))
    return key, dated.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


async def test_an_assertion_signed_by_the_registered_certificate_comes_in(client: Client) -> None:
    key, certificate = key_and_certificate()
    client.org.register(Consumer("bridge", certificate))
    username = WORLD.records["User"][0]["Username"]
    claims = {"iss": "bridge", "sub": username, "aud": client.url, "exp": int(client.clock.now) + 180}
    assertion = jwt.encode(claims, key, algorithm="RS256")
    answer = await client.login(grant_type=JWT_BEARER, assertion=assertion)
    assert answer.status == 200
    assert answer.json["id"].endswith(f"/id/{WORLD.org_id}/{USER}")
    stranger, _ = key_and_certificate()
    answer = await client.login(grant_type=JWT_BEARER, assertion=jwt.encode(claims, stranger, algorithm="RS256"))
    assert answer.json == {"error": "invalid_grant", "error_description": "invalid assertion"}


async def test_a_consumer_needs_an_rsa_certificate(client: Client) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match="RSA"):
        client.org.register(Consumer("bridge", pem))


async def test_the_resources_of_a_version_are_listed(client: Client) -> None:
    assert (await client.call("GET", "")).json["search"] == "/services/data/v67.0/search"
    assert (await client.call("GET", "sobjects/Contact/")).json["objectDescribe"]["keyPrefix"] == "003"


async def test_the_oldest_of_too_many_cursors_is_dropped(client: Client) -> None:
    headers = {"Sforce-Query-Options": "batchSize=200"}
    pages = [
        (await client.call("GET", "query", params={"q": "SELECT Id FROM Contact"}, headers=headers)).json
        for _ in range(11)
    ]
    assert (await client.call("GET", pages[0]["nextRecordsUrl"])).code == "INVALID_QUERY_LOCATOR"
    assert (await client.call("GET", pages[1]["nextRecordsUrl"])).status == 200


async def test_a_taken_port_is_an_error_and_leaves_the_org_startable(client: Client) -> None:
    other = SandboxOrg(WORLD)
    with pytest.raises(OSError, match="address"):
        await other.start(port=int(client.url.rpartition(":")[2]))
    with pytest.raises(RuntimeError, match="not served"):
        await other.move()
    assert (await other.start()).startswith("http://127.0.0.1:")
    await other.stop()


async def test_a_bug_in_the_org_answers_as_salesforce_would_and_is_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(client.org.store, "get", fail)
    answer = await client.call("GET", f"sobjects/User/{USER}")
    assert (answer.status, answer.code) == (500, "UNKNOWN_EXCEPTION")
    assert "a bug" in caplog.text


async def test_the_application_can_be_served_by_others() -> None:
    org = SandboxOrg(WORLD)
    async with TestClient(TestServer(org.application())) as http:
        form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
        async with http.post("/services/oauth2/token", data=form) as response:
            assert (await response.json())["instance_url"] == str(http.make_url("")).rstrip("/")
