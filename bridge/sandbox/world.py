"""The seeded call centre that both sandbox servers show: who works there, who calls, what the org knows of them.

The same seed gives the same world, to the last record id. All telephone numbers come from ranges that regulators
keep for fiction (NANPA 555-01xx, Ofcom's drama numbers), so nobody's telephone is ever in a rehearsal.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

Match = Literal["single", "several", "none", "withheld"]
Record = Mapping[str, str | bool | None]
"""One sObject: field name to value, `Id` among them."""

GIVEN = [
    "Ada",
    "Amir",
    "Ana",
    "Bao",
    "Bela",
    "Carla",
    "Chidi",
    "Dana",
    "Eitan",
    "Emeka",
    "Farah",
    "Femi",
    "Goran",
    "Hana",
    "Ines",
    "Ivo",
    "Jae",
    "Jun",
    "Kofi",
    "Lena",
    "Liv",
    "Luca",
    "Mads",
    "Mei",
    "Mina",
    "Nadia",
    "Nils",
    "Noor",
    "Olga",
    "Omar",
    "Priya",
    "Rafa",
    "Rana",
    "Rui",
    "Sana",
    "Sofia",
    "Tariq",
    "Uma",
    "Vera",
    "Wen",
    "Yara",
    "Yuki",
    "Zoe",
]
FAMILY = [
    "Abara",
    "Berg",
    "Castro",
    "Dahl",
    "Eriksen",
    "Farkas",
    "Gupta",
    "Haddad",
    "Ito",
    "Jansen",
    "Khan",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Silva",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weiss",
    "Xu",
    "Yilmaz",
    "Zeman",
]
FIRM = [
    "Alder",
    "Beacon",
    "Cobalt",
    "Delta",
    "Ember",
    "Fjord",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Larch",
    "Meridian",
    "Nimbus",
    "Orchard",
]
TRADE = [
    "Foods",
    "Freight",
    "Insurance",
    "Labs",
    "Logistics",
    "Media",
    "Motors",
    "Outfitters",
    "Pharma",
    "Power",
    "Systems",
    "Textiles",
    "Travel",
]
QUEUES = ("Sales", "Support", "Billing", "Returns", "Premium", "Onboarding", "Claims", "Dispatch")
PROBLEMS = (
    "Invoice disputed",
    "Order not delivered",
    "Password reset",
    "Refund outstanding",
    "Damaged parcel",
)
US_AREAS = ("212", "312", "415", "512", "617", "720")
KEY_PREFIX = {
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "Case": "500",
    "User": "005",
    "Organization": "00D",
}
_ID_ALPHABET = string.ascii_uppercase + "012345"


def record_id(kind: str, number: int) -> str:
    """Give the 18-character id of the n-th record of an object: key prefix, instance, number, case checksum."""
    short = f"{KEY_PREFIX[kind]}Sb{number:010d}"
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if char.isupper())
        suffix += _ID_ALPHABET[bits]
    return short + suffix


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who answers the telephone: their Minerva user and their Salesforce user."""

    user_id: str
    salesforce_user_id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A line that callers wait in; `target` is the share in percent to be answered in time."""

    id: str
    name: str
    target: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may ring. `number` is E.164, or None when withheld; `matches` is what the org should find.

    `name` and the ids are what Minerva itself knows and puts into `callerInfo`: mostly nothing.
    """

    number: str | None
    matches: Match
    name: str | None = None
    account_id: str | None = None
    contact_id: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything both servers know. `records` maps an sObject's name to its records."""

    seed: int
    org_id: str
    agents: tuple[Agent, ...]
    queues: tuple[Queue, ...]
    callers: tuple[Caller, ...]
    records: Mapping[str, Sequence[Record]] = field(repr=False)


def build_world(*, seed: int = 7, agents: int = 5, queues: int = 3) -> World:
    """Build the call centre of that seed: about 60 accounts, 220 contacts, 60 leads, 80 cases and their callers."""
    return _Builder(random.Random(seed)).build(seed, agents, queues)


class _Builder:
    """Draws records in a fixed order, so that the same seed gives the same ids."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._lines: dict[str, int] = {}
        self._records: dict[str, list[Record]] = {name: [] for name in ("Account", "Contact", "Lead", "Case", "User")}
        self._callers: list[Caller] = []
        self._created = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

    def build(self, seed: int, agents: int, queues: int) -> World:
        team = tuple(self._agent(number) for number in range(1, agents + 1))
        lines = tuple(
            Queue(f"queue-{number + 1:03d}", _queue_name(number), 80 if number % 3 else 90) for number in range(queues)
        )
        owners = [agent.salesforce_user_id for agent in team]
        for _ in range(60):
            self._account(owners)
        for _ in range(220):
            self._contact(owners)
        for _ in range(60):
            self._lead(owners)
        for _ in range(40):
            self._callers.append(Caller(self._number(), "none"))
        self._callers += [Caller(None, "withheld")] * 8
        self._dice.shuffle(self._callers)
        return World(
            seed=seed,
            org_id=record_id("Organization", 1 + seed % 1000),
            agents=team,
            queues=lines,
            callers=tuple(self._callers),
            records=self._records,
        )

    def _agent(self, number: int) -> Agent:
        name = self._name()
        agent = Agent(
            user_id=f"agent-{number:04d}",
            salesforce_user_id=record_id("User", number),
            name=name,
            email=f"agent{number}@callcentre.example",
        )
        self._add(
            "User",
            Id=agent.salesforce_user_id,
            Name=name,
            Username=f"agent{number}@callcentre.example.sandbox",
            Email=agent.email,
            IsActive=True,
        )
        return agent

    def _account(self, owners: list[str]) -> None:
        number = self._number()
        account = self._add(
            "Account",
            Id=self._next_id("Account"),
            Name=f"{self._dice.choice(FIRM)} {self._dice.choice(TRADE)}",
            Phone=self._as_typed(number),
            OwnerId=self._owner(owners),
        )
        if self._dice.random() < 0.2:
            self._callers.append(Caller(number, "single", account_id=account))

    def _contact(self, owners: list[str]) -> None:
        name, draw = self._name(), self._dice.random()
        account = self._dice.choice(self._records["Account"])["Id"]
        shared = [caller.number for caller in self._callers if caller.matches == "several" and caller.number]
        number = self._dice.choice(shared) if shared and draw < 0.12 else self._number()
        given, family = name.split(" ", 1)
        contact = self._add(
            "Contact",
            Id=self._next_id("Contact"),
            Name=name,
            FirstName=given,
            LastName=family,
            AccountId=account,
            Phone=self._as_typed(number) if draw < 0.7 else None,
            MobilePhone=None if draw < 0.7 else self._as_typed(number),
            HomePhone=None,
            OtherPhone=None,
            Email=f"{given}.{family}@customer.example".lower(),
            OwnerId=self._owner(owners),
        )
        if any(caller.number == number for caller in self._callers):
            pass  # a second contact behind a number that is already somebody's
        elif draw > 0.92:
            self._share(number, contact, owners)
        else:
            known = self._dice.random()
            self._callers.append(
                Caller(
                    number,
                    "single",
                    name=name if known < 0.3 else None,
                    contact_id=contact if known < 0.08 else None,
                )
            )
        if self._dice.random() < 0.36:
            self._case(contact, account, owners)

    def _share(self, number: str, contact: str, owners: list[str]) -> None:
        """Let a colleague answer the same telephone: the number now finds several."""
        name = self._name()
        given, family = name.split(" ", 1)
        account = next(row["AccountId"] for row in self._records["Contact"] if row["Id"] == contact)
        self._add(
            "Contact",
            Id=self._next_id("Contact"),
            Name=name,
            FirstName=given,
            LastName=family,
            AccountId=account,
            Phone=self._as_typed(number),
            MobilePhone=None,
            HomePhone=None,
            OtherPhone=None,
            Email=f"{given}.{family}@customer.example".lower(),
            OwnerId=self._owner(owners),
        )
        self._callers.append(Caller(number, "several"))

    def _lead(self, owners: list[str]) -> None:
        name, number = self._name(), self._number()
        given, family = name.split(" ", 1)
        self._add(
            "Lead",
            Id=self._next_id("Lead"),
            Name=name,
            FirstName=given,
            LastName=family,
            Company=f"{self._dice.choice(FIRM)} {self._dice.choice(TRADE)}",
            Phone=self._as_typed(number),
            MobilePhone=None,
            Status="Open - Not Contacted",
            IsConverted=False,
            OwnerId=self._owner(owners),
        )
        if self._dice.random() < 0.5:
            self._callers.append(Caller(number, "single"))

    def _case(self, contact: str, account: str | bool | None, owners: list[str]) -> None:
        closed = self._dice.random() < 0.4
        self._add(
            "Case",
            Id=self._next_id("Case"),
            CaseNumber=f"{len(self._records['Case']) + 1001:08d}",
            Subject=self._dice.choice(PROBLEMS),
            Status="Closed" if closed else "New",
            IsClosed=closed,
            ContactId=contact,
            AccountId=account,
            OwnerId=self._owner(owners),
        )

    def _add(self, kind: str, **fields: str | bool | None) -> str:
        self._created += timedelta(minutes=self._dice.randint(1, 900))
        when = self._created.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        self._records[kind].append({**fields, "CreatedDate": when, "LastModifiedDate": when, "IsDeleted": False})
        return str(fields["Id"])

    def _next_id(self, kind: str) -> str:
        return record_id(kind, len(self._records[kind]) + 1)

    def _owner(self, owners: list[str]) -> str | None:
        return self._dice.choice(owners) if owners else None

    def _name(self) -> str:
        return f"{self._dice.choice(GIVEN)} {self._dice.choice(FAMILY)}"

    def _number(self) -> str:
        """Draw a fresh E.164 number from a range that is kept for fiction."""
        draw = self._dice.random()
        if draw < 0.6:
            area = self._dice.choice([area for area in US_AREAS if self._lines.get(area, 0) < 100])
            return f"+1{area}55501{self._line(area, 100):02d}"
        if draw < 0.8:
            return f"+442079460{self._line('london', 1000):03d}"
        return f"+447700900{self._line('mobile', 1000):03d}"

    def _line(self, block: str, size: int) -> int:
        used = self._lines.get(block, 0)
        if used >= size:
            raise RuntimeError(f"the {block} block of fictional numbers is used up")
        self._lines[block] = used + 1
        return (used * 37) % size  # 37 is coprime to the sizes: every line once, in no visible order

    def _as_typed(self, number: str) -> str:
        """Write a number the way that people type it into Salesforce."""
        if number.startswith("+1"):
            area, exchange, line = number[2:5], number[5:8], number[8:]
            return self._dice.choice(
                (
                    f"({area}) {exchange}-{line}",
                    f"{area}-{exchange}-{line}",
                    f"{area}.{exchange}.{line}",
                    number,
                )
            )
        if number.startswith("+4420"):
            return self._dice.choice((f"+44 20 {number[5:9]} {number[9:]}", number))
        return self._dice.choice((f"+44 {number[3:7]} {number[7:]}", number))


def _queue_name(number: int) -> str:
    round_, place = divmod(number, len(QUEUES))
    return QUEUES[place] if not round_ else f"{QUEUES[place]} {round_ + 1}"
