"""Plain label maps: one whole number per voxel, in NIfTI, NRRD or MetaImage."""

from __future__ import annotations

from collections.abc import Iterator

import SimpleITK as sitk

from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import geometry_of
from SegQCLib.image_file import open_image, source_of
from SegQCLib.importers.label_image import read_layers, type_findings
from SegQCLib.importers.label_table import LabelTable

# Whole-body models have about 150 labels; magnitude images with few grey values have more than 300.
MANY_LABELS = 300


def recognises(header: FileHeader) -> bool:
    """Return whether the file is an image that can hold labels."""
    return header.kind in (FileKind.NIFTI, FileKind.NRRD, FileKind.META_IMAGE)


def read(header: FileHeader, table: LabelTable | None, name: str) -> Segmentation:
    """Return a label map as a segmentation of one layer; see `read_segmentation`."""
    reader = open_image(header)
    _require_one_label_per_voxel(header, reader)
    (layer,) = read_layers(header, reader)
    segments = _segments(table, layer.values)
    if table is not None and table.ignored in layer.values:
        raise BadDataError(
            header.path,
            f"has voxels with nnU-Net's ignore label ({table.ignored}): nobody said what they are.",
            "A partly annotated segmentation cannot be compared; complete it first.",
        )
    return Segmentation(
        name=name,
        geometry=geometry_of(reader),
        layers=(layer.array,),
        segments=segments,
        source=source_of(header),
        findings=(
            *type_findings(reader),
            *_position_findings(header, reader),
            *_count_findings(table, layer.values),
            *_name_findings(table, layer.values),
        ),
    )


def _require_one_label_per_voxel(header: FileHeader, reader: sitk.ImageFileReader) -> None:
    components, size = reader.GetNumberOfComponents(), reader.GetSize()
    if components > 1:
        kind = "a colour image" if components in (3, 4) else "an image of vectors"
        raise BadDataError(
            header.path,
            f"is {kind}: {components} values per voxel.",
            "A label map has one whole number per voxel. Export the segmentation as a label map, not as a picture.",
        )
    if len(size) != 3:
        shape = " x ".join(map(str, size))
        raise BadDataError(
            header.path,
            f"has {len(size)} dimensions ({shape}).",
            "A label map has three. Export the segmentation of one time point as one 3-D file.",
        )


def _segments(table: LabelTable | None, values: tuple[int, ...]) -> tuple[Segment, ...]:
    named = () if table is None else table.labels
    known = {label.number for label in named}
    return (
        *(
            Segment(
                id=f"label_{label.number}",
                name=label.name,
                label_value=label.number,
                terminology=label.terminology,
                color=label.color,
            )
            for label in named
        ),
        *(Segment(id=f"label_{value}", name=f"label_{value}", label_value=value) for value in values if value not in known),
    )


def _count_findings(table: LabelTable | None, values: tuple[int, ...]) -> Iterator[Finding]:
    if not values and table is None:
        yield Finding(
            "label_map_values",
            Status.WARN,
            "The label map has no labelled voxel. Give a label table: it names the structures that were looked for.",
            measured="0 labels",
        )
    elif len(values) > MANY_LABELS:
        yield Finding(
            "label_map_values",
            Status.WARN,
            f"The label map has {len(values)} different labels; is it an image rather than a segmentation?",
            measured=f"{len(values)} labels",
            allowed=f"up to {MANY_LABELS} labels",
        )


def _name_findings(table: LabelTable | None, values: tuple[int, ...]) -> Iterator[Finding]:
    if table is None:
        return
    known = {label.number for label in table.labels}
    for value in values:
        if value not in known:
            yield Finding(
                "label_names",
                Status.WARN,
                f"The label map has voxels with the value {value}, which {table.title} does not name;"
                f" they are shown as label_{value}.",
                measured=str(value),
                source=table.source,
                segment=f"label_{value}",
            )


def _position_findings(header: FileHeader, reader: sitk.ImageFileReader) -> Iterator[Finding]:
    if header.kind is FileKind.NIFTI:
        unknown = reader.GetMetaData("qform_code") == "0" and reader.GetMetaData("sform_code") == "0"
        missing = "qform_code and sform_code are both 0"
    else:
        unknown = header.kind is FileKind.NRRD and not reader.HasMetaDataKey("NRRD_space")
        missing = "the field 'space' is missing"
    if unknown:
        yield Finding(
            "label_map_position",
            Status.WARN,
            f"The header does not say how the label map lies in the patient ({missing}); left and right may be exchanged."
            " Its axes are read as left, posterior, superior.",
            measured=missing,
        )
