"""Looking up: ours against simple-salesforce called bare, both over TLS with keep-alive, in one run."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import requests
from pydantic import SecretStr
from simple_salesforce.api import Salesforce as SimpleSalesforce

from bridge.core.clock import SystemClock
from bridge.events import CallerHint
from bridge.metrics import Metrics
from bridge.salesforce import phone, queries
from bridge.salesforce.auth import Authenticator
from bridge.salesforce.client import SalesforceClient
from bridge.salesforce.lookup import Lookup
from bridge.sandbox.certificates import make_server_tls
from bridge.sandbox.salesforce import SandboxOrg
from bridge.sandbox.world import build_world
from bridge.settings import Salesforce, ScreenPop
from tests.bench.report import figure

CALLS = 200


async def run() -> None:
    """Print the figures."""
    world = build_world()
    org = SandboxOrg(world)
    numbers = [each.number for each in world.callers if each.matches == "single" and each.number][:CALLS]
    with tempfile.TemporaryDirectory() as folder:
        tls = make_server_tls(Path(folder))
        async with org.serving(ssl_context=tls.context) as url, aiohttp.ClientSession() as http:
            settings = Salesforce(
                auth="token",
                instance_url=url,
                access_token=SecretStr(org.issue_token()),
                ca_file=tls.ca_file,
            )
            bare = await asyncio.to_thread(_bare, url, org.issue_token(), tls.ca_file, numbers)
            clock, metrics = SystemClock(), Metrics()
            client = SalesforceClient(settings, Authenticator(settings, world.org_id, http=http, clock=clock), metrics)
            lookup = Lookup(client, settings, ScreenPop(), clock)
            before = org.ledger.api_calls
            began = time.perf_counter()
            for number in numbers:
                await lookup.find(number, CallerHint())
            one_by_one = len(numbers) / (time.perf_counter() - began)
            calls = org.ledger.api_calls - before
            began = time.perf_counter()
            for number in numbers:
                await lookup.find(number, CallerHint())
            repeats = len(numbers) / (time.perf_counter() - began)
            await lookup.close()
            client.close()
    figure("bare simple-salesforce, one after another", f"{bare:,.0f} searches/s")
    figure(
        "lookup, one after another, verified and ranked", f"{one_by_one:,.0f}/s  ({bare / one_by_one:.2f} x the time)"
    )
    figure("API calls per fresh caller with a hit", f"{calls / len(numbers):.2f}")
    figure("lookup of a caller who rang before", f"{repeats:,.0f}/s, 0 API calls")


def _bare(url: str, token: str, ca_file: Path, numbers: list[str]) -> float:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(ca_file)
    api = SimpleSalesforce(instance_url=url, session_id=token, session=session, version="67.0")
    assert urlsplit(url).scheme == "https"
    sosl = [queries.search(phone.read(number, "US"), ("Contact", "Account", "Lead")) for number in numbers]
    api.search(sosl[0])
    began = time.perf_counter()
    for each in sosl:
        api.search(each)
    seconds = time.perf_counter() - began
    session.close()
    return len(sosl) / seconds
