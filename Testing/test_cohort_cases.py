"""The cohort that proofs run on: what is broken is refused by its file's name, and the same seed gives the same bytes."""

import hashlib

import pytest

from cohort_broken import BROKEN
from cohort_cases import CSV_NAME, LABELS, PROTOCOL, make_cohort
from SegQCLib.cohort import plan
from SegQCLib.cohort.read_case import read_case
from SegQCLib.errors import BadDataError
from SegQCLib.prepare import prepare
from SegQCLib.protocol import load_protocol


@pytest.fixture(scope="module")
def broken(tmp_path_factory, totalsegmentator):
    """Return a cohort in which every case is broken, each in another way: its plan, and what was made."""
    folder = tmp_path_factory.mktemp("broken")
    made = make_cohort(folder, len(BROKEN), broken_share=1, files=totalsegmentator)
    return plan(folder / CSV_NAME, PROTOCOL, labels=LABELS), made


def test_every_way_to_be_broken_is_refused_and_the_file_named(broken):
    planned, made = broken
    assert len({case.broken for case in made}) == len(BROKEN)
    for files, case in zip(planned.cases, made, strict=True):
        assert files.case == case.case
        if files.fault is None:
            with pytest.raises(BadDataError) as refused:
                prepare(read_case(files), load_protocol(files.protocol).protocol)
            assert case.names in str(refused.value), case
        else:
            assert case.names in str(files.fault), case


def test_the_same_seed_gives_the_same_bytes(tmp_path, totalsegmentator):
    def made(name):
        make_cohort(tmp_path / name, 10, seed=3, files=totalsegmentator)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / name): hashlib.sha256(path.read_bytes()).digest() for path in files}

    assert made("first") == made("second")
