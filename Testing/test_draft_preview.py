from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_segmentation
from SegQCLib.case import Code, Terminology
from SegQCLib.importers.draft_preview import (
    RecognisedBy,
    as_previewed,
    preview,
    structures_named_twice,
    terminology_words,
    with_structure,
)
from SegQCLib.protocol import load_protocol

ABDOMEN = load_protocol("ct-abdomen-portal-venous").protocol
LUNG = load_protocol("ct-lung-nodule").protocol
BOX = ((1, 4), (2, 9), (3, 8))
STRUCTURES = {structure.name: structure for structure in ABDOMEN.structures}


def coded(segmentation, **structures):
    segments = tuple(
        replace(segment, terminology=STRUCTURES[structures[segment.name]].terminology) if segment.name in structures else segment
        for segment in segmentation.segments
    )
    return replace(segmentation, segments=segments)


def test_a_row_says_by_what_its_structure_was_recognised():
    segmentation = coded(a_segmentation(label_5=BOX, Left_Kidney=BOX, appendix=BOX, Spleen=None), label_5="liver")
    rows = preview(segmentation, ABDOMEN)
    assert [(row.structure, row.recognised_by, row.is_unknown) for row in rows] == [
        ("liver", RecognisedBy.CODES, False),
        ("kidney_left", RecognisedBy.NAME, False),
        (None, RecognisedBy.NOTHING, True),
        ("spleen", RecognisedBy.NAME, False),
    ]
    assert [row.is_empty for row in rows] == [False, False, False, True]


def test_an_alias_is_told_apart_from_a_name():
    structure = next(structure for structure in LUNG.structures if structure.aliases)
    (row,) = preview(a_segmentation(**{structure.aliases[0]: BOX}), LUNG)
    assert (row.structure, row.recognised_by) == (structure.name, RecognisedBy.ALIAS)


def test_without_a_protocol_every_structure_is_unknown_but_codes_stay():
    segmentation = coded(a_segmentation(liver=BOX), liver="liver")
    (row,) = preview(segmentation, None)
    assert row.is_unknown
    assert row.terminology == STRUCTURES["liver"].terminology
    assert as_previewed(segmentation, (row,), None).segments == segmentation.segments


def test_a_segment_known_by_name_gets_the_codes_of_the_protocol_and_keeps_its_name():
    segmentation = a_segmentation(Left_Kidney=BOX)
    (segment,) = as_previewed(segmentation, preview(segmentation, ABDOMEN), ABDOMEN).segments
    assert segment.name == "Left_Kidney"
    assert segment.terminology == STRUCTURES["kidney_left"].terminology


def test_what_the_reader_corrects_has_name_and_codes_of_the_chosen_structure():
    segmentation = a_segmentation(label_1=BOX, label_2=BOX)
    first, second = preview(segmentation, ABDOMEN)
    rows = (with_structure(first, STRUCTURES["spleen"]), second)
    corrected = as_previewed(segmentation, rows, ABDOMEN)
    assert [segment.name for segment in corrected.segments] == ["spleen", "label_2"]
    assert [segment.terminology for segment in corrected.segments] == [STRUCTURES["spleen"].terminology, None]
    assert np.array_equal(corrected.layers[0], segmentation.layers[0])


def test_a_reader_can_say_that_a_segment_is_none_of_the_structures():
    segmentation = a_segmentation(spleen=BOX)
    (row,) = preview(segmentation, ABDOMEN)
    row = with_structure(row, None)
    assert (row.structure, row.terminology, row.is_unknown) == (None, None, False)


def test_two_segments_for_one_structure_are_named():
    segmentation = a_segmentation(spleen=BOX, x=BOX)
    first, second = preview(segmentation, ABDOMEN)
    assert structures_named_twice((first, second), ABDOMEN) == ()
    assert structures_named_twice((first, with_structure(second, STRUCTURES["spleen"])), ABDOMEN) == ("spleen",)


def test_rows_of_another_segmentation_are_refused():
    with pytest.raises(ValueError, match="rows that `preview` returned"):
        as_previewed(a_segmentation(spleen=BOX), (), ABDOMEN)


def test_codes_are_read_out_as_words():
    organ = Code("123037004", "SCT", "Anatomical Structure")
    kidney, left, abdomen = Code("64033007", "SCT", "Kidney"), Code("7771000", "SCT", "Left"), Code("818983003", "SCT", "Abdomen")
    assert terminology_words(Terminology(organ, kidney, left, abdomen)) == "Kidney, Left, in Abdomen"
    assert terminology_words(None) == ""
