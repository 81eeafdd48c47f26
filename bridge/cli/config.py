"""`bridge config`: the settings in force, or the reference of all there are."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from bridge.cli import environment
from bridge.cli.output import console
from bridge.settings import describe, reference


def config(
    reference_wanted: Annotated[
        bool, typer.Option("--reference", help="List every variable with type, default and meaning.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the effective settings, secrets masked, and where each came from."""
    rows: list[Any] = (
        list(reference(environment.sink_models())) if reference_wanted else list(describe(environment.load()))
    )
    _show(rows, as_json=as_json)


def _show(rows: list[NamedTuple], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], ensure_ascii=False, indent=2))
        return
    out = console()
    if not out.is_terminal:
        for row in rows:
            typer.echo("\t".join(str(value) for value in row))
        return
    table = Table(*rows[0]._fields, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(str(value) for value in row))
    out.print(table)
