"""Reads from session logs: events in, numbers that follow from arithmetic out."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SegQCLib.errors import BadDataError
from SegQCLib.readers.case_read import FindingPath, PlantedRead, RatingRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.effort import case_reads
from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.session_log import StoredLog
from SegQCLib.record import ProtocolIdentity

LIVER, SPLEEN = {"id": "s0", "name": "liver"}, {"id": "s1", "name": "spleen"}
PROTOCOL = ProtocolIdentity("ct-abdomen", "1.0", "CT abdomen", "ab" * 32)


def clock(seconds):
    return f"2026-11-22T08:{int(seconds) // 60:02}:{seconds % 60:06.3f}+01:00"


def a_log(*events, session="a", start_s=0.0, reader="Dr A", case="Case 1", **header):
    """Return a log of (seconds, kind, facts): seconds since 8 o'clock on both clocks."""
    facts = {"protocol": PROTOCOL, "software": {}, "purpose": "clinical", "simulated": False, "previous": ()} | header
    begun = LogHeader("segqc-session-log", "1.0", case, reader, session * 32, clock(start_s), start_s, **facts)
    lines = tuple(LogEvent(n, clock(s), s, kind, facts) for n, (s, kind, facts) in enumerate(events, start=1))
    return StoredLog(Path(f"{session}.session-log.jsonl"), begun, lines, None, "")


def opened(seconds, origin="draft"):
    return (seconds, "case_opened", {"case": "Case 1", "candidate": origin})


def candidate(seconds, name="candidate"):
    return (seconds, "candidate", {"name": name})


def works_on(seconds, segment, effect="Paint"):
    return (seconds, "context", {"segment": segment, "effect": effect})


def active(seconds):
    return (seconds, "activity", {"mouse": 1})


def edits(seconds, segment=LIVER, effect="Paint"):
    return (seconds, "edit", {"segments": [segment], "effect": effect, "looking_away": False})


def came_as(seconds, kind="AUTOMATIC", segment=LIVER, name="model 2"):
    return (seconds, "segments", {"segments": [segment | {"algorithm_type": kind, "algorithm_name": name}]})


def counted(seconds, added=0, removed=0, draft=100, segment=LIVER):
    numbers = {"voxels": draft + added - removed, "draft_voxels": draft, "added": added, "removed": removed}
    return (seconds, "voxels", {"segments": [segment | numbers]})


def undone(seconds):
    return (seconds, "undo_or_structure", {"segments": None, "looking_away": False})


def shown(seconds, algorithm="TotalSegmentator", version="2.18", segment=LIVER):
    return (seconds, "draft_shown", {"algorithm": algorithm, "version": version, "segments": [segment]})


def finished(seconds):
    return (seconds, "case_finished", {"case": "Case 1"})


def the_read(*logs):
    (read,) = case_reads(logs)
    return read


def the_segment(*logs, name="liver"):
    return next(segment for segment in the_read(*logs).segments if segment.name == name)


def test_a_read_of_one_session_has_its_header_times_and_segments():
    read = the_read(
        a_log(
            opened(0.0), candidate(0.0), works_on(2.0, LIVER), active(5.0), works_on(8.0, LIVER, "Erase"), active(9.0),
            works_on(9.0, SPLEEN, None), active(11.0), works_on(11.0, None, None), active(12.0), finished(13.0),
        )
    )  # fmt: skip
    assert (read.reader, read.case, read.repeat, read.sessions) == ("Dr A", "Case 1", 1, ("a" * 32,))
    assert (read.purpose, read.finished, read.simulated) == ("clinical", True, False)
    assert (read.protocol, read.protocol_sha256) == ("ct-abdomen", "ab" * 32)
    assert (read.started.isoformat(), read.ended.isoformat()) == ("2026-11-22T08:00:00+01:00", "2026-11-22T08:00:13+01:00")
    assert read.seconds == Seconds(active=13.0)
    liver, spleen = read.segments
    assert (liver.name, liver.seconds, liver.active_s_by_effect) == ("liver", Seconds(active=7.0), {"Paint": 6.0, "Erase": 1.0})
    assert (spleen.name, spleen.seconds, spleen.active_s_by_effect) == ("spleen", Seconds(active=2.0), {"": 2.0})


def test_a_resumed_case_is_one_read():
    first = a_log(opened(0.0), candidate(0.0), works_on(0.0, LIVER), edits(10.0), active(20.0))
    second = a_log(
        opened(100.0, "saved"), candidate(100.0), works_on(100.0, LIVER), active(105.0), finished(106.0), session="b", start_s=100.0
    )
    read = the_read(first, second)
    assert read.sessions == ("a" * 32, "b" * 32)
    assert read.seconds == Seconds(active=26.0)
    assert read.segments[0].seconds == Seconds(active=26.0)
    assert read.finished


def test_a_case_opened_afresh_after_it_was_finished_is_a_repeat():
    first = a_log(opened(0.0), candidate(0.0), active(1.0), finished(2.0))
    again = a_log(opened(100.0), candidate(100.0), active(103.0), finished(104.0), session="b", start_s=100.0)
    assert [(read.repeat, read.seconds.active) for read in case_reads([first, again])] == [(1, 2.0), (2, 4.0)]


def test_a_finished_case_that_is_opened_again_and_corrected_is_the_same_read():
    """Its candidate is the reader's own: agreement with itself would be no intra-reader agreement."""
    first = a_log(opened(0.0), candidate(0.0), active(1.0), finished(2.0))
    correction = a_log(opened(100.0, "saved"), candidate(100.0), edits(103.0), session="b", start_s=100.0)
    look = a_log(opened(200.0, "saved"), candidate(200.0), active(205.0), session="c", start_s=200.0)
    read = the_read(first, correction, look)
    # Looking at what is finished is no work on it.
    assert (read.repeat, read.seconds.active, read.finished) == (1, 5.0, True)
    assert len(read.sessions) == 3


@pytest.mark.parametrize(("edited", "reads"), [(True, 2), (False, 1)])
def test_edits_that_are_thrown_away_end_a_read_and_a_mere_look_does_not(edited, reads):
    work = [edits(1.0), counted(2.0, added=5)] if edited else [active(1.0)]
    first = a_log(opened(0.0), candidate(0.0), came_as(0.0), counted(0.0), *work)
    again = a_log(opened(100.0), candidate(100.0), came_as(100.0), counted(100.0), finished(110.0), session="b", start_s=100.0)
    assert len(case_reads([first, again])) == reads


def test_a_log_that_does_not_say_how_its_case_was_opened_is_known_by_its_voxels():
    worked = [candidate(0.0), came_as(0.0), counted(0.0), edits(1.0), counted(2.0, added=5)]
    goes_on = a_log(candidate(100.0), counted(100.0, added=5), active(101.0), session="b", start_s=100.0)
    afresh = a_log(candidate(100.0), counted(100.0), active(101.0), session="b", start_s=100.0)
    assert [read.repeat for read in case_reads([a_log(*worked), goes_on])] == [1]
    assert [read.repeat for read in case_reads([a_log(*worked), afresh])] == [1, 2]
    assert [read.repeat for read in case_reads([a_log(*worked, finished(3.0)), afresh])] == [1, 2]
    assert [read.repeat for read in case_reads([a_log(*worked, finished(3.0)), goes_on])] == [1]


def test_time_after_a_case_was_finished_counts_only_if_it_was_edited_on():
    events = [opened(0.0), candidate(0.0), active(1.0), finished(2.0), active(20.0)]
    assert the_read(a_log(*events)).seconds == Seconds(active=2.0)
    assert the_read(a_log(*events, edits(25.0), active(26.0))).seconds == Seconds(active=26.0)
    assert the_read(a_log(*events, edits(25.0), finished(27.0), active(29.0))).seconds == Seconds(active=27.0)


def test_a_training_read_and_a_clinical_read_of_one_case_are_two():
    logs = [a_log(active(1.0)), a_log(active(101.0), session="b", start_s=100.0, purpose="training")]
    assert [(read.purpose, read.repeat) for read in case_reads(logs)] == [("clinical", 1), ("training", 1)]


def test_one_letter_written_in_two_ways_is_one_reader():
    logs = [a_log(active(1.0), reader="Dr \u00c9va"), a_log(active(101.0), reader="Dr E\u0301va ", session="b", start_s=100.0)]
    assert the_read(*logs).reader == "Dr \u00c9va"


def test_a_simulated_log_makes_a_simulated_read():
    assert the_read(a_log(active(1.0), simulated=True)).simulated


def test_an_empty_log_is_a_read_without_time():
    read = the_read(a_log())
    assert (read.seconds, read.segments, read.finished) == (Seconds(), (), False)
    assert read.started == read.ended


def test_voxels_against_the_draft_are_those_counted_last():
    segment = the_segment(a_log(candidate(0.0), came_as(0.0), counted(0.0), edits(1.0), counted(2.0, 20, 5), counted(3.0, 30, 5)))
    assert (segment.voxels, segment.draft_voxels, segment.added_voxels, segment.removed_voxels) == (125, 100, 30, 5)
    assert segment.dice_with_draft == pytest.approx(2 * 95 / 225)
    assert segment.edited
    assert segment.accepted_unchanged is False


def test_undo_that_takes_everything_back_is_no_edit():
    events = [candidate(0.0), came_as(0.0), counted(0.0), edits(1.0), counted(2.0, added=5)]
    assert the_segment(a_log(*events)).edited
    back = the_segment(a_log(*events, undone(3.0), counted(4.0)))
    assert not back.edited
    assert back.accepted_unchanged


def test_a_neighbour_that_lost_voxels_to_a_stroke_was_edited():
    log = a_log(candidate(0.0), came_as(0.0), came_as(0.0, segment=SPLEEN), counted(0.0), counted(0.0, segment=SPLEEN),
        edits(1.0), counted(2.0, added=9), counted(2.0, removed=9, segment=SPLEEN))  # fmt: skip
    assert the_segment(log, name="spleen").edited


@pytest.mark.parametrize(("origin", "edited"), [("worklist", False), ("saved", True), ("draft", False)])
def test_an_edit_before_the_log_is_the_reader_s_unless_the_worklist_brought_it(origin, edited):
    kind = "AUTOMATIC" if origin == "draft" else "SEMIAUTOMATIC"
    assert the_segment(a_log(opened(0.0, origin), candidate(0.0), came_as(0.0, kind), counted(0.0))).edited is edited


def test_edits_of_the_first_session_are_still_edits_after_a_second_one_without():
    first = a_log(opened(0.0), candidate(0.0), came_as(0.0), counted(0.0), edits(1.0), counted(2.0, added=5))
    second = a_log(
        opened(100.0, "saved"),
        candidate(100.0),
        came_as(100.0, "SEMIAUTOMATIC"),
        counted(100.0, added=5),
        finished(101.0),
        session="b",
        start_s=100.0,
    )
    assert the_segment(first, second).edited


def test_a_segment_is_ai_anchored_once_a_draft_of_it_was_shown():
    segment = the_segment(a_log(candidate(0.0), shown(1.0, segment={"id": "9", "name": "Liver"}), edits(2.0)))
    assert (segment.model, segment.model_version, segment.ai_anchored) == ("TotalSegmentator", "2.18", True)


def test_a_draft_that_is_shown_only_after_the_case_was_finished_anchors_nothing():
    events = [candidate(0.0), edits(1.0), finished(2.0), shown(3.0)]
    assert not the_segment(a_log(*events)).ai_anchored
    assert the_segment(a_log(*events, edits(4.0))).ai_anchored


def test_a_candidate_that_came_as_an_algorithm_s_result_is_ai_anchored():
    assert the_segment(a_log(candidate(0.0), came_as(0.0))).model == "model 2"
    assert the_segment(a_log(candidate(0.0), came_as(0.0, name=None))).model == "unnamed model"
    # Threshold and its like choose voxels by the image; that is no AI result.
    assert the_segment(a_log(candidate(0.0), came_as(0.0, "SEMIAUTOMATIC", name="Threshold"))).model is None


def test_measures_are_those_of_the_last_evaluation_and_slices_are_counted_by_them():
    facts = {"voxels": 130, "draft_voxels": 100, "added": 40, "removed": 10}
    early = facts | {"added_path_length_mm": 10.0, "slices": [0, 9], "accuracy": 0.5, "expected_dice": None, "threshold": None}
    late = facts | {"added_path_length_mm": 55.5, "slices": [10, 19], "accuracy": 0.9, "expected_dice": 0.86, "threshold": 0.8}
    seen = [
        (1.0, "slices_seen", {"volume": "CT", "slices": 50, "seen": [[0, 11]], "scrolled": False}),
        (2.0, "slices_seen", {"volume": "CT", "slices": 50, "seen": [[18, 30], [11, 12]], "scrolled": True}),
    ]
    measured = [(3.0, "segments_measured", {"voxel_volume_mm3": 2.0, "segments": [LIVER | facts]}) for facts in (early, late)]
    read = the_read(a_log(candidate(0.0), *seen, *measured))
    (segment,) = read.segments
    assert (read.slices, read.slices_seen, read.scrolled) == (50, 13 + 13, True)
    assert (segment.slices_of_structure, segment.slices_of_structure_seen) == (10, 5)
    assert (segment.volume_ml, segment.added_path_length_mm, segment.accuracy, segment.threshold) == (0.26, 55.5, 0.9, 0.8)


def test_without_views_that_were_followed_slices_are_none():
    read = the_read(a_log(candidate(0.0), came_as(0.0), counted(0.0)))
    assert (read.slices, read.slices_seen, read.scrolled, read.accepted_without_scrolling) == (None, None, None, None)


def test_a_draft_taken_unchanged_without_scrolling_is_accepted_so():
    look = (1.0, "slices_seen", {"volume": "CT", "slices": 50, "seen": [[7, 7]], "scrolled": False})
    assert the_read(a_log(candidate(0.0), came_as(0.0), counted(0.0), look, finished(2.0))).accepted_without_scrolling


def test_a_renamed_segment_has_its_last_name_and_all_its_time():
    log = a_log(candidate(0.0), works_on(0.0, {"id": "s0", "name": "Segment_1"}), active(3.0), works_on(3.0, LIVER), active(5.0))
    read = the_read(log)
    assert [(segment.name, segment.seconds.active) for segment in read.segments] == [("liver", 5.0)]


def test_segments_of_one_name_are_one_structure():
    twin = {"id": "s7", "name": "liver"}
    log = a_log(
        candidate(0.0),
        works_on(0.0, LIVER),
        active(3.0),
        works_on(3.0, twin),
        active(5.0),
        counted(5.0, 5),
        counted(5.0, 7, segment=twin),
    )
    segment = the_segment(log)
    assert (segment.seconds.active, segment.voxels, segment.added_voxels) == (5.0, 212, 12)


def test_a_removed_segment_has_no_voxels_and_one_that_nothing_is_left_of_is_no_segment():
    removed = (3.0, "undo_or_structure", {"segments": [{"id": "s0", "name": None}], "looking_away": False})
    segment = the_segment(a_log(candidate(0.0), counted(0.0, added=5), removed))
    assert (segment.voxels, segment.added_voxels, segment.removed_voxels) == (0, 0, 100)
    assert the_read(a_log(candidate(0.0), counted(0.0, draft=0, added=5), removed)).segments == ()


def test_what_is_measured_is_of_the_candidate_at_the_end_and_time_of_all():
    log = a_log(candidate(0.0, "first"), works_on(0.0, LIVER), active(4.0), counted(4.0, added=50),
        candidate(5.0, "second"), works_on(5.0, LIVER), active(7.0), counted(7.0, added=1))  # fmt: skip
    segment = the_segment(log)
    assert (segment.seconds.active, segment.added_voxels) == (7.0, 1)


def test_findings_are_followed_from_found_to_left_open():
    finding = {"check": "holes", "segment": "liver", "status": "FAIL"}
    log = a_log(
        candidate(0.0), came_as(0.0),
        (1.0, "finding_viewed", {"check": "islands", "segment_ids": ["s0"]}),
        (2.0, "finding_repaired", {"check": "islands", "repair": "remove", "segment_id": "s0"}),
        (3.0, "repair_undone", {"segment_id": "s0"}),
        (4.0, "finding_viewed", {"check": "overlaps", "segment_ids": []}),
        (5.0, "evaluated", {"verdict": "REVIEW", "protocol": "p", "outdated": False, "findings": [finding]}),
        (6.0, "finding_kept", finding | {"message": "a hole", "reason": "necrosis"}),
        (7.0, "evaluated", {"verdict": "ACCEPT", "protocol": "p", "outdated": False, "findings": []}),
    )  # fmt: skip
    read = the_read(log)
    assert read.verdict == "ACCEPT"
    assert read.findings == (
        FindingPath("islands", "liver", found=True, viewed=True, repaired=False, kept=False),
        FindingPath("overlaps", None, found=True, viewed=True, repaired=False, kept=False),
        FindingPath("holes", "liver", found=True, viewed=False, repaired=False, kept=True),
    )


def test_the_last_answer_to_a_rating_counts():
    answers = [("noise", 3), ("motion", 5), ("noise", None)]
    log = a_log(*((n, "rating", {"rating": rating, "grade": grade}) for n, (rating, grade) in enumerate(answers)))
    assert the_read(log).ratings == (RatingRead("noise", None), RatingRead("motion", 5))


def test_planted_errors_are_those_of_the_last_finish_even_where_they_are_told_after_it():
    def planted(seconds, detected):
        facts = {"error": "island", "segment": "liver", "corrected": float(detected), "detected": detected, "seconds": None}
        return (seconds, "planted_error", facts)

    log = a_log(finished(1.0), planted(1.0, False), edits(2.0), finished(3.0), planted(3.0, True))
    assert the_read(log).planted == (PlantedRead("island", "liver", True, 1.0, None),)


def test_kinds_that_nobody_knows_only_let_time_pass():
    read = the_read(a_log((0.0, "somebody_else_s", {"segments": 7}), (5.0, "map_shown", {}), active(6.0)))
    assert read.seconds == Seconds(active=6.0)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ((0.0, "context", {"effect": None}), "has no segment"),
        ((0.0, "context", {"segment": 7, "effect": None}), "its segment is '7'"),
        ((0.0, "edit", {"segments": [{"id": 3, "name": "liver"}], "effect": None}), "its id is '3' where text belongs"),
        ((0.0, "voxels", {"segments": [LIVER | {"voxels": True}]}), "its voxels is 'True' where a number belongs"),
        ((0.0, "voxels", {"segments": [7]}), "has no id"),
        (counted(0.0, added=-5), "contradict each other"),
        ((0.0, "waited", {"seconds": -1}), "less than 0"),
        ((0.0, "idle_limit", {"seconds": 0}), "not larger than 0"),
        ((0.0, "slices_seen", {"slices": 5, "seen": [[3, 5]], "scrolled": True}), "first and last of 5 slices"),
        ((0.0, "slices_seen", {"slices": 10**12, "seen": [], "scrolled": True}), "an image has up to 1,000,000"),
        (came_as(0.0, "ARTIFICIAL"), "which DICOM does not know"),
        ((0.0, "focus", {"in_front": 1}), "where true or false belongs"),
    ],
)
def test_a_fact_that_is_missing_or_wrong_is_refused_with_its_line(event, words):
    with pytest.raises(BadDataError, match=rf"a\.session-log\.jsonl, line 3: is the event {event[1]}.*{words}"):
        case_reads([a_log((0.0, "logging_started", {}), event)])


# Properties: quarter seconds add up without rounding.
CONTEXTS = st.sampled_from([None, LIVER, SPLEEN])
STEPS = st.lists(
    st.tuples(
        st.integers(0, 200).map(lambda quarters: quarters / 4),
        st.one_of(
            st.sampled_from([active, edits]).map(lambda make: make(0.0)[1:]),
            st.tuples(CONTEXTS, st.sampled_from(["Paint", None])).map(lambda chosen: works_on(0.0, *chosen)[1:]),
            st.booleans().map(lambda front: ("focus", {"in_front": front})),
            st.sampled_from([("paused", {"reason": "telephone"}), ("resumed", {}), ("case_saved", {"case": "Case 1"})]),
            st.integers(1, 4000).map(lambda quarters: ("waited", {"seconds": quarters / 4})),
            st.integers(1, 200).map(lambda quarters: ("idle_limit", {"seconds": quarters / 4})),
        ),
    ),
    max_size=40,
)


def at_times(steps, start_s=0.0):
    seconds = itertools.accumulate((gap for gap, _ in steps), initial=start_s)
    return [(now_s, *event) for now_s, (_, event) in zip(list(seconds)[1:], steps, strict=True)]


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_times_are_those_of_the_stopwatch_that_ticks_every_second(steps):
    log = a_log(*at_times(steps))
    read, times = the_read(log), times_of(log)
    assert read.seconds == times.total()
    for segment in read.segments:
        of_segment = {c.effect: s for c, s in times.totals().items() if c.segment == {"liver": "s0", "spleen": "s1"}[segment.name]}
        assert segment.seconds == sum(of_segment.values(), Seconds())
        assert segment.active_s_by_effect == {effect or "": s.active for effect, s in of_segment.items() if s.active}


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_segments_and_the_time_without_one_are_the_whole_session(steps):
    events = at_times(steps)
    read = the_read(a_log(*events))
    elapsed_s = events[-1][0] - events[0][0] if events else 0.0
    without_s = sum(s.total for c, s in times_of(a_log(*events)).totals().items() if c.segment is None)
    assert read.seconds.total == elapsed_s
    assert sum(segment.seconds.total for segment in read.segments) + without_s == elapsed_s


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_a_session_that_is_broken_off_and_resumed_has_the_same_sums(before, after):
    begin = [candidate(0.0), works_on(0.0, LIVER)]
    # Where the reader does something just then: nobody knows whether silence before a break was idle.
    first = [
        *at_times(before),
        (sum(gap for gap, _ in before), "resumed", {}),
        (sum(gap for gap, _ in before), "focus", {"in_front": True}),
    ]
    middle_s = first[-1][0]
    state = [(middle_s, "idle_limit", {"seconds": 30.0}), candidate(middle_s), works_on(middle_s, SPLEEN), active(middle_s)]
    second = at_times(after, middle_s)
    whole = the_read(a_log(*begin, *first, *state, *second))
    parts = the_read(a_log(*begin, *first, *state), a_log(*state, *second, session="b", start_s=middle_s + 0.5))
    assert parts.seconds == whole.seconds
    assert {s.name: s.seconds for s in parts.segments} == {s.name: s.seconds for s in whole.segments}


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_logs_changes_nothing(order):
    logs = [
        a_log(opened(0.0), candidate(0.0), works_on(0.0, LIVER), edits(3.0)),
        a_log(
            opened(50.0, "autosaved"),
            candidate(50.0),
            works_on(50.0, SPLEEN),
            active(53.0),
            finished(54.0),
            session="b",
            start_s=50.0,
        ),
        a_log(opened(90.0), candidate(90.0), active(93.0), finished(94.0), session="c", start_s=90.0),
        a_log(active(2.0), reader="Dr B", session="d"),
        a_log(active(2.0), case="Case 0", session="e"),
        a_log(active(9.0), purpose="training", session="f"),
    ]
    assert case_reads(logs[n] for n in order) == case_reads(logs)


def test_a_clock_that_goes_backwards_stands_still_meanwhile():
    log = a_log(active(0.0), active(10.0), active(4.0), active(12.0))
    assert the_read(log).seconds == times_of(log).total() == Seconds(active=12.0)


def test_a_protocol_is_that_of_the_last_session():
    other = replace(PROTOCOL, id="other", sha256="cd" * 32)
    read = the_read(a_log(active(1.0)), a_log(active(101.0), session="b", start_s=100.0, protocol=other))
    assert (read.protocol, read.protocol_sha256) == ("other", "cd" * 32)
    assert the_read(a_log(active(1.0), protocol=None)).protocol is None
