"""Evaluate nodes: in Slicer those of its scene, outside Slicer those of a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.evaluate import Evaluated, evaluate, evaluate_with_background
from SegQCLib.mrml.background_nodes import drawn_background_reader, measured_against, show_background
from SegQCLib.mrml.gate_confirmation import confirmation_findings
from SegQCLib.mrml.kept_findings_node import read_kept_findings, write_kept_findings
from SegQCLib.mrml.look_away_edits import look_away_findings
from SegQCLib.mrml.ratings_node import read_ratings, write_ratings
from SegQCLib.mrml.record_node import write_record
from SegQCLib.mrml.results_table import write_findings, write_image_quality, write_measurements
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_reader
from SegQCLib.mrml.volume import add_volume, volume_from_node
from SegQCLib.prepare import prepare
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.record import QCRecord

Item = TypeVar("Item", Volume, Segmentation)


def case_from_nodes(
    volume_node: vtkMRMLScalarVolumeNode,
    segmentation_node: vtkMRMLSegmentationNode,
    reference_nodes: Sequence[vtkMRMLSegmentationNode] = (),
    draft_node: vtkMRMLSegmentationNode | None = None,
) -> Case:
    """Return the case that nodes make up, all segmentations on the volume's grid, with what readers say of them.

    Raises
    ------
    BadDataError
        If the nodes cannot be read as one case: see `volume_from_node` and `segmentation_from_node`.
    """
    return case_reader(volume_node, segmentation_node, reference_nodes, draft_node)()


def case_reader(
    volume_node: vtkMRMLScalarVolumeNode,
    segmentation_node: vtkMRMLSegmentationNode,
    reference_nodes: Sequence[vtkMRMLSegmentationNode] = (),
    draft_node: vtkMRMLSegmentationNode | None = None,
) -> Callable[[], Case]:
    """Take from nodes what their case is made of, quickly, and return what makes it: that may be called in any thread.

    The segmentations are those of this moment, whatever is edited until the case is made. The image is not copied: it
    follows edits of its node.

    Raises
    ------
    BadDataError
        As `case_from_nodes`; some faults show only when the case is made.
    """
    image = volume_from_node(volume_node)
    told = confirmation_findings(volume_node) + look_away_findings(segmentation_node)
    image = replace(image, findings=image.findings + told)
    candidate = segmentation_reader(segmentation_node, volume_node)
    references = [segmentation_reader(node, volume_node) for node in reference_nodes]
    draft = None if draft_node is None else segmentation_reader(draft_node, volume_node)
    background = drawn_background_reader(segmentation_node, volume_node)
    ratings, kept_findings = read_ratings(volume_node), read_kept_findings(segmentation_node)

    def make() -> Case:
        return Case(
            image=image,
            candidate=candidate(),
            references=tuple(reference() for reference in references),
            draft=None if draft is None else draft(),
            ratings=ratings,
            kept_findings=kept_findings,
            drawn_background=background(),
        )

    return make


def evaluate_nodes(
    volume_node: vtkMRMLScalarVolumeNode,
    segmentation_node: vtkMRMLSegmentationNode,
    protocol: LoadedProtocol,
    reference_nodes: Sequence[vtkMRMLSegmentationNode] = (),
) -> QCRecord:
    """Return the record of a segmentation node by a protocol; the scene is not changed."""
    return evaluate(case_from_nodes(volume_node, segmentation_node, reference_nodes), protocol)


def evaluate_in_new_scene(case: Case, protocol: LoadedProtocol, path: Path, progress: Progress = unwatched) -> Evaluated:
    """Put a case into a new scene, evaluate its nodes, and save the scene with record, tables and background regions as .mrb.

    Raises
    ------
    BadDataError
        If the image has no voxel values, or the file cannot be written.
    """
    # Here: inside Slicer, where this is not called, the logics of a new scene need not be at hand.
    from SegQCLib.mrml.scene import new_scene, save_scene

    progress("Making the scene", 0.0)
    scene = new_scene()
    volume_node = add_volume(scene, case.image, "Image")
    candidate_node = add_segmentation(scene, case.candidate, volume_node, case.candidate.name)
    reference_nodes = [add_segmentation(scene, item, volume_node, item.name) for item in case.references]
    draft_node = None if case.draft is None else add_segmentation(scene, case.draft, volume_node, case.draft.name)
    if case.ratings:
        write_ratings(scene, case.ratings, volume_node)
    if case.kept_findings:
        write_kept_findings(scene, case.kept_findings, candidate_node)
    in_scene = case_from_nodes(volume_node, candidate_node, reference_nodes, draft_node)
    in_scene = replace(
        in_scene,
        image=_read_from(case.image, in_scene.image),
        candidate=_read_from(case.candidate, in_scene.candidate),
        references=tuple(map(_read_from, case.references, in_scene.references)),
        draft=None if case.draft is None else _read_from(case.draft, in_scene.draft),
        uncertainty=case.uncertainty,
        second_image=case.second_image,
        drawn_background=case.drawn_background,
        reader_training=case.reader_training,
        quality_norms=case.quality_norms,
    )
    prepared = prepare(in_scene, protocol.protocol, part(progress, 0.1, 0.2))
    evaluated = evaluate_with_background(prepared, protocol, part(progress, 0.2, 0.9))
    record, background = evaluated.record, evaluated.background
    progress("Saving the scene", 0.9)
    # Resampled by its true slice positions, an image has another grid than the one in the scene.
    if background is not None and prepared.case.image.geometry == in_scene.image.geometry:
        show_background(scene, background, candidate_node, volume_node, "Background regions", measured_against(record))
    write_measurements(scene, record, candidate_node)
    write_image_quality(scene, record, candidate_node)
    write_findings(scene, record, candidate_node)
    write_record(scene, record, candidate_node)
    # Only now: the automatic window of a display node is no window that a reader chose.
    volume_node.CreateDefaultDisplayNodes()
    save_scene(scene, path)
    return evaluated


def _read_from(original: Item, in_scene: Item) -> Item:
    """Return what is in the scene with the files it came from and what reading them showed."""
    as_read = replace(in_scene, source=original.source, findings=original.findings + in_scene.findings)
    return replace(as_read, stored=original.stored or in_scene.stored) if isinstance(original, Segmentation) else as_read
