"""Instances from an archive to disk: WADO-RS (PS3.18 10.4), complete or not at all."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from SegQCLib.archive.connection import Archive
from SegQCLib.archive.faults import ArchiveError, fault_of_answer
from SegQCLib.archive.foreign_text import shown
from SegQCLib.archive.journal import add_to_journal, read_journal
from SegQCLib.archive.multipart import CHUNK, boundary_of, write_only_part
from SegQCLib.archive.patience import Deadline
from SegQCLib.archive.search import InstanceFound, SeriesFound, instances_of
from SegQCLib.dicom.dicom_header import parser_errors, read_dicom_header
from SegQCLib.errors import BadDataError
from SegQCLib.output import require_writable
from SegQCLib.progress import Progress, counted, unwatched

if TYPE_CHECKING:
    from requests import Response

# Readers of a series pass over names that begin with a dot.
JOURNAL = ".fetched.jsonl"
# Longer than any transfer is silent: what has not changed for an hour was left behind by a fetch that was killed.
_ABANDONED_S = 3600.0
# As it is stored first: without `*` an archive has to convert everything to Explicit VR Little Endian (PS3.18 8.7.3.5.2).
_ACCEPTED = ('multipart/related; type="application/dicom"; transfer-syntax=*', 'multipart/related; type="application/dicom"')


@dataclass(frozen=True)
class Fetched:
    """A series on disk.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
        `<SOP Instance UID>.dcm`, in the archive's order.
    kept : int
        How many of them were there already.
    """

    folder: Path
    files: tuple[Path, ...]
    kept: int


def fetch_series(archive: Archive, series: SeriesFound, folder: Path, progress: Progress = unwatched) -> Fetched:
    """Fetch all instances of a series into a folder; those that an earlier call brought there whole are not fetched again.

    Raises
    ------
    ArchiveError
        If the archive has no such series, does not list all its instances, or cannot give one.
    BadDataError
        If the folder cannot be written to, or holds DICOM files that are not of the series: then it would be read as
        something that the archive does not have. What arrived stays: the same call goes on from there.
    """
    instances = instances_of(archive, series.study_instance_uid, series.series_instance_uid)
    if not instances:
        raise ArchiveError(archive.url.origin, f"has no instances of the series {series.series_instance_uid}.", "Check the UID.")
    if series.instances is not None and series.instances > len(instances):
        raise ArchiveError(
            archive.url.origin,
            f"says that the series has {series.instances} instances (NumberOfSeriesRelatedInstances (0020,1209)),"
            f" but lists {len(instances)}.",
            "Is it still receiving them? Try again later, or tell its administrator.",
        )
    require_writable(folder)
    _require_no_others(folder, {f"{instance.sop_instance_uid}.dcm" for instance in instances})
    whole = {str(entry.get("sop_instance_uid")): entry.get("bytes") for entry in read_journal(folder / JOURNAL)}
    files, kept = [], 0
    for instance in counted(progress, "Fetching", instances):
        path = folder / f"{instance.sop_instance_uid}.dcm"
        if path.is_file() and path.stat().st_size == whole.get(instance.sop_instance_uid):
            kept += 1
        else:
            fetch_instance(archive, instance, path)
            add_to_journal(folder / JOURNAL, {"sop_instance_uid": instance.sop_instance_uid, "bytes": path.stat().st_size})
        files.append(path)
    return Fetched(folder, tuple(files), kept)


def fetch_instance(archive: Archive, instance: InstanceFound, path: Path) -> None:
    """Fetch one instance into a file, which is complete as soon as it has its name.

    Raises
    ------
    ArchiveError
        If the archive cannot give it, gives another one, or something that is not DICOM.
    BadDataError
        If the file cannot be written.
    """
    for left_behind in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):  # of another run, which is done with it
            if time.time() - left_behind.stat().st_mtime > _ABANDONED_S:
                left_behind.unlink()
    temporary = archive.ask(lambda deadline: _download(archive, instance, path, deadline))
    try:
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BadDataError(path, f"could not be written ({error.strerror}).", "Use another folder.") from error


def _require_no_others(folder: Path, names: Set[str]) -> None:
    others = sorted(path.name for path in folder.glob("[!.]*.dcm") if path.name not in names)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise BadDataError(
            folder,
            f"holds {others[0]}{more}, which the archive does not list in this series.",
            "Use another folder; or move these files away, if the archive has removed them from the series.",
        )


def _download(archive: Archive, instance: InstanceFound, path: Path, deadline: Deadline) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with _response(archive, instance) as response, temporary.open("xb") as file:
            _write_instance(response, file, archive.url.origin, deadline)
        _require_instance(temporary, instance, archive.url.origin)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno is None:  # an exception of requests
            raise
        raise BadDataError(
            path.parent, f"could not be written to ({error.strerror}).", "Free space, then run the same command again."
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _response(archive: Archive, instance: InstanceFound) -> Response:
    from dicomweb_client import URI

    url = str(URI(archive.url.base, instance.study_instance_uid, instance.series_instance_uid, instance.sop_instance_uid))
    for accepted in _ACCEPTED:
        # Not compressed for the way: pixel data hardly shrink, and archives are slow at it.
        response = archive.session.get(url, headers={"Accept": accepted, "Accept-Encoding": "identity"}, stream=True)
        if response.status_code != 406:
            break
    if not response.ok:
        with response:
            raise fault_of_answer(archive.url.origin, response, archive.credentials)
    return response


def _write_instance(response: Response, file: BinaryIO, where: str, deadline: Deadline) -> None:
    def chunks() -> Iterator[bytes]:
        for chunk in response.iter_content(CHUNK):
            deadline.moved(len(chunk))
            yield chunk

    content_type = response.headers.get("Content-Type", "")
    boundary = boundary_of(content_type)
    if boundary is not None:
        write_only_part(chunks(), boundary, file, where)
        return
    # Against PS3.18 10.4.3, but some archives do without multipart for a single instance.
    if not content_type.lower().startswith("application/dicom") or "json" in content_type.lower():
        raise ArchiveError(
            where,
            f"answers with {content_type.partition(';')[0] or 'content of no type'}, not with a DICOM instance.",
            "Check that the URL is the root of its DICOMweb service.",
        )
    promised = response.headers.get("Content-Length", "")
    # A message in chunks has an end of its own, which urllib3 looks for.
    if not promised.isdecimal() and response.headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise ArchiveError(
            where,
            "gives an instance without its length (Content-Length) and not as multipart/related: it may have been cut short.",
            "Tell its administrator; PS3.18 10.4 asks for multipart/related.",
        )
    for chunk in chunks():
        file.write(chunk)
    if promised.isdecimal() and response.raw.tell() != int(promised):
        raise ArchiveError(where, "broke off in the middle of an answer.", "Run the same command again.", again=True)


def _require_instance(path: Path, instance: InstanceFound, where: str) -> None:
    try:
        header = read_dicom_header(path)
        given = None if header is None else str(header.dataset.get("SOPInstanceUID"))
    except (BadDataError, *parser_errors()) as error:
        raise ArchiveError(
            where, f"answers with something that is not a DICOM instance ({error}).", "Tell its administrator."
        ) from error
    if given is None:
        raise ArchiveError(where, "answers with something that is not a DICOM instance.", "Tell its administrator.")
    if given != instance.sop_instance_uid:
        raise ArchiveError(
            where,
            f"was asked for the instance {instance.sop_instance_uid} and gave {shown(given)}.",
            "Tell its administrator: the series was not fetched, because nobody knows what else is mixed up.",
        )
