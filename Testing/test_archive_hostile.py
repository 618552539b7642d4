"""Archives that answer what no archive should, by fault or on purpose: each ends in a sentence, soon, and in little memory."""

import gzip
import json
import socket
import threading
import traceback
import tracemalloc

import pydicom
import pytest

from dicom_series import write_series
from orthanc import Reply, free_port
from SegQCLib.archive.archive_url import archive_url
from SegQCLib.archive.connection import open_archive
from SegQCLib.archive.credentials import Credentials
from SegQCLib.archive.faults import ArchiveError
from SegQCLib.archive.fetch import fetch_instance, fetch_series
from SegQCLib.archive.patience import Limits
from SegQCLib.archive.same_instance import differences
from SegQCLib.archive.search import InstanceFound, find_series, instance_in_study, instances_of, series_with_uid
from SegQCLib.archive.store import store_files
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError

pytest_plugins = ["archive_fixtures"]
pytest.importorskip("dicomweb_client")

QUICK = Limits(connect_s=5, silence_s=10, request_s=30, attempts=3, first_wait_s=0.01, longest_wait_s=1)
JSON = {"Content-Type": "application/dicom+json"}
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=abc'}
SECRET = "hunter2 hunter2"


def archive_at(url, told=None, credentials=None):
    return open_archive(archive_url(url), credentials, limits=QUICK, tell=(lambda _: None) if told is None else told.append)


def item(**attributes):
    """Return one data set of DICOM JSON, by tag."""
    return {tag.lstrip("t"): {"vr": "UI", "Value": [value]} for tag, value in attributes.items()}


def listing(*items):
    return Reply(headers=JSON, body=json.dumps(items).encode())


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Return the paths of two slices."""
    return write_series(tmp_path_factory.mktemp("slices"), range(2))


@pytest.fixture
def instance(slices):
    first = pydicom.dcmread(slices[0])
    return InstanceFound(*(str(first[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(headers=JSON, body=b"[" * 200_000), "not DICOM JSON"),
        (Reply(headers=JSON, body=b"[" + b"9" * 5000 + b"]"), "not DICOM JSON"),
        (Reply(headers=JSON, body=b'[{"00080018": {"Value": [null]}}]'), "answers with nothing as StudyInstanceUID"),
        (Reply(302, {"Location": "http://[::1/x"}), "not DICOM JSON"),
        (Reply(302, {"Location": "http://127.0.0.1:99999999/x"}), "not DICOM JSON"),
        (Reply(302, {"Location": "file:///etc/passwd"}), "redirects in a circle, or to what is no address"),
        (Reply(302, {"Location": "?again"}), "redirects in a circle, or to what is no address"),
        (Reply(headers={**JSON, "Content-Encoding": "gzip, gzip"}, body=b"[]"), r"did not ask for \(Content-Encoding\)"),
        (Reply(401, {"WWW-Authenticate": 'Digest realm="pacs"'}), "It asks for Digest, SegQC sent basic credentials"),
        (
            Reply(403, JSON, b'{"Message": "\\u001b[31mred\\ud800"}'),
            "It says: \N{REPLACEMENT CHARACTER}\\[31mred\N{REPLACEMENT CHARACTER}",
        ),
    ],
)
def test_what_is_no_answer_to_a_query_is_explained(front, reply, words):
    with pytest.raises(ArchiveError, match=words):
        find_series(archive_at(front(None, lambda _: reply).url, credentials=Credentials("reader", SECRET)), {})


def test_no_series_is_an_empty_answer_with_or_without_content(front):
    for reply in (Reply(204), Reply(headers=JSON), listing()):
        assert find_series(archive_at(front(None, lambda _, reply=reply: reply).url), {}) == ()


def test_forty_kilobytes_that_become_forty_megabytes_are_given_up(front):
    bomb = Reply(headers={**JSON, "Content-Encoding": "gzip"}, body=gzip.compress(b" " * 40_000_000))
    assert len(bomb.body) < 40_000
    archive = archive_at(front(None, lambda _: bomb).url)
    with pytest.raises(ArchiveError, match="answers with more than 32 MB"):
        find_series(archive, {})


def test_new_objects_on_every_page_for_ever_are_given_up(front, monkeypatch):
    monkeypatch.setattr("SegQCLib.archive.search._MOST_ITEMS", 1000)

    def page(request):
        offset = int(request.path.rpartition("offset=")[2].partition("&")[0])
        return listing(*(item(t00080018=f"1.{number}") for number in range(offset, offset + 501)))

    endless = front(None, page)
    with pytest.raises(ArchiveError, match="more than 1,000 objects"):
        instances_of(archive_at(endless.url), "1.2", "1.2.3")
    assert len(endless.requests) == 2


def test_texts_of_an_archive_do_not_act_on_the_terminal(front, capsys, environment):
    red = item(t0020000D="1.2", t0020000E="1.2.3", t00100020="\x1b[31mP1", t0008103E="a\rb\ud800")
    assert main(["archive", "query", "--url", front(None, lambda _: listing(red)).url]) == 0
    out = capsys.readouterr().out
    assert "Patient \N{REPLACEMENT CHARACTER}[31mP1," in out
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\n" in out


def test_a_series_in_two_studies_is_found_out(front):
    twice = front(None, lambda _: listing(*(item(t0020000D=study, t0020000E="1.2.3") for study in ("1.4", "1.5"))))
    with pytest.raises(ArchiveError, match=r"has the series 1\.2\.3 in two studies"):
        series_with_uid(archive_at(twice.url), "1.2.3")


def test_an_archive_that_lists_series_only_of_a_study_is_asked_for_that_study(front):
    def gateway(request):
        path = request.path.partition("?")[0]
        if path.endswith("/studies/1.2/series"):
            # The UID of the study, which was named, is not repeated.
            return listing(item(t0020000E="1.2.3"), item(t0020000E="1.2.4"))
        return listing(item(t00080018="1.2.3.1")) if path.endswith("/series/1.2.3/instances") else Reply(404)

    archive = archive_at(front(None, gateway).url)
    with pytest.raises(ArchiveError, match=r"404 Not Found.*only of a study that is named: --study UID"):
        series_with_uid(archive, "1.2.3")
    assert series_with_uid(archive, "1.2.3", "1.2").study_instance_uid == "1.2"
    assert len(find_series(archive, {"StudyInstanceUID": "1.2"})) == 2
    assert find_series(archive, {"StudyInstanceUID": "1.9"}) == ()
    assert instance_in_study(archive, "1.2", "1.2.3").sop_instance_uid == "1.2.3.1"


def multipart(body, *, before=b"", after=b"--\r\n", boundary=b"abc", headers=b"Content-Type: application/dicom\r\n"):
    return before + b"--" + boundary + b"\r\n" + headers + b"\r\n" + body + b"\r\n--" + boundary + after


@pytest.mark.parametrize(
    "reply",
    [
        lambda body: Reply(headers=MULTIPART, body=multipart(body)),
        lambda body: Reply(headers=MULTIPART, body=multipart(body, before=b"Anything.\r\n\r\n", headers=b"")),
        # RFC 2046 5.1.1: what follows the last delimiter is to be ignored.
        lambda body: Reply(headers=MULTIPART, body=multipart(body, after=b"--\r\n" + b"x" * 3_000_000)),
        lambda body: Reply(headers={**MULTIPART, "Content-Length": None}, body=multipart(body)),
        lambda body: Reply(
            headers={"Content-Type": 'Multipart/Related; boundary="a b;c=d"; type="application/dicom"'},
            body=multipart(body, boundary=b"a b;c=d"),
        ),
        lambda body: Reply(headers={**MULTIPART, "Content-Encoding": "gzip"}, body=gzip.compress(multipart(body))),
        lambda body: Reply(headers={"Content-Type": "application/dicom", "Content-Encoding": "gzip"}, body=gzip.compress(body)),
        lambda body: Reply(
            headers={"Content-Type": "application/dicom", "Content-Length": None, "Transfer-Encoding": "chunked"},
            body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        ),
    ],
)
def test_every_way_to_send_an_instance_that_http_and_mime_allow_is_understood(front, slices, instance, tmp_path, reply):
    sending = front(None, lambda _: reply(slices[0].read_bytes()))
    fetch_instance(archive_at(sending.url), instance, tmp_path / "a.dcm")
    assert (tmp_path / "a.dcm").read_bytes() == slices[0].read_bytes()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        # Without a length nobody could tell: this one is 50 bytes short.
        (lambda body: Reply(headers={"Content-Type": "application/dicom", "Content-Length": None}, body=body[:-50]), "cut short"),
        (lambda body: Reply(headers=MULTIPART, body=multipart(body, after=b"\r\n\r\n" + body)), "more than the one instance"),
        (lambda _: Reply(headers=MULTIPART, body=b"x" * 20_000_000), "broke off"),
        (lambda _: Reply(headers=MULTIPART, body=b"--abc\r\n" + b"x" * 20_000_000), "broke off"),
        (lambda _: Reply(headers=MULTIPART, body=multipart(b"no DICOM" * 100)), "not a DICOM instance"),
        (lambda _: Reply(headers=MULTIPART, body=multipart(b"\0" * 128 + b"DICM")), "gave None"),
        (lambda _: Reply(500, JSON, b"x" * 20_000_000), "500 Internal Server Error"),
        (lambda _: Reply(204), "content of no type"),
    ],
)
def test_what_is_no_instance_is_not_on_disk_afterwards_and_was_never_in_memory(front, slices, instance, tmp_path, reply, words):
    answer = reply(slices[0].read_bytes())
    archive = archive_at(front(None, lambda _: answer).url)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=words):
            fetch_instance(archive, instance, tmp_path / "a.dcm")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_of_another_series_is_not_mixed_with_this_one(front, tmp_path):
    (tmp_path / "1.2.9.dcm").write_bytes(b"of another series")
    listed = front(None, lambda _: listing(item(t0020000D="1.2", t0020000E="1.2.3", t00080018="1.2.3.1")))
    archive = archive_at(listed.url)
    with pytest.raises(BadDataError, match=r"holds 1\.2\.9\.dcm, which the archive does not list in this series"):
        fetch_series(archive, series_with_uid(archive, "1.2.3"), tmp_path)
    assert not [request for request in listed.requests if "/instances/" in request.path]


def test_a_refusal_that_comes_before_the_object_was_read_is_still_the_reason(slices, tmp_path):
    large = write_series(tmp_path, [0], rows=2000, columns=2000, planes=None)

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(1000)
                status = b"204 No Content" if asked.startswith(b"GET") else b"413 Content Too Large"
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with pytest.raises(ArchiveError, match=r"objects of this size \(413"):
            store_files(archive_at(f"http://127.0.0.1:{listener.getsockname()[1]}/x"), large)


def test_an_archive_that_lists_what_it_took_only_later_is_looked_at_again(front, slices, instance):
    looks_after = []

    def slow_index(request):
        if request.method == "POST":
            looks_after.append(0)
            return Reply(202)
        if not looks_after or "offset=0" not in request.path:
            return Reply(204)
        looks_after[0] += 1
        return listing(item(t00080018=instance.sop_instance_uid)) if looks_after[0] > 2 else Reply(204)

    told = []
    slow = front(None, slow_index)
    (one,) = store_files(archive_at(slow.url, told), slices[:1])
    assert one.sent
    assert told == [
        f"{archive_url(slow.url).origin}: does not list what it took yet; looking again in {s} s." for s in (0.01, 0.02)
    ]
    assert [request.method for request in slow.requests].count("POST") == 1


def test_an_answer_to_a_store_that_nobody_can_read_is_checked_by_looking(front, slices, instance):
    there = []

    def babbling(request):
        if request.method == "POST":
            there.append(request)
            return Reply(200, JSON, b"[" * 200_000)
        return listing(item(t00080018=instance.sop_instance_uid)) if there and "offset=0" in request.path else Reply(204)

    (one,) = store_files(archive_at(front(None, babbling).url), slices[:1])
    assert one.sent


def test_an_archive_s_copy_that_cannot_be_read_is_named_as_such(slices, tmp_path):
    damaged = pydicom.dcmread(slices[0])
    # Diffusion b-value (0018,9087) is a number of eight bytes.
    damaged.add_new(0x00189087, "LO", "four")
    damaged.save_as(tmp_path / "copy.dcm")
    content = (tmp_path / "copy.dcm").read_bytes().replace(b"\x18\x00\x87\x90LO", b"\x18\x00\x87\x90FD")
    (tmp_path / "copy.dcm").write_bytes(content)
    with pytest.raises(BadDataError, match=rf"the archive's copy of {slices[0]}: cannot be read as DICOM"):
        differences(slices[0], tmp_path / "copy.dcm")


def test_a_secret_that_an_archive_repeats_is_hidden_before_its_words_are_shortened(front):
    message = "x" * 190 + SECRET
    echo = front(None, lambda _: Reply(403, JSON, json.dumps({"Message": message}).encode()))
    with pytest.raises(ArchiveError) as caught:
        find_series(archive_at(echo.url, credentials=Credentials("reader", SECRET)), {})
    assert "hunter" not in str(caught.value)


def test_tracebacks_with_the_values_of_all_variables_do_not_show_the_secret(front):
    credentials = Credentials("reader", SECRET)
    away = front(
        None, lambda request: Reply(302, {"Location": request.path + "&away" if "away" not in request.path else "http://x.y/"})
    )
    for url in (away.url, f"http://127.0.0.1:{free_port()}/x"):
        with pytest.raises(ArchiveError) as caught:
            find_series(archive_at(url, credentials=credentials), {})
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert "find_series" in shown
        assert SECRET not in shown
        assert credentials.header().removeprefix("Basic ") not in shown


def test_a_host_in_another_alphabet_is_the_archive_and_one_that_cannot_be_is_refused(monkeypatch):
    def resolved(host, *_):
        raise socket.gaierror(socket.EAI_NONAME, f"asked for {host}")

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    # RFC 5891: as the net knows it, this is xn--kse-qla.example.
    with pytest.raises(ArchiveError, match=r"käse\.example: has a host name that does not exist"):
        find_series(archive_at("http://käse.example/x"), {})
    for url in ("http://a b.example/x", "http://*.example/x", f"http://{'a' * 70}ä.example/x"):
        with pytest.raises(BadDataError, match="is not a URL that can be asked"):
            archive_at(url)


def test_a_variable_that_names_certificates_which_are_not_there_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(BadDataError, match=r"missing\.pem: holds no certificates .* unset REQUESTS_CA_BUNDLE"):
        archive_at("https://127.0.0.1:1/x")
    archive_at("http://127.0.0.1:1/x")


def test_an_archive_elsewhere_that_is_not_encrypted_is_used_with_a_warning(environment, capsys, tmp_path):
    for name in ("SEGQC_DICOMWEB_USER", "SEGQC_DICOMWEB_PASSWORD"):
        environment.delenv(name)
    # It ends before anything is sent: there are no such certificates.
    arguments = ["archive", "query", "--ca-bundle", str(tmp_path / "missing.pem"), "--url"]
    assert main([*arguments, "http://pacs.example.org"]) == 1
    assert "http://pacs.example.org: is not encrypted (http): everybody on the way can read" in capsys.readouterr().err
    for url in ("https://pacs.example.org", "http://localhost:8042"):
        assert main([*arguments, url]) == 1
        assert "is not encrypted" not in capsys.readouterr().err
