"""The plot of Dice per slice in the test host: what mouse and keys choose, and that it paints."""

import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host

SLICES = (4, 5, 6, 9, 10)
VALUES = (0.0, 0.5, 1.0, 0.25, 0.75)


@pytest.fixture
def host():
    with a_host() as opened:
        yield opened


@pytest.fixture
def chosen():
    return []


@pytest.fixture
def plot(host, chosen):
    import qt

    from SegQCLib.panels.slice_plot import SlicePlot

    plot = SlicePlot(chosen.append)
    plot.resize(300, 120)
    plot.show_slices(SLICES, VALUES)
    plot.show()
    host.process_events()
    yield plot
    plot.hide()
    assert isinstance(plot, qt.QWidget)


def pressed(key):
    import qt

    return qt.QKeyEvent(qt.QEvent.KeyPress, key, qt.Qt.NoModifier)


def test_arrow_keys_go_from_slice_to_slice_and_stop_at_the_ends(plot, chosen):
    import qt

    for key in (qt.Qt.Key_Right, qt.Qt.Key_Right, qt.Qt.Key_Left, qt.Qt.Key_Left, qt.Qt.Key_End, qt.Qt.Key_Right, qt.Qt.Key_Home):
        plot.keyPressEvent(pressed(key))
    assert chosen == [0, 1, 0, 0, 4, 4, 0]


def test_the_chosen_slice_is_told_with_its_number_and_its_value(plot):
    plot.choose(3)
    assert plot.words() == "Slice k = 9: Dice 0.250"


def test_a_click_chooses_the_nearest_slice(plot, chosen):
    QtCore, QtTest = pytest.importorskip("PySide6.QtCore"), pytest.importorskip("PySide6.QtTest")  # noqa: N806
    # Slices 4 to 10 over the width: the fourth of them, 9, is at five sixths.
    left, right = plot._x(4), plot._x(10)
    assert plot.slice_at(left + (right - left) * 5 / 6 + 3) == 3
    assert plot.slice_at(0) == 0
    assert plot.slice_at(10_000) == 4
    QtTest.QTest.mouseClick(plot, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint((left + right) // 2, 60))
    assert chosen == [2]  # slice 7 would be there: 6 is nearer than 9


def test_one_slice_and_none_are_painted_too(plot, host, chosen):
    import qt

    for slices, values in (((7,), (0.5,)), ((), ())):
        plot.show_slices(slices, values)
        plot.keyPressEvent(pressed(qt.Qt.Key_Right))
        plot.grab()
        host.process_events()
    assert chosen == [0]
    assert plot.words() == ""


def test_it_grows_with_the_font(plot):
    before = plot.minimumHeight
    from SegQCLib.panels.slice_plot import SlicePlot

    font = plot.font
    font.setPointSizeF(2 * font.pointSizeF())
    import slicer

    old = slicer.app.font()
    slicer.app.setFont(font)
    try:
        assert SlicePlot(print).minimumHeight > 1.5 * before
    finally:
        slicer.app.setFont(old)
