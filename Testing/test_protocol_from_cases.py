import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation
from SegQCLib.case import Acquisition, Case, Code, Terminology, Volume, WindowLevel
from SegQCLib.checks import IMAGE_CHECKS
from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Status
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.protocols.finished_case import FinishedCase, SeenSegment, read_finished_cases
from SegQCLib.protocols.form import form_faults
from SegQCLib.protocols.from_cases import protocol_from_cases
from SegQCLib.protocols.protocol_file import document_of

ORGAN = Code("123037004", "SCT", "Anatomical Structure")
LIVER = Terminology(ORGAN, Code("10200004", "SCT", "Liver"))
SPLEEN = Terminology(ORGAN, Code("78961009", "SCT", "Spleen"))
NODULE = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("27925004", "SCT", "Nodule"))


LIVER_SEGMENT = SeenSegment("liver", LIVER)


def a_case(name="case 1", thickness_mm=2.0, segments=(LIVER_SEGMENT,), **facts) -> FinishedCase:
    known = {"source": "DICOM", "modality": "CT", "value_unit": "HU", "convolution_kernel": ("B30f",), "kvp": 120.0}
    acquisition = Acquisition(**{**known, "slice_thicknesses_mm": (thickness_mm,), **facts})
    return FinishedCase(name, a_geometry(spacing_mm=(thickness_mm, 0.7, 0.7)), acquisition, tuple(segments))


def proposed(*cases, **more):
    return protocol_from_cases(cases, "my-study", "My study", **more)


def ten(**last) -> list[FinishedCase]:
    """Return ten alike cases, the last one with other facts."""
    return [*(a_case(f"case {n}") for n in range(1, 10)), a_case("case 10", **last)]


def test_a_limit_is_the_range_observed_with_its_numbers_in_the_source():
    limit = proposed(
        *(a_case(f"c{n}", thickness) for n, thickness in enumerate((1.0, 2.0, 2.5, 3.0, 5.0)))
    ).protocol.slice_thickness_mm
    assert (limit.minimum, limit.maximum, limit.unit) == (1.0, 5.0, "mm")
    assert limit.source == ("Observed in 5 finished cases: minimum 1, median 2.5, maximum 5 mm; study decision to be confirmed")


def test_a_fact_that_no_header_gives_has_no_limit_and_is_listed():
    found = proposed(a_case(convolution_kernel=(), kvp=None))
    assert found.protocol.convolution_kernel is None
    assert found.protocol.kvp is None
    told = "\n".join(found.left_out)
    assert "Convolution kernel: Convolution Kernel (0018,1210) is in no header." in told
    assert "Tube voltage: KVP (0018,0060)" in told
    assert "Echo time" not in told  # a CT has none


def test_a_fact_that_some_headers_give_says_how_many():
    found = proposed(*ten(kvp=None)).protocol.kvp
    assert found.source.startswith("Observed in 9 of 10 finished cases: ")


def test_one_case_with_another_kernel_is_named_and_not_averaged_away():
    found = proposed(*ten(convolution_kernel=("B70f",)))
    assert found.protocol.convolution_kernel.values == ("B30f", "B70f")
    assert (
        "Convolution kernel differs: B30f in 9 (case 1, case 2, case 3, 6 more); B70f in one case alone, case 10."
        in found.differing
    )


def test_a_thickness_far_from_the_others_is_named():
    assert "Slice thickness: far from the median 2 mm: case 10 (8 mm)." in proposed(*ten(thickness_mm=8.0)).differing
    assert not any("far from" in text for text in proposed(*ten()).differing)


def test_a_series_whose_slices_are_not_evenly_spaced_is_named():
    uneven = proposed(a_case("a"), a_case("b", slice_positions_mm=(0.0, 2.0, 4.0, 9.0)))
    assert "Slices are not evenly spaced in b: decide whether such a series is allowed." in uneven.differing


def test_few_cases_are_told():
    assert any("are few" in text for text in proposed(a_case("a"), a_case("b")).remarks)
    assert not any("few" in text for text in proposed(*ten()).remarks)


def test_names_of_cases_do_not_get_into_the_protocol():
    secret = [replace(case, name=f"Miller {n}") for n, case in enumerate(ten(convolution_kernel=("B70f",)))]
    assert "Miller" not in to_json(proposed(*secret).protocol)


def test_the_windows_of_the_headers_become_a_rule():
    soft, wide = WindowLevel(400, 40), WindowLevel(350, 50)
    found = proposed(
        a_case("a", window_levels=(soft, WindowLevel(1500, -600))),
        a_case("b", window_levels=(soft,)),
        a_case("c", window_levels=(wide,)),
    )
    (rule,) = found.protocol.windows
    assert (rule.window.minimum, rule.window.maximum, rule.apply_window) == (350, 400, 400)
    assert (rule.level.minimum, rule.level.maximum, rule.apply_level) == (40, 50, 40)
    assert "width/level 400/40 in 2, 350/50 in 1" in rule.window.source
    assert any("Window" in text and "350/50" in text for text in found.differing)
    assert any("Further windows" in text for text in found.left_out)


def test_windows_on_screen_go_before_those_of_the_header():
    case = replace(a_case(window_levels=(WindowLevel(400, 40),)), shown_windows=(WindowLevel(150, 90),))
    (rule,) = proposed(case).protocol.windows
    assert (rule.apply_window, rule.apply_level) == (150, 90)
    assert "on screen" in rule.window.source


def test_an_mr_has_no_absolute_grey_scale_and_gets_no_window():
    found = proposed(a_case(modality="MR", value_unit=None, window_levels=(WindowLevel(400, 40),)))
    assert found.protocol.windows == ()
    assert any("no absolute grey scale" in text for text in found.left_out)


def test_structures_come_from_the_codes_of_the_segments():
    several = (SeenSegment("Nodule 1", NODULE), SeenSegment("Nodule 2", NODULE), SeenSegment("hepar", LIVER))
    found = proposed(
        a_case("a", segments=several), a_case("b", segments=(SeenSegment("Liver", LIVER), SeenSegment("Liver", LIVER)))
    )
    structures = {structure.terminology: structure for structure in found.protocol.structures}
    nodule, liver = structures[NODULE], structures[LIVER]
    assert (nodule.name, nodule.many, nodule.is_lesion, nodule.required) == ("nodule", True, True, False)
    assert (liver.name, liver.many, liver.required) == ("hepar", False, True)
    assert liver.aliases == ("Liver",)
    assert "Structure Nodule is in 1 of 2 finished cases: optional." in found.differing


def test_segments_without_codes_are_listed_and_none_are_invented():
    found = proposed(a_case(segments=(SeenSegment("liver", LIVER), SeenSegment("thing", None))))
    assert [structure.name for structure in found.protocol.structures] == ["liver"]
    assert any("thing (1)" in text for text in found.left_out)
    with pytest.raises(ValueError, match="No segment has codes"):
        proposed(a_case(segments=(SeenSegment("thing", None),)))


def test_without_segments_the_structures_of_another_protocol_can_be_taken_over():
    other = load_protocol("ct-lung-nodule").protocol
    found = proposed(a_case(segments=()), structures_of=other)
    assert found.protocol.structures == other.structures
    assert any("taken over" in text for text in found.left_out)
    assert proposed(a_case(), structures_of=other).protocol.structures[0].terminology == LIVER


def test_one_name_under_two_codes_is_told():
    swapped = a_case("d", segments=(SeenSegment("liver", SPLEEN),))
    found = proposed(a_case("a"), a_case("b"), a_case("c"), swapped)
    assert [structure.terminology for structure in found.protocol.structures] == [LIVER]
    assert any("other codes, Spleen" in text for text in found.differing)


def test_without_a_modality_it_must_be_given():
    with pytest.raises(ValueError, match="Modality"):
        proposed(a_case(modality=None))
    assert proposed(a_case(modality=None), modality="CT").protocol.modality.values == ("CT",)


def test_a_contrast_phase_is_proposed_only_where_every_header_names_the_same():
    assert proposed(a_case("a", contrast_phase="PORTAL_VENOUS", contrast_agent="x")).protocol.contrast.phase == "portal venous"
    mixed = proposed(a_case("a", contrast_phase="PORTAL_VENOUS"), a_case("b", series_description="Abdomen pv"))
    assert mixed.protocol.contrast is None
    assert any("'Abdomen pv'" in text for text in mixed.left_out)


def test_kernels_with_brackets_and_asterisks_allow_themselves():
    found = proposed(a_case("a", convolution_kernel=("I30f[2]",)), a_case("b", convolution_kernel=("B*",))).protocol
    assert "I30f[2]" in found.convolution_kernel
    assert "B*" in found.convolution_kernel


FACTS = st.fixed_dictionaries(
    {
        "thickness_mm": st.floats(0.1, 10),
        "kvp": st.none() | st.floats(70, 150),
        "convolution_kernel": st.sampled_from([(), ("B30f",), ("Br40d", "3"), ("[x]*",)]),
        "stack_tilt_deg": st.none() | st.floats(0, 30),
        "image_type": st.sampled_from([(), ("ORIGINAL", "PRIMARY", "AXIAL")]),
        "lossy_compression": st.sampled_from([None, "00"]),
        "window_levels": st.lists(st.builds(WindowLevel, st.floats(1, 4000), st.floats(-2000, 2000)), max_size=2).map(tuple),
        "slice_positions_mm": st.lists(st.floats(0, 0.4), max_size=5).map(
            lambda found: tuple(2.0 * n + shift for n, shift in enumerate(found))
        ),
        "contrast_phase": st.sampled_from([None, "ARTERIAL"]),
    }
)


@given(st.lists(FACTS, min_size=1, max_size=7))
@settings(max_examples=80, deadline=None)
def test_every_proposal_is_a_protocol_that_its_own_cases_keep(facts):
    cases = [a_case(f"case {n}", **own) for n, own in enumerate(facts)]
    protocol = proposed(*cases).protocol
    assert form_faults(document_of(protocol)) == ()
    for case in cases:
        of_check = Case(Volume(None, case.geometry, case.acquisition), a_segmentation(case.geometry))
        for check in IMAGE_CHECKS:
            failed = [finding.message for finding in check.run(of_check, protocol) if finding.status is Status.FAIL]
            assert not failed, failed


def write_case(folder, kernel="B30f", window=(400, 40), thickness=2.0, label=5):
    """Write a series and a label map with one of TotalSegmentator's labels (5: liver, 1: spleen)."""
    write_series(
        folder / "dicom",
        [n * thickness for n in range(4)],
        SliceThickness=thickness,
        ConvolutionKernel=kernel,
        KVP=120,
        WindowWidth=window[0],
        WindowCenter=window[1],
    )
    image = read_image(folder / "dicom")
    array = np.zeros(image.geometry.size, np.uint8)
    array[1:3, 2:6, 2:6] = label
    labels = sitk.GetImageFromArray(array)
    labels.SetSpacing(image.geometry.spacing_mm[::-1])
    labels.SetOrigin(image.geometry.origin_lps_mm)
    sitk.WriteImage(labels, str(folder / "candidate.nrrd"))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for n in range(5):
        write_case(folder / f"case{n + 1}", kernel="B70f" if n == 4 else "B30f", thickness=2.0 + n % 2)
    return folder


def test_a_worklist_folder_becomes_a_protocol_that_its_cases_pass(study, tmp_path, capsys):
    out = tmp_path / "mine.json"
    arguments = ["protocol", "from-cases", str(study), "--id", "mine", "--title", "Mine", "--labels", "totalsegmentator"]
    assert main([*arguments, "--out", str(out), "--compare", "ct-abdomen-portal-venous"]) == 0
    said = capsys.readouterr().out
    assert "B70f in one case alone, case5" in said
    assert "What is segmented" in said  # the differences from the other protocol
    loaded = load_protocol(out)
    assert [structure.name for structure in loaded.protocol.structures] == ["liver"]
    assert (loaded.protocol.slice_thickness_mm.minimum, loaded.protocol.slice_thickness_mm.maximum) == (2.0, 3.0)
    assert loaded.protocol.windows[0].apply_window == 400
    image = read_image(study / "case1" / "dicom")
    segmentation = read_segmentation(study / "case1" / "candidate.nrrd", labels="totalsegmentator", image=image)
    record = evaluate(Case(image, segmentation), loaded)
    assert {finding.check for finding in record.findings if finding.status is Status.FAIL} == set()
    assert main([*arguments, "--out", str(out)]) == 1  # a proposal replaces nothing
    assert "exists already" in capsys.readouterr().err


def test_records_of_several_readers_of_one_image_count_once(study, tmp_path):
    protocol = load_protocol("ct-abdomen-portal-venous")
    for number in (1, 2):
        image = read_image(study / f"case{number}" / "dicom")
        image = replace(image, display=WindowLevel(380, 45))
        segmentation = read_segmentation(study / f"case{number}" / "candidate.nrrd", labels="totalsegmentator", image=image)
        for reader in ("a", "b"):
            folder = tmp_path / f"case{number}" / reader
            folder.mkdir(parents=True)
            record = evaluate(Case(image, segmentation), protocol)
            moved = tuple(replace(entry, path=None) for entry in record.inputs)
            (folder / "record.json").write_text(replace(record, inputs=moved).to_json(), encoding="utf-8")
    found = read_finished_cases(tmp_path)
    assert found.origin == "finished evaluations"
    assert len(found.cases) == 2
    assert found.cases[0].shown_windows[0] == WindowLevel(380, 45)
    liver = next(structure for structure in protocol.protocol.structures if structure.name == "liver")
    made = protocol_from_cases(found.cases, "mine", "Mine").protocol
    assert [structure.terminology for structure in made.structures] == [liver.terminology]
    assert (made.windows[0].apply_window, made.windows[0].apply_level) == (380, 45)


def test_a_case_that_cannot_be_read_is_told_and_the_others_count(study, tmp_path):
    rows = [f"case{n},{study}/case{n}/dicom,{study}/case{n}/candidate.nrrd" for n in (1, 2)]
    (tmp_path / "broken.nrrd").write_text("no image", encoding="utf-8")
    rows.append(f"broken,{tmp_path}/broken.nrrd,")
    (tmp_path / "list.csv").write_text("case,image,candidate\n" + "\n".join(rows) + "\n", encoding="utf-8")
    found = read_finished_cases(tmp_path / "list.csv", labels="totalsegmentator")
    assert [case.name for case in found.cases] == ["case1", "case2"]
    assert found.notes[0].startswith("broken is left out: ")


def test_real_ct_and_its_segmentation_become_a_protocol(totalsegmentator, tmp_path):
    rows = f"one,{totalsegmentator}/example_ct_dicom,{totalsegmentator}/example_seg_dicom.nii.gz"
    (tmp_path / "list.csv").write_text(f"case,image,candidate\n{rows}\n", encoding="utf-8")
    found = read_finished_cases(tmp_path / "list.csv", labels="totalsegmentator")
    made = protocol_from_cases(found.cases, "one-ct", "One CT")
    image = read_image(totalsegmentator / "example_ct_dicom")
    assert made.protocol.slice_thickness_mm.maximum == image.acquisition.slice_thicknesses_mm[0]
    assert {"liver", "spleen"} <= {structure.name for structure in made.protocol.structures}
    assert any("few" in text for text in made.remarks)


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_document_without_defaults_is_the_same_protocol(name, tmp_path):
    protocol = load_protocol(name).protocol
    (tmp_path / "p.json").write_text(to_json(protocol), encoding="utf-8")
    document = document_of(protocol)
    assert "kvp" not in document or protocol.kvp is not None
    assert form_faults(document) == ()


def test_a_folder_of_dicom_series_and_segmentations_becomes_a_protocol(study, tmp_path):
    for number in (1, 2):
        shutil.copytree(study / f"case{number}" / "dicom", tmp_path / f"series{number}")
        options = ["--image", str(tmp_path / f"series{number}"), "--candidate", str(study / f"case{number}" / "candidate.nrrd")]
        options += [
            "--labels",
            "totalsegmentator",
            "--drawn-by",
            "manual",
            "--reader",
            "A",
            "--out",
            str(tmp_path / f"s{number}.dcm"),
        ]
        assert main(["export", "seg", *options]) == 0
    found = read_finished_cases(tmp_path)
    assert found.origin == "a DICOM folder"
    assert len(found.cases) == 2
    made = protocol_from_cases(found.cases, "mine", "Mine").protocol
    assert [(one.name, one.terminology.type.value, one.required) for one in made.structures] == [("liver", "10200004", True)]
