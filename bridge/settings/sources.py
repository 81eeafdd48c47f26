"""Where settings come from: environment, `.env`, secrets folder, TOML file, in this order of precedence."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic_settings import BaseSettings, DotEnvSettingsSource, TomlConfigSettingsSource

from bridge.core.errors import Problem
from bridge.settings import schema
from bridge.settings.draft import Draft, Entry
from bridge.settings.json_text import BadJsonError, parse
from bridge.settings.schema import PREFIX, Path, variable

ENVIRONMENT, DOTENV, SECRETS, TOML = "environment", ".env", "secrets", "TOML"
RANKS = {ENVIRONMENT: 0, DOTENV: 1, SECRETS: 2, TOML: 3}
SECRETS_DIRS = (FilePath("/run/secrets"), FilePath("/etc/bridge/secrets"))
"""Read where present, the first before the second, unless BRIDGE_SECRETS_DIR names another folder."""

LARGEST_FILE = 1 << 20
"""Bytes. A secret is short; a larger file was not meant to be one."""

LIKENESS = 0.6
"""From which likeness on a known name is taken for what was meant; difflib's own measure and default."""

_KUBERNETES = re.compile(r"BRIDGE_(PORT|SERVICE_)")
_ASSIGNED = re.compile(r"\s*(?:export\s+)?(BRIDGE_\w+)", re.ASCII)
_NAME = re.compile(r"BRIDGE_[A-Z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the sources into a draft; relative paths are seen from `cwd`."""

    draft: Draft
    cwd: FilePath

    def texts(self, variables: Mapping[str, str | None], origin: str) -> None:
        """Read variables of one flat source. Foreign names and empty values are passed over."""
        # The deepest first: BRIDGE_MINERVA__URL goes before what BRIDGE_MINERVA holds as JSON.
        for name, text in sorted(variables.items(), key=lambda item: -item[0].count("__")):
            if not name.startswith(PREFIX) or _KUBERNETES.match(name) or not (text or "").strip():
                continue
            path = _path(name)
            if not _NAME.fullmatch(name):
                self.draft.unknown(schema.one_line(name), _guess(name.upper()))
            elif path not in schema.STARTUP:
                self._text(path, text or "", origin)
            elif origin == SECRETS:
                self.draft.fail(path, "does not work in the secrets folder", "set it in the environment or in .env")

    def _text(self, path: Path, text: str, origin: str) -> None:
        leaf = schema.LEAVES.get(path)
        json = path in schema.GROUPS or (path[:1] == schema.SINKS and len(path) < schema.SINK_DEPTH)
        if not (json or (leaf and schema.is_json(leaf.field.annotation))):
            self.spread(path, text, origin)
            return
        try:
            value = parse(text)
        except BadJsonError as error:
            self.draft.fail(path, str(error), self._expected(path))
        else:
            self.spread(path, value, origin)

    def _expected(self, path: Path) -> str:
        leaf = schema.LEAVES.get(path)
        mark = schema.expects(leaf.field) if leaf else None
        return mark.text if mark else "a JSON object"

    def spread(self, path: Path, value: Any, origin: str) -> None:
        """Lay a value down at `path`, entering the tables of groups and sinks."""
        sink = path[:1] == schema.SINKS
        if not path or path in schema.GROUPS or (sink and len(path) < schema.SINK_DEPTH):
            if isinstance(value, Mapping):
                self.draft.mentioned.extend(path[1:] if sink else ())
                for key, inner in value.items():
                    self.spread((*path, str(key)), inner, origin)
            elif value not in (None, ""):
                self.draft.fail(path, "is not an object", self._expected(path))
        elif path in schema.LEAVES or path in schema.SECRET_FILES or (sink and len(path) == schema.SINK_DEPTH):
            if value is not None and not (isinstance(value, str) and not value.strip()):
                self.draft.offer(path, Entry(value, origin, RANKS[origin]))
        elif path in schema.STARTUP:
            self.draft.fail(path, f"does not work in {origin}", "set it in the environment or in .env")
        else:
            # Only TOML and JSON can hold a key in capitals: `_path` lowers those of variables.
            lower = any(part != part.lower() for part in path) and _known(tuple(map(str.lower, path)))
            self.draft.unknown(variable(path), "keys are lower-case" if lower else _guess(variable(path)))

    def secrets(self, folder: FilePath | None, defaults: Sequence[FilePath]) -> None:
        """Read a secrets folder, one file per variable; folders, dot-files and foreign files are skipped."""
        if folder is not None and not _is((self.cwd / folder).is_dir):
            self.draft.fail(("secrets_dir",), "is not a folder", "a folder with one file per variable")
            return
        for place in (self.cwd / folder,) if folder else defaults:
            if not _is(place.is_dir):
                continue
            try:
                files = sorted(file for file in place.iterdir() if _NAME.fullmatch(file.name) and file.is_file())
            except OSError as error:
                wrong = f"{place.name} cannot be read: {error.strerror or type(error).__name__}"
                self.draft.fail(("secrets_dir",), wrong, "a readable folder with one file per variable")
                continue
            self.texts({file.name: self.content(file, _path(file.name)) for file in files}, SECRETS)

    def content(self, file: FilePath, path: Path) -> str | None:
        """Read a secret from a file, without the white space around it; a failure is reported at `path`."""
        wrong = "is too large a file"
        try:
            if file.stat().st_size <= LARGEST_FILE:
                return file.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            wrong = "is a file that is not UTF-8 text"
        except (OSError, ValueError) as error:
            wrong = f"is a file that cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"
        self.draft.fail(path, wrong, "a readable file that holds the value")
        return None

    def toml(self, file: FilePath) -> None:
        """Read a TOML file of the same shape as the variables, with lower-case keys."""
        if not _is((self.cwd / file).is_file):
            self.draft.fail(("config_file",), "is not a file", "the path of a TOML file")
            return
        try:
            data = TomlConfigSettingsSource(BaseSettings, self.cwd / file).toml_data
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at .*\)\Z", str(error))
            self.draft.fail(("config_file",), f"is not TOML {where[0] if where else ''}".rstrip(), "a TOML file")
        except (OSError, ValueError, RecursionError) as error:
            self.draft.fail(("config_file",), f"cannot be read: {type(error).__name__}", "a TOML file in UTF-8")
        else:
            self.spread((), data, TOML)

    def secret_files(self) -> None:
        """Replace each `<VARIABLE>_FILE` by what its file holds, unless a source that comes first gave the secret."""
        for file_path, path in schema.SECRET_FILES.items():
            self.secret_file(file_path, path)

    def secret_file(self, file_path: Path, path: Path) -> None:
        """Resolve one `<VARIABLE>_FILE`."""
        given = self.draft.entries.pop(file_path, None)
        direct = self.draft.entries.get(path)
        if given is None or (direct is not None and direct.rank < given.rank):
            return
        if direct is not None and direct.rank == given.rank:
            self.draft.fail(path, f"is given twice, also as {variable(file_path)}", "one of them")
            return
        if not isinstance(given.value, str):
            self.draft.fail(file_path, "is not a path", "the path of a readable file")
            return
        self.draft.entries.pop(path, None)
        text = self.content(self.cwd / given.value, file_path)
        if text is None:
            self.draft.failed.add(path)
        elif not text:
            self.draft.fail(file_path, "is an empty file", "a file that holds the value")
            self.draft.failed.add(path)
        else:
            origin = f"{given.origin} ({variable(file_path)})"
            leaf = schema.LEAVES.get(path)
            value: Any = text
            if leaf is not None and schema.is_json(leaf.field.annotation):
                try:
                    value = parse(text)
                except BadJsonError as error:
                    self.draft.fail(path, str(error), self._expected(path))
                    return
            self.draft.entries[path] = Entry(value, origin, given.rank)


def dotenv(reader: Reader, file: FilePath) -> dict[str, str | None]:
    """Read a `.env` file; nothing when it is not there. `${NAME}` in a value stands for another variable."""
    if not _is(file.is_file):
        return {}
    try:
        # "utf-8-sig" takes off the byte order mark that some editors write.
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        source = DotEnvSettingsSource(BaseSettings, env_file=file, env_file_encoding="utf-8-sig", case_sensitive=True)
    except (OSError, ValueError) as error:
        wrong = f"cannot be read: {type(error).__name__}"
        reader.draft.problems.append(Problem(file.name, wrong, "a readable file in UTF-8"))
        return {}
    found = dict(source.env_vars)
    for number, line in enumerate(lines, start=1):
        # The parser passes over lines that it cannot read.
        assigned = _ASSIGNED.match(line)
        if assigned and found.get(assigned[1]) is None:
            reader.draft.problems.append(
                Problem(file.name, f"line {number} cannot be read", "NAME=value, quotes closed")
            )
    return found


def nearest(name: str, known: Iterable[str], *, cutoff: float = LIKENESS) -> str | None:
    """Give the known name that looks most like `name`, if any is as like as `cutoff` (0 to 1)."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def _is(check: Callable[[], bool]) -> bool:
    """Ask a path what it is; in a folder that may not be entered it is nothing."""
    try:
        return check()
    except OSError:
        return False


def _guess(name: str) -> str:
    """Name the nearest known variable; the prefix that all share is left out of the comparison."""
    known = [variable(path) for path in (*schema.LEAVES, *schema.SECRET_FILES, *schema.STARTUP)]
    bare = [each.removeprefix(PREFIX) for each in known]
    close = nearest(name.removeprefix(PREFIX), bare)
    if close:
        return f"did you mean {PREFIX}{close}?"
    far = nearest(name.removeprefix(PREFIX), bare, cutoff=0)
    return f"the nearest known one is {PREFIX}{far}; see bridge config --reference"


def _known(path: Path) -> bool:
    return path in schema.LEAVES or path in schema.GROUPS or path in schema.SECRET_FILES


def _path(name: str) -> Path:
    return tuple(name.removeprefix(PREFIX).lower().split("__"))
