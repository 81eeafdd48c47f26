"""Every fault by the name that scripts call it."""

from __future__ import annotations

from bridge.sandbox.minerva.acts import (
    Chatty,
    Close,
    Drop,
    ErrorMessage,
    HistoryFill,
    Maintenance,
    Malformed,
    RateLimited,
    Reset,
    SessionExpired,
)
from bridge.sandbox.minerva.faults import (
    AuthRefused,
    AuthUnanswered,
    ClockSkew,
    Duplicate,
    Fault,
    HistoryForm,
    Lose,
    Reorder,
    Sequence,
    Silent,
    SlowReader,
    SubscriptionError,
    SubscriptionUnconfirmed,
    TokenMalformed,
    TokenRefused,
    TokenShortLived,
    TokenSlow,
    Ttl,
    UpgradeRefused,
)

FAULTS: dict[str, type[Fault]] = {
    kind.NAME: kind
    for kind in (
        UpgradeRefused,
        TokenRefused,
        TokenSlow,
        TokenShortLived,
        TokenMalformed,
        AuthRefused,
        AuthUnanswered,
        SubscriptionError,
        SubscriptionUnconfirmed,
        HistoryForm,
        Silent,
        SlowReader,
        Duplicate,
        Reorder,
        Lose,
        Sequence,
        Ttl,
        ClockSkew,
        Close,
        Drop,
        Reset,
        Chatty,
        SessionExpired,
        RateLimited,
        Maintenance,
        ErrorMessage,
        Malformed,
        HistoryFill,
    )
}
