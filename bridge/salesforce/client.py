"""Calls to Salesforce: simple-salesforce in direct mode, in a bounded pool of threads, with its traps closed.

simple-salesforce 1.12 has no time-outs, reads ~/.netrc and proxy variables, shares a pool of ten connections, always
speaks https, and in its login modes logs in again without end. So: one requests session with a default time-out, no
trust in the environment, no redirects and a connection per thread; logins are ours; a 401 is renewed once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce as SimpleSalesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession

from bridge.core.errors import BridgeError, Refused, Unavailable
from bridge.metrics import Metrics
from bridge.salesforce.auth import ORG_ID_LENGTH, Authenticator, Login, WrongOrgError
from bridge.settings.salesforce import Salesforce

RETRYABLE_CODES = frozenset(
    {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION", "QUERY_TIMEOUT"}
)
"""Error codes that say "not now" whatever their HTTP status."""

_MISSHAPEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What simple-salesforce trips over when the answer is JSON, but of no shape that was promised."""
_STOPPING = "the bridge is stopping"
_NO_ANSWER = "answered something that is no Salesforce answer"

Operation = Callable[[SimpleSalesforce], Any]


class SalesforceClient:
    """Runs queries and searches; at most `concurrency` at a time, the others wait for a free thread."""

    def __init__(self, settings: Salesforce, authenticator: Authenticator, metrics: Metrics) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="salesforce")
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.max_redirects = 0  # the REST API does not redirect: whoever does is not to see the token
        if settings.ca_file is not None:
            self._http.verify = str(settings.ca_file)
        adapter = _TimeoutAdapter(settings.timeout, settings.concurrency)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)
        self._closed = False

    @property
    def instance_url(self) -> str | None:
        """Where the org is, when known."""
        return self._authenticator.instance_url

    async def search(self, sosl: str) -> list[Mapping[str, Any]]:
        """Run one SOSL search and give its records. Raises as `call` does."""
        answer = await self.call("search", lambda api: api.restful("search/", params={"q": sosl}))
        return _records([] if answer is None else answer, "searchRecords")  # None: an empty bare list, up to v36

    async def query(self, soql: str) -> list[Mapping[str, Any]]:
        """Run one SOQL query and give the records of its first page. Raises as `call` does."""
        answer = await self.call("query", lambda api: api.query(soql))
        return _records(answer, "records")

    async def check_org(self, org_id: str) -> None:
        """Make sure that a given token speaks for that org: no login answer has named it.

        Raises WrongOrgError; an org that does not tell is believed.
        """
        try:
            found = await self.query("SELECT Id FROM Organization LIMIT 1")
        except Refused:
            return
        landed = found[0].get("Id") if found else None
        if isinstance(landed, str) and landed[:ORG_ID_LENGTH] != org_id[:ORG_ID_LENGTH]:
            raise WrongOrgError(landed)

    async def call(self, name: str, operation: Operation) -> Any:
        """Run one operation in a thread; a login that has expired is renewed once.

        Raises:
            Refused: Salesforce said no and will say it again.
            Unavailable: it did not answer, or says that it cannot now.
        """
        login = await self._authenticator.login()
        try:
            return await self._run(name, operation, login)
        except _Expired:
            login = await self._authenticator.login(expired=login)
        try:
            return await self._run(name, operation, login)
        except _Expired:
            raise Refused("Salesforce refuses a fresh login: check the integration user's API access") from None

    def close(self) -> None:
        """Refuse calls from now on; those that are under way finish within their time-out, nobody waits for them."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    async def _run(self, name: str, operation: Operation, login: Login) -> Any:
        if self._closed:
            raise Unavailable(_STOPPING)
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, self._blocking, operation, login)
        except BridgeError as error:
            self._metrics.salesforce_calls.labels(name, _outcome(error)).inc()
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():  # still waited for a thread at the close
                raise Unavailable(_STOPPING) from None
            raise
        self._metrics.salesforce_calls.labels(name, "ok").inc()
        return answer

    def _blocking(self, operation: Operation, login: Login) -> Any:
        """In a thread: one request. Every error of the libraries is translated here."""
        version = self._settings.api_version
        api = SimpleSalesforce(
            instance_url=login.instance_url, session_id=login.token, session=self._http, version=version
        )
        # It would say https to a loopback org without TLS, and cannot write an IPv6 host.
        api.base_url = f"{login.instance_url.rstrip('/')}/services/data/v{version}/"
        try:
            answer = operation(api)
        except SalesforceExpiredSession:
            raise _Expired from None
        except SalesforceError as error:
            raise _translated(error) from None
        except requests.JSONDecodeError:
            raise Unavailable(_NO_ANSWER) from None
        except requests.Timeout:
            raise Unavailable(f"no answer within {self._settings.timeout:g} s") from None
        except requests.RequestException as error:
            raise Unavailable(f"cannot be reached: {type(error).__name__}") from None
        except _MISSHAPEN:
            raise Unavailable(_NO_ANSWER) from None
        self._note_usage(api)
        return answer

    def _note_usage(self, api: SimpleSalesforce) -> None:
        usage = api.api_usage.get("api-usage")
        if usage is not None and usage.total > 0:
            self._metrics.salesforce_remaining.set(max(0.0, 1 - usage.used / usage.total))


class _Expired(BridgeError):
    """The login is no longer valid."""


class _TimeoutAdapter(HTTPAdapter):
    """Gives every request a time-out, and every thread a connection."""

    def __init__(self, timeout_s: float, threads: int) -> None:
        super().__init__(pool_maxsize=threads, pool_block=True)
        self._timeout_s = timeout_s

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send with a time-out."""
        options["timeout"] = options.get("timeout") or self._timeout_s
        return super().send(request, *args, **options)


def _translated(error: SalesforceError) -> BridgeError:
    """Refused or Unavailable, with Salesforce's own code and words."""
    status = getattr(error, "status", 0)
    content = getattr(error, "content", None)
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    code, message = str(first.get("errorCode") or f"HTTP {status}"), str(first.get("message") or "")
    text = f"{code}: {' '.join(message.split())[:200]}" if message else code
    if status == 429 or status >= 500 or code in RETRYABLE_CODES:  # noqa: PLR2004 - HTTP
        return Unavailable(text)
    return Refused(text)


def _outcome(error: BridgeError) -> str:
    if isinstance(error, _Expired):
        return "expired"
    return "refused" if isinstance(error, Refused) else "unavailable"


def _records(answer: Any, key: str) -> list[Mapping[str, Any]]:
    """The records of an answer; what is no such answer is not taken for "nothing found"."""
    found = answer.get(key) if isinstance(answer, dict) else answer
    if not isinstance(found, list):
        raise Unavailable(_NO_ANSWER)
    return [each for each in found if isinstance(each, dict)]
