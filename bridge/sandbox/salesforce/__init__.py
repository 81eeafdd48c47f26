"""A Salesforce org to rehearse against: REST, SOQL, SOSL and OAuth over real sockets, with scriptable faults.

`org` puts it together. A request passes the `gate`, reaches one of the `*_endpoints`, which lean on the engines
(`querying`, `searching`, `writing`) over the `store`; `soql` and `sosl` are the pure parsers.
"""

from __future__ import annotations

from bridge.sandbox.salesforce.faults import Fault, Faults, fault_from
from bridge.sandbox.salesforce.ledger import Ledger
from bridge.sandbox.salesforce.login import Consumer
from bridge.sandbox.salesforce.org import SandboxOrg
from bridge.sandbox.salesforce.schema import Field

__all__ = ["Consumer", "Fault", "Faults", "Field", "Ledger", "SandboxOrg", "fault_from"]
