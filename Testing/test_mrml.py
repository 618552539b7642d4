"""Node to core type and back, on real MRML (slicer-core)."""

import dataclasses
import math

import numpy as np
import pytest

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.case import Acquisition, Case, Code, Segment, Segmentation, Terminology, Volume, WindowLevel
from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import same_grid
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import AllowedTexts, LoadedProtocol, QCProtocol, Structure
from SegQCLib.record import CaseFacts, Measurement, ProtocolIdentity, QCRecord, Verdict
from SegQCLib.regular_grid import is_regular

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
vtk = pytest.importorskip("vtk")

from SegQCLib.mrml.database_acquisition import keep_database_acquisition  # noqa: E402
from SegQCLib.mrml.evaluate_scene import evaluate_in_new_scene  # noqa: E402
from SegQCLib.mrml.record_node import is_outdated, mark_outdated, read_record, write_record  # noqa: E402
from SegQCLib.mrml.results_table import MEASUREMENT_TITLES, write_findings, write_measurements  # noqa: E402
from SegQCLib.mrml.scene import load_scene, new_scene, save_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node  # noqa: E402
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, SLICE_ORIGINS_ATTRIBUTE, add_volume, volume_from_node  # noqa: E402
from SegQCLib.terminology_text import CONTEXT, REGION_CONTEXT, terminology_text  # noqa: E402

COS, SIN = math.cos(math.radians(20)), math.sin(math.radians(20))
OBLIQUE = ((0.0, -SIN, COS), (0.0, COS, SIN), (1.0, 0.0, 0.0))
LEFT_HANDED = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
LIVER = Terminology(
    Code("91723000", "SCT", "Anatomical Structure"),
    Code("10200004", "SCT", "Liver"),
    region=Code("818981001", "SCT", "Abdomen"),
)
PANCREAS = Terminology(Code("91723000", "SCT", "Anatomical Structure"), Code("15776009", "SCT", "Pancreas"))
KIDNEY = Terminology(
    Code("91723000", "SCT", "Anatomical Structure"), Code("64033007", "SCT", "Kidney"), modifier=Code("7771000", "SCT", "Left")
)


@pytest.fixture
def scene():
    return new_scene()


def masks(segmentation):
    return {segment.name: segmentation.mask(segment).tolist() for segment in segmentation.segments}


def a_reader_segmentation(geometry):
    """Foie and rein share a layer with label values 2 and 5, a tumour overlaps the liver, and one segment is empty."""
    organs = box_array(geometry.size, (1, 6), (2, 9), (3, 8), value=2)
    organs += box_array(geometry.size, (1, 6), (12, 18), (3, 8), value=5)
    tumour = box_array(geometry.size, (3, 5), (4, 7), (4, 6))
    segments = (
        Segment(
            "a", "foie, lobe éloigné", 2, 0, LIVER, (0.5, 0.25, 0.75), "completed", "SEMIAUTOMATIC", "TotalSegmentator v2: total"
        ),
        Segment("b", "左腎", 5, 0, KIDNEY, (0.0, 1.0, 0.0), "flagged", "MANUAL"),
        Segment("c", "tumour", 1, 1, None, (1.0, 0.0, 0.0)),
        Segment("d", "metastasis", 2, 1, None, (0.0, 0.0, 1.0), "completed"),
    )
    return Segmentation("Reader Ä", geometry, (organs, tumour), segments)


def a_record(**changes):
    record = QCRecord(
        schema="segqc-record",
        schema_version="1.0",
        created="2026-11-21T12:00:00+01:00",
        software={"SegQC": "0.1.0"},
        inputs=(),
        case=CaseFacts(a_geometry(), Acquisition("DICOM headers", modality="CT", kvp=120.0)),
        protocol=ProtocolIdentity("liver", "1.0.0", "Liver", "ab" * 32),
        findings=(
            Finding("slice_thickness", Status.PASS, 'Slice thickness 2 mm\tis "allowed".', "2 mm", "up to 3 mm", "mm", "Étude"),
            Finding("contrast", Status.NOT_EVALUATED, "The header\ndoes not say."),
        ),
        measurements=(
            Measurement("foie", "liver", "dice", 0.1 + 0.2, "1", "voxel overlap", "candidate", "reference"),
            Measurement("foie", "liver", "hausdorff_mm", None, "mm", "surfel", "candidate", "reference", "absent in both"),
        ),
        slices_to_view=(),
        expected_agreement=(),
        verdicts=(),
        verdict=Verdict.REVIEW,
        reasons=("Kontrastmittel unbekannt: bitte prüfen.",),
    )
    return dataclasses.replace(record, **changes)


def an_abdomen_protocol():
    structures = (Structure("liver", LIVER, required=True), Structure("pancreas", PANCREAS))
    rules = QCProtocol("segqc-protocol", "1.0", "abdomen", "1.0.0", "Abdomen", "Test.", AllowedTexts(("CT",), "test"), structures)
    return LoadedProtocol(rules, "in memory", "0" * 64)


def cells(table_node):
    return [
        [table_node.GetCellText(row, column) for column in range(table_node.GetNumberOfColumns())]
        for row in range(table_node.GetNumberOfRows())
    ]


@pytest.mark.parametrize("axes", [a_geometry().axes_lps, OBLIQUE, LEFT_HANDED])
def test_a_volume_comes_back_with_its_voxels_where_they_were(scene, axes):
    geometry = a_geometry((3, 4, 5), (2.5, 0.7, 0.9), (-120.5, 33.25, 812.0), axes)
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 1000
    node = add_volume(scene, Volume(array, geometry), "CT éloigné")
    back = volume_from_node(node)
    assert node.GetName() == "CT éloigné"
    assert np.array_equal(back.array, array)
    assert back.array.dtype == np.int16
    assert same_grid(back.geometry, geometry, tolerance_mm=1e-9)
    assert back.geometry.spacing_mm == pytest.approx((2.5, 0.7, 0.9), abs=1e-12)


def test_a_position_in_lps_is_the_node_s_position_in_ras(scene):
    geometry = a_geometry((3, 4, 5), (2.0, 1.0, 0.5), (10.0, 20.0, 30.0))
    node = add_volume(scene, Volume(np.zeros(geometry.size, np.uint8), geometry), "CT")
    ijk_to_ras = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijk_to_ras)
    # i = 4 steps of 0.5 mm to the left, j = 3 of 1 mm to posterior, k = 2 of 2 mm up.
    assert ijk_to_ras.MultiplyPoint((4, 3, 2, 1))[:3] == pytest.approx((-12.0, -23.0, 34.0))


def test_header_facts_and_window_stay_with_the_node(scene):
    acquisition = Acquisition(
        "DICOM headers", "CT", ("ORIGINAL", "PRIMARY"), "Siemens; \"Höhe\": <1>", slice_positions_mm=(0.1, 2.1),
        window_levels=(WindowLevel(400, 40, "Weichteil"),),
    )  # fmt: skip
    volume = dataclasses.replace(a_volume(acquisition=acquisition), display=WindowLevel(350, 40))
    back = volume_from_node(add_volume(scene, volume, "CT"))
    assert back.acquisition == acquisition
    assert back.display == WindowLevel(350, 40)


def test_a_node_without_header_facts_knows_nothing_and_an_unshown_one_has_no_window(scene):
    node = add_volume(scene, a_volume(), "CT")
    node.RemoveAttribute(ACQUISITION_ATTRIBUTE)
    back = volume_from_node(node)
    assert back.acquisition == Acquisition()
    assert back.display is None


def test_changed_header_facts_are_refused_with_the_attribute_s_name(scene):
    node = add_volume(scene, a_volume(), "CT")
    node.SetAttribute(ACQUISITION_ATTRIBUTE, '{"modalty": "CT"}')
    with pytest.raises(BadDataError, match=r"CT, node attribute SegQC\.Acquisition.*did you mean 'modality'"):
        volume_from_node(node)


def test_a_volume_from_slicer_s_dicom_database_gets_the_header_facts_of_its_series(scene, totalsegmentator):
    class Database:
        """The two members of Slicer's ctkDICOMDatabase that are used, over one folder."""

        isOpen = True  # noqa: N815

        def fileForInstance(self, _uid):
            return str(next((totalsegmentator / "example_ct_dicom").iterdir()))

    series = read_series(totalsegmentator / "example_ct_dicom")
    node = add_volume(scene, dataclasses.replace(series, acquisition=Acquisition()), "CT")
    node.RemoveAttribute(ACQUISITION_ATTRIBUTE)
    keep_database_acquisition(node, Database())
    assert volume_from_node(node).acquisition == Acquisition()  # not from the database
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    keep_database_acquisition(node, None)
    assert volume_from_node(node).acquisition == Acquisition()
    keep_database_acquisition(node, Database())
    assert volume_from_node(node).acquisition == series.acquisition


def test_slice_positions_of_an_irregular_series_stay_with_the_node(scene):
    origins = np.array([(0.0, 0.0, position) for position in (0.0, 2.0, 5.0)])
    geometry = a_geometry((3, 20, 30), (2.5, 1.0, 1.0))
    acquisition = Acquisition("DICOM headers", "CT", slice_displacement_mm=0.5)
    volume = dataclasses.replace(a_volume(geometry, acquisition), slice_origins_lps_mm=origins)
    node = add_volume(scene, volume, "CT")
    assert np.array_equal(volume_from_node(node).slice_origins_lps_mm, origins)
    node.SetAttribute(SLICE_ORIGINS_ATTRIBUTE, "[[0, 0, 0]]")
    with pytest.raises(BadDataError, match="each of the 3 slices"):
        volume_from_node(node)


def test_a_moved_volume_is_refused_until_its_transform_is_hardened(scene):
    node = add_volume(scene, a_volume(), "CT")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift")
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(BadDataError, match="Harden the transform"):
        volume_from_node(node)


def put_under_acquisition_transform(scene, node, shifts_mm):
    """Move slice k up by shifts_mm[k], as Slicer's DICOM import does with uneven slices 2 mm apart."""
    grid = vtk.vtkImageData()
    grid.SetDimensions(2, 2, len(shifts_mm))
    grid.SetOrigin(-100, -100, 0)
    grid.SetSpacing(200, 200, 2)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    for k, shift in enumerate(shifts_mm):
        for j, i in np.ndindex(2, 2):
            for component, value in enumerate((0, 0, shift)):
                grid.SetScalarComponentFromDouble(i, j, k, component, value)
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(grid)
    parent = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "CT acquisition transform")
    parent.SetAndObserveTransformToParent(transform)
    node.SetAndObserveTransformNodeID(parent.GetID())


def test_slices_under_slicer_s_acquisition_transform_lie_where_it_puts_them(scene):
    node = add_volume(scene, a_volume(a_geometry((4, 20, 30))), "CT")
    put_under_acquisition_transform(scene, node, (0, 0.5, 0, 0))
    volume = volume_from_node(node)
    assert volume.slice_origins_lps_mm == pytest.approx(np.array([(0, 0, 0), (0, 0, 2.5), (0, 0, 4), (0, 0, 6)]))
    assert volume.acquisition.slice_displacement_mm == pytest.approx(0.5)


def test_an_acquisition_transform_that_moves_nothing_is_regular(scene):
    node = add_volume(scene, a_volume(a_geometry((4, 20, 30))), "CT")
    put_under_acquisition_transform(scene, node, (0, 0, 0, 0))
    assert is_regular(volume_from_node(node))


def test_header_facts_of_a_resampled_volume_leave_out_the_positions_of_the_original_slices(scene, tmp_path):
    paths = write_series(tmp_path, [0, 2, 6, 8])

    class Database:
        isOpen = True  # noqa: N815

        def fileForInstance(self, _uid):
            return str(paths[0])

    resampled = add_volume(scene, a_volume(a_geometry((5, 16, 12), (2.0, 0.8, 0.7))), "CT")
    stacked = add_volume(scene, a_volume(a_geometry((4, 16, 12), (2.0, 0.8, 0.7))), "CT")
    for node in (resampled, stacked):
        node.RemoveAttribute(ACQUISITION_ATTRIBUTE)
        node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
        keep_database_acquisition(node, Database())
    assert volume_from_node(resampled).acquisition.slice_thicknesses_mm == (2.0,)
    assert is_regular(volume_from_node(resampled))
    assert volume_from_node(stacked).slice_origins_lps_mm[:, 2].tolist() == [0, 2, 6, 8]
    assert not is_regular(volume_from_node(stacked))


def test_a_volume_without_voxel_values_cannot_enter_a_scene(scene):
    with pytest.raises(BadDataError, match="no voxel values"):
        add_volume(scene, Volume(None, a_geometry()), "contours only")


def test_a_colour_image_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photo")
    slicer.util.updateVolumeFromArray(node, np.zeros((2, 3, 4, 3), np.uint8))
    with pytest.raises(BadDataError, match="3 values per voxel"):
        volume_from_node(node)


@pytest.mark.parametrize("axes", [a_geometry().axes_lps, OBLIQUE, LEFT_HANDED])
def test_a_segmentation_comes_back_with_everything_that_identifies_its_segments(scene, axes):
    geometry = a_geometry(axes_lps=axes, origin_lps_mm=(-7.5, 12.25, 100.0))
    segmentation = a_reader_segmentation(geometry)
    volume_node = add_volume(scene, a_volume(geometry), "CT")
    back = segmentation_from_node(add_segmentation(scene, segmentation, volume_node, segmentation.name), volume_node)
    assert back.name == "Reader Ä"
    assert same_grid(back.geometry, geometry, tolerance_mm=1e-9)
    assert back.stored is None
    assert back.findings == ()
    assert back.segments == segmentation.segments
    assert masks(back) == masks(segmentation)
    assert len(back.layers) == 2


def test_the_node_refers_to_the_volume_as_its_reference_geometry(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume_node


def test_layers_that_do_not_overlap_are_merged_and_equal_label_values_told_apart(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    apart = a_segmentation(liver=((1, 4), (2, 9), (3, 8)), spleen=((1, 4), (10, 15), (3, 8)), cyst=((2, 3), (3, 4), (4, 5)))
    node = add_segmentation(scene, apart, volume_node, "reader")
    assert node.GetSegmentation().GetNumberOfLayers() == 3
    back = segmentation_from_node(node, volume_node)
    # The cyst lies in the liver, the spleen beside it.
    assert len(back.layers) == 2
    assert masks(back) == masks(apart)


def test_label_values_above_255_are_kept(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    layer = box_array((10, 20, 30), (1, 3), (1, 3), (1, 3)).astype(np.uint16) * 1000
    segmentation = Segmentation("atlas", a_geometry(), (layer,), (Segment("x", "region 1000", 1000),))
    back = segmentation_from_node(add_segmentation(scene, segmentation, volume_node, "atlas"), volume_node)
    assert back.segments[0].label_value == 1000
    assert back.voxel_count(back.segments[0]) == 8


def test_a_segment_just_added_in_slicer_is_assessed_and_absent(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "new")
    for name in ("liver", "spleen"):
        node.GetSegmentation().AddEmptySegment(name, name)
    back = segmentation_from_node(node, volume_node)
    assert [segment.name for segment in back.segments] == ["liver", "spleen"]
    assert [back.voxel_count(segment) for segment in back.segments] == [0, 0]
    assert len({(segment.layer, segment.label_value) for segment in back.segments}) == 2


def test_an_empty_segment_never_takes_over_the_voxels_of_one_with_its_label_value(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    node.GetSegmentation().AddEmptySegment("spleen", "spleen")
    painted = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "painted")
    node.GetSegmentation().AddSegment(painted.GetSegmentation().GetSegment("s0"), "liver")
    back = segmentation_from_node(node, volume_node)
    assert {segment.name: back.voxel_count(segment) for segment in back.segments} == {"spleen": 0, "liver": 3 * 7 * 5}


def test_a_segmentation_without_segments_is_empty(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    back = segmentation_from_node(scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "none"), volume_node)
    assert back.segments == ()


@pytest.mark.parametrize("terminology", [LIVER, KIDNEY, PANCREAS])
def test_codes_are_written_as_slicer_itself_writes_them(terminology):
    def fields(code):
        return (code.value, code.scheme, code.meaning) if code else ("", "", "")

    assert terminology_text(terminology) == slicer.vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
        CONTEXT, *fields(terminology.category), *fields(terminology.type), *fields(terminology.modifier),
        REGION_CONTEXT, *fields(terminology.region), *fields(terminology.region_modifier),
    )  # fmt: skip


def test_the_entry_that_slicer_gives_to_uncoded_segments_is_no_code(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    assert "Tissue" in node.GetSegmentation().GetSegment("s0").GetTerminology()
    assert segmentation_from_node(node, volume_node).segments[0].terminology is None


def test_segments_of_another_grid_are_aligned_to_the_volume(scene):
    fine = a_geometry((20, 20, 30), (1.0, 1.0, 1.0), (0.0, 0.0, -0.5))
    volume_node = add_volume(scene, a_volume(fine), "fine CT")
    node = add_segmentation(scene, a_segmentation(fine, liver=((4, 8), (2, 9), (3, 8))), volume_node, "reader")
    # Slices of 2 mm centred between two slices of 1 mm: 4 fine slices are 2 coarse ones.
    coarse_node = add_volume(scene, a_volume(a_geometry()), "coarse CT")
    back = segmentation_from_node(node, coarse_node)
    assert same_grid(back.geometry, a_geometry())
    assert back.stored is not None
    assert back.box(back.segments[0]) == (slice(2, 4), slice(2, 9), slice(3, 8))


def test_segments_stored_with_flipped_rows_are_put_right_without_resampling(scene):
    flipped = a_geometry(origin_lps_mm=(0.0, 19.0, 0.0), axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)))
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(flipped, liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    back = segmentation_from_node(node, volume_node)
    # Row j of the file is row 19 - j of the image.
    assert back.box(back.segments[0]) == (slice(1, 4), slice(11, 18), slice(3, 8))
    assert same_grid(back.stored.geometry, flipped)


def test_segments_painted_beyond_the_image_are_cut_off_and_kept_as_stored(scene):
    large = a_geometry((14, 20, 30), origin_lps_mm=(0.0, 0.0, -4.0))
    volume_node = add_volume(scene, a_volume(large), "large CT")
    node = add_segmentation(scene, a_segmentation(large, liver=((1, 5), (2, 9), (3, 8))), volume_node, "reader")
    small_node = add_volume(scene, a_volume(a_geometry()), "CT")
    back = segmentation_from_node(node, small_node)
    # Large slice 2 is small slice 0: slice 1 lies below the image.
    assert back.box(back.segments[0]) == (slice(0, 3), slice(2, 9), slice(3, 8))
    assert back.stored.voxel_count(back.stored.segments[0]) == 4 * 7 * 5


def test_segments_on_grids_that_do_not_fit_each_other_are_refused(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    shifted = a_geometry(origin_lps_mm=(0.4, 0.0, 0.0))
    other = add_segmentation(scene, a_segmentation(shifted, cyst=((1, 4), (2, 9), (3, 8))), volume_node, "other")
    node.GetSegmentation().AddSegment(other.GetSegmentation().GetSegment("s0"), "shifted")
    with pytest.raises(BadDataError, match="Specify geometry"):
        segmentation_from_node(node, volume_node)


def test_a_closed_surface_is_filled_on_the_image_grid_and_the_node_stays_a_surface(scene):
    volume_node = add_volume(scene, a_volume(a_geometry((40, 40, 40), (1.0, 1.0, 1.0), (-20.0, -20.0, -20.0))), "CT")
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(12.0)
    sphere.SetThetaResolution(64)
    sphere.SetPhiResolution(64)
    sphere.Update()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "planning")
    surface_name = slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
    node.GetSegmentation().SetSourceRepresentationName(surface_name)
    segment = slicer.vtkSegment()
    segment.SetName("target")
    segment.AddRepresentation(surface_name, sphere.GetOutput())
    node.GetSegmentation().AddSegment(segment, "target")
    back = segmentation_from_node(node, volume_node)
    assert back.voxel_count(back.segments[0]) == pytest.approx(4 / 3 * math.pi * 12**3, rel=0.02)
    assert [finding.check for finding in back.findings] == ["segment_representation"]
    assert node.GetSegmentation().GetSourceRepresentationName() == surface_name
    assert not node.GetSegmentation().ContainsRepresentation(slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName())


def test_segmentation_and_volume_under_different_transforms_are_refused(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift")
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(BadDataError, match="not under the same transform as the volume 'CT'"):
        segmentation_from_node(node, volume_node)


def test_evaluating_again_rewrites_the_same_record_and_table_nodes(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    assert read_record(node) is None
    first = [write(scene, a_record(), node) for write in (write_record, write_measurements, write_findings)]
    later = a_record(verdict=Verdict.ACCEPT, findings=(), measurements=a_record().measurements[:1])
    second = [write(scene, later, node) for write in (write_record, write_measurements, write_findings)]
    assert first == second
    assert read_record(node) == later
    assert [table.GetNumberOfRows() for table in second[1:]] == [1, 0]


def test_a_record_is_outdated_from_an_edit_until_the_next_evaluation(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    mark_outdated(node)
    assert not is_outdated(node)
    write_record(scene, a_record(), node)
    mark_outdated(node)
    assert is_outdated(node)
    write_record(scene, a_record(), node)
    assert not is_outdated(node)


def test_table_columns_have_titles_and_descriptions_and_values_six_digits(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    table = write_measurements(scene, a_record(), node)
    assert [table.GetColumnTitle(name) for name in MEASUREMENT_TITLES] == list(MEASUREMENT_TITLES.values())
    assert all(table.GetColumnDescription(name) for name in MEASUREMENT_TITLES)
    rows = cells(table)
    assert rows[0][3] == "0.3"
    assert rows[1][3:5] == ["–", "mm"]
    assert rows[1][-1] == "absent in both"


def test_the_measurements_table_leaves_out_only_what_is_empty_and_unknown_to_the_protocol(scene):
    def volume(segment, structure, role, value):
        metric = "volume_candidate_mm3" if role is None else "volume_reference_mm3"
        return Measurement(segment, structure, metric, value, "mm3", "voxel count x voxel volume", "candidate", role)

    measurements = (
        volume("liver", "liver", None, 0.0),
        volume("rib 1", None, None, 0.0), volume("rib 1", None, "reference", 0.0),
        volume("rib 2", None, None, 0.0), volume("rib 2", None, "reference", 5.0),
        volume("rib 3", None, None, 7.0), volume("rib 4", None, None, 0.0),
    )  # fmt: skip
    node = add_segmentation(scene, a_segmentation(), add_volume(scene, a_volume(), "CT"), "reader")
    rows = cells(write_measurements(scene, a_record(measurements=measurements), node))
    assert [row[0] for row in rows] == ["liver", "rib 2", "rib 2", "rib 3", "2 more segments"]
    assert rows[-1][1:-1] == ["–"] * (len(rows[-1]) - 2)
    assert "record has all" in rows[-1][-1]


def test_findings_are_listed_failures_first_in_words(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    findings = tuple(Finding("modality", status, "x") for status in (Status.PASS, Status.NOT_EVALUATED, Status.FAIL, Status.WARN))
    table = write_findings(scene, dataclasses.replace(a_record(), findings=findings), node)
    assert [row[0] for row in cells(table)] == ["Fail", "Warning", "Not evaluated", "Pass"]


def test_segments_whose_axes_run_in_different_orders_are_one_segmentation(scene):
    """As after an edit with overlap allowed: Slicer stores that segment as the image runs, the others as their file does."""
    geometry = a_geometry()
    volume_node = add_volume(scene, a_volume(geometry), "CT")
    flipped = a_geometry(axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)), origin_lps_mm=(0.0, 19.0, 0.0))
    liver = box_array(geometry.size, (1, 6), (2, 9), (3, 8))
    from_file = Segmentation("file", flipped, (liver[:, ::-1].copy(),), (Segment("liver", "liver", 1),))
    node = add_segmentation(scene, from_file, volume_node, "file")
    edited = a_segmentation(geometry, tumour=((3, 5), (4, 7), (4, 6)))
    edited_node = add_segmentation(scene, edited, volume_node, "edited")
    node.GetSegmentation().CopySegmentFromSegmentation(edited_node.GetSegmentation(), edited.segments[0].id)
    both = segmentation_from_node(node, volume_node)
    assert masks(both) == {"liver": (liver == 1).tolist(), "tumour": edited.mask(edited.segments[0]).tolist()}


def test_a_text_node_that_is_no_record_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "reader")
    write_record(scene, a_record(), node).SetText("{}")
    with pytest.raises(BadDataError, match="is not a SegQC record"):
        read_record(node)


def test_a_saved_scene_comes_back_with_image_segments_record_and_tables(scene, tmp_path):
    geometry = a_geometry(axes_lps=OBLIQUE)
    volume = a_volume(geometry, Acquisition("DICOM headers", "CT", series_description='Leber "venös"; 2 mm'))
    segmentation = a_reader_segmentation(geometry)
    volume_node = add_volume(scene, volume, "CT")
    node = add_segmentation(scene, segmentation, volume_node, segmentation.name)
    write_record(scene, a_record(), node)
    tables = [write(scene, a_record(), node) for write in (write_measurements, write_findings)]
    save_scene(scene, tmp_path / "case é.mrb")

    again = load_scene(tmp_path / "case é.mrb")
    node_again = again.GetFirstNodeByName("Reader Ä")
    volume_again = again.GetFirstNodeByName("CT")
    assert volume_from_node(volume_again).acquisition == volume.acquisition
    assert same_grid(volume_from_node(volume_again).geometry, geometry, tolerance_mm=1e-6)
    assert read_record(node_again) == a_record()
    back = segmentation_from_node(node_again, volume_again)
    assert masks(back) == masks(segmentation)
    for segment, expected in zip(back.segments, segmentation.segments, strict=True):
        assert segment.color == pytest.approx(expected.color, abs=1e-5)
        assert (segment.id, segment.terminology, segment.status) == (expected.id, expected.terminology, expected.status)
        assert (segment.algorithm_type, segment.algorithm_name) == (expected.algorithm_type, expected.algorithm_name)
    assert [segment.label_value for segment in back.segments[:3]] == [2, 5, 1]
    for table in tables:
        table_again = again.GetFirstNodeByName(table.GetName())
        assert cells(table_again) == cells(table)
        assert table_again.GetColumnTitle("segment") == "Segment"
    assert [path.name for path in tmp_path.iterdir()] == ["case é.mrb"]


def test_evaluating_nodes_says_what_evaluating_the_case_says(tmp_path, totalsegmentator):
    candidate = read_segmentation(totalsegmentator / "example_seg_fast.nii.gz", labels="totalsegmentator", name="fast")
    reference = read_segmentation(totalsegmentator / "example_seg.nii.gz", labels="totalsegmentator", name="full resolution")
    case = Case(read_image(totalsegmentator / "example_ct_sm.nii.gz"), candidate, (reference,))
    direct = evaluate(case, an_abdomen_protocol())
    through_scene = evaluate_in_new_scene(case, an_abdomen_protocol(), tmp_path / "case.mrb").record
    assert through_scene == dataclasses.replace(direct, created=through_scene.created, case=through_scene.case)
    assert read_record(load_scene(tmp_path / "case.mrb").GetFirstNodeByName("fast")) == through_scene


def test_a_dicom_series_is_judged_by_the_same_header_facts_from_a_scene(tmp_path, totalsegmentator):
    candidate = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator", name="total")
    # Slicer's writer looks through the file once per segment; eight are as good as 117.
    candidate = dataclasses.replace(candidate, segments=candidate.segments[:8])
    case = Case(read_series(totalsegmentator / "example_ct_dicom"), candidate)
    direct = evaluate(case, an_abdomen_protocol())
    through_scene = evaluate_in_new_scene(case, an_abdomen_protocol(), tmp_path / "case.mrb").record
    assert through_scene.findings == direct.findings
    assert through_scene.case.acquisition == direct.case.acquisition
    saved_volume = load_scene(tmp_path / "case.mrb").GetFirstNodeByName("Image")
    assert volume_from_node(saved_volume).acquisition == case.image.acquisition
    assert same_grid(volume_from_node(saved_volume).geometry, case.image.geometry)


def test_a_failed_save_leaves_the_earlier_file_as_it_was(scene, tmp_path):
    path = tmp_path / "case.mrb"
    path.write_bytes(b"earlier")
    with pytest.raises(ValueError, match=r"ends in \.mrb"):
        save_scene(scene, path.with_suffix(".zip"))
    with pytest.raises(BadDataError, match="cannot be written"):
        save_scene(scene, tmp_path / "absent" / "case.mrb")
    assert path.read_bytes() == b"earlier"


def test_files_that_are_no_scenes_are_refused(tmp_path):
    (tmp_path / "text.mrb").write_text("no zip")
    with pytest.raises(BadDataError, match="not a zip archive"):
        load_scene(tmp_path / "text.mrb")
    with pytest.raises(BadDataError, match="cannot be read"):
        load_scene(tmp_path / "absent.mrb")
