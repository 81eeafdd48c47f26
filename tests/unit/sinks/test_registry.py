"""Sinks of others are found as installed packages; a broken one stops the start and is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.core.errors import ConfigurationError
from bridge.sinks import registry
from bridge.sinks.log import LogSink
from bridge.sinks.webhook import WebhookSink

Install = Callable[..., None]

GOOD = """
from bridge.sinks.base import Receipt, Sink

class Pager(Sink):
    async def deliver(self, delivery):
        return Receipt("beeped")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package with one module and one entry point, for one test."""
    modules: list[str] = []

    def installed(package: str, code: str, *, kind: str = "pager", name: str = "Pager") -> None:
        folder = tmp_path / package
        metadata = folder / f"{package}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[bridge.sinks]\n{kind} = {package}_module:{name}\n")
        (folder / f"{package}_module.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        modules.append(f"{package}_module")
        registry.installed.cache_clear()

    registry.installed.cache_clear()
    yield installed
    for each in modules:
        sys.modules.pop(each, None)
    monkeypatch.undo()
    registry.installed.cache_clear()


def problems() -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        registry.installed()
    return [str(problem) for problem in caught.value.problems]


def test_our_own_sinks_are_found() -> None:
    found = registry.installed()
    assert found["log"] is LogSink
    assert found["webhook"] is WebhookSink


def test_a_third_party_sink_is_found_by_its_type_name(install: Install) -> None:
    install("planted_pager", GOOD)
    found = registry.installed()
    assert found["pager"].__name__ == "Pager"
    assert found["log"] is LogSink


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("import a_module_that_nobody_has", "cannot be loaded: ModuleNotFoundError"),
        ("raise RuntimeError('secret-of-that-package')", "cannot be loaded: RuntimeError"),
        ("this is no Python", "cannot be loaded: SyntaxError"),
        ("Nobody = 1", "cannot be loaded: AttributeError"),
        ("Pager = 7", "is no subclass of bridge.sinks.base.Sink"),
        ("class Pager: ...", "is no subclass of bridge.sinks.base.Sink"),
        ("from bridge.sinks.base import Sink\nclass Pager(Sink): ...", "does not implement deliver"),
    ],
    ids=["import", "raises", "syntax", "missing", "no class", "no sink", "abstract"],
)
def test_a_broken_package_is_a_configuration_error_that_names_it(install: Install, code: str, wrong: str) -> None:
    install("planted_pager", code)
    (problem,) = problems()
    assert problem == (f"BRIDGE_SINKS: the sink type 'pager' of planted_pager {wrong} (mend or uninstall the package)")


def test_every_broken_package_is_named_at_once(install: Install) -> None:
    install("planted_one", "Pager = 1", kind="one")
    install("planted_two", "Pager = 2", kind="two")
    assert len(problems()) == 2


def test_a_type_name_that_two_packages_claim_is_refused(install: Install) -> None:
    install("planted_log", GOOD, kind="log")
    (problem,) = problems()
    assert "'log'" in problem
    assert "given twice" in problem
