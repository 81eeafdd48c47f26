"""Who is calling: from a number to Salesforce records and to what an agent should see.

Pure: `phone`, `queries`, `ranking`, `targets`. Around them: `auth`, `client`, `lookup`, `cache`.
"""

from __future__ import annotations
