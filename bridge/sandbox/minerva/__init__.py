"""A Minerva to rehearse against: real sockets, the protocol taken strictly, and faults on demand.

`server` is the door; `session` one client's conversation over one `connection`; `switchboard` who hears what;
`faults`, `board`, `acting`, `distortion` and `malformed` what can go wrong; `script` and `control` how to order it.
"""

from __future__ import annotations

from bridge.sandbox.minerva.journal import Journal
from bridge.sandbox.minerva.script import ScriptError, load_script, read_script
from bridge.sandbox.minerva.server import SandboxMinerva
from bridge.sandbox.minerva.subscription import Channel
from bridge.sandbox.minerva.wire import Message

__all__ = ["Channel", "Journal", "Message", "SandboxMinerva", "ScriptError", "load_script", "read_script"]
