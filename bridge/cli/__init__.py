"""The command line: thin; each module parses, calls and prints.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, each problem on its own line and never a traceback.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from bridge import __version__
from bridge.cli import config, demo, incidents, run, sandbox
from bridge.core.errors import BridgeError, ConfigurationError
from bridge.core.logging import redactor

app = typer.Typer(
    name="bridge",
    help="Carries calls, voicemails and service-level alerts from Minerva into Salesforce and to people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("sandbox")(sandbox.sandbox)
app.command("config")(config.config)
app.add_typer(incidents.app, name="incidents")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before any command."""
    del version  # its callback has done the work


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        app()
    except ConfigurationError as error:
        for problem in error.problems:
            typer.echo(redactor(str(problem)), err=True)
        sys.exit(2)
    except BridgeError as error:
        typer.echo(redactor(str(error)), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
