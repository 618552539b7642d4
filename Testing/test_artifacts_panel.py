"""The Artifacts panel in the test host: keys and buttons in, answers in the scene out."""

import dataclasses

import pytest
from PIL import Image

from phantoms import a_segmentation, a_volume
from SegQCLib.dataclass_json import to_json
from SegQCLib.protocol import Grade, Rating, load_protocol
from slicer_host import a_host, needs_host

pytestmark = needs_host

MOTION = Rating("motion", "Motion", (Grade(1, "Severe"), Grade(2, "Slight"), Grade(3, "None")), "highest", "PMC4965355", (1,))
METAL = Rating("metal", "Metal", MOTION.grades, "highest", "PMC4965355", (1,))
NOISE = Rating("noise", "Noise", (Grade(0, "Absent"), Grade(3, "Overwhelming")), "lowest", "study", (3,))


class Opened:
    """The panel of an opened module, with a volume and a reader chosen."""

    def __init__(self, host, ratings, folder):
        import slicer

        self.host = host
        widget = host.open("SegQCModule")
        self.session = widget.session
        self.panel = next(panel for panel in widget.column.panels if panel.UI == "ArtifactsPanel.ui")
        widget.column.open(widget.column.panels.index(self.panel))
        self.table = self.panel.ui.ratingsTable
        protocol = dataclasses.replace(load_protocol("ct-abdomen-portal-venous").protocol, ratings=tuple(ratings))
        (folder / "protocol.json").write_text(to_json(protocol), encoding="utf-8")
        from SegQCLib.mrml.volume import add_volume

        self.volume = add_volume(slicer.mrmlScene, a_volume(), "CT")
        self.session.reader = "Dr A"
        self.session.case.protocol = str(folder / "protocol.json")
        self.session.case.volume = self.volume
        host.process_events()

    def press(self, *keys):
        for key in keys:
            self.host.key(self.table, key)

    @property
    def stored(self):
        from SegQCLib.mrml.ratings_node import read_ratings

        return {answer.rating: answer for answer in read_ratings(self.volume)}

    @property
    def checked(self):
        return {position for position, radio in self.panel._radios.items() if radio.checked}


@pytest.fixture
def open_panel(tmp_path):
    with a_host() as host:
        yield lambda *ratings: Opened(host, ratings, tmp_path)


def test_a_digit_grades_the_current_row_and_goes_to_the_next(open_panel):
    opened = open_panel(MOTION, METAL)
    opened.press("3", "2")
    assert {key: answer.grade for key, answer in opened.stored.items()} == {"motion": 3, "metal": 2}
    assert opened.stored["motion"].reader == "Dr A"
    assert opened.checked == {(0, 3), (1, 2)}
    assert opened.panel.standing().words == "2 of 2 rated"


def test_a_digit_that_is_no_grade_does_nothing(open_panel):
    opened = open_panel(MOTION, METAL)
    opened.press("7")
    assert opened.stored == {}
    assert opened.table.currentRow() == 0


def test_up_and_down_move_and_an_answer_can_be_changed(open_panel):
    opened = open_panel(MOTION, METAL)
    opened.press("3", "Up", "1")
    assert {key: answer.grade for key, answer in opened.stored.items()} == {"motion": 1}
    opened.press("Up", "Down", "N")
    assert opened.stored["metal"].not_assessable


def test_left_and_right_choose_a_grade_and_return_gives_it(open_panel):
    opened = open_panel(MOTION)
    opened.press("Right", "Right", "Return")
    assert opened.stored["motion"].grade == 2


def test_a_click_on_a_button_gives_its_grade_and_a_second_click_changes_nothing(open_panel):
    opened = open_panel(MOTION, METAL)
    for _ in range(2):
        opened.host.click(opened.panel._radios[1, 3])
        assert opened.stored["metal"].grade == 3
        assert opened.checked == {(1, 3)}
    assert opened.table.currentRow() == 1


def test_the_words_of_every_grade_of_the_current_row_are_in_sight_best_first(open_panel):
    opened = open_panel(MOTION, NOISE)
    assert opened.panel.ui.wordingLabel.text.splitlines() == [
        "Motion (1 to 3, 3 is best)",
        "○ 3  None",
        "○ 2  Slight",
        "○ 1  Severe",
    ]
    opened.press("Down")
    assert opened.panel.ui.wordingLabel.text.splitlines() == ["Noise (0 to 3, 0 is best)", "○ 0  Absent", "○ 3  Overwhelming"]
    opened.press("3")
    assert "● 3  Overwhelming" in opened.panel.ui.wordingLabel.text


def test_the_direction_stands_in_the_heading_or_beside_each_title_where_scales_differ(open_panel):
    opened = open_panel(MOTION, METAL)
    assert opened.table.horizontalHeaderItem(0).text() == "Scale 1 to 3, 3 is best"
    assert opened.table.item(1, 0).text() == "Metal"


def test_scales_that_differ_share_the_columns_of_their_numbers(open_panel):
    opened = open_panel(MOTION, NOISE)
    assert [opened.table.horizontalHeaderItem(n).text() for n in range(6)] == ["Rating", "0", "1", "2", "3", "N/A"]
    assert opened.table.item(1, 0).text() == "Noise (0 is best)"
    assert {column for row, column in opened.panel._radios if row == 1} == {1, 4, 5}


def test_every_button_says_its_grade_in_words(open_panel):
    opened = open_panel(MOTION)
    radio = opened.panel._radios[0, 1]
    assert radio.toolTip == radio.accessibleName == "Motion, 1 (1 to 3, 3 is best): Severe"


def test_an_unusable_grade_proposes_exclusion_in_the_panel_and_nowhere_else(open_panel):
    opened = open_panel(MOTION, METAL)
    label = opened.panel.ui.exclusionLabel
    assert not label.isVisible()
    opened.press("1")
    assert label.isVisible()
    assert "Motion, grade 1: Severe." in label.text
    assert label.toolTip == "PMC4965355"
    assert opened.panel.standing().words == "1 of 2 rated, exclusion proposed"
    assert opened.host.displays == []
    opened.press("Up", "2")
    assert not label.isVisible()


def test_a_comment_is_stored_with_the_answer_and_stays_when_the_grade_changes(open_panel):
    opened = open_panel(MOTION)
    comment = opened.panel.ui.commentEdit
    assert not comment.enabled
    opened.press("1")
    for key in ("3", "n"):
        opened.host.key(comment, key)
    assert comment.text == "3n"
    opened.host.key(comment, "Return")
    assert (opened.stored["motion"].grade, opened.stored["motion"].comment) == (1, "3n")
    opened.press("2")
    assert (opened.stored["motion"].grade, opened.stored["motion"].comment) == (2, "3n")


def test_every_answer_is_an_event(open_panel):
    opened = open_panel(MOTION)
    events = []
    opened.session.event_writer = lambda kind, facts: events.append((kind, facts["grade"], facts["proposes_exclusion"]))
    opened.press("1", "1", "3", "N")
    assert events == [("rating", 1, True), ("rating", 3, False), ("rating", None, False)]


def test_readers_do_not_see_each_other_s_answers_and_both_are_kept(open_panel):
    opened = open_panel(MOTION)
    opened.press("3")
    opened.session.reader = "Dr B"
    assert opened.checked == set()
    assert opened.panel.standing().words == "0 of 1 rated"
    opened.press("1")
    from SegQCLib.mrml.ratings_node import read_ratings

    assert [(answer.reader, answer.grade) for answer in read_ratings(opened.volume)] == [("Dr A", 3), ("Dr B", 1)]
    opened.session.reader = "Dr A"
    assert opened.checked == {(0, 3)}


def test_nothing_can_be_rated_without_image_or_reader_and_the_panel_says_so(open_panel):
    opened = open_panel(MOTION)
    opened.session.reader = ""
    assert "Enter your name" in opened.panel.ui.obstacleLabel.text
    opened.press("3")
    assert opened.stored == {}
    opened.session.reader = "Dr A"
    opened.session.case.volume = None
    opened.host.process_events()
    assert "Choose the image" in opened.panel.ui.obstacleLabel.text
    assert not opened.table.enabled


def test_a_protocol_without_ratings_asks_for_none(open_panel):
    opened = open_panel()
    assert "asks for no rating" in opened.panel.ui.obstacleLabel.text
    assert opened.panel.standing().words == "no rating asked"


def test_a_rating_outdates_the_record_of_the_candidate(open_panel):
    import slicer

    from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated
    from SegQCLib.mrml.segmentation import add_segmentation

    opened = open_panel(MOTION)
    candidate = add_segmentation(slicer.mrmlScene, a_segmentation(liver=((1, 5), (2, 10), (3, 9))), opened.volume, "candidate")
    candidate.SetNodeReferenceID(RECORD_ROLE, slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "record").GetID())
    opened.session.case.candidate = candidate
    assert not is_outdated(candidate)
    opened.press("3")
    assert is_outdated(candidate)


def test_a_picture_of_the_atlas_beside_the_protocol_is_shown_for_its_grade(open_panel, tmp_path):
    (tmp_path / "Atlas/ratings/motion").mkdir(parents=True)
    Image.new("L", (200, 100), 128).save(tmp_path / "Atlas/ratings/motion/1.png")
    opened = open_panel(MOTION, METAL)
    picture = opened.panel.ui.pictureLabel
    assert not picture.isVisible()
    opened.press("Right")
    assert picture.isVisible()
    assert picture.pixmap.width() == 2 * picture.pixmap.height()
    opened.press("Right")  # grade 2 has no picture
    assert not picture.isVisible()
    opened.press("1", "Up", "Left", "Left")  # the grade that was given
    assert picture.isVisible()


def test_a_text_node_that_holds_no_ratings_is_left_as_it_is(open_panel):
    from SegQCLib.mrml.ratings_node import RATINGS_ROLE

    opened = open_panel(MOTION)
    opened.press("3")
    node = opened.volume.GetNodeReference(RATINGS_ROLE)
    node.SetText("my notes")
    opened.panel.enter()
    assert "has no usable ratings" in opened.panel.ui.obstacleLabel.text
    opened.press("1")
    assert node.GetText() == "my notes"


def test_answers_come_back_with_the_scene(open_panel, tmp_path):
    import slicer

    opened = open_panel(MOTION, METAL)
    opened.press("1", "N")
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(0)
    opened.host.process_events()
    assert opened.checked == set()
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    opened.host.process_events()
    assert opened.checked == {(0, 1), (1, 4)}


def test_all_rows_are_in_sight_and_seven_fit_on_the_screen(tmp_path):
    with a_host() as host:
        opened = Opened(host, load_protocol("ct-lung-nodule").protocol.ratings, tmp_path)
        assert opened.table.rowCount == 7
        rows = sum(opened.table.rowHeight(row) for row in range(7))
        assert opened.table.viewport().height >= rows
        opened.press("1")
        assert opened.panel.widget.sizeHint.height() <= 520


def test_cleanup_leaves_no_shortcut_behind(open_panel):
    opened = open_panel(MOTION)
    opened.panel.cleanup()
    opened.press("3")
    assert opened.stored == {}
