"""Make .venv match the hashed locks, from any state of the machine.

`python3 tools/setup.py runtime|dev`. Standard library only: it runs before anything is installed.
A stamp of the lock's hash makes the second run free; a broken or foreign .venv is made anew.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
COMPLETE = r"""
import bridge, importlib.metadata, pathlib, re, sys
lock = pathlib.Path(sys.argv[1]).read_text()
names = re.findall(r"^([\w.-]+)==([^\s;]+) \\$", lock, re.MULTILINE)
assert names and all(importlib.metadata.version(name) == version for name, version in names)
"""
"""Fails unless all that the lock names without a condition is installed in its version."""


def say(text: str) -> None:
    """Print one line of progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def fingerprint(lock: Path) -> str:
    """Hash what decides the content of .venv: the lock, our metadata, the interpreter."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}".encode())
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def satisfied(kind: str) -> bool:
    """True when .venv starts and was built from the present lock (dev contains runtime)."""
    kinds = ("runtime", "dev") if kind == "runtime" else ("dev",)
    stamps = {VENV / f"{name}.stamp": fingerprint(ROOT / f"requirements/{name}.txt") for name in kinds}
    if not any(path.is_file() and path.read_text() == want for path, want in stamps.items()):
        return False
    return starts(PYTHON, COMPLETE, *(str(ROOT / f"requirements/{name}.txt") for name in kinds[:1]))


def starts(python: Path, code: str, *arguments: str) -> bool:
    """True when that interpreter runs that code."""
    try:
        done = subprocess.run([python, "-c", code, *arguments], capture_output=True, check=False)  # noqa: S603 - our own interpreter
    except OSError:
        return False
    return done.returncode == 0


def made_here(home: Path) -> bool:
    """True when .venv was made for this folder."""
    return home.is_file() and home.read_text() == str(ROOT)


def build(kind: str) -> None:
    """Create or mend .venv and install the lock into it."""
    say(f"Setting up .venv ({kind}): about half a minute the first time ...")
    version = f"import sys; raise SystemExit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    home = VENV / "made-for"  # the scripts in bin/ name the folder: a checkout that was moved needs new ones
    if VENV.exists() and not (starts(PYTHON, f"import pip; {version}") and made_here(home)):
        say("The .venv that is here does not work; making it anew.")
        shutil.rmtree(VENV)
    if not VENV.exists():
        venv.create(VENV, with_pip=True)
        home.write_text(str(ROOT))
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = ROOT / f"requirements/{kind}.txt"
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)  # noqa: S603 - our own pip, our own lock
    subprocess.run(  # noqa: S603 - the same
        [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True
    )
    (VENV / f"{kind}.stamp").write_text(fingerprint(lock))


def main() -> int:
    """Entry point; exit 1 with one clear line when it cannot be done."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "dev"
    if sys.version_info[:2] < OLDEST:
        say(f"Python {'.'.join(map(str, OLDEST))} or newer is needed; {sys.executable} is {sys.version.split()[0]}.")
        say("Name another one: make PYTHON=python3.11 ...")
        return 1
    if satisfied(kind):
        return 0
    try:
        build(kind)
    except subprocess.CalledProcessError as error:
        say(
            f"Setting up failed: {' '.join(map(str, error.cmd))} ended with {error.returncode} (its own words are above)."
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
