"""How often each check for technical errors raises an alarm on real segmentations, and how often rightly.

    python Benchmarks/alarm_rates.py [--list] [--pictures DIR]

Runs the checks on the models' and readers' segmentations of ../shared/data, with every segment as a structure of
the protocol and the default limits, and prints the table of Benchmarks/README.md. An alarm is a segment with at least
one warning or failure of a check. judged_alarms.json says, for every alarm, whether there is an error: judged by the developers
on pictures of the slices (for nodules, on the other readers' outlines), not by radiologists. --list prints the alarms;
--pictures draws each in three planes.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.alignment import align
from SegQCLib.case import Acquisition, Case, Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.importers.lidc import LUNG_NODULE
from SegQCLib.protocol import AllowedTexts, QCProtocol, Structure, load_protocol

DATA = Path(__file__).parents[2] / "shared" / "data"
JUDGED = Path(__file__).parent / "judged_alarms.json"
TECHNICAL = (
    "field_of_view", "empty_or_full", "identical_segments", "overlaps", "laterality", "volume_range", "impossible_intensity",
    "islands", "holes", "skipped_slices", "area_jumps", "end_slices", "flat_faces", "spikes",
)  # fmt: skip
ORGAN = Code("123037004", "SCT", "Anatomical Structure")
SIDES = {"left": Code("7771000", "SCT", "Left"), "right": Code("24028007", "SCT", "Right")}
HEAD = (
    "body", "brain", "brain_stem", "ctv", "isodose", "gtv", "lens_left", "lens_right", "chiasm", "optic_nerve_right",
    "optic_nerve_left", "orbit_left", "orbit_right", "ptv", "brain_for_planning", "optic_for_planning",
)  # fmt: skip
HEAD_PARTS = (
    "body", "brain_stem", "ctv", "isodose", "gtv", "lens_left", "lens_right", "ptv", "brain_for_planning", "optic_for_planning",
)  # fmt: skip
PELVIS = ("body", "bladder", "femoral_head_left", "femoral_head_right", "ptv", "rectum")
NODULES = 400


@dataclass(frozen=True)
class Sample:
    """One case.

    Attributes
    ----------
    name : str
    kind : str
        organ or lesion: a group of columns of the table.
    case : Case
    parts : tuple of str
        Segments that may overlap any other: targets, margins and whole bodies.
    """

    name: str
    kind: str
    case: Case
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alarm:
    """A segment of a sample in which a check found something."""

    sample: Sample
    finding: Finding

    @property
    def key(self) -> str:
        return f"{self.finding.check}: {self.sample.name}: {self.finding.segment}"


def label_map(name: str, image: str | None, path: str, labels: str | None = None, kind: str = "organ") -> Sample:
    candidate = read_segmentation(DATA / path, labels=labels)
    return Sample(name, kind, on_image(image, candidate))


def on_image(image: str | None, candidate: Segmentation) -> Case:
    volume = Volume(None, candidate.geometry) if image is None else read_image(DATA / image)
    return Case(volume, align(candidate, volume.geometry))


def folder(name: str, image: str, paths: Iterable[Path], parts: tuple[str, ...] = ()) -> Sample:
    """Return one file per structure as one segmentation, a layer for each."""
    known = {label.name: label.terminology for label in read_label_names("totalsegmentator").labels}
    files = [(path.name.removesuffix(".nii.gz"), read_segmentation(path)) for path in sorted(paths)]
    layers = tuple((file.layers[0] != 0).view(np.uint8) for _, file in files)
    segments = tuple(Segment(f"s{n}", stem, 1, n, known.get(stem)) for n, (stem, _) in enumerate(files))
    return Sample(name, "organ", on_image(image, Segmentation(name, files[0][1].geometry, layers, segments)), parts)


def plan(name: str, path: str, names: tuple[str, ...], parts: tuple[str, ...]) -> Iterator[Sample]:
    """Yield a radiotherapy plan's contours on a grid of 1 x 1 x 2.5 mm; where VTK is not installed, nothing."""
    try:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil
        from vtkmodules.vtkIOXML import vtkXMLPolyDataReader
    except ImportError:
        print("VTK is not installed: closed surfaces are skipped.")
        return
    surfaces = []
    for file in sorted((DATA / path).glob("*.vtp"), key=lambda file: int(file.stem.rpartition("_")[2])):
        reader = vtkXMLPolyDataReader()
        reader.SetFileName(str(file))
        reader.Update()
        surfaces.append(reader.GetOutput())
    bounds = np.array([surface.GetBounds() for surface in surfaces if surface.GetNumberOfPoints()])
    spacing = np.array([1.0, 1.0, 2.5])
    # The scan's first and last slice are those of the body's contours.
    margin = np.array([3.0, 3.0, 0.0])
    low, high = bounds[:, ::2].min(axis=0) - margin, bounds[:, 1::2].max(axis=0) + margin
    size = np.round((high - low) / spacing).astype(int) + 1
    layers = []
    for surface in surfaces:
        stencil, image = vtkPolyDataToImageStencil(), vtkImageStencilToImage()
        stencil.SetInputData(surface)
        stencil.SetOutputOrigin(*low)
        stencil.SetOutputSpacing(*spacing)
        stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
        image.SetInputConnection(stencil.GetOutputPort())
        image.SetOutsideValue(0)
        image.SetInsideValue(1)
        image.SetOutputScalarTypeToUnsignedChar()
        image.Update()
        layers.append(vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(size[::-1]).copy())
    # The surfaces are in RAS: x and y run the other way in LPS.
    axes = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
    geometry = Geometry(tuple(map(int, size[::-1])), tuple(spacing[::-1]), (-low[0], -low[1], low[2]), axes)
    segments = tuple(Segment(f"s{n}", name, 1, n, sided(name)) for n, name in enumerate(names))
    yield Sample(name, "organ", on_image(None, Segmentation(name, geometry, tuple(layers), segments)), parts)


def sided(name: str) -> Terminology:
    """Return codes for a structure that no table has: its name, and its side as DICOM says it."""
    kind, _, side = name.rpartition("_")
    if side in SIDES:
        return Terminology(ORGAN, Code(kind, "99SEGQC", kind), SIDES[side])
    return Terminology(ORGAN, Code(name, "99SEGQC", name))


def nodules() -> Iterator[Sample]:
    """Yield LIDC nodules as every reader drew them, spread evenly over the list."""
    rows = (DATA / "lidc_readers" / "nodules.csv").read_text(encoding="utf-8").splitlines()
    columns = rows[0].split(",")
    bits = np.load(DATA / "lidc_readers" / "masks.npz")["bits"]
    for row in rows[1 :: max(1, len(rows) // NODULES)]:
        fact = dict(zip(columns, row.split(","), strict=True))
        shape = tuple(int(fact[name]) for name in ("n_readers", "nz", "ny", "nx"))
        start = int(fact["offset"])
        masks = np.unpackbits(bits[start : start + int(fact["nbytes"])])[: np.prod(shape)].reshape(shape)
        pixel, step = float(fact["pixel_spacing"]), float(fact["slice_spacing"])
        for number, mask in enumerate(masks, 1):
            # The stored box is the nodule's own: a margin, so that nothing lies at the edge of an image.
            layer = np.pad(mask, 2)
            geometry = Geometry(layer.shape, (step, pixel, pixel), (0.0, 0.0, 0.0), ((0.0, 0, 1), (0.0, 1, 0), (1.0, 0, 0)))
            candidate = Segmentation("reader", geometry, (layer,), (Segment("s0", "lung_nodule", 1, 0, LUNG_NODULE),))
            volume = Volume(None, geometry, Acquisition(modality="CT"))
            yield Sample(f"LIDC nodule {fact['nodule']}, reader {number}", "lesion", Case(volume, candidate))


def samples() -> Iterator[Sample]:
    ts, ct, mr = "totalsegmentator/", "totalsegmentator/example_ct_sm.nii.gz", "totalsegmentator/example_mr_sm.nii.gz"
    whole = ts + "example_ct.nii.gz"
    yield label_map("CT", ct, ts + "example_seg.nii.gz", "totalsegmentator")
    yield label_map("CT, fast model", ct, ts + "example_seg_fast.nii.gz", "totalsegmentator")
    yield label_map("whole CT, split", whole, ts + "example_seg_fast_force_split.nii.gz", "totalsegmentator")
    yield label_map("DICOM CT", ts + "example_ct_dicom", ts + "example_seg_dicom.nii.gz", "totalsegmentator")
    yield label_map("CT, subset", ct, ts + "example_seg_roi_subset.nii.gz", "totalsegmentator")
    yield label_map("CT, cropped", ct, ts + "example_seg_fast_body_seg.nii.gz", "totalsegmentator")
    yield label_map("MR", mr, ts + "example_seg_mr.nii.gz", "totalsegmentator_mr")
    yield label_map("MR, subset", mr, ts + "example_seg_roi_subset_mr.nii.gz", "totalsegmentator_mr")
    for part in ("fast", "tissue_types", "lung_vessels", "appendicular_bones"):
        yield folder(f"CT, folder {part}", ct, (DATA / ts / f"example_seg_{part}").glob("*.nii.gz"))
    for report in ("aorta_report/test_result/models", "pulmonary_report/models"):
        image = f"{ts}{report}/ct_cropped.nii.gz"
        size = read_image(DATA / image).geometry.size
        files = [path for path in (DATA / ts / report).glob("*.nii.gz") if sitk.ReadImage(str(path)).GetSize() == size[::-1]]
        files = [path for path in files if path.name != "ct_cropped.nii.gz"]
        # Models of one vessel and of its sections: all of them share voxels.
        yield folder(report.partition("_")[0] + " CT", image, files, tuple(path.name.removesuffix(".nii.gz") for path in files))
    spine = ts + "spine_report/test_result/totalseg"
    yield label_map("whole CT, vertebrae", whole, spine + ".nii.gz")
    yield label_map("whole CT, vertebral bodies", whole, spine + "_vertebrae_body.nii.gz")
    for part in ("semantic/ref", "semantic/pred", "unmatched_instance/ref", "unmatched_instance/pred"):
        yield label_map(f"spine MR {part}", None, f"panoptica_spine/spine_seg/{part}.nii.gz")
    for part in ("liver", "heart", "spine"):
        yield label_map(f"3 slices, {part}", "dcmqi/data/segmentations/ct-3slice", f"dcmqi/data/segmentations/{part}_seg.nrrd")
    yield from plan("head plan", "slicerrt/EclipseEnt_Structures.seg", HEAD, HEAD_PARTS)
    yield from plan("prostate plan", "slicerrt/EclipseProstate_Structures.seg", PELVIS, ("body", "ptv"))
    radiomics = "pyradiomics/"
    yield label_map("brain MR", radiomics + "brain1_image.nrrd", radiomics + "brain1_label.nrrd", kind="lesion")
    yield label_map("breast MR", radiomics + "breast1_image.nrrd", radiomics + "breast1_label.nrrd", kind="lesion")
    phantom = radiomics + "prostate_phantom_subvolume"
    yield label_map("prostate phantom", phantom + ".nrrd", phantom + "-label.nrrd")
    ms = DATA / "open_ms" / "MNI" / "patient07"
    flair, lesions = next(ms.glob("FLAIR*")).relative_to(DATA), next(ms.glob("GOLD*")).relative_to(DATA)
    yield label_map("multiple sclerosis", str(flair), str(lesions), kind="lesion")
    for part in ("CT", "MR_T1", "PET"):
        sarcoma = f"ibsi/ibsi_validation/nifti/STS_002/{part}"
        yield label_map(f"sarcoma {part}", f"{sarcoma}_image.nii.gz", f"{sarcoma}_mask.nii.gz", kind="lesion")
    yield from nodules()


def protocol_of(sample: Sample) -> QCProtocol:
    """Return a protocol that knows every segment, with the volumes of the shipped protocols."""
    shipped = [load_protocol(name).protocol for name in ("ct-abdomen-portal-venous", "ct-lung-nodule")]
    segments = sample.case.candidate.segments
    names = tuple(segment.name for segment in segments)
    structures = [
        Structure(
            s.name,
            s.terminology or Terminology(ORGAN, Code(s.name, "99SEGQC", s.name)),
            is_lesion=sample.kind == "lesion",
            may_overlap=names if s.name in sample.parts else (),
        )
        for s in segments
    ]
    modality = AllowedTexts((sample.case.image.acquisition.modality or "CT",), "benchmark")
    limits = tuple(limit for protocol in shipped for limit in protocol.technical_limits if set(limit.structures) & set(names))
    return QCProtocol(
        "segqc-protocol", "1.0", "benchmark", "1", "Benchmark", "Alarm rates.", modality, tuple(structures), technical_limits=limits
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print every alarm")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of every alarm")
    options = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA} is not here; it holds the segmentations.")
    judged = json.loads(JUDGED.read_text(encoding="utf-8")) if JUDGED.is_file() else {}
    checks = {name: import_module(f"SegQCLib.checks.{name}") for name in TECHNICAL}
    tested, alarms, seconds = Counter(), {}, Counter()
    for sample in samples():
        protocol = protocol_of(sample)
        tested[sample.kind] += sum(sample.case.candidate.box(s) is not None for s in sample.case.candidate.segments)
        for name, check in checks.items():
            started = time.perf_counter()
            found = [f for f in check.run(sample.case, protocol) if f.status in (Status.WARN, Status.FAIL)]
            seconds[name] += time.perf_counter() - started
            for finding in found:
                alarm = Alarm(sample, finding)
                if alarm.key not in alarms:
                    alarms[alarm.key] = alarm
    for number, (key, alarm) in enumerate(alarms.items()):
        if options.list:
            print(f"{number:4} [{judged.get(key, 'not judged')}] {key}: {alarm.finding.message}")
        if options.pictures and alarm.finding.location_lps_mm is not None:
            draw(alarm, options.pictures / f"{number:04}.png")
    print_table(list(checks), tested, alarms, judged, seconds)
    print(f"{len(set(judged) - set(alarms))} alarms were judged that today's limits do not raise.")


def print_table(checks: list[str], tested: Counter, alarms: dict[str, Alarm], judged: dict[str, str], seconds: Counter) -> None:
    kinds = ("organ", "lesion")
    print("| check |" + "".join(f" alarms in {tested[kind]} {kind}s | errors | false alarm rate |" for kind in kinds) + " s |")
    print("|---|" + "---|" * (3 * len(kinds) + 1))
    for check in checks:
        cells = []
        for kind in kinds:
            own = [key for key, alarm in alarms.items() if alarm.finding.check == check and alarm.sample.kind == kind]
            errors = sum(judged.get(key, "").startswith("error") for key in own)
            cells += [str(len(own)), str(errors), f"{100 * (len(own) - errors) / tested[kind]:.1f} %"]
        print(f"| `{check}` | " + " | ".join(cells) + f" | {seconds[check]:.1f} |")
    missing = sum(key not in judged for key in alarms)
    print(f"{missing} alarms are not judged and count as false.")


def draw(alarm: Alarm, path: Path) -> None:
    """Draw the planes through a find: the image, or the other segments where there is none, and the segment's outline."""
    from PIL import Image

    case, location = alarm.sample.case, alarm.finding.location_lps_mm
    grid = case.candidate.geometry
    center = np.round(grid.index_kji(location)).astype(int)
    segment = next(s for s in case.candidate.segments if s.name == alarm.finding.segment)
    mask = case.candidate.mask(segment)
    array = case.image.array if case.image.array is not None else sum((layer != 0).astype(int) for layer in case.candidate.layers)
    low, high = (-160, 240) if case.image.acquisition.modality == "CT" or array.min() < -500 else np.percentile(array, (1, 99.5))
    tiles = []
    for axis in range(3):
        plane, drawn = np.take(array, center[axis], axis), np.take(mask, center[axis], axis)
        rows, columns = (n for n in range(3) if n != axis)
        grey = (255 * np.clip((plane - low) / max(high - low, 1), 0, 1)).astype(np.uint8)
        color = np.stack([grey] * 3, axis=-1)
        color[drawn] = (color[drawn] * 0.6 + np.array([255, 0, 0]) * 0.4).astype(np.uint8)
        color[center[rows], center[columns]] = (0, 255, 255)
        picture = Image.fromarray(color)
        scale = 380 / max(color.shape[0] * grid.spacing_mm[rows], color.shape[1] * grid.spacing_mm[columns])
        size = [max(1, round(n * grid.spacing_mm[a] * scale)) for n, a in ((color.shape[1], columns), (color.shape[0], rows))]
        tile = Image.new("RGB", (380, 380))
        tile.paste(picture.resize(size, Image.Resampling.NEAREST))
        tiles.append(tile)
    sheet = Image.new("RGB", (1150, 380))
    for n, tile in enumerate(tiles):
        sheet.paste(tile, (385 * n, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


if __name__ == "__main__":
    main()
