"""A case without what tells whose it is and who read it.

It is done before a case is evaluated and not to the finished record: each sentence of a report is then written by
code that never knew a name. To take names out of sentences every spelling of them would have to be found, and where a
name is a word too (a patient called White) what is missing would tell it.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import datetime
from functools import cache

from SegQCLib.acquisition import Acquisition, DifferingFact
from SegQCLib.case import Case, Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.dicom.burned_in import burned_in_findings
from SegQCLib.findings import Finding
from SegQCLib.importers.label_names import SHIPPED, read_label_names
from SegQCLib.protocol import AllowedTexts, QCProtocol, plain_name
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.readers.kept_findings import KeptFinding
from SegQCLib.readers.ratings import RatingGiven, answers
from SegQCLib.readers.training.standing import EXPIRING_D, TrainingStanding
from SegQCLib.record import Deidentification, QCRecord
from SegQCLib.words import LEFT_OUT, UNFINISHED

# What an acquisition keeps: what DICOM PS3.15 Table E.1-1 does not list, and numbers of the machine and the reconstruction.
# Everything else is left out, also what is added to it later.
KEPT_FACTS = frozenset(
    {
        "source", "modality", "image_type", "manufacturer", "model", "software_versions", "body_part_examined", "units",
        "slice_thicknesses_mm", "slice_positions_mm", "duplicate_positions_mm", "slice_displacement_mm", "stack_tilt_deg",
        "gantry_tilt_deg", "spacing_between_slices_mm", "matrix", "acquisition_matrix", "reconstruction_diameter_mm",
        "reconstruction_field_of_view_mm", "convolution_kernel", "filter_type", "kvp", "exposure_mas", "tube_current_ma",
        "exposure_time_ms", "ctdi_vol_mgy", "sequence_name", "scanning_sequence", "sequence_variant", "mr_acquisition_type",
        "magnetic_field_strength_t", "echo_time_ms", "repetition_time_ms", "inversion_time_ms", "flip_angle_deg",
        "pixel_bandwidth_hz", "receive_coil_type", "parallel_acquisition", "complex_image_component",
        "contrast_volume_ml", "contrast_phase", "derivation_codes", "lossy_compression",
        "lossy_compression_ratios", "transfer_syntaxes", "radiopharmaceutical", "injected_dose_bq", "half_life_s",
        "uptake_time_min", "decay_correction", "corrected_image", "suv_type", "reconstruction_method",
        "attenuation_correction_method", "value_unit",
    }
)  # fmt: skip

_PROFILE = (
    "What SegQC reports of the image's headers was treated as in the Basic Application Level Confidentiality Profile of DICOM"
    " PS3.15 Annex E, with its Clean Descriptors Option (a description keeps only words of the protocol) and its Retain"
    " Longitudinal Temporal Information with Modified Dates Option (times keep their differences only). This is not the whole"
    " profile: no DICOM object was de-identified, and the pixels of pictures are as they were."
)
_LEFT_OUT = (
    "names and places of files, and their SHA-256",
    "dates and times, that of the evaluation too",
    "what readers wrote in their own words",
    "Series Description and Protocol Name but for words of the SegQC protocol",
    "Contrast/Bolus Agent and Derivation Description but for whether there was one",
    "sentences about the reading of the files",
)
_KEPT = (
    "manufacturer, model and software versions of the scanner",
    "body part, geometry, acquisition and reconstruction settings",
    "grades of ratings, findings, measurements and verdicts",
    "names of segments that the protocol or TotalSegmentator has",
    "the protocol's own texts",
)
# Names that programs give and that say nothing: Slicer's Segment_1, SegQC's label_5.
_NUMBERED = re.compile(r"(segment|label|mask|roi)[ _-]?\d{1,3}", re.IGNORECASE)
_BACKGROUND = re.compile(r"[\s_,-]*(?<![^\W_])background(?![^\W_])[\s_,-]*", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"\d{4,}")
_VERSION = re.compile(r"v?\d{1,3}(\.\d{1,3}){0,3}(?![.\d])", re.IGNORECASE)
_MODELS = ("TotalSegmentator", "nnU-Net")
# What findings of reading are about, in place of sentences that can name files, series, segments or people.
_ABOUT = {
    "files_ignored": "Files beside the images were not read",
    "images_left_out": "Images beside the series were left out",
    "inverted_grey_scale": "Low values are meant to be shown bright",
    "padding_voxels": "Voxels outside of what was imaged have a padding value",
    "suv": "How PET values were read",
    "label_map_values": "The values of the label map",
    "label_map_type": "The number format of the label map",
    "label_map_position": "How the label map lies in the patient",
    "label_names": "Names and numbers of the segments",
    "segment_terminology": "The codes of a segment",
    "segment_representation": "How the segmentation is stored",
    "segmentation_reference": "Which series the segmentation was drawn on",
    "segment_positions": "Where the frames of the segmentation lie",
    "geometry_match": "The grid that the segmentation came on",
    "rt_structures": "Structures of the structure set that are no volumes or cannot be used",
    "contour_points": "Points and crossings of contours",
    "contour_slices": "Where contours lie between the slices",
    "outside_image": "Contours outside the image",
}
_OTHER_ALGORITHM, _OTHER_VERSION, _OTHER_STATUS = "another algorithm", "another version", "another status"


def deidentified_case(case: Case, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> Case:
    """Return a case whose evaluation names nobody; pixels, outlines, codes and what they measure are as they were.

    Its image has a warning where the header says that pixels name the patient.

    Parameters
    ----------
    case : Case
        As read from its files, before it was prepared.
    protocol : QCProtocol or None
        Whose names of structures, words of descriptions and names of AI tools may stay.
    pseudonyms : Pseudonyms
    """
    image = replace(
        _without_files(case.image),
        acquisition=_deidentified_acquisition(case.image.acquisition, protocol, pseudonyms),
        findings=(
            *(_without_words(finding, protocol, pseudonyms) for finding in case.image.findings),
            *burned_in_findings(case.image),
        ),
    )
    return replace(
        case,
        image=image,
        candidate=deidentified_segmentation(case.candidate, protocol, pseudonyms),
        references=tuple(deidentified_segmentation(reference, protocol, pseudonyms) for reference in case.references),
        draft=None if case.draft is None else deidentified_segmentation(case.draft, protocol, pseudonyms, "draft"),
        ratings=tuple(_deidentified_rating(given, protocol, pseudonyms) for given in case.ratings),
        kept_findings=tuple(_deidentified_statement(kept, protocol, pseudonyms) for kept in case.kept_findings),
        uncertainty=None
        if case.uncertainty is None
        else replace(_without_files(case.uncertainty), acquisition=Acquisition(), findings=()),
        second_image=None
        if case.second_image is None
        else replace(
            _without_files(case.second_image),
            acquisition=_deidentified_acquisition(case.second_image.acquisition, protocol, pseudonyms),
            findings=(),
        ),
        drawn_background=None
        if case.drawn_background is None
        else deidentified_segmentation(case.drawn_background, protocol, pseudonyms, "background"),
        reader_training=None if case.reader_training is None else _deidentified_standing(case.reader_training),
    )


def deidentification(pseudonyms: Pseudonyms) -> Deidentification:
    """Return what a report says of how it was de-identified."""
    return Deidentification(pseudonyms.keyed, _PROFILE, _LEFT_OUT, _KEPT)


def marked_deidentified(record: QCRecord, pseudonyms: Pseudonyms) -> QCRecord:
    """Return the record of a de-identified case, without its date and with the statement that it is one."""
    # An image is called by its Series Description.
    inputs = tuple(
        replace(entry, name=_as_simulated("image", entry.name)) if entry.role == "image" else entry for entry in record.inputs
    )
    return replace(record, created=LEFT_OUT, inputs=inputs, deidentification=deidentification(pseudonyms))


def deidentified_segmentation(
    segmentation: Segmentation, protocol: QCProtocol | None, pseudonyms: Pseudonyms, kind: str = "reader"
) -> Segmentation:
    """Return a segmentation whose name, and names of segments that nobody knows, are pseudonyms; its voxels are shared."""
    stored = segmentation.stored
    return replace(
        segmentation,
        name=_as_simulated(pseudonyms.of(kind, segmentation.name), segmentation.name),
        segments=tuple(_deidentified_segment(segment, protocol, pseudonyms) for segment in segmentation.segments),
        source=None,
        findings=tuple(_without_words(finding, protocol, pseudonyms) for finding in segmentation.findings),
        stored=None if stored is None else deidentified_segmentation(stored, protocol, pseudonyms, kind),
    )


def segment_name(name: str, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> str:
    """Return the name of a segment if the protocol, TotalSegmentator or a program gave it, else its pseudonym.

    Names that pair with each other (same words) have pseudonyms that pair; "Lesion 7 background" stays the background of what
    stands for Lesion 7, because image quality is measured against it.
    """
    if _BACKGROUND.search(name):
        of_what = _BACKGROUND.sub(" ", name).strip()
        return f"{segment_name(of_what, protocol, pseudonyms)} background" if of_what else "background"
    known = plain_name(name) in _known_names() or _NUMBERED.fullmatch(name) is not None
    if protocol is not None and not _LONG_NUMBER.search(name):
        # By its name alone: whatever a segment with the codes of a structure is called, the codes still tell what it is.
        known = known or protocol.structure_of(Segment("", name, 1)) is not None
    return name if known else pseudonyms.of("renamed segment", plain_name(name))


@cache
def _known_names() -> frozenset[str]:
    return frozenset(plain_name(label.name) for labels in SHIPPED for label in read_label_names(labels).labels)


def _without_files(volume: Volume) -> Volume:
    return replace(volume, source=None, slice_sources=())


def _without_words(finding: Finding, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> Finding:
    """Return a finding of reading with what it is about in place of its sentence."""
    about = _ABOUT.get(finding.check, "Something about the files")
    message = f"{about}: noticed at reading; the sentence is left out, because it can name files or people."
    return replace(
        finding,
        message=_as_simulated(message, finding.message),
        measured=None,
        allowed=None,
        source=None,
        segment=None if finding.segment is None else segment_name(finding.segment, protocol, pseudonyms),
        kept=None,
    )


def _deidentified_acquisition(facts: Acquisition, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> Acquisition:
    start, begin = _times_from_contrast(facts)
    return replace(
        Acquisition(**{item.name: getattr(facts, item.name) for item in fields(Acquisition) if item.name in KEPT_FACTS}),
        differing=tuple(map(_deidentified_difference, facts.differing)),
        device_serial=pseudonyms.of_identifier("device", facts.device_serial),
        study_instance_uid=pseudonyms.of_uid(facts.study_instance_uid),
        series_instance_uid=pseudonyms.of_uid(facts.series_instance_uid),
        frame_of_reference_uid=pseudonyms.of_uid(facts.frame_of_reference_uid),
        series_description=_protocol_words(facts.series_description, protocol),
        protocol_name=_protocol_words(facts.protocol_name, protocol),
        contrast_agent=_left_out(facts.contrast_agent),
        derivation_description=_left_out(facts.derivation_description),
        contrast_start_time=start,
        acquisition_time=begin,
        window_levels=tuple(replace(pair, explanation=None) for pair in facts.window_levels),
    )


def _deidentified_difference(item: DifferingFact) -> DifferingFact:
    if item.fact in KEPT_FACTS:
        return item
    return replace(item, values=tuple(f"value {n} ({LEFT_OUT})" for n in range(1, len(item.values) + 1)))


def _left_out(text: str | None) -> str | None:
    # Checks tell what was not given from what is not shown.
    return None if text is None else LEFT_OUT


def _name_patterns(protocol: QCProtocol | None) -> tuple[str, ...]:
    """Return what the protocol looks for in names of series and scans."""
    if protocol is None:
        return ()
    of_phase = protocol.contrast.series_description_words if protocol.contrast else ()
    return (*of_phase, *(protocol.mr_sequence.values if protocol.mr_sequence else ()))


def _protocol_words(name: str | None, protocol: QCProtocol | None) -> str | None:
    """Return what of a name is the protocol's own wording, so that its checks find what they found in the whole name."""
    if name is None:
        return None
    found = [pattern for pattern in _name_patterns(protocol) if name in AllowedTexts((pattern,), "")]
    words = [pattern.replace("*", "").strip() for pattern in found]

    def patterns_met(text: str) -> int:
        return sum(text in AllowedTexts((pattern,), "") for pattern in found)

    # A pattern without wildcard is met by nothing but itself, all others by all words in a row.
    kept = max((" ".join(dict.fromkeys(words)), *words), key=patterns_met)
    return _as_simulated(kept or LEFT_OUT, name)


def _as_simulated(text: str, original: str) -> str:
    # Simulated data have to say so in every report.
    return f"{text} (simulated)" if "simulated" in original.casefold() and "simulated" not in text else text


def _times_from_contrast(facts: Acquisition) -> tuple[str | None, str | None]:
    """Return Contrast/Bolus Start Time as midnight and Acquisition Time as long after it as it was; else None twice."""
    try:
        start, begin = (
            datetime.strptime((text or "").partition(".")[0], "%H%M%S")
            for text in (facts.contrast_start_time, facts.acquisition_time)
        )
    except ValueError:
        return None, None
    if begin <= start:
        return None, None
    return "000000", (datetime(1900, 1, 1) + (begin - start)).strftime("%H%M%S")


def _deidentified_segment(segment: Segment, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> Segment:
    return replace(
        segment,
        name=segment_name(segment.name, protocol, pseudonyms),
        terminology=None if segment.terminology is None else _codes_only(segment.terminology),
        # Slicer's four are words of a program; a file can hold any text in their place.
        status=segment.status if segment.status in (None, "completed", *UNFINISHED) else _OTHER_STATUS,
        algorithm_name=_algorithm_name(segment.algorithm_name, protocol),
        algorithm_version=_algorithm_version(segment.algorithm_version),
        algorithm_parameters=None,
        algorithm_family=None,
        tracking_id=None,
        tracking_uid=pseudonyms.of_uid(segment.tracking_uid),
    )


def _codes_only(terminology: Terminology) -> Terminology:
    # Code Meaning (0008,0104) is free text in files that people made.
    def bare(code: Code | None) -> Code | None:
        return None if code is None else replace(code, meaning=code.value)

    return Terminology(
        bare(terminology.category),
        bare(terminology.type),
        bare(terminology.modifier),
        bare(terminology.region),
        bare(terminology.region_modifier),
    )


def _algorithm_name(name: str | None, protocol: QCProtocol | None) -> str | None:
    """Return the names of known models in an algorithm's name; a model's own name often has a site's in it."""
    if not name:
        return name
    known = dict.fromkeys((*(tool.name for tool in (protocol.ai_tools if protocol else ())), *_MODELS))
    found = [model for model in known if model.casefold() in name.casefold()]
    return "; ".join(found) or _OTHER_ALGORITHM


def _algorithm_version(version: str | None) -> str | None:
    if not version:
        return version
    found = _VERSION.match(version)
    return found[0] if found else _OTHER_VERSION


def _deidentified_rating(given: RatingGiven, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> RatingGiven:
    given = replace(
        given,
        reader=pseudonyms.of("reader", given.reader),
        created=LEFT_OUT,
        comment=_left_out(given.comment),
    )
    asked = next((rating for rating in (protocol.ratings if protocol else ()) if rating.id == given.rating), None)
    if asked is None:
        title = pseudonyms.of("another rating", given.rating)
        given = replace(given, rating=title, title=title, source=LEFT_OUT)
    else:
        given = replace(given, title=asked.title, source=asked.source)
    if asked is not None and answers(asked, given):
        return given
    return replace(given, wording=_left_out(given.wording))


def _deidentified_standing(standing: TrainingStanding) -> TrainingStanding:
    """Return where a reader stands without dates, and without titles that a centre gave its course."""
    held = "The training that the protocol asks for"
    words = {
        "valid": f"{held} was passed and holds.",
        "expiring": f"{held} was passed and holds for {EXPIRING_D} days at most.",
        "not_yet_valid": f"{held} was passed later than it is now: the clock of one computer is wrong.",
        "other_version": f"{held} was passed under another version of the protocol.",
        "expired": f"{held} was passed; this holds no more.",
        "altered": "A certificate was changed after it was issued, so it does not count.",
        "missing": f"No certificate of {held[0].lower()}{held[1:]} was found.",
    }
    certificate = standing.certificate
    if certificate is not None:
        # The check asks it whether its images were simulated.
        certificate = replace(certificate, reader=LEFT_OUT, course_title=LEFT_OUT, issued=LEFT_OUT, valid_until=LEFT_OUT)
    simulated = certificate is not None and certificate.simulated
    return TrainingStanding(
        LEFT_OUT,
        standing.course,
        standing.state,
        words[standing.state] + (" Images or outlines of the exam were simulated." if simulated else ""),
        certificate,
        refresh_due=standing.refresh_due,
        refresh_words="A refresh of the course is due." if standing.refresh_due else "",
    )


def _deidentified_statement(kept: KeptFinding, protocol: QCProtocol | None, pseudonyms: Pseudonyms) -> KeptFinding:
    name = segment_name(kept.segment, protocol, pseudonyms)
    return replace(
        kept,
        segment=name,
        message=kept.message.replace(kept.segment, name),
        reason=LEFT_OUT,
        reader=pseudonyms.of("reader", kept.reader),
        created=LEFT_OUT,
    )
