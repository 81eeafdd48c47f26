"""`bridge incidents`: service-level incidents of the running worker."""

from __future__ import annotations

import getpass
import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from bridge.cli.api import ApiError, WorkerApi
from bridge.cli.output import console

app = typer.Typer(help="List, show and acknowledge service-level incidents.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
IncidentId = Annotated[str, typer.Argument(help="The incident's id, or enough of its start to be the only one.")]

COLUMNS = ("incident_id", "queue", "severity", "status", "opened_at", "step", "messages", "summary")


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, as_json: AsJson = False) -> None:
    """List when no sub-command is given."""
    if context.invoked_subcommand is None:
        list_incidents(as_json=as_json)


@app.command("list")
def list_incidents(as_json: AsJson = False) -> None:
    """List open incidents, then the latest resolved ones."""
    found = WorkerApi().get("/incidents")["incidents"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out = console()
    if not found:
        out.print("No incidents.")
        return
    rows = [_row(each) for each in found]
    if not out.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    out.print(table)


@app.command()
def show(incident: IncidentId, as_json: AsJson = False) -> None:
    """Show one incident."""
    api = WorkerApi()
    found = api.get(f"/incidents/{quote(_full_id(api, incident), safe='')}")
    _print(found, as_json=as_json)


@app.command()
def ack(
    incident: IncidentId,
    by: Annotated[str | None, typer.Option(help="Who answers; you, if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Acknowledge an incident: its escalation stops."""
    api = WorkerApi()
    found = api.post(f"/incidents/{quote(_full_id(api, incident), safe='')}/ack", {"by": by or _me()})
    _print(found, as_json=as_json)


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "command line"


def _full_id(api: WorkerApi, start: str) -> str:
    """Complete an id; one that fits none goes to the worker as it is, which says so. Raises ApiError for several."""
    fitting = [
        each["incident_id"] for each in api.get("/incidents")["incidents"] if each["incident_id"].startswith(start)
    ]
    if len(fitting) > 1 and start not in fitting:
        raise ApiError(f"{len(fitting)} incidents begin with {start}: give more of the id")
    return fitting[0] if len(fitting) == 1 else start


def _row(incident: dict[str, Any]) -> list[str]:
    queue = incident["queue"]
    shown = {**incident, "queue": queue["name"] or queue["id"]}
    return [_plain(str(shown[name])) for name in COLUMNS]


def _print(incident: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(incident, ensure_ascii=False, indent=2))
        return
    for name, value in incident.items():
        if value is not None:
            typer.echo(f"{name}: {_plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}")


def _plain(text: str) -> str:
    """Names of queues come from outside: no control characters reach the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
