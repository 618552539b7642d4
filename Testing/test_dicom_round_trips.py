"""Real DICOM objects there and back, judged and read by programs that nobody here wrote."""

import pydicom
import pytest

from dicom_round_trips import (
    LABEL_MAPS,
    SEGS,
    SERIES,
    STRUCTURE_SETS,
    STUDY,
    image_rows,
    label_map_rows,
    one_slice_rows,
    refused_rows,
    round_trip,
    seg_rows,
    simulated,
    structure_set_rows,
)
from dicom_series import write_series
from dicom_tools import dciodvfy
from SegQCLib.images import read_image


# The whole table is Benchmarks/dicom_round_trips.py; 117 structures go there and back in test_export_seg.py.
@pytest.mark.parametrize("series", SERIES[1:], ids=lambda one: one[0])
def test_a_simulated_segmentation_on_a_real_series_comes_back(shared_data, tmp_path, series):
    require_no_fault(image_rows(shared_data, tmp_path, [series]))


@pytest.mark.parametrize("seg", SEGS, ids=lambda one: one[0])
def test_a_real_seg_comes_back_as_it_was(shared_data, tmp_path, seg):
    require_no_fault(seg_rows(shared_data, tmp_path, [seg]))


@pytest.mark.parametrize("structure_set", STRUCTURE_SETS, ids=lambda one: one[0])
def test_a_real_structure_set_comes_back_from_a_seg(shared_data, tmp_path, structure_set):
    require_no_fault(structure_set_rows(shared_data, tmp_path, [structure_set]))


@pytest.mark.parametrize("label_map", LABEL_MAPS[5:8], ids=lambda one: one[0])
def test_a_real_label_map_comes_back_from_a_seg(shared_data, tmp_path, label_map):
    require_no_fault(label_map_rows(shared_data, tmp_path, [label_map]))


@pytest.mark.parametrize("rows", [one_slice_rows, refused_rows])
def test_other_real_objects_are_refused_for_the_reason_they_have(shared_data, tmp_path, rows):
    require_no_fault(rows(shared_data, tmp_path))


def require_no_fault(rows):
    assert [fault for row in rows for fault in row.faults] == []


@pytest.mark.parametrize("thicknesses_mm", [(None,) * 4, (4, 4, 7, 7)])
def test_slices_of_no_or_several_thicknesses_make_a_valid_seg_that_everybody_reads(tmp_path, thicknesses_mm):
    paths = write_series(tmp_path / "ct", [0, 2, 4, 6], **STUDY)
    for path, thickness in zip(paths, thicknesses_mm, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.SliceThickness = thickness
        dataset.save_as(path)
    image = read_image(tmp_path / "ct")
    assert round_trip(image, simulated(image.geometry), tmp_path / "out").faults == ()
    # The step where nothing is known of thickness.
    groups = pydicom.dcmread(tmp_path / "out" / "BINARY.dcm").PerFrameFunctionalGroupsSequence
    shared = pydicom.dcmread(tmp_path / "out" / "BINARY.dcm").SharedFunctionalGroupsSequence[0]
    if thicknesses_mm[0] is None:
        assert shared.PixelMeasuresSequence[0].SliceThickness == 2
    else:
        assert [group.PixelMeasuresSequence[0].SliceThickness for group in groups][:4] == [4, 4, 7, 7]
    assert dciodvfy(tmp_path / "out" / "BINARY.dcm").errors == ()
