"""Runs that are killed in the middle, with no time to clean up, and runs of two readers at once: nothing is lost or there twice."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest

import SegQCLib
from dicom_series import write_series
from orthanc import PASSWORD, USER, Reply
from SegQCLib.archive.archive_url import archive_url
from SegQCLib.archive.connection import open_archive
from SegQCLib.archive.credentials import Credentials
from SegQCLib.archive.fetch import fetch_series
from SegQCLib.archive.search import instances_of, series_with_uid
from SegQCLib.archive.store import store_files
from SegQCLib.cli import main
from SegQCLib.images import read_image

pytest_plugins = ["archive_fixtures"]
pytest.importorskip("dicomweb_client")

pytestmark = pytest.mark.usefixtures("environment")


def archive_at(url):
    return open_archive(archive_url(url), Credentials(USER, PASSWORD))


@pytest.fixture
def series(tmp_path_factory, request):
    """Return the paths of four slices of a patient of this test's own."""
    return write_series(tmp_path_factory.mktemp("series"), range(4), PatientID=request.node.name[:60])


def uids(paths):
    return sorted(str(pydicom.dcmread(path).SOPInstanceUID) for path in paths)


def uids_there(orthanc, path):
    first = pydicom.dcmread(path)
    return sorted(
        one.sop_instance_uid for one in instances_of(archive_at(orthanc.url), first.StudyInstanceUID, first.SeriesInstanceUID)
    )


class HoldsTheThird:
    """A rule that lets the archive answer the third request of a kind, but holds its answer back."""

    def __init__(self, kind):
        self._kind = kind
        self._count = 0
        self.holding, self.go_on = threading.Event(), threading.Event()

    def __call__(self, request):
        if self.go_on.is_set() or not self._kind(request):
            return None
        self._count += 1
        return self._held if self._count == 3 else None

    def _held(self, reply):
        self.holding.set()
        self.go_on.wait(60)
        return Reply(reply.status, reply.headers, reply.body, cut_after=0)


def run_until_held(rule, arguments):
    """Run segqc archive in a process of its own and kill it while the archive holds its answer back."""
    process = subprocess.Popen(
        [sys.executable, "-m", "SegQCLib.cli", "archive", *arguments],
        cwd=Path(SegQCLib.__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert rule.holding.wait(60)
    finally:
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
        rule.go_on.set()


def test_a_fetch_that_is_killed_is_taken_up_where_it_was(orthanc, front, series, tmp_path):
    store_files(archive_at(orthanc.url), series)
    uid = str(pydicom.dcmread(series[0]).SeriesInstanceUID)
    rule = HoldsTheThird(lambda request: "/instances/" in request.path)
    held = front(orthanc, rule)
    arguments = ["fetch", "--url", held.url, "--series", uid, "--out", str(tmp_path)]
    run_until_held(rule, arguments)
    assert len(list(tmp_path.glob("*.dcm"))) == 2
    held.requests.clear()
    assert main(["archive", *arguments]) == 0
    assert len([request for request in held.requests if "/instances/" in request.path]) == 2
    assert uids(tmp_path.glob("*.dcm")) == uids(series)
    assert read_image(tmp_path).array.shape == (4, 16, 12)


def test_a_store_that_is_killed_after_an_object_arrived_does_not_send_it_again(orthanc, front, series):
    rule = HoldsTheThird(lambda request: request.method == "POST")
    held = front(orthanc, rule)
    arguments = ["store", "--url", held.url, *map(str, series)]
    run_until_held(rule, arguments)
    assert len(uids_there(orthanc, series[0])) == 3
    held.requests.clear()
    assert main(["archive", *arguments]) == 0
    assert [request.method for request in held.requests].count("POST") == 1
    assert uids_there(orthanc, series[0]) == uids(series)


def test_two_runs_at_once_fetch_into_one_folder_and_store_the_same_files(orthanc, series, tmp_path):
    with ThreadPoolExecutor() as pool:
        stores = [pool.submit(store_files, archive_at(orthanc.url), series) for _ in range(3)]
        assert not any(one.differences for store in stores for one in store.result())
        assert uids_there(orthanc, series[0]) == uids(series)
        uid = str(pydicom.dcmread(series[0]).SeriesInstanceUID)
        archives = [archive_at(orthanc.url) for _ in range(3)]
        fetches = [pool.submit(fetch_series, one, series_with_uid(one, uid), tmp_path) for one in archives]
        assert [len(fetch.result().files) for fetch in fetches] == [4, 4, 4]
    assert uids(tmp_path.glob("*.dcm")) == uids(series)
    assert {path.suffix for path in tmp_path.iterdir()} == {".dcm", ".jsonl"}
