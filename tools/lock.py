"""Compile requirements/*.txt: every package pinned and hashed, no index address in the file.

`make lock`. uv does the resolving and is installed into a throw-away folder for it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = [
    "hatchling",
    "editables",
]  # the editable install is built without isolation, so its backend and what that needs are locked too


def compile_lock(uv: Path, name: str, groups: list[str]) -> None:
    """Write requirements/NAME.txt from pyproject.toml and the named dependency groups."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *BUILD]
    for group in groups:
        wanted += project["dependency-groups"][group]
    source = "\n".join(wanted)
    subprocess.run(  # noqa: S603 - the uv installed a moment ago
        [
            uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header",
            "--upgrade", "-o", f"requirements/{name}.txt", "-",
        ],
        input=source.encode(), cwd=ROOT, check=True,
    )  # fmt: skip


def main() -> int:
    """Compile both locks."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - our own interpreter
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "uv"], check=True)  # noqa: S603 - the same
        uv = Path(folder) / "bin" / "uv"
        compile_lock(uv, "runtime", [])
        compile_lock(uv, "dev", ["dev"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
