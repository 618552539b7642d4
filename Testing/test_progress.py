"""Long work tells how far it is, stops when asked, and leaves nothing half done."""

import io
import sys

import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Acquisition, Case
from SegQCLib.checks import CHECKS
from SegQCLib.comparison_report import compare_segmentations
from SegQCLib.errors import Cancelled
from SegQCLib.evaluate import evaluate, evaluate_prepared
from SegQCLib.measure import measure
from SegQCLib.metrics import compare
from SegQCLib.prepare import prepare
from SegQCLib.progress import part
from SegQCLib.protocol import load_protocol
from SegQCLib.renderers import write_outputs
from SegQCLib.terminal import terminal_progress

PROTOCOL = load_protocol("ct-abdomen-portal-venous")
BOXES = {"liver": ((1, 6), (2, 9), (3, 8)), "spleen": ((1, 6), (12, 18), (3, 8)), "aorta": ((2, 5), (10, 12), (20, 24))}


class Watch:
    """Keeps what is told, and cancels at a given word."""

    def __init__(self, cancel_at=None):
        self.told, self.cancel_at = [], cancel_at

    def __call__(self, words, share):
        self.told.append((words, share))
        if len(self.told) == self.cancel_at:
            raise Cancelled


@pytest.fixture
def case():
    image = a_volume(a_geometry(), Acquisition("DICOM headers", "CT"))
    return Case(image, a_segmentation(**BOXES), (a_segmentation(**BOXES), a_segmentation(**BOXES)), a_segmentation(**BOXES))


def test_progress_never_goes_back_and_names_every_check_and_segment(case):
    watch = Watch()
    evaluate(case, PROTOCOL, watch)
    shares = [share for _, share in watch.told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.9 < shares[-1] < 1
    words = [words for words, _ in watch.told]
    assert {f"Checking: {check.ID.replace('_', ' ')}" for check in CHECKS} - set(words) == {
        f"Checking: {identifier.replace('_', ' ')}" for identifier in PROTOCOL.protocol.skipped_checks
    }
    # Alone, against two references, against the draft.
    assert words.count("Measuring segments: 2 of 3") == 1
    assert words.count("Comparing segments: 3 of 3") == 3


def test_a_part_of_the_work_tells_its_share_of_the_whole():
    watch = Watch()
    half = part(watch, 0.5, 1.0)
    half("a", 0.0)
    part(half, 0.5, 1.0)("b", 0.5)
    assert watch.told == [("a", 0.5), ("b", 0.875)]


def test_being_watched_does_not_change_the_record(case):
    prepared = prepare(case, PROTOCOL.protocol)
    assert measure(prepared.case, PROTOCOL.protocol, Watch()) == measure(prepared.case, PROTOCOL.protocol)


def test_evaluation_stops_at_each_word_of_progress(case):
    watch = Watch()
    evaluate(case, PROTOCOL, watch)
    for step in range(1, len(watch.told) + 1):
        with pytest.raises(Cancelled):
            evaluate(case, PROTOCOL, Watch(cancel_at=step))


@pytest.mark.parametrize("workers", [1, 2])
def test_comparisons_that_have_not_begun_when_it_is_stopped_never_begin(workers):
    begun = []

    def read(label):
        begun.append(label)
        return a_segmentation(liver=BOXES["liver"]).layers[0].astype(bool), (0, 0, 0)

    masks = {label: (lambda label=label: read(label)) for label in range(200)}
    with pytest.raises(Cancelled):
        compare(masks, masks, (2.0, 1.0, 1.0), workers=workers, progress=Watch(cancel_at=2))
    assert len(set(begun)) < 200


def test_a_stopped_report_leaves_the_earlier_files_as_they_were(case, tmp_path):
    prepared = prepare(case, PROTOCOL.protocol)
    # Shifted, so that there are slices to show.
    prepared.case.candidate.layers[0][...] = 0
    prepared.case.candidate.layers[0][1:6, 2:9, 4:9] = 1
    record = evaluate_prepared(prepared, PROTOCOL)
    assert record.slices_to_view
    (tmp_path / "report.html").write_text("earlier")
    with pytest.raises(Cancelled):
        write_outputs(record, prepared.case, PROTOCOL.protocol, tmp_path, Watch(cancel_at=1))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "earlier"


def test_comparing_two_files_worth_of_segments_tells_each(case):
    watch = Watch()
    compare_segmentations(case.references[0], case.candidate, "surfel", watch)
    assert [words for words, _ in watch.told] == [f"Comparing segments: {n} of 3" for n in (1, 2, 3)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_one_line_that_is_empty_at_the_end(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "41")
    show = terminal_progress()
    show("Checking: islands", 0.25)
    show("A long sentence that does not fit into the line at all", 0.5)
    show("Done", 1.0)
    lines = terminal.getvalue().split("\r")
    assert [line.rstrip() for line in lines if line] == [
        " 25%  Checking: islands",
        " 50%  A long sentence that does not fit",
        "",
    ]
    assert {len(line) for line in lines} == {0, 40}


def test_a_file_is_told_nothing(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    terminal_progress()("Checking: islands", 0.25)
    assert file.getvalue() == ""
