"""Tokens the org has given out, and how long they live.

The lifetime is the session policy of the org: a token dies when it has not been used for that time, and a new one is
got by logging in again (Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

TTL_S = 7_200.0
"""Two hours, the default session timeout."""
LOGINS_PER_HOUR = 3_600
"""Logins of one user in an hour; more are refused (Salesforce Help 000381578, "Login Rate Exceeded")."""
HOUR_S = 3_600.0


@dataclass(slots=True)
class Session:
    """Who a token speaks for; `expires_at` is in UTC epoch seconds."""

    token: str
    username: str
    user_id: str
    expires_at: float


class Sessions:
    """The living tokens of one org. `ttl_s` and `logins_per_hour` may be changed at any time."""

    def __init__(self, org_id: str, clock: Callable[[], float]) -> None:
        self.ttl_s = TTL_S
        self.logins_per_hour = LOGINS_PER_HOUR
        self._org_id = org_id
        self._clock = clock
        self._numbers = count(1)
        self._living: dict[str, Session] = {}
        self._logins: dict[str, deque[float]] = {}

    def issue(self, username: str, user_id: str) -> Session:
        """Give out a new token."""
        number = next(self._numbers)
        token = f"{self._org_id[:15]}!AQsandbox.{number:06d}.{'x' * 40}"
        session = Session(token, username, user_id, self._clock() + self.ttl_s)
        self._living[token] = session
        return session

    def admit_login(self, username: str) -> bool:
        """Count a login and say whether the user's hourly rate allows it."""
        now = self._clock()
        times = self._logins.setdefault(username.lower(), deque())
        while times and times[0] <= now - HOUR_S:
            times.popleft()
        if len(times) >= self.logins_per_hour:
            return False
        times.append(now)
        return True

    def use(self, token: str) -> Session | None:
        """Give the session of a token and prolong it, or None when it is unknown or over."""
        session = self._living.get(token)
        if session is None:
            return None
        now = self._clock()
        if now >= session.expires_at:
            del self._living[token]
            return None
        session.expires_at = now + self.ttl_s
        return session

    def expire_all(self) -> None:
        """Make every token unknown."""
        self._living.clear()
