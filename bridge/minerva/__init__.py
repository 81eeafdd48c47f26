"""Where events come from: sessions with Minerva's WebSocket server.

Pure: `messages`, `codec`, `endings`, `subscriptions`, `protocol`. Around them: `tokens`, `transport`, `session`, `fleet`.
"""

from __future__ import annotations
