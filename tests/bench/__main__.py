"""`make bench`: what the hot path costs, as ratios to the bare work in the same run. Asserts nothing.

`python -m tests.bench [protocol] [lookup] [flow] [fleet]`; all of them without arguments.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench import fleet, flow, lookup, protocol

BENCHES: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "protocol": protocol.run,
    "lookup": lookup.run,
    "flow": flow.run,
    "fleet": fleet.run,
}


def main() -> int:
    """Run the named benches, or all."""
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no such bench: {', '.join(unknown)} (there are {', '.join(BENCHES)})", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"\n{name}", flush=True)
        asyncio.run(BENCHES[name]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
