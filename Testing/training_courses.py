"""Small training courses: boxes whose Dice follow from arithmetic."""

import json

import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.dataclass_json import to_plain
from SegQCLib.geometry import sitk_image
from SegQCLib.protocol import load_protocol
from SegQCLib.segmentation_file import write_segmentation

GEOMETRY = a_geometry(size=(12, 30, 40), spacing_mm=(2.0, 1.0, 1.0))
STRUCTURES = ("liver", "spleen", "pancreas")
ROWS = {"liver": (1, 9), "spleen": (11, 19), "pancreas": (21, 29)}
# Ten columns wide: two outlines that are n columns apart have a Dice of 1 - n / 10.
EXPERTS = {"Expert A": 0, "Expert B": 1, "Expert C": -1}


def outlines(shift=0, wide=10, structures=STRUCTURES, name="reader", slices=(2, 10)):
    boxes = {one: (slices, ROWS[one], (15 + shift, 15 + shift + wide)) for one in structures}
    return a_segmentation(GEOMETRY, name, **boxes)


def an_image():
    return a_volume(GEOMETRY)


def write_case(folder, experts=EXPERTS):
    folder.mkdir(parents=True)
    image = an_image()
    sitk.WriteImage(sitk_image(image.array, image.geometry), str(folder / "image.nii.gz"))
    for expert, shift in experts.items():
        write_segmentation(folder / f"{expert}.seg.nrrd", outlines(shift))


def a_case_of(case_id, mode, experts=EXPERTS, **changes):
    return {
        "id": case_id,
        "title": f"Case {case_id}",
        "mode": mode,
        "image": f"cases/{case_id}/image.nii.gz",
        "structures": list(STRUCTURES),
        "references": [{"expert": one, "file": f"cases/{case_id}/{one}.seg.nrrd", "simulated": True} for one in experts],
        "source": "Boxes of this test.",
        "simulated": True,
        **changes,
    }


def a_course_file(**changes):
    return {
        "schema": "segqc-course",
        "schema_version": "1.0",
        "id": "boxes",
        "version": "1.0.0",
        "title": "Boxes",
        "about": "Boxes of a test; everything is simulated.",
        "protocol": "protocol.json",
        "pages": [
            {
                "structure": "liver",
                "title": "Liver",
                "include": ["The box"],
                "exclude": ["All else"],
                "file": "atlas/01-liver.md",
                "pictures": [{"file": "atlas/liver.png", "caption": "The box", "simulated": True}],
            }
        ],
        "cases": [a_case_of("p1", "practice"), a_case_of("e1", "exam"), a_case_of("e2", "exam")],
        "pass_rule": {"source": "study decision of this test", "failing_checks": ["islands"]},
        "valid_months": 12,
        "refresh": {"after_months": 6, "drift": {"reads": 3, "allowed_fall": 0.05, "source": "study decision of this test"}},
        "sources": [{"what": "boxes", "source": "this test", "licence": "none"}],
        **changes,
    }


def a_protocol_file(**changes):
    """Return the shipped abdomen protocol as plain values, asking for the course of boxes."""
    plain = to_plain(load_protocol("ct-abdomen-portal-venous").protocol)
    plain["id"] = "boxes-protocol"
    plain["reader_training"] = {
        "course": "boxes",
        "valid_d": {"minimum": None, "maximum": 1000, "unit": "d", "source": "study decision of this test"},
        "missing": "warn",
    }
    return plain | changes


def write_course(folder, **changes):
    """Write a course of boxes with one practice case and two exam cases of three experts; return its folder."""
    folder.mkdir(parents=True)
    (folder / "atlas").mkdir()
    (folder / "atlas" / "01-liver.md").write_text("# Liver\n")
    (folder / "atlas" / "liver.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "protocol.json").write_text(json.dumps(a_protocol_file()))
    for case_id in ("p1", "e1", "e2"):
        write_case(folder / "cases" / case_id)
    (folder / "course.json").write_text(json.dumps(a_course_file(**changes)))
    return folder
