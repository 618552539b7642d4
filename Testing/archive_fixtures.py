"""Archives for tests as fixtures: name this module in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orthanc import PASSWORD, USER, CuttingLine, Front, Orthanc, Rule, running_orthanc


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def front() -> Iterator[Callable[..., Front]]:
    fronts = []

    def start(archive: Orthanc | None, rule: Rule, certificates: Path | None = None) -> Front:
        fronts.append(Front(archive, rule, certificates))
        return fronts[-1]

    yield start
    for one in fronts:
        one.close()


@pytest.fixture
def cutting_line() -> Iterator[Callable[[Orthanc, list[int]], CuttingLine]]:
    lines = []

    def start(archive: Orthanc, cut_after: list[int]) -> CuttingLine:
        lines.append(CuttingLine(archive, cut_after))
        return lines[-1]

    yield start
    for one in lines:
        one.close()


@pytest.fixture
def environment(monkeypatch):
    for name in ("URL", "TOKEN", "USER", "PASSWORD", "CA"):
        monkeypatch.delenv(f"SEGQC_DICOMWEB_{name}", raising=False)
    monkeypatch.setenv("SEGQC_DICOMWEB_USER", USER)
    monkeypatch.setenv("SEGQC_DICOMWEB_PASSWORD", PASSWORD)
    return monkeypatch
