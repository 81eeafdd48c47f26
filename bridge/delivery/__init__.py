"""How a notification reaches people: `routing` says to whom, `dispatcher` gets it there, `retry` says when again."""

from __future__ import annotations
