"""Write docs/schemas/: one JSON Schema for each type of message that leaves the bridge, and an index of them.

`make schemas` writes; `python tools/schemas.py --check` writes nothing and names the files that are stale (exit 1).
The models in bridge/notifications.py are the source; this only wraps them in their envelope.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from bridge.notifications import DATA_BY_TYPE
from bridge.settings import Settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemas"
INDEX = "index.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVIRONMENTS: tuple[str, ...] = get_args(Settings.model_fields["environment"].annotation)


class Envelope(BaseModel):
    """The body of a webhook, and what every sink renders from. A key without a value is present as null."""

    timestamp: Annotated[
        str, Field(description="When it happened, RFC 3339 in UTC.", json_schema_extra={"format": "date-time"})
    ]
    org_id: Annotated[str, Field(description="The Salesforce org that the bridge serves.")]
    environment: Annotated[
        str, Field(description="The bridge's environment.", json_schema_extra={"enum": list(ENVIRONMENTS)})
    ]


class AsSent(GenerateJsonSchema):
    """What a receiver sees: the bridge sends every key, so every key is required and none has a default."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - pydantic's signature
        """Every key is there."""
        return True

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """The value's own schema."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """A field's name says what its title would."""
        return False


def schema(kind: str, data: type[BaseModel]) -> dict[str, Any]:
    """The schema of one type of message. What is not named is allowed, for a later version may add keys."""
    fields: dict[str, Any] = {
        "type": (Literal[kind], Field(description="The type of the message.")),
        "data": (data, ...),
    }
    model = create_model("Message", __base__=Envelope, **fields)
    made = _open(model.model_json_schema(mode="serialization", schema_generator=AsSent))
    return {"$schema": DIALECT, **made, "title": kind, "description": Envelope.__doc__}


def _open(node: Any) -> Any:
    """The same schema without `additionalProperties: false`."""
    if isinstance(node, Mapping):
        kept = {key: value for key, value in node.items() if not (key == "additionalProperties" and value is False)}
        return {key: _open(value) for key, value in kept.items()}
    return [_open(each) for each in node] if isinstance(node, list) else node


def files() -> dict[str, str]:
    """Every file of the folder with its text; the same models give the same text."""
    made = {f"{kind}.json": _text(schema(kind, data)) for kind, data in DATA_BY_TYPE.items()}
    made[INDEX] = _text({kind: f"{kind}.json" for kind in DATA_BY_TYPE})
    return made


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """The names of files that are missing, differ, or belong to no type."""
    wanted = files()
    differing = [name for name, text in wanted.items() if _present(folder / name) != text]
    foreign = [path.name for path in folder.glob("*.json") if path.name not in wanted]
    return sorted(differing + foreign)


def _present(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(folder: Path = FOLDER) -> list[str]:
    """Make the folder right; returns the names of what was changed."""
    wanted, changed = files(), stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def main() -> int:
    """Entry point; exit 1 when --check finds something stale."""
    parser = argparse.ArgumentParser(description="Write docs/schemas/ from bridge/notifications.py.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the stale files")
    if parser.parse_args().check:
        found = stale()
        for name in found:
            print(f"docs/schemas/{name} is stale: run `make schemas`")
        return 1 if found else 0
    for name in write():
        print(f"docs/schemas/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
