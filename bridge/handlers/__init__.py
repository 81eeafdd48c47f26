"""What an event becomes: `calls` pop screens, `voicemail` notifies, `sla` feeds escalations, `lifecycle` tells of ourselves.

Handlers see ports, never adapters: what they need of the outside stands in `ports`.
"""

from __future__ import annotations
