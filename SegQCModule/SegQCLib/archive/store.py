"""Instances from disk to an archive: STOW-RS (PS3.18 10.5), each once, however often it is tried."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from SegQCLib.archive.connection import Archive
from SegQCLib.archive.dicom_json import is_uid
from SegQCLib.archive.faults import FULL_REMEDY, ArchiveError, fault_of_answer
from SegQCLib.archive.fetch import fetch_instance
from SegQCLib.archive.journal import add_to_journal, read_journal
from SegQCLib.archive.multipart import DicomMessage
from SegQCLib.archive.patience import Deadline, persistently
from SegQCLib.archive.same_instance import differences
from SegQCLib.archive.search import InstanceFound, instances_of
from SegQCLib.archive.store_answer import StoreAnswer, store_answer
from SegQCLib.errors import BadDataError
from SegQCLib.hashing import sha256_of
from SegQCLib.progress import Progress, counted, unwatched

# Hidden, so that a folder of images stays one: readers of a series pass over names that begin with a dot.
JOURNAL = ".stored.jsonl"
# With these the archive says instance by instance what became of them (PS3.18 10.5.3.1).
_TOLD_IN_THE_ANSWER = (200, 202, 400, 409)


@dataclass(frozen=True)
class Stored:
    """What became of one file.

    Attributes
    ----------
    path : Path
    instance : InstanceFound
    sent : bool
        False: the archive had it already.
    notes : tuple of str
        What the archive says that it did to it.
    differences : tuple of str
        Attributes in which the instance that the archive has under this UID differs; it was left as it is.
    """

    path: Path
    instance: InstanceFound
    sent: bool
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    path: Path
    instance: InstanceFound
    sha256: str


def store_files(archive: Archive, paths: Sequence[Path], progress: Progress = unwatched) -> tuple[Stored, ...]:
    """Store files that the archive does not have yet, and return what became of each.

    The archive is asked for its instances of the series first: what is there under the same UID is not sent again. What
    was stored is noted in `.stored.jsonl` beside the file, so that the same call after a failure goes on where it ended.

    Raises
    ------
    BadDataError
        Before anything is sent: if a file is not a DICOM instance, or two with other contents have the same UID.
    ArchiveError
        If the archive refuses a file, loses it, or cannot be reached. Files before it are stored.
    """
    files = _files(paths)
    journal = _done_before(archive, files)
    stored: dict[str, Stored] = {}
    listed: dict[str, set[str]] = {}
    for number, file in enumerate(counted(progress, "Storing", files)):
        series = file.instance.series_instance_uid
        if series not in listed:
            listed[series] = _listed(archive, file.instance)
        try:
            one = _store(archive, file, file.instance.sop_instance_uid in listed[series], journal)
        except ArchiveError as error:
            before = f" {number} of {len(files)} files were stored before it." if len(files) > 1 else ""
            raise ArchiveError(
                error.where, f"{error.found} The file is {file.path}.{before}", error.remedy, again=error.again
            ) from error
        stored[file.instance.sop_instance_uid] = one
    _require_listed(archive, [one for one in stored.values() if one.sent])
    return tuple(stored.values())


def _files(paths: Sequence[Path]) -> list[_File]:
    files: dict[str, _File] = {}
    for path in paths:
        file = _File(path, _instance(path), sha256_of(path))
        other = files.setdefault(file.instance.sop_instance_uid, file)
        if other.sha256 != file.sha256:
            raise BadDataError(
                path,
                f"has the same SOP Instance UID (0008,0018) as {other.path}, but other contents.",
                "Nothing was sent. Give one of them.",
            )
    return list(files.values())


def _instance(path: Path) -> InstanceFound:
    import pydicom

    from SegQCLib.dicom.dicom_header import parser_errors

    keywords = {
        "StudyInstanceUID": "(0020,000D)",
        "SeriesInstanceUID": "(0020,000E)",
        "SOPInstanceUID": "(0008,0018)",
        "SOPClassUID": "(0008,0016)",
    }
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror or error}).", "Nothing was sent. Give DICOM files.") from error
    except parser_errors() as error:
        raise BadDataError(path, "is not a DICOM file (PS3.10).", "Nothing was sent. Give DICOM files.") from error
    for keyword, tag in keywords.items():
        if not is_uid(str(header.get(keyword) or "")):
            raise BadDataError(path, f"has no usable {keyword} {tag}.", "Nothing was sent. Write the file again.")
    return InstanceFound(str(header.StudyInstanceUID), str(header.SeriesInstanceUID), str(header.SOPInstanceUID))


def _done_before(archive: Archive, files: Sequence[_File]) -> set[tuple[str, str]]:
    """Return SOP Instance UID and SHA-256 of what journals say was stored in this archive."""
    return {
        (str(entry.get("sop_instance_uid")), str(entry.get("sha256")))
        for folder in {file.path.parent for file in files}
        for entry in read_journal(folder / JOURNAL)
        if entry.get("archive") == archive.url.base
    }


def _listed(archive: Archive, instance: InstanceFound) -> set[str]:
    found = instances_of(archive, instance.study_instance_uid, instance.series_instance_uid)
    return {one.sop_instance_uid for one in found}


def _store(archive: Archive, file: _File, is_there: bool, journal: set[tuple[str, str]]) -> Stored:
    uid = file.instance.sop_instance_uid
    if is_there:
        if (uid, file.sha256) in journal:
            return Stored(file.path, file.instance, sent=False)
        found = _differences(archive, file)
        if not found:
            _note(archive, file)
        return Stored(file.path, file.instance, sent=False, differences=found)
    answer = _send_until_there(archive, file)
    if answer.stored is None:
        _require_arrived(archive, file)
    _note(archive, file)
    return Stored(file.path, file.instance, sent=True, notes=(answer.note,) if answer.note else ())


def _send_until_there(archive: Archive, file: _File) -> StoreAnswer:
    sent_before = False

    def attempt() -> StoreAnswer:
        nonlocal sent_before
        # A connection that broke may have been the answer's: then the object is there.
        if sent_before and file.instance.sop_instance_uid in _listed(archive, file.instance):
            return StoreAnswer(True)
        sent_before = True
        return archive.ask_once(lambda deadline: _send(archive, file, deadline))

    return persistently(attempt, archive.limits, archive.tell)


def _send(archive: Archive, file: _File, deadline: Deadline) -> StoreAnswer:
    response = archive.session.post(
        f"{archive.url.base}/studies",
        data=DicomMessage(file.path, file.path.stat().st_size, deadline),
        headers={"Content-Type": DicomMessage.CONTENT_TYPE, "Accept": "application/dicom+json"},
        # requests would go on with GET, and the object would be lost without a word.
        allow_redirects=False,
    )
    where = archive.url.origin
    if response.is_redirect:
        raise ArchiveError(where, "sends objects that are to be stored on to another URL.", "Give that URL; ask its administrator.")
    if response.status_code in _TOLD_IN_THE_ANSWER:
        answer = store_answer(response, file.instance.sop_instance_uid, where)
        if answer.stored or response.ok:
            return answer
    if not response.ok:
        raise fault_of_answer(where, response, archive.credentials)
    return StoreAnswer(None)


def _not_listed(archive: Archive, sent: Sequence[InstanceFound]) -> set[str]:
    """Return SOP Instance UIDs that an archive does not list; many list what they took only some seconds later."""
    wait_s = archive.limits.first_wait_s
    for attempt in range(1, archive.limits.attempts + 1):
        listed: set[str] = set()
        for instance in {one.series_instance_uid: one for one in sent}.values():
            listed |= _listed(archive, instance)
        missing = {one.sop_instance_uid for one in sent} - listed
        if not missing or attempt == archive.limits.attempts:
            break
        archive.tell(f"{archive.url.origin}: does not list what it took yet; looking again in {wait_s:g} s.")
        time.sleep(wait_s)
        wait_s *= 2
    return missing


def _require_arrived(archive: Archive, file: _File) -> None:
    if _not_listed(archive, [file.instance]):
        # Orthanc 1.10 does exactly this when it is full.
        raise ArchiveError(
            archive.url.origin,
            "took the object without an error, but did not store it. Most probably it is full.",
            FULL_REMEDY,
        )


def _require_listed(archive: Archive, sent: Sequence[Stored]) -> None:
    if not sent:
        return
    not_listed = _not_listed(archive, [one.instance for one in sent])
    missing = [one.path for one in sent if one.instance.sop_instance_uid in not_listed]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ArchiveError(
            archive.url.origin,
            f"said that it stored {missing[0]}{more}, but does not list it.",
            "A full archive may have removed it again: ask its administrator, then run the same command again.",
        )


def _differences(archive: Archive, file: _File) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="segqc-") as folder:
        archived = Path(folder) / "archived.dcm"
        fetch_instance(archive, file.instance, archived)
        return differences(file.path, archived)


def _note(archive: Archive, file: _File) -> None:
    entry = {
        "sop_instance_uid": file.instance.sop_instance_uid,
        "file": file.path.name,
        "sha256": file.sha256,
        "archive": archive.url.base,
        "stored": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        add_to_journal(file.path.parent / JOURNAL, entry)
    except BadDataError as error:
        # The object is stored: a read-only folder must not make a failure of it.
        archive.tell(str(error))
