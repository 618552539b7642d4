"""A study without what tells whose it is: done before anything is compared, so that no sentence ever knew a name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.deidentify import deidentified_case, segment_name
from SegQCLib.protocol import QCProtocol
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.study_consistency.image_kinds import image_kinds
from SegQCLib.study_consistency.study_series import ReadStudy, SeenLesion, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import Timepoint, timepoint_of

_UNREAD = "It could not be read; the sentence is left out, because it can name files or people."
_NOTE = "Sentences about the reading of the files are left out, because they can name files or people."


def deidentified_study(study: ReadStudy, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> ReadStudy:
    """Return a study with pseudonyms for patients, cases, readers and unknown segment names, and days in place of dates.

    A date becomes the number of days since the patient's first one; numbers and their order stay; other time points have
    pseudonyms. Facts of acquisition are treated as in every de-identified report.
    """
    first: dict[str, float] = {}
    for one in study.series:
        for day in _days(one):
            first[one.patient] = min(first.get(one.patient, day), day)
    # Before descriptions are gone, which tell kinds apart.
    kinds = image_kinds(study.series)
    plain = {kind for one in study.series if one.kind is None for kind in image_kinds([one])}
    return ReadStudy(
        study.origin.partition(" ")[0] if study.origin.startswith("worklist") else study.origin,
        tuple(
            replace(
                _series(one, first.get(one.patient), protocol, pseudonyms),
                kind=kind if kind in plain and one.kind is None else _kind(one, kind, pseudonyms),
            )
            for one, kind in zip(study.series, kinds, strict=True)
        ),
        (_NOTE,) if study.notes else (),
    )


def _days(one: StudySeries) -> list[float]:
    found = (one.timepoint, timepoint_of(one.acquisition.acquisition_date))
    return [moment.order for moment in found if moment.kind == "date" and moment.order is not None]


def _series(one: StudySeries, first: float | None, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> StudySeries:
    # A case that is its own patient stays so.
    case = pseudonyms.of("case", one.case)
    patient = case if one.patient == one.case else pseudonyms.of("patient", one.patient)
    acquisition = one.acquisition
    if one.geometry is not None:
        nothing = Segmentation("none", one.geometry, (np.broadcast_to(np.uint8(0), one.geometry.size),), ())
        bare = Case(Volume(None, one.geometry, one.acquisition), nothing)
        acquisition = deidentified_case(bare, protocol, pseudonyms).image.acquisition
        # Equal stays equal and other stays other, which is what is asked here.
        acquisition = replace(
            acquisition,
            contrast_agent=_hidden("contrast agent", one.acquisition.contrast_agent, pseudonyms),
            derivation_description=_hidden("derivation", one.acquisition.derivation_description, pseudonyms),
            device_serial=_hidden("device", one.acquisition.device_serial, pseudonyms),
        )
    return replace(
        one,
        case=case,
        patient=patient,
        timepoint=_timepoint(one, first, pseudonyms),
        acquisition=acquisition,
        reads=tuple(_read(read, protocol, pseudonyms) for read in one.reads),
        error=None if one.error is None else _UNREAD,
        same_images_as=None if one.same_images_as is None else pseudonyms.of("case", one.same_images_as),
    )


def _hidden(kind: str, text: str | None, pseudonyms: Pseudonyms) -> str | None:
    return None if text is None else pseudonyms.of(kind, " ".join(text.casefold().split()))


def _kind(one: StudySeries, kind: str, pseudonyms: Pseudonyms) -> str:
    modality = one.acquisition.modality
    return " ".join(word for word in (modality, pseudonyms.of("kind of image", kind)) if word)


def _timepoint(one: StudySeries, first: float | None, pseudonyms: Pseudonyms) -> Timepoint:
    own = one.timepoint
    if own.kind == "text":
        scanned = timepoint_of(one.acquisition.acquisition_date)
        if scanned.order is None or first is None:
            return own if not own.text else replace(own, text=pseudonyms.of("time point", own.text))
        own = scanned
    if own.kind == "number":
        return own
    days = (own.order or 0.0) - (first or 0.0)
    return Timepoint(f"day {days:.0f}", days, "number")


def _read(read: SeriesRead, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> SeriesRead:
    return SeriesRead(
        pseudonyms.of("segmentation", read.name),
        None if read.reader is None else pseudonyms.of("reader", read.reader),
        tuple(_lesion(lesion, protocol, pseudonyms) for lesion in read.lesions),
        None if read.error is None else _UNREAD,
    )


def _lesion(lesion: SeenLesion, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> SeenLesion:
    # What matches lesions stays equal where it was equal.
    uid = None if lesion.tracking_uid is None else pseudonyms.of("lesion", lesion.tracking_uid)
    return replace(lesion, name=segment_name(lesion.name, protocol, pseudonyms), tracking_uid=uid)
