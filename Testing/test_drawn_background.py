"""Background regions that a person drew or changed, beside the candidate."""

from dataclasses import replace

import numpy as np
import pytest

from quality_cases import a_case, a_protocol, box, sphere
from SegQCLib.case import Segment, Segmentation
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.quality.measure_image_quality import measure_image_quality


def drawn_beside(case, **masks):
    """The case with background regions beside its candidate."""
    layers = tuple(mask.astype(np.uint8) for mask in masks.values())
    regions = tuple(Segment(f"b{n}", name.replace("_", " "), 1, layer=n) for n, name in enumerate(masks))
    return replace(case, drawn_background=Segmentation("Background regions", case.candidate.geometry, layers, regions))


def a_lesion_in_a_liver():
    """A liver of 40 HU with a 60 HU lesion; its left half has 50 HU."""
    size = (40, 80, 80)
    lesion, liver = sphere(size, (1, 1, 1), (20, 20, 20), 5), box(size, (0, 40), (0, 80), (0, 80))
    values = np.full(size, 40.0)
    values[:, :, 40:] = 50.0
    values[lesion] = 60.0
    return a_case(values, liver=liver, Lesion_1=lesion)


def backgrounds(case):
    rows = measure_image_quality(case, a_protocol()).measurements
    return {m.background: m for m in rows if m.measure == "noise" and m.region == "background" and m.segment == "Lesion 1"}


def test_a_region_that_a_person_changed_stands_in_the_place_of_the_automatic_one_under_its_name():
    case = a_lesion_in_a_liver()
    placed = measure_image_quality(case, a_protocol())
    assert {segment.name for segment in placed.background.segments} == {"liver sphere", "tissue around Lesion 1"}
    changed = drawn_beside(case, liver_sphere=box(case.image.array.shape, (0, 4), (0, 4), (38, 42)))
    found = measure_image_quality(changed, a_protocol())
    noise = backgrounds(changed)["liver sphere"]
    # 32 voxels of 40 HU and 32 of 50 HU: the sum of squares is 64 x 25, divided by 63.
    assert noise.background_voxels == 64
    assert noise.value == pytest.approx(np.sqrt(64 * 25 / 63))
    assert noise.definition.endswith("drawn by hand")
    assert [segment.name for segment in found.background.segments] == ["tissue around Lesion 1"]


def test_a_region_beside_the_candidate_called_after_a_lesion_is_for_that_one_and_any_other_for_all():
    case = a_lesion_in_a_liver()
    corner = box(case.image.array.shape, (0, 3), (0, 3), (0, 3))
    assert set(backgrounds(drawn_beside(case, Lesion_1_background=corner))) == {"Lesion 1 background", "tissue around Lesion 1"}
    assert set(backgrounds(drawn_beside(case, Segment_1=corner))) == {"Segment 1", "tissue around Lesion 1"}
    # What is called after another segment, or after what is placed in one, is not for this lesion.
    for name in ("liver_background", "tissue_around_liver"):
        assert set(backgrounds(drawn_beside(case, **{name: corner}))) == {"liver sphere", "tissue around Lesion 1"}
    by_hand = backgrounds(drawn_beside(case, tissue_around_Lesion_1=corner))["tissue around Lesion 1"]
    assert by_hand.background_voxels == 27


def test_a_drawn_region_without_voxels_changes_nothing_and_one_that_is_there_is_among_the_inputs():
    case = a_lesion_in_a_liver()
    empty = drawn_beside(case, liver_sphere=np.zeros(case.image.array.shape, bool))
    assert backgrounds(empty) == backgrounds(case)
    record = evaluate(empty, LoadedProtocol(a_protocol(), "test.json", "0" * 64))
    assert ("background", "Background regions") in [(entry.role, entry.name) for entry in record.inputs]
