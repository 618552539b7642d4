import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, box_array
from SegQCLib.case import Code
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.terminology_entry import terminology_from_entry
from SegQCLib.metrics import compare

slicer = pytest.importorskip("slicer")
vtk = pytest.importorskip("vtk")

LEFT_KIDNEY = (
    "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure~SCT^64033007^Kidney"
    "~SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^"
)
RAS_FROM_LPS = np.array([-1, -1, 1])


@pytest.fixture
def segmentations_logic():
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    yield logic
    logic.SetMRMLScene(None)
    application.SetMRMLScene(None)


def save_in_slicer(logic, path, geometry, **boxes):
    """Save one binary labelmap per keyword as Slicer does, and return the node."""
    from vtk.util.numpy_support import numpy_to_vtk

    node = logic.GetMRMLScene().AddNewNodeByClass("vtkMRMLSegmentationNode")
    steps_ras = geometry.index_to_lps_matrix[:, ::-1] * RAS_FROM_LPS[:, None]
    origin_ras = np.array(geometry.origin_lps_mm) * RAS_FROM_LPS
    matrix = vtk.vtkMatrix4x4()
    for row in range(3):
        for column in range(3):
            matrix.SetElement(row, column, steps_ras[row, column])
        matrix.SetElement(row, 3, origin_ras[row])
    for name, array in boxes.items():
        image = slicer.vtkOrientedImageData()
        image.SetDimensions(*reversed(geometry.size))
        image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
        image.SetImageToWorldMatrix(matrix)
        node.AddSegmentFromBinaryLabelmapRepresentation(image, name, [0.25, 0.5, 1.0], name)
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(path))
    tag = node.GetSegmentation().GetNthSegment(0).SetTag
    tag("TerminologyEntry", LEFT_KIDNEY)
    tag("Segmentation.Status", "completed")
    tag("DICOM.SegmentAlgorithmType", "SEMIAUTOMATIC")
    tag("DICOM.SegmentAlgorithmName", "Model 3: kidneys")
    assert storage.WriteData(node)
    return node


def voxels_in_slicer(logic, path, geometry):
    """Voxels (k, j, i) of `geometry` that each segment has when Slicer itself reads the file."""
    from vtk.util.numpy_support import vtk_to_numpy

    segmentation = logic.LoadSegmentationFromFile(str(path), True, "read again").GetSegmentation()
    voxels = {}
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        image = segment.GetRepresentation("Binary labelmap")
        i0, i1, j0, j1, k0, k1 = image.GetExtent()
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        matrix = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        ijk = np.argwhere(array == segment.GetLabelValue())[:, ::-1] + (i0, j0, k0)
        index = geometry.index_kji((ijk @ matrix[:3, :3].T + matrix[:3, 3]) * RAS_FROM_LPS)
        assert index == pytest.approx(np.round(index), abs=0.01)
        voxels[segment.GetName()] = {tuple(voxel) for voxel in np.round(index).astype(int).tolist()}
    return voxels


def voxels_here(segmentation):
    return {s.name: {tuple(voxel) for voxel in np.argwhere(segmentation.mask(s)).tolist()} for s in segmentation.segments}


GEOMETRY = a_geometry((5, 6, 7), (3.0, 2.0, 1.0), (10.0, -20.0, 30.0), ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0)))
KIDNEY = box_array(GEOMETRY.size, (1, 3), (2, 4), (1, 6))
CYST = box_array(GEOMETRY.size, (2, 4), (3, 5), (2, 4))
SPLEEN = box_array(GEOMETRY.size, (4, 5), (0, 1), (0, 2))


def test_overlapping_segments_lie_where_slicer_puts_them(tmp_path, segmentations_logic):
    path = tmp_path / "reader.seg.nrrd"
    save_in_slicer(segmentations_logic, path, GEOMETRY, kidney=KIDNEY, cyst=CYST, spleen=SPLEEN)
    segmentation = read_segmentation(path)
    assert segmentation.name == "reader"
    assert {s.name: segmentation.voxel_count(s) for s in segmentation.segments} == {"kidney": 20, "cyst": 8, "spleen": 2}
    assert len(segmentation.layers) == 2
    assert voxels_here(segmentation) == voxels_in_slicer(segmentations_logic, path, segmentation.geometry)
    # Slicer cropped the grid to the segments; a cyst voxel still has the position it was drawn at.
    first = segmentation.geometry.lps_mm(min(voxels_here(segmentation)["cyst"]))
    assert first == pytest.approx(GEOMETRY.lps_mm((2, 3, 2)))
    assert segmentation.findings == ()


def test_slicers_tags_become_codes_status_and_algorithm(tmp_path, segmentations_logic):
    path = tmp_path / "reader.seg.nrrd"
    save_in_slicer(segmentations_logic, path, GEOMETRY, kidney=KIDNEY)
    (kidney,) = read_segmentation(path, labels="totalsegmentator").segments
    assert kidney.terminology.type == Code("64033007", "SCT", "Kidney")
    assert kidney.terminology.modifier == Code("7771000", "SCT", "Left")
    assert kidney.terminology.region is None
    assert (kidney.status, kidney.algorithm_type, kidney.algorithm_name) == ("completed", "SEMIAUTOMATIC", "Model 3: kidneys")
    assert kidney.color == (0.25, 0.5, 1.0)


def test_segment_without_voxels_stays(tmp_path, segmentations_logic):
    path = tmp_path / "reader.seg.nrrd"
    save_in_slicer(segmentations_logic, path, GEOMETRY, lesion=np.zeros_like(KIDNEY))
    segmentation = read_segmentation(path)
    assert [(s.name, segmentation.voxel_count(s)) for s in segmentation.segments] == [("lesion", 0)]


@pytest.mark.parametrize("encoding", ["gzip", "raw"])
def test_slicers_keys_count_whatever_the_name_and_the_encoding(tmp_path, segmentations_logic, encoding):
    save_in_slicer(segmentations_logic, tmp_path / "a.seg.nrrd", GEOMETRY, kidney=KIDNEY)
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.seg.nrrd")), str(tmp_path / "b.nrrd"), encoding == "gzip")
    segmentation = read_segmentation(tmp_path / "b.nrrd")
    assert {name: len(voxels) for name, voxels in voxels_here(segmentation).items()} == {"kidney": 20}
    assert segmentation.geometry.lps_mm((0, 0, 0)) == pytest.approx(GEOMETRY.lps_mm((1, 2, 1)))


KEYS = (
    "Segment0_ID:=a\nSegment0_Name:=Läsion \\\\ 1\nSegment0_LabelValue:=7\nSegment0_Layer:=1\n"
    "Segment1_ID:=b\nSegment1_Name:=node\nSegment1_LabelValue:=3\nSegment1_Layer:=0\n"
)


def write_nrrd(path, array, sizes, kinds, directions, keys=KEYS):
    path.write_bytes(
        f"NRRD0004\ntype: uint8\ndimension: {len(sizes)}\nspace: left-posterior-superior\nsizes: {' '.join(map(str, sizes))}\n"
        f"space directions: {directions}\nkinds: {kinds}\nencoding: raw\nspace origin: (1,2,3)\n{keys}\n".encode()
        + array.tobytes()
    )
    return path


@pytest.mark.parametrize("list_axis", ["first", "last"])
def test_layers_are_read_from_a_list_axis_first_or_last(tmp_path, list_axis):
    layers = np.stack([KIDNEY * 3, CYST * 7])
    axes = "(1,0,0) (0,2,0) (0,0,3)"
    if list_axis == "first":
        path = write_nrrd(
            tmp_path / "a.seg.nrrd", np.moveaxis(layers, 0, -1).copy(), (2, 7, 6, 5), "list domain domain domain", f"none {axes}"
        )
    else:
        path = write_nrrd(tmp_path / "a.seg.nrrd", layers, (7, 6, 5, 2), "domain domain domain list", f"{axes} none")
    segmentation = read_segmentation(path)
    lesion, node = segmentation.segments
    assert (lesion.name, node.name) == ("Läsion \\ 1", "node")
    assert np.array_equal(segmentation.mask(lesion), CYST)
    assert np.array_equal(segmentation.mask(node), KIDNEY)
    assert segmentation.geometry.lps_mm((1, 1, 1)) == pytest.approx((2, 4, 6))


def test_voxels_that_no_segment_claims_are_said(tmp_path):
    keys = "Segment0_ID:=a\nSegment0_Name:=kidney\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n"
    path = write_nrrd(tmp_path / "a.seg.nrrd", KIDNEY + SPLEEN * 9, (7, 6, 5), "domain " * 3, "(1,0,0) (0,1,0) (0,0,1)", keys)
    (finding,) = read_segmentation(path).findings
    assert (finding.check, finding.measured) == ("label_names", "9")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("Segment0_ID:=a\nSegment0_LabelValue:=1\nSegment0_Layer:=4\n", "layer 4"),
        ("Segment0_ID:=a\nSegment0_LabelValue:=one\n", "'one' as Segment0_LabelValue"),
        ("Segment0_ID:=a\nSegment0_LabelValue:=1\nSegment1_ID:=a\nSegment1_LabelValue:=2\n", "same ID"),
    ],
)
def test_contradicting_keys_are_refused(tmp_path, keys, words):
    path = write_nrrd(tmp_path / "a.seg.nrrd", KIDNEY, (7, 6, 5), "domain " * 3, "(1,0,0) (0,1,0) (0,0,1)", keys)
    with pytest.raises(BadDataError, match=words):
        read_segmentation(path)


def test_codes_that_cannot_be_read_are_said(tmp_path):
    keys = "Segment0_ID:=a\nSegment0_Name:=kidney\nSegment0_LabelValue:=1\nSegment0_Tags:=TerminologyEntry:kidney|\n"
    path = write_nrrd(tmp_path / "a.seg.nrrd", KIDNEY, (7, 6, 5), "domain " * 3, "(1,0,0) (0,1,0) (0,0,1)", keys)
    segmentation = read_segmentation(path)
    assert segmentation.segments[0].terminology is None
    assert [finding.check for finding in segmentation.findings] == ["segment_terminology"]


def test_terminology_entry_has_a_region():
    terminology = terminology_from_entry(
        "a~SCT^49755003^Morphologically Altered Structure~SCT^367643001^Cyst~^^~b~SCT^64033007^Kidney~SCT^7771000^Left"
    )
    assert terminology.modifier is None
    assert (terminology.region.meaning, terminology.region_modifier.meaning) == ("Kidney", "Left")


LEGACY = [
    "EclipseProstate_Bladder_Intersect_PTV",
    "EclipseProstate_Bladder_Subtract_PTV",
    "EclipseProstate_Bladder_Union_PTV",
    "EclipseProstate_Expanded_5_5_5_Rectum",
]


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_four_dimensional_file_lies_where_slicer_puts_it(shared_data, segmentations_logic, name):
    path = shared_data / "slicerrt" / f"{name}.seg.nrrd"
    segmentation = read_segmentation(path)
    here = voxels_here(segmentation)
    assert here == voxels_in_slicer(segmentations_logic, path, segmentation.geometry)
    assert all(here.values())


def test_legacy_file_keeps_segments_that_overlap(tmp_path, segmentations_logic):
    keys = "".join(
        f"Segment{n}_ID:={name}\nSegment{n}_Name:={name}\nSegment{n}_DefaultColor:=1 0 0\nSegment{n}_Extent:=2 8 -1 4 3 7\n"
        for n, name in enumerate(("kidney", "cyst"))
    )
    path = tmp_path / "a.seg.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 4\nspace dimension: 4\nsizes: 7 6 5 2\nkinds: domain domain domain domain\n"
        b"space directions: (-1,0,0,0) (0,-2,0,0) (0,0,3,0) (0,0,0,1)\nencoding: raw\nspace origin: (100,80,-60,0)\n"
        + f"{keys}Segmentation_Extent:=2 8 -1 4 3 7\nSegmentation_MasterRepresentation:=Binary labelmap\n\n".encode()
        + np.stack([KIDNEY, CYST]).tobytes()
    )
    segmentation = read_segmentation(path)
    assert voxels_here(segmentation) == voxels_in_slicer(segmentations_logic, path, segmentation.geometry)
    assert {s.name: segmentation.voxel_count(s) for s in segmentation.segments} == {"kidney": 20, "cyst": 8}
    # RAS (100, 80, -60) is index (0, 0, 0) of the uncropped grid; the file starts at i 2, j -1, k 3.
    assert segmentation.geometry.lps_mm((0, 0, 0)) == pytest.approx((-(100 - 2), -(80 + 2), -60 + 9))
    assert segmentation.segments[0].color == (1.0, 0.0, 0.0)


def test_legacy_rectum_has_slicerrts_published_dice_with_the_contoured_surface(shared_data):
    folder = shared_data / "slicerrt"
    segmentation = read_segmentation(folder / "EclipseProstate_Expanded_5_5_5_Rectum.seg.nrrd")
    reader = vtk.vtkXMLMultiBlockDataReader()
    reader.SetFileName(str(folder / "EclipseProstate_Rectum.seg.vtm"))
    reader.Update()
    rectum = inside_surface(reader.GetOutput().GetBlock(0), segmentation.geometry)
    expanded = segmentation.mask(segmentation.segments[0])
    dice = 2 * np.count_nonzero(rectum & expanded) / (np.count_nonzero(rectum) + np.count_nonzero(expanded))
    # SlicerRT's own baseline is 0.542084 (plastimatch); a stencil differs in single voxels.
    assert dice == pytest.approx(0.542084, abs=5e-4)
    masks = {1: rectum}, {1: expanded}
    (comparison,) = compare(*masks, segmentation.geometry.spacing_mm, definition="voxel")
    # plastimatch: maximum 8.34375, average 5.17621, 95 % 6.07853 mm. It rounds to voxels of its own grid and takes the
    # 95th percentile over both directions together, so the values agree to a voxel (0.98 mm in plane).
    assert comparison.dice == pytest.approx(dice)
    assert comparison.hausdorff_mm == pytest.approx(8.34375, abs=1.0)
    assert comparison.hausdorff_95_mm == pytest.approx(6.07853, abs=1.0)
    assert comparison.assd_mm == pytest.approx(5.17621, abs=1.0)


def inside_surface(surface_ras, geometry):
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    index = geometry.index_kji(vtk_to_numpy(surface_ras.GetPoints().GetData()) * RAS_FROM_LPS)
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(index[:, ::-1]), deep=True))
    surface_ijk = vtk.vtkPolyData()
    surface_ijk.ShallowCopy(surface_ras)
    surface_ijk.SetPoints(points)
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(surface_ijk)
    k, j, i = geometry.size
    stencil.SetOutputWholeExtent(0, i - 1, 0, j - 1, 0, k - 1)
    image = vtk.vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(geometry.size) == 1


def test_sitk_copy_of_a_plain_label_map_is_no_slicer_segmentation(tmp_path):
    sitk.WriteImage(sitk_image(KIDNEY, GEOMETRY), str(tmp_path / "a.nrrd"))
    assert [segment.name for segment in read_segmentation(tmp_path / "a.nrrd").segments] == ["label_1"]
