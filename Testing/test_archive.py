"""A real Orthanc: query, fetch and store, with everything that goes wrong on the way."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pydicom
import pytest

from dicom_series import write_series
from orthanc import PASSWORD, USER, Reply, cut, free_port, make_certificate, running_orthanc
from SegQCLib.archive.archive_url import archive_url
from SegQCLib.archive.connection import open_archive
from SegQCLib.archive.credentials import Credentials
from SegQCLib.archive.faults import ArchiveError
from SegQCLib.archive.fetch import fetch_series
from SegQCLib.archive.patience import Limits
from SegQCLib.archive.same_instance import differences
from SegQCLib.archive.search import find_series, instances_of, series_with_uid
from SegQCLib.archive.store import store_files
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image

pytest_plugins = ["archive_fixtures"]
pytest.importorskip("dicomweb_client")

QUICK = Limits(connect_s=5, silence_s=20, request_s=60, attempts=4, first_wait_s=0.01, longest_wait_s=1)
READER = Credentials(USER, PASSWORD)


def archive_at(url, *, credentials=READER, limits=QUICK, told=None, **options):
    return open_archive(
        archive_url(url), credentials, limits=limits, tell=(lambda _: None) if told is None else told.append, **options
    )


@pytest.fixture
def series(tmp_path_factory, request):
    """Four slices on disk, of a patient of this test's own."""
    return write_series(tmp_path_factory.mktemp("series"), range(4), PatientID=request.node.name[:60], StudyDate="20260131")


@pytest.fixture
def stored(orthanc, series):
    """Return Series Instance UID of the four slices, which are in the archive."""
    store_files(archive_at(orthanc.url), series)
    return str(pydicom.dcmread(series[0]).SeriesInstanceUID)


def uids_there(orthanc, path):
    first = pydicom.dcmread(path)
    return [one.sop_instance_uid for one in instances_of(archive_at(orthanc.url), first.StudyInstanceUID, first.SeriesInstanceUID)]


def fetch(archive, uid, folder):
    return fetch_series(archive, series_with_uid(archive, uid), folder)


def test_a_series_goes_to_the_archive_and_comes_back_voxel_for_voxel(orthanc, series, stored, tmp_path):
    fetched = fetch(archive_at(orthanc.url), stored, tmp_path / "back")
    assert sorted(path.read_bytes() for path in fetched.files) == sorted(path.read_bytes() for path in series)
    assert {path.stem for path in fetched.files} == {str(pydicom.dcmread(path).SOPInstanceUID) for path in series}
    assert np.array_equal(read_image(fetched.folder).array, read_image(series[0].parent).array)
    assert read_image(fetched.folder).findings == ()


def test_a_query_finds_series_by_patient_and_says_how_many_instances_they_have(orthanc, series, stored, request):
    (found,) = find_series(archive_at(orthanc.url), {"PatientID": request.node.name[:60], "StudyDate": "20260101-20260201"})
    assert (found.series_instance_uid, found.modality, found.instances, found.study_date) == (stored, "CT", 4, "20260131")
    assert find_series(archive_at(orthanc.url), {"PatientID": request.node.name[:60], "StudyDate": "-20251231"}) == ()


def test_wildcards_reach_the_archive(orthanc, front, series, stored, request):
    counting = front(orthanc, lambda _: None)
    name = request.node.name[:60]
    assert [one.series_instance_uid for one in find_series(archive_at(counting.url), {"PatientID": f"{name[:-3]}?*"})] == [stored]
    find_series(archive_at(counting.url), {"PatientID": "A+B C&D*"})
    # RFC 3986 3.4: in a query * and ? stand for themselves, a plus sign too.
    assert "PatientID=A%2BB%20C%26D*&" in counting.requests[-1].path


def test_an_archive_that_ignores_the_offset_of_pages_does_not_hold_the_query_for_ever(front):
    item = {"00080018": {"vr": "UI", "Value": ["1.2.3"]}}
    same_page = front(None, lambda _: Reply(headers={"Content-Type": "application/dicom+json"}, body=json.dumps([item]).encode()))
    assert [one.sop_instance_uid for one in instances_of(archive_at(same_page.url), "1", "1.2")] == ["1.2.3"]
    assert len(same_page.requests) == 2


def test_what_was_fetched_is_not_fetched_again_but_what_is_damaged_or_missing_is(orthanc, front, stored, tmp_path):
    counting = front(orthanc, lambda _: None)
    archive = archive_at(counting.url)
    first = fetch(archive, stored, tmp_path)
    first.files[0].unlink()
    first.files[1].write_bytes(first.files[1].read_bytes()[:-10])
    left_behind = tmp_path / f".{first.files[0].name}.0a1b2c3d.part"
    left_behind.write_bytes(b"of a fetch that was killed two hours ago")
    os.utime(left_behind, (time.time() - 7200,) * 2)
    of_another_run = tmp_path / f".{first.files[0].name}.4e5f6a7b.part"
    of_another_run.write_bytes(b"of a fetch that goes on")
    counting.requests.clear()
    again = fetch(archive, stored, tmp_path)
    assert not left_behind.exists()
    assert of_another_run.exists()
    retrieved = {request.path.rpartition("/")[2] for request in counting.requests if "/instances/" in request.path}
    assert retrieved == {first.files[0].stem, first.files[1].stem}
    assert again.kept == 2
    assert read_image(tmp_path).array.shape == (4, 16, 12)


@pytest.mark.parametrize("bytes_sent", [0, 40, 300, 1300])
def test_an_answer_that_breaks_off_is_asked_for_again_and_never_half_on_disk(orthanc, front, stored, tmp_path, bytes_sent):
    broken = []

    def break_once(request):
        if "/instances/" not in request.path or request.path in broken:
            return None
        broken.append(request.path)
        return lambda reply: cut(reply, bytes_sent)

    told = []
    fetched = fetch(archive_at(front(orthanc, break_once).url, told=told), stored, tmp_path)
    assert len(told) == len(broken) == 4
    assert read_image(fetched.folder).array.shape == (4, 16, 12)
    assert {path.suffix for path in tmp_path.iterdir()} == {".dcm", ".jsonl"}


def test_a_multipart_message_without_its_end_is_no_instance_although_its_length_is_right(orthanc, front, stored, tmp_path):
    def shortened(reply):
        return Reply(reply.status, reply.headers, reply.body[:900])

    without_end = front(orthanc, lambda request: shortened if "/instances/" in request.path else None)
    with pytest.raises(ArchiveError, match=r"broke off in the middle of an answer\. \(4 attempts\)"):
        fetch(archive_at(without_end.url), stored, tmp_path)
    assert not list(tmp_path.glob("*.dcm"))


def test_an_instance_that_was_not_asked_for_is_refused(orthanc, front, stored, tmp_path):
    first = fetch(archive_at(orthanc.url), stored, tmp_path / "good")
    one = f"/instances/{first.files[0].stem}"

    def mixed_up(request):
        if "/instances/" not in request.path:
            return None
        body = first.files[1 if request.path.endswith(one) else 0].read_bytes()
        return Reply(headers={"Content-Type": "application/dicom"}, body=body)

    with pytest.raises(ArchiveError, match=rf"was asked for the instance {first.files[0].stem} and gave {first.files[1].stem}"):
        fetch(archive_at(front(orthanc, mixed_up).url), stored, tmp_path / "bad")
    assert not list((tmp_path / "bad").glob("*.dcm"))


def test_an_archive_that_answers_without_multipart_is_understood(orthanc, front, stored, tmp_path):
    first = fetch(archive_at(orthanc.url), stored, tmp_path / "good")
    files = {path.stem: path.read_bytes() for path in first.files}

    def bare(request):
        body = files.get(request.path.rpartition("/")[2])
        return body and Reply(headers={"Content-Type": "application/dicom"}, body=body)

    assert len(fetch(archive_at(front(orthanc, bare).url), stored, tmp_path / "bare").files) == 4


def test_transfer_syntax_as_stored_is_asked_for_first_and_the_default_where_that_is_refused(orthanc, front, stored, tmp_path):
    def without_star(request):
        return Reply(406) if "transfer-syntax=*" in request.headers.get("Accept", "") else None

    assert len(fetch(archive_at(front(orthanc, without_star).url), stored, tmp_path).files) == 4
    never = front(orthanc, lambda request: Reply(406) if "/instances/" in request.path else None)
    with pytest.raises(ArchiveError, match=r"transfer syntax that was asked for \(406 Not Acceptable\)"):
        fetch(archive_at(never.url), stored, tmp_path / "never")


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2/../3", "", "1." * 40 + "1"])
def test_a_uid_that_would_be_a_path_is_refused(front, tmp_path, uid):
    item = {"00080018": {"vr": "UI", "Value": [uid] if uid else []}}
    hostile = front(None, lambda _: Reply(headers={"Content-Type": "application/dicom+json"}, body=json.dumps([item]).encode()))
    with pytest.raises(ArchiveError, match=r"as SOPInstanceUID \(0008,0018\)"):
        instances_of(archive_at(hostile.url), "1.2", "1.2.3")


def test_a_series_of_which_instances_are_not_listed_is_not_called_complete(orthanc, front, stored, tmp_path):
    def one_less(request):
        if not request.path.partition("?")[0].endswith("/instances") or "offset=0" not in request.path:
            return None
        return lambda reply: Reply(200, {"Content-Type": "application/dicom+json"}, json.dumps(listed(reply)[1:]).encode())

    def listed(reply):
        import gzip

        return json.loads(gzip.decompress(reply.body) if reply.headers.get("Content-Encoding") == "gzip" else reply.body)

    def ends_there(request):
        later = "/instances?" in request.path and "offset=0" not in request.path
        return Reply(headers={"Content-Type": "application/dicom+json"}, body=b"[]") if later else one_less(request)

    with pytest.raises(ArchiveError, match=r"has 4 instances \(NumberOfSeriesRelatedInstances \(0020,1209\)\), but lists 3\."):
        fetch(archive_at(front(orthanc, ends_there).url), stored, tmp_path)


def test_what_is_there_is_not_sent_again(orthanc, front, series, tmp_path):
    counting = front(orthanc, lambda _: None)
    archive = archive_at(counting.url)
    assert [one.sent for one in store_files(archive, series[:2])] == [True, True]
    assert [one.sent for one in store_files(archive, series)] == [False, False, True, True]
    assert [request.method for request in counting.requests].count("POST") == 4
    # With the journal nothing has to be fetched to be compared; without it the contents are.
    assert not [request for request in counting.requests if request.path.count("/instances/")]
    (series[0].parent / ".stored.jsonl").unlink()
    assert not any(one.sent or one.differences for one in store_files(archive, series))
    assert len([request for request in counting.requests if request.path.count("/instances/")]) == 4
    assert len(uids_there(orthanc, series[0])) == 4


@pytest.mark.parametrize("cuts", [[500], [900, 700, 200]])
def test_a_store_that_breaks_off_is_resumed_and_leaves_no_duplicates(orthanc, cutting_line, series, cuts):
    told = []
    line = cutting_line(orthanc, cuts)
    results = store_files(archive_at(line.url, told=told), series)
    assert [one.sent for one in results] == [True] * 4
    assert len(told) == len(cuts)
    assert sorted(uids_there(orthanc, series[0])) == sorted(str(pydicom.dcmread(path).SOPInstanceUID) for path in series)


def test_a_store_that_was_given_up_goes_on_with_the_same_command(orthanc, front, series):
    posts = []

    def line_dies_at_the_third(request):
        if request.method == "POST":
            posts.append(request)
        return Reply(503) if len(posts) >= 3 else None

    archive = archive_at(front(orthanc, line_dies_at_the_third).url)
    with pytest.raises(ArchiveError, match=rf"not available .*\(4 attempts\) The file is {series[2]}\. 2 of 4 files were stored"):
        store_files(archive, series)
    assert len(uids_there(orthanc, series[0])) == 2
    assert [one.sent for one in store_files(archive_at(orthanc.url), series)] == [False, False, True, True]
    assert len(uids_there(orthanc, series[0])) == 4


def test_an_object_that_arrived_although_the_answer_did_not_is_not_sent_twice(orthanc, front, series):
    def answer_gets_lost(request):
        return (lambda reply: cut(reply, 0)) if request.method == "POST" else None

    lossy = front(orthanc, answer_gets_lost)
    (one,) = store_files(archive_at(lossy.url), series[:1])
    assert one.sent
    assert [request.method for request in lossy.requests].count("POST") == 1


def test_other_contents_under_the_same_uid_are_reported_and_left_alone(orthanc, series, stored, tmp_path):
    changed = pydicom.dcmread(series[0])
    changed.SeriesDescription = "changed"
    changed.PixelData = b"\1" * len(changed.PixelData)
    changed.ContentDate = "20270101"
    changed.save_as(tmp_path / "changed.dcm")
    (one,) = store_files(archive_at(orthanc.url), [tmp_path / "changed.dcm"])
    assert one.differences == ("SeriesDescription (0008,103E)", "PixelData (7FE0,0010)")
    assert not one.sent
    back = fetch(archive_at(orthanc.url), stored, tmp_path / "back")
    assert series[0].read_bytes() in [path.read_bytes() for path in back.files]


def test_an_archive_may_complete_the_patient_but_nothing_else(series, tmp_path):
    def differing(**attributes):
        copy = pydicom.dcmread(series[0])
        for keyword, value in attributes.items():
            setattr(copy, keyword, value)
        copy.save_as(tmp_path / "copy.dcm")
        return differences(series[0], tmp_path / "copy.dcm")

    assert differing(AccessionNumber="A1", PatientSex="O", InstanceCreationTime="120000") == ()
    assert differing(SliceLocation=3) == ("SliceLocation (0020,1041)",)
    assert differing(ReferencedStudySequence=[pydicom.Dataset()]) == ("ReferencedStudySequence (0008,1110)",)
    assert differing(PatientID="other") == ("PatientID (0010,0020)",)


def test_a_full_archive_that_says_200_is_still_a_failure(tmp_path, series):
    with running_orthanc(tmp_path / "full", MaximumStorageSize=1) as full:
        large = write_series(tmp_path / "large", [0], rows=1000, columns=800, planes=[np.ones((1000, 800))])
        archive = archive_at(full.url)
        with pytest.raises(ArchiveError, match=r"did not store it\. Most probably it is full\..*free space"):
            store_files(archive, large)
        assert not (large[0].parent / ".stored.jsonl").exists()
        assert store_files(archive, series)[0].sent


def test_an_archive_that_makes_room_by_removing_what_it_just_took_is_found_out(tmp_path, series):
    other = write_series(tmp_path / "other", range(2), PatientID="the next patient")
    with running_orthanc(tmp_path / "small", MaximumPatientCount=1) as small:
        with pytest.raises(ArchiveError, match=rf"said that it stored {series[0]} and 3 more, but does not list it"):
            store_files(archive_at(small.url), [*series, *other])
        assert len(uids_there(small, other[0])) == 2


def failed(reason):
    answer = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [reason]}}]}}
    return json.dumps(answer).encode()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(507), r"is full \(507\).*free space, then run the same command again"),
        (Reply(409, body=failed(0xA700)), r"out of resources \(FailureReason \(0008,1197\) is A700\).*free space"),
        (Reply(409, body=failed(0xC122)), r"does not support the object's transfer syntax .* is C122"),
        (Reply(202, body=failed(0x0122)), r"does not support this SOP Class .* is 0122"),
        (Reply(409, body=failed(0xC000)), r"cannot understand some of the object's elements .* is C000"),
        (Reply(413), r"objects of this size \(413"),
        (Reply(500, body=b'{"Message": "No space left on device"}'), r"is full \(500\)\. It says: No space left on device\."),
        (Reply(307, {"Location": "/elsewhere"}), r"sends objects that are to be stored on to another URL"),
    ],
)
def test_refusals_to_store_say_why_and_what_to_do(orthanc, front, series, reply, words):
    refusing = front(orthanc, lambda request: reply if request.method == "POST" else None)
    with pytest.raises(ArchiveError, match=words):
        store_files(archive_at(refusing.url), series[:1])
    assert uids_there(orthanc, series[0]) == []


def test_warnings_of_the_archive_are_reported(front, series):
    uid = str(pydicom.dcmread(series[0]).SOPInstanceUID)
    there = []

    def coercing(request):
        listed = [{"00080018": {"vr": "UI", "Value": [uid]}}] if there and "offset=0" in request.path else []
        if request.method == "GET":
            return Reply(headers={"Content-Type": "application/dicom+json"}, body=json.dumps(listed).encode())
        there.append(uid)
        item = {"00081155": {"vr": "UI", "Value": [uid]}, "00081196": {"vr": "US", "Value": [0xB000]}}
        return Reply(
            202, {"Content-Type": "application/dicom+json"}, json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()
        )

    (one,) = store_files(archive_at(front(None, coercing).url), series[:1])
    assert one.notes == ("the archive changed elements of it (WarningReason (0008,1196) is B000)",)


def test_nothing_is_sent_if_one_of_the_files_cannot_be(orthanc, front, series, tmp_path):
    counting = front(orthanc, lambda _: None)
    (tmp_path / "note.txt").write_text("not DICOM")
    with pytest.raises(BadDataError, match=r"note\.txt: is not a DICOM file \(PS3\.10\)\. Nothing was sent"):
        store_files(archive_at(counting.url), [*series, tmp_path / "note.txt"])
    shutil.copy(series[0], tmp_path / "other.dcm")
    with (tmp_path / "other.dcm").open("ab") as file:
        file.write(b"\0\0")
    with pytest.raises(BadDataError, match="same SOP Instance UID"):
        store_files(archive_at(counting.url), [series[0], tmp_path / "other.dcm"])
    assert counting.requests == []


def test_a_busy_archive_is_asked_again_after_the_time_that_it_names(orthanc, front, stored):
    replies = [Reply(429, {"Retry-After": "0"}), Reply(502), Reply(503), None]
    told = []
    busy = front(orthanc, lambda _: replies.pop(0) if replies else None)
    assert series_with_uid(archive_at(busy.url, told=told), stored).instances == 4
    assert len(told) == 3
    assert "429 Too Many Requests" in told[0]
    assert "Attempt 2 of 4" in told[0]


def test_an_archive_that_asks_to_wait_for_an_hour_is_not_waited_for(front):
    busy = front(None, lambda _: Reply(503, {"Retry-After": "3600"}))
    with pytest.raises(ArchiveError, match=r"503 Service Unavailable\)\. It asks to wait 3600 s\. Try later\."):
        series_with_uid(archive_at(busy.url), "1.2.3")
    assert len(busy.requests) == 1


def test_an_archive_that_is_not_there_is_asked_four_times():
    told = []
    with pytest.raises(ArchiveError, match=r"does not answer \(Connection refused\)\. \(4 attempts\) .*is the archive running"):
        series_with_uid(archive_at(f"http://127.0.0.1:{free_port()}/dicom-web", told=told), "1.2.3")
    assert len(told) == 3


def test_an_archive_that_falls_silent_and_one_that_drips_are_given_up(front):
    dripping = front(None, lambda _: Reply(headers={"Content-Type": "application/dicom+json"}, body=b"[" + b" " * 4000, drip=True))
    slow = Limits(connect_s=5, silence_s=5, request_s=0.3, attempts=1)
    with pytest.raises(ArchiveError, match="answers too slowly"):
        series_with_uid(archive_at(dripping.url, limits=slow), "1.2.3")
    silent = front(None, lambda _: front_waits())

    def front_waits():
        silent.closing.wait(30)
        return Reply()

    impatient = Limits(connect_s=5, silence_s=0.2, request_s=30, attempts=1)
    with pytest.raises(ArchiveError, match=r"stopped answering\. .*--timeout"):
        series_with_uid(archive_at(silent.url, limits=impatient), "1.2.3")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>"), "a web page, perhaps to sign in"),
        (Reply(headers={"Content-Type": "application/json"}, body=b"{not json"), "not DICOM JSON"),
        (Reply(headers={"Content-Type": "application/json"}, body=b'"text"'), "no list of DICOM objects"),
        (Reply(403), r"does not allow this \(403 Forbidden\)"),
        (Reply(404), r"does not have what was asked for \(404 Not Found\)"),
        (Reply(500), r"answers 500 Internal Server Error\. .*the archive's own log"),
        (Reply(302, {"Location": "http://other.example.org/x"}), r"sends SegQC on to http://other\.example\.org:80"),
    ],
)
def test_answers_that_are_no_answers_are_explained(front, reply, words):
    strange = front(None, lambda _: reply)
    with pytest.raises(ArchiveError, match=words) as caught:
        find_series(archive_at(strange.url), {})
    assert str(caught.value).startswith(f"http://127.0.0.1:{strange.port}: ")
    assert len(strange.requests) == 1


def test_redirects_inside_the_archive_are_followed_with_credentials_and_those_to_another_server_never(orthanc, front, stored):
    def moved_inside(request):
        return None if "moved" in request.path else Reply(302, {"Location": request.path + "&moved=1"})

    assert series_with_uid(archive_at(front(orthanc, moved_inside).url), stored).instances == 4

    thief = front(None, lambda _: Reply(headers={"Content-Type": "application/dicom+json"}, body=b"[]"))
    leading_away = front(None, lambda _: Reply(302, {"Location": thief.url + "/series"}))
    with pytest.raises(ArchiveError, match="which is not the archive that was named; nothing was sent there"):
        find_series(archive_at(leading_away.url), {})
    assert thief.requests == []


def test_wrong_missing_and_right_credentials(orthanc, stored):
    with pytest.raises(ArchiveError, match=r"does not accept the user or password \(401 Unauthorized\)"):
        find_series(archive_at(orthanc.url, credentials=Credentials(USER, "wrong")), {})
    with pytest.raises(ArchiveError, match=r"asks for credentials \(401 Unauthorized\)\. Set SEGQC_DICOMWEB_USER"):
        find_series(archive_at(orthanc.url, credentials=None), {})
    assert series_with_uid(archive_at(orthanc.url), stored).modality == "CT"


def test_a_netrc_file_and_a_proxy_of_the_environment_play_no_part_on_this_computer(front, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password of-another-program")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = front(None, lambda _: Reply(headers={"Content-Type": "application/dicom+json"}, body=b"[]"))
    find_series(archive_at(asked.url, credentials=None), {})
    find_series(archive_at(asked.url), {})
    assert [request.headers.get("Authorization") for request in asked.requests] == [None, READER.header()]


def test_a_bearer_token_is_sent_as_one(orthanc, front, stored):
    def checks(request):
        right = request.headers.get("Authorization") == "Bearer abc.DEF-123"
        request.headers["Authorization"] = READER.header()
        return None if right else Reply(401)

    guarded = front(orthanc, checks)
    assert series_with_uid(archive_at(guarded.url, credentials=Credentials(None, "abc.DEF-123")), stored).instances == 4
    with pytest.raises(ArchiveError, match=r"does not accept the token \(401 Unauthorized\)"):
        find_series(archive_at(guarded.url, credentials=Credentials(None, "old")), {})


def test_a_self_signed_certificate_is_refused_unless_it_is_given(orthanc, front, stored, tmp_path):
    certificate = make_certificate(tmp_path, "DNS:localhost,IP:127.0.0.1")
    server = front(orthanc, lambda _: None, tmp_path)
    with pytest.raises(ArchiveError, match=r"signed its certificate itself; nothing was sent\. .*--ca-bundle"):
        series_with_uid(archive_at(server.url), stored)
    assert server.requests == []
    assert series_with_uid(archive_at(server.url, ca_bundle=certificate), stored).instances == 4


def test_a_given_certificate_counts_even_where_the_environment_names_another(orthanc, front, stored, tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, "IP:127.0.0.1")
    server = front(orthanc, lambda _: None, tmp_path)
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificate(tmp_path / "other", "DNS:other.example.org")))
    assert series_with_uid(archive_at(server.url, ca_bundle=certificate), stored).instances == 4


@pytest.mark.parametrize(
    ("names", "last_day", "words"),
    [
        ("DNS:other.example.org", "20400101", "whose certificate is for another address; nothing was sent"),
        ("IP:127.0.0.1", "20200201", r"whose certificate has expired; nothing was sent\. .*renew"),
    ],
)
def test_certificates_for_another_host_and_expired_ones_are_refused(front, tmp_path, names, last_day, words):
    certificate = make_certificate(tmp_path, names, last_day)
    server = front(None, lambda _: Reply(), tmp_path)
    with pytest.raises(ArchiveError, match=words):
        find_series(archive_at(server.url, ca_bundle=certificate), {})
    assert server.requests == []


def test_https_to_a_port_without_tls_is_explained(orthanc):
    with pytest.raises(ArchiveError, match="does not answer with TLS as https needs it"):
        find_series(archive_at(orthanc.url.replace("http:", "https:")), {})


def test_a_file_without_certificates_is_refused_before_anything_is_sent(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(BadDataError, match="holds no certificates"):
            archive_at("https://127.0.0.1:1/x", ca_bundle=path)


def test_the_command_line_stores_lists_and_fetches(orthanc, series, tmp_path, environment, capsys, request):
    environment.setenv("SEGQC_DICOMWEB_URL", orthanc.url)
    uid = str(pydicom.dcmread(series[0]).SeriesInstanceUID)
    study = str(pydicom.dcmread(series[0]).StudyInstanceUID)
    assert main(["archive", "store", *map(str, series)]) == 0
    assert capsys.readouterr().out.count(": stored\n") == 4
    assert main(["archive", "query", "--patient", request.node.name[:60], "--modality", "CT"]) == 0
    listed = capsys.readouterr().out
    assert f"Patient {request.node.name[:60]}, study of 20260131, {study}" in listed
    assert "4 instances" in listed
    assert uid in listed
    assert main(["archive", "query", "--study", study, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["series_instance_uid"] == uid
    assert main(["archive", "fetch", "--series", uid, "--out", str(tmp_path / "a")]) == 0
    assert main(["archive", "fetch", "--study", study, "--out", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out.count("4 instances in") == 2
    assert len(list((tmp_path / "b" / uid).glob("*.dcm"))) == 4
    assert main(["archive", "fetch", "--series", "1.2.3", "--out", str(tmp_path / "c")]) == 1
    assert "has no series with the Series Instance UID (0020,000E) 1.2.3" in capsys.readouterr().err


def test_the_command_line_reports_other_contents_and_fails(orthanc, series, stored, tmp_path, environment, capsys):
    changed = pydicom.dcmread(series[0])
    changed.SeriesDescription = "changed"
    changed.save_as(tmp_path / "changed.dcm")
    assert main(["archive", "store", "--url", orthanc.url, str(tmp_path / "changed.dcm"), str(series[1])]) == 1
    said = capsys.readouterr()
    assert "changed.dcm: NOT stored" in said.out
    assert f"{series[1]}: the archive has it already" in said.out
    assert "was left as it is" in said.err
    assert "SeriesDescription (0008,103E)" in said.err


def test_without_a_url_nothing_is_contacted(environment, capsys):
    assert main(["archive", "query"]) == 1
    assert "was given no archive. Name it with --url or in SEGQC_DICOMWEB_URL." in capsys.readouterr().err


WITH_ALL_LOGS = """
import json, logging, sys, time
logging.basicConfig(level=logging.DEBUG)
time.sleep = lambda seconds: None
from SegQCLib.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit:
        pass
"""


def test_the_secret_is_in_no_output_log_or_file(orthanc, front, series, tmp_path, environment):
    def repeats_what_it_was_sent(request):
        if "echo" not in request.path:
            return None
        body = json.dumps({"Message": f"Denied: {request.headers['Authorization']}", "Details": PASSWORD}).encode()
        return Reply(403, {"Content-Type": "application/json"}, body)

    server = front(orthanc, repeats_what_it_was_sent)
    uid = str(pydicom.dcmread(series[0]).SeriesInstanceUID)
    runs = [
        ["archive", "store", "--url", server.url, *map(str, series)],
        ["archive", "query", "--url", server.url, "--patient", "*"],
        ["archive", "fetch", "--url", server.url, "--series", uid, "--out", str(tmp_path / "out")],
        ["archive", "query", "--url", server.url + "/echo"],
        ["archive", "query", "--url", "http://127.0.0.1:1/refused"],
        ["archive", "query", "--help"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITH_ALL_LOGS, json.dumps(runs)], capture_output=True, text=True, timeout=120, cwd="SegQCModule"
    )
    said = done.stdout + done.stderr
    assert "It says: Denied: Basic *** ***." in said
    assert "DEBUG" in said
    assert "4 instances in" in said
    assert "(5 attempts)" in said
    folders = (tmp_path, series[0].parent)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".dcm"]
    written = b"".join(path.read_bytes() for path in files)
    assert b"sop_instance_uid" in written
    basic = READER.header().removeprefix("Basic ")
    for form in (PASSWORD, basic):
        assert form not in said
        assert form.encode() not in written
