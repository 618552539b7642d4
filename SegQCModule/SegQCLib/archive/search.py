"""What an archive has: QIDO-RS (PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from SegQCLib.archive.connection import Archive
from SegQCLib.archive.dicom_json import number_value, text_value, uid_value
from SegQCLib.archive.faults import ArchiveError

# Archives cut longer answers off wherever they like; whoever asks in pages of his own notices.
PAGE = 500
# No study has as many; an answer that has is not one that ends.
_MOST_ITEMS = 100_000


@dataclass(frozen=True)
class SeriesFound:
    """A series that an archive has. None: the archive does not say."""

    study_instance_uid: str
    series_instance_uid: str
    patient_id: str | None
    study_date: str | None
    modality: str | None
    series_number: int | None
    series_description: str | None
    instances: int | None


@dataclass(frozen=True)
class InstanceFound:
    """An instance that an archive has."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


def find_series(archive: Archive, filters: Mapping[str, str], most: int | None = None) -> tuple[SeriesFound, ...]:
    """Return series that match, in the archive's order.

    Parameters
    ----------
    archive : Archive
    filters : mapping of str
        DICOM keyword to the value that it has to match (PS3.18 8.3.4): `*` and `?` are wildcards in texts, `-` makes a
        range of dates. A Study Instance UID (0020,000D) has no wildcards.
    most : int or None
        How many series at most; None: all.

    Raises
    ------
    ArchiveError
    """
    # Gateways need not search the series of all studies (PS3.18 Table 10.6.1-1); those of one study every archive does.
    study = filters.get("StudyInstanceUID")
    others = {keyword: value for keyword, value in filters.items() if keyword != "StudyInstanceUID"}

    def page(limit: int, offset: int) -> list[dict[str, Any]]:
        return archive.client.search_for_series(
            study,
            search_filters=others,
            fields=["PatientID", "StudyDate", "SeriesDescription", "NumberOfSeriesRelatedInstances"],
            limit=limit,
            offset=offset,
        )

    try:
        items = _all_pages(archive, page, ("0020000D", "0020000E"), most)
    except ArchiveError as error:
        if study is None and error.unknown:
            remedy = f"{error.remedy} Some archives list series only of a study that is named: --study UID."
            raise ArchiveError(error.where, error.found, remedy) from error
        if not error.unknown:
            raise
        # PS3.18 8.3.4.4 asks for an empty answer; some archives have 404 for a study that they do not know.
        return ()
    return tuple(_series(item, study, archive.url.origin) for item in items)


def series_with_uid(archive: Archive, series_instance_uid: str, study_instance_uid: str | None = None) -> SeriesFound:
    """Return the series with a Series Instance UID (0020,000E), of a study or wherever the archive has it.

    Raises
    ------
    ArchiveError
        If the archive has none; or has it in two studies, which DICOM forbids.
    """
    of_study = {} if study_instance_uid is None else {"StudyInstanceUID": study_instance_uid}
    found = find_series(archive, {**of_study, "SeriesInstanceUID": series_instance_uid}, None if of_study else 2)
    # Archives that do not know a filter ignore it.
    found = tuple(one for one in found if one.series_instance_uid == series_instance_uid)
    if not found:
        raise ArchiveError(
            archive.url.origin,
            f"has no series with the Series Instance UID (0020,000E) {series_instance_uid}.",
            "segqc archive query lists what it has.",
        )
    if len({one.study_instance_uid for one in found}) > 1:
        raise ArchiveError(
            archive.url.origin, f"has the series {series_instance_uid} in two studies.", "Tell its administrator: a UID is unique."
        )
    return found[0]


def instances_of(archive: Archive, study_instance_uid: str, series_instance_uid: str) -> tuple[InstanceFound, ...]:
    """Return the instances of a series; () where the archive does not have it.

    Raises
    ------
    ArchiveError
    """

    def page(limit: int, offset: int) -> list[dict[str, Any]]:
        return archive.client.search_for_instances(study_instance_uid, series_instance_uid, limit=limit, offset=offset)

    where = archive.url.origin
    try:
        items = _all_pages(archive, page, ("00080018",), None)
    except ArchiveError as error:
        # PS3.18 8.3.4.4 asks for an empty answer; some archives have 404 for a study that they do not know.
        if not error.unknown:
            raise
        return ()
    return tuple(
        InstanceFound(study_instance_uid, series_instance_uid, uid_value(item, "00080018", "SOPInstanceUID", where))
        for item in items
    )


def instance_in_study(archive: Archive, study_instance_uid: str, uid: str) -> InstanceFound:
    """Return the instance of a study that a UID means: its SOP Instance UID (0008,0018), or that of its series of one instance.

    Raises
    ------
    ArchiveError
        If the study has none, or the series has several.
    """
    where = archive.url.origin

    def of_study(limit: int, offset: int) -> list[dict[str, Any]]:
        return archive.client.search_for_instances(
            study_instance_uid, search_filters={"SOPInstanceUID": uid}, limit=limit, offset=offset
        )

    try:
        items = _all_pages(archive, of_study, ("00080018",), 2)
    except ArchiveError as error:
        # Gateways need not search the instances of a study (PS3.18 Table 10.6.1-1), only those of a series.
        if not error.unknown:
            raise
        items = []
    for item in items:
        if text_value(item, "00080018") == uid:
            series = uid_value(item, "0020000E", "SeriesInstanceUID", where)
            return InstanceFound(study_instance_uid, series, uid)
    found = instances_of(archive, study_instance_uid, uid)
    if len(found) != 1:
        held = f"{len(found)} instances in the series" if found else "neither an instance nor a series with the UID"
        raise ArchiveError(
            where,
            f"has {held} {uid} in the study {study_instance_uid}.",
            "Give the SOP Instance UID (0008,0018) of one; segqc archive query --study lists the study's series.",
        )
    return found[0]


def _all_pages(
    archive: Archive, page: Callable[[int, int], list[dict[str, Any]]], identity: Sequence[str], most: int | None
) -> list[dict[str, Any]]:
    """Return the items of all pages. An archive that ignores `offset` gives the first page for ever: new items are counted."""
    items: dict[tuple[str | None, ...], dict[str, Any]] = {}
    while most is None or len(items) < most:
        limit = PAGE if most is None else min(PAGE, most - len(items))
        offset = len(items)
        answer = archive.ask(lambda _, limit=limit, offset=offset: page(limit, offset))
        if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
            raise ArchiveError(
                archive.url.origin,
                "answers a query with something that is no list of DICOM objects.",
                "Is the URL the root of its DICOMweb service?",
            )
        for item in answer:
            items.setdefault(tuple(text_value(item, tag) for tag in identity), item)
        if len(items) == offset:
            break
        if len(items) > _MOST_ITEMS:
            raise ArchiveError(
                archive.url.origin, f"answers a query with more than {_MOST_ITEMS:,} objects.", "Tell its administrator."
            )
    return list(items.values())[:most]


def _series(item: Mapping[str, Any], study_instance_uid: str | None, where: str) -> SeriesFound:
    # Of a study that was named, archives need not repeat the UID (PS3.18 Table 10.6.3-4).
    study_is_named = study_instance_uid is not None and text_value(item, "0020000D") is None
    return SeriesFound(
        study_instance_uid=study_instance_uid if study_is_named else uid_value(item, "0020000D", "StudyInstanceUID", where),
        series_instance_uid=uid_value(item, "0020000E", "SeriesInstanceUID", where),
        patient_id=text_value(item, "00100020"),
        study_date=text_value(item, "00080020"),
        modality=text_value(item, "00080060"),
        series_number=number_value(item, "00200011"),
        series_description=text_value(item, "0008103E"),
        instances=number_value(item, "00201209"),
    )
