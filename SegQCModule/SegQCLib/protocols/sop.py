"""A protocol as a page for the reading room: what may be read, in which steps, what decides, and who signed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from SegQCLib.difficulty.in_words import percent
from SegQCLib.errors import BadDataError
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import AllowedPlanes, AllowedTexts, LoadedProtocol, QCProtocol, Range, Structure
from SegQCLib.protocols.field_texts import FIELD_TEXTS, TECHNICAL_WORDS
from SegQCLib.protocols.item_texts import code_words, names_words, value_words
from SegQCLib.protocols.sign_off import Signature, SignOff
from SegQCLib.quality.quality_texts import METHOD_WORDS, quality_text
from SegQCLib.quality.quality_texts import REGION_WORDS as PART_WORDS
from SegQCLib.readers.ratings import scale_text
from SegQCLib.readers.training.course import Course, is_course, read_course, shipped_courses
from SegQCLib.study_consistency.fact_rules import fact_title
from SegQCLib.templates import page_templates


@dataclass(frozen=True)
class SopRow:
    """One line of a table: what, the rule in words, and the numbers of its sources below."""

    what: str
    rule: str
    sources: tuple[int, ...]


@dataclass(frozen=True)
class StructureRow:
    """What a reader must know of one structure."""

    name: str
    codes: str
    how: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    page: str | None

    @property
    def has_rules(self) -> bool:
        """Whether an atlas says what belongs to it."""
        return bool(self.include or self.exclude or self.page)


@dataclass(frozen=True)
class SignatureRow:
    """A line to sign on, or an electronic signature."""

    role: str
    signature: Signature | None


class _Sources:
    """The sources of a page, each once, numbered in the order in which they are met."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1

    def of(self, *limits: Range | AllowedTexts | AllowedPlanes | None) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.number(limit.source) for limit in limits if limit is not None))


def course_of(protocol_file: LoadedProtocol, folder: Path | None = None) -> Course | None:
    """Return the training course that a protocol names: in `folder`, else beside the protocol, else a shipped one; None: none.

    Raises
    ------
    BadDataError
        If `folder` is given and holds no usable course, or one of another protocol.
    """
    protocol = protocol_file.protocol
    if folder is not None:
        course = read_course(folder)
        if course.protocol.protocol.id != protocol.id:
            raise BadDataError(
                folder, f"is a course for the protocol {course.protocol.protocol.id}.", f"Give one for {protocol.id}, or none."
            )
        return course
    named = protocol.reader_training.course if protocol.reader_training else None
    beside = [Path(protocol_file.path).parent / name for name in (named, f"Courses/{named}") if named]
    shipped = shipped_courses()
    for place in [*beside, *([shipped[named]] if named in shipped else shipped.values())]:
        if is_course(place):
            try:
                course = read_course(place)
            except BadDataError:
                continue  # `segqc training validate` says what is wrong with it; the page does without
            if course.protocol.protocol.id == protocol.id:
                return course
    return None


def render_sop(loaded: LoadedProtocol, sign_off: SignOff, course: Course | None = None, beside: Path | None = None) -> str:
    """Return the page as one HTML text that needs no other file and prints on A4.

    Parameters
    ----------
    loaded : LoadedProtocol
    sign_off : SignOff
        From `signoff_state`.
    course : Course or None
        Whose atlas gives the rules for each structure; None: the page says that there is none.
    beside : Path or None
        Folder that the page is written to, for links to the atlas; None: no links.

    Raises
    ------
    BadDataError
        If jinja2 is not installed.
    """
    protocol = loaded.protocol
    sources = _Sources()
    return (
        page_templates("The page for the reading room")
        .get_template("protocol_sop.html")
        .render(
            protocol=protocol,
            sha256=loaded.sha256,
            sign_off=sign_off,
            signatures=_signatures(sign_off),
            steps=reading_steps(protocol, has_course=course is not None),
            images=_images(protocol, sources),
            windows=_windows(protocol, sources),
            structures=tuple(_structure(one, course, beside) for one in protocol.structures),
            course=course,
            ratings=[(rating, scale_text(rating), sources.number(rating.source)) for rating in protocol.ratings],
            grades=sorted({grade.value for rating in protocol.ratings for grade in rating.grades}),
            decisions=_decisions(protocol, sources),
            expected=expected_agreement_words(protocol),
            limits=_limits(protocol, sources),
            tools=[(tool, sources.number(tool.source)) for tool in protocol.ai_tools],
            training_source=sources.of(protocol.reader_training.valid_d) if protocol.reader_training else (),
            sources=sources.texts,
        )
    )


def reading_steps(protocol: QCProtocol, *, has_course: bool = True) -> tuple[str, ...]:
    """Return the steps of a read in their order, as this protocol asks for them.

    Parameters
    ----------
    protocol : QCProtocol
    has_course : bool
        Whether the course that it asks for is at hand; where not, the step says so: a reader cannot pass what does not exist.
    """
    steps = []
    training = protocol.reader_training
    if training is not None:
        without = "the gate refuses the case" if training.missing == "refuse" else "the gate warns"
        days = f"{training.valid_d.maximum:g} days"
        text = f"Before your first case, pass the course {training.course}. It holds {days}; after that {without}."
        steps.append(
            text
            if has_course
            else f"{text} No such course for this protocol was found beside it or made on this computer: somebody has to make it"
            " first (step Training, or segqc training build or new)."
        )
    steps.append(
        "Open the case and compare the image with the limits below. Where one is not kept, do not begin to draw: ask, or go on"
        " with a reason, which is kept."
    )
    if protocol.ratings:
        exclude = any(rating.unusable for rating in protocol.ratings)
        steps.append(
            f"Rate the image before you draw: {', '.join(rating.title for rating in protocol.ratings)}."
            + (" A grade marked with × proposes to exclude it." if exclude else "")
        )
    if protocol.windows:
        steps.append(
            "Apply the window of the structure, and stay in its range while you draw: at another window borders lie elsewhere."
        )
    if protocol.ai_tools:
        names = ", ".join(f"{tool.name} ({', '.join(tool.versions)})" for tool in protocol.ai_tools)
        maps = "on request" if protocol.uncertainty_maps == "on_request" else "only after your first read"
        steps.append(
            f"You may start from a draft of {names}. It is a proposal: look at every slice of it. Its uncertainty maps are shown"
            f" {maps}."
        )
    else:
        steps.append("Draw without an AI draft: this protocol allows none.")
    required = [structure.name for structure in protocol.structures if structure.required]
    optional = len(protocol.structures) - len(required)
    text = f"Segment {', '.join(required)}." if required else "Segment the structures that the study asks for."
    if required and optional:
        text += " Segment the other structures where the study asks for them."
    steps.append(f"{text} Where one is not there, leave its segment empty: that says 'assessed, absent'.")
    steps.append("Go through the list of technical errors. Correct each, or keep it with a reason.")
    steps.append("Evaluate, read the verdict with its reasons, and finish the case.")
    return tuple(steps)


def expected_agreement_words(protocol: QCProtocol) -> tuple[str, str] | None:
    """Return in two sentences what the image's own threshold is; None where the protocol names no model."""
    rule = protocol.expected_agreement
    if rule.model is None:
        return None
    first = (
        f"For each image the model {rule.model} predicts how well experts agree among themselves on it, because a small irregular"
        " lesion is harder than a large round one."
    )
    if rule.rule == "mean":
        second = "An outline is accepted from the experts' predicted mean Dice on; about half of expert-quality outlines miss it."
    else:
        second = (
            f"An outline is accepted from the Dice on that {percent(rule.coverage)} of single pairs of experts are expected"
            " to reach on such an image; where the model refuses, the fixed limits above decide."
        )
    return first, second


def _images(protocol: QCProtocol, sources: _Sources) -> list[SopRow]:
    rows = []
    for item in fields(protocol):
        text, value = FIELD_TEXTS[QCProtocol][item.name], getattr(protocol, item.name)
        if text.affects != "acquisition" or value is None or item.name == "contrast":
            continue
        words = value_words(value)
        if item.name == "uniform_in_study":
            words = ", ".join(fact_title(fact) for fact in value.values)
        rows.append(SopRow(text.label[0].upper() + text.label[1:], words, sources.of(value)))
    if protocol.contrast is not None:
        contrast = protocol.contrast
        parts = [contrast.phase]
        parts += ["contrast agent named in the header"] if contrast.agent_required else []
        parts += [f"scan {contrast.delay_s} after the start of injection"] if contrast.delay_s else []
        numbers = tuple(dict.fromkeys((sources.number(contrast.source), *sources.of(contrast.delay_s))))
        rows.append(SopRow("Contrast phase", "; ".join(parts), numbers))
    for limit in protocol.image_quality:
        against = f" against {limit.background}" if limit.background else ""
        method = METHOD_WORDS.get(limit.wanted_method, limit.wanted_method.replace("_", " "))
        how = f"{quality_text(limit.measure).long_name} ({method}; {PART_WORDS[limit.wanted_part]})"
        rows.append(SopRow(f"{how}, {limit.region}{against}", str(limit.limit), sources.of(limit.limit)))
    irregular = "not measured" if protocol.irregular_geometry == "stop" else "resampled to a regular grid by its slice positions"
    rows.append(SopRow("Tilted or irregularly spaced series", irregular, ()))
    return rows


def _windows(protocol: QCProtocol, sources: _Sources) -> list[tuple[str, str, SopRow]]:
    return [
        (
            names_words(rule.structures),
            f"{rule.apply_window:g} / {rule.apply_level:g}",
            SopRow(rule.name, f"width {rule.window}, level {rule.level}", sources.of(rule.window, rule.level)),
        )
        for rule in protocol.windows
    ]


def _structure(structure: Structure, course: Course | None, beside: Path | None) -> StructureRow:
    terminology = structure.terminology
    codes = [terminology.type, terminology.modifier, terminology.region, terminology.region_modifier]
    how = ["required" if structure.required else "where the study asks for it"]
    how += ["lesion"] if structure.is_lesion else []
    how += ["one segment each"] if structure.many else []
    how += [f"may share voxels with {', '.join(structure.may_overlap)}"] if structure.may_overlap else []
    page = next((page for page in course.file.pages if page.structure == structure.name), None) if course else None
    link = None
    if page is not None and page.file is not None and course is not None and beside is not None:
        link = _relative(course.path(page.file), beside)
    return StructureRow(
        structure.name,
        "; ".join(code_words(code) for code in codes if code is not None),
        ", ".join(how),
        page.include if page else (),
        page.exclude if page else (),
        link,
    )


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.resolve().as_uri()


def _decisions(protocol: QCProtocol, sources: _Sources) -> list[SopRow]:
    rows = []
    tolerances = _tolerances(protocol.structures)
    for decision in protocol.decisions:
        words = f"accepted {decision.accept}; " + (f"rejected {decision.reject}" if decision.reject else "nothing rejected")
        if decision.metric == "surface_dice_protocol":
            own = {name: text for name, text in tolerances.items() if "*" in decision.structures or name in decision.structures}
            by_text: dict[str, list[str]] = {}
            for name, text in own.items():
                by_text.setdefault(text, []).append(name)
            words += "; tolerance " + "; ".join(f"{text}: {', '.join(names)}" for text, names in by_text.items())
        limits = [decision.accept, decision.reject]
        if decision.metric == "surface_dice_protocol":
            limits += [one.surface_tolerance_mm for one in protocol.structures if one.name in tolerances]
        rows.append(
            SopRow(f"{metric_text(decision.metric).short_name}, {names_words(decision.structures)}", words, sources.of(*limits))
        )
    return rows


def _tolerances(structures: Sequence[Structure]) -> dict[str, str]:
    return {one.name: str(one.surface_tolerance_mm) for one in structures if one.surface_tolerance_mm is not None}


def _limits(protocol: QCProtocol, sources: _Sources) -> list[SopRow]:
    rows = [
        SopRow(f"{label} of a lesion", str(limit), sources.of(limit))
        for label, limit in (("Voxels", protocol.lesion_voxels), ("Slices", protocol.lesion_slices))
        if limit is not None
    ]
    for limit in protocol.technical_limits:
        words = TECHNICAL_WORDS[limit.name]
        rows.append(
            SopRow(f"{words[0].upper()}{words[1:]}, {names_words(limit.structures)}", str(limit.limit), sources.of(limit.limit))
        )
    return rows


def _signatures(sign_off: SignOff) -> list[SignatureRow]:
    by_role = {signature.role: signature for signature in sign_off.signatures}
    return [SignatureRow(role, by_role.get(role)) for role in sign_off.roles]
