"""What the org says when it refuses: the REST error list, and the OAuth error object of the token endpoint.

Codes and wording: Salesforce REST API Developer Guide, "Status Codes and Error Responses"; Salesforce Help,
"OAuth 2.0 Authorization Errors".
"""

from __future__ import annotations

from collections.abc import Sequence


class ApiError(Exception):
    """A REST call is refused: answered as `[{"message", "errorCode", "fields"?}]` with `status`."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, object]]:
        """Give the JSON list that the REST API answers with."""
        return [error_entry(self.code, self.message, self.fields)]


class OAuthError(Exception):
    """A login is refused: answered as `{"error", "error_description"}` with `status`."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> dict[str, str]:
        """Give the JSON object that the token endpoint answers with."""
        return {"error": self.error, "error_description": self.description}


def error_entry(code: str, message: str, fields: Sequence[str] | None = None) -> dict[str, object]:
    """Give one element of a REST error list; `fields` is left out when None."""
    entry: dict[str, object] = {"message": message, "errorCode": code}
    if fields is not None:
        entry["fields"] = list(fields)
    return entry


def invalid_session() -> ApiError:
    """The token is unknown or its time is over."""
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def not_found() -> ApiError:
    """Neither such a path nor such a record."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def total_requests_exceeded() -> ApiError:
    """The day's API calls are used up."""
    return ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def unreadable_json(reason: str) -> ApiError:
    """The body is not the JSON that the resource takes."""
    return ApiError(400, "JSON_PARSER_ERROR", reason)


def duplicate_value(field: str, record_id: str) -> ApiError:
    """Another record holds that value of a unique field."""
    message = f"duplicate value found: {field} duplicates value on record with id: {record_id}"
    return ApiError(400, "DUPLICATE_VALUE", message, [])
