"""SegQC in the test host, as Slicer runs it: opened, reloaded, with scenes that close and come back, leaving no trace."""

import contextlib
import gc

import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host


@contextlib.contextmanager
def opened_module(**options):
    """Yield (host, module widget, chosen nodes) with the simulated case loaded."""
    with a_host(**options) as host:
        widget = host.open()
        chosen = widget.logic.loadSimulatedCase()
        host.process_events()
        yield host, widget, chosen


def test_the_module_s_own_tests_pass():
    with a_host() as host:
        assert host.run_self_tests().wasSuccessful()


def test_the_module_s_own_tests_pass_without_a_main_window():
    with a_host(main_window=False, testing=True) as host:
        assert host.run_self_tests().wasSuccessful()


def test_the_chosen_case_is_shown_and_every_step_says_how_it_stands():
    with opened_module() as (_host, widget, chosen):
        assert widget.session.case.volume is chosen.volume
        for number, (panel, heading) in enumerate(zip(widget.column.panels, widget.column.headings, strict=True)):
            widget.column.open(number)
            assert not heading.collapsed
            assert panel.widget.isVisible()
            assert panel.standing().words in heading.text
        assert [heading.collapsed for heading in widget.column.headings].count(False) == 1


def test_reload_builds_new_panels_on_the_same_case():
    with opened_module() as (host, widget, chosen):
        import slicer

        before = host.held()
        widget.onReload()
        host.process_events()
        reloaded = slicer.modules.SegQCModuleWidget
        assert reloaded is not widget
        assert reloaded.session.case.volume is chosen.volume
        del widget
        assert host.held().total() <= before.total()


def test_a_closed_scene_leaves_no_choice_and_the_next_case_works():
    with opened_module() as (host, widget, _chosen):
        import slicer

        slicer.mrmlScene.Clear(0)
        host.process_events()
        assert widget.session.case.volume is None
        again = widget.logic.loadSimulatedCase()
        host.process_events()
        assert widget.session.case.candidate is again.candidate


def test_the_nodes_of_a_closed_case_are_let_go():
    with opened_module() as (host, widget, chosen):
        import slicer
        import vtk

        widget.logic.evaluate(chosen.volume, chosen.candidate, chosen.protocol, [chosen.reference])
        host.process_events()
        weak = {}
        for role in ("volume", "candidate", "reference", "draft"):
            weak[role] = vtk.vtkWeakReference()
            weak[role].Set(getattr(chosen, role))
        del chosen
        slicer.mrmlScene.Clear(0)
        host.process_events()
        widget.logic.loadSimulatedCase()
        host.process_events()
        gc.collect()
        assert {role: reference.Get() for role, reference in weak.items()} == dict.fromkeys(weak)


@pytest.mark.parametrize("role", ["volume", "candidate", "reference", "draft"])
def test_a_node_that_is_removed_while_it_is_chosen_is_let_go(role):
    with opened_module() as (host, widget, chosen):
        import slicer

        slicer.mrmlScene.RemoveNode(getattr(chosen, role))
        host.process_events()
        assert getattr(widget.session.case, role) is None


def test_the_choice_comes_back_from_an_mrb(tmp_path):
    with opened_module() as (host, widget, chosen):
        import slicer

        names = {role: getattr(chosen, role).GetName() for role in ("volume", "candidate", "reference", "draft")}
        protocol = chosen.protocol
        assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(str(tmp_path / "case.mrb"))
        host.process_events()
        assert {role: getattr(widget.session.case, role).GetName() for role in names} == names
        assert widget.session.case.protocol == protocol


def test_an_undone_edit_and_an_edit_both_outdate_the_record():
    with opened_module() as (host, widget, chosen):
        import slicer

        from SegQCLib.mrml.record_node import is_outdated

        widget.logic.evaluate(chosen.volume, chosen.candidate, chosen.protocol)
        host.process_events()
        assert not is_outdated(chosen.candidate)
        host.paint(chosen.candidate, chosen.candidate.GetSegmentation().GetNthSegmentID(0), [(1, 1, 1)])
        assert is_outdated(chosen.candidate)
        widget.logic.evaluate(chosen.volume, chosen.candidate, chosen.protocol)
        assert not is_outdated(chosen.candidate)
        slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
        host.process_events()
        assert is_outdated(chosen.candidate)


def test_no_observer_timer_shortcut_or_event_filter_stays_after_cleanup():
    with a_host() as host:
        widget = host.open()
        chosen = widget.logic.loadSimulatedCase()
        for number in range(len(widget.column.panels)):
            widget.column.open(number)
            host.process_events()
        host.paint(chosen.candidate, chosen.candidate.GetSegmentation().GetNthSegmentID(0), [(1, 1, 1)])
        del widget, chosen
        host.unload()
        assert not host.held()


def test_opening_and_closing_does_not_grow():
    with a_host() as host:
        held = []
        for _ in range(4):
            host.open()
            held.append(host.held().total())
            host.unload()
        assert held[-1] == held[1]


@pytest.mark.nightly
# pytest keeps every warning; VTK's numpy_support gives some at each opening.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_hundred_openings_do_not_grow():
    import gc

    with a_host() as host:

        def visit():
            host.open().logic.loadSimulatedCase()
            host.process_events()
            host.unload()
            host.scene.Clear(0)
            assert not host.held()
            return len(gc.get_objects())

        for _ in range(5):
            before = visit()
        for _ in range(95):
            after = visit()
        # One opened module is some 20,000 objects.
        assert after - before < 200


@pytest.mark.parametrize("font_scale", [1.0, 1.25])
def test_every_step_fits_into_the_module_s_column(font_scale):
    """Slicer's column scrolls up and down only: what is wider is cut off."""
    with opened_module(font_scale=font_scale) as (host, widget, _chosen):
        for number, panel in enumerate(widget.column.panels):
            widget.column.open(number)
            host.process_events()
            assert panel.widget.minimumSizeHint.width() <= panel.widget.width, type(panel).__name__
            # 1080 lines less menu, tool bars, Slicer's own sections and the data probe.
            assert widget.column.widget.minimumSizeHint.height() <= 700, type(panel).__name__


def test_the_held_window_survives_a_drag_of_the_mouse():
    with opened_module() as (host, widget, chosen):
        import slicer

        gate = next(panel for panel in widget.column.panels if type(panel).__name__ == "GatePanel")
        host.show(chosen.volume)
        mouse = slicer.app.applicationLogic().GetInteractionNode()
        mouse.SetCurrentInteractionMode(mouse.AdjustWindowLevel)
        view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
        display = chosen.volume.GetDisplayNode()
        widget.column.open(widget.column.panels.index(gate))
        gate.ui.applyButton.click()
        applied = (display.GetWindow(), display.GetLevel())
        gate.ui.holdCheckBox.setChecked(True)
        host.drag(view, (200, 200), (300, 260))
        # The protocol asks for 350 to 400 HU at 40 to 50 HU.
        assert 350 <= display.GetWindow() <= 400
        assert 40 <= display.GetLevel() <= 50
        gate.ui.holdCheckBox.setChecked(False)
        host.drag(view, (200, 200), (300, 260))
        assert (display.GetWindow(), display.GetLevel()) != applied


def test_a_second_widget_follows_another_scene_and_comes_back():
    """Slicer's generic test of every module: a new widget, another scene, and the first one again."""
    with a_host() as host:
        host.open()
        import slicer

        second = slicer.modules.segqcmodule.createNewWidgetRepresentation()
        other = slicer.vtkMRMLScene()
        for scene in (slicer.mrmlScene, other, slicer.mrmlScene):
            second.setMRMLScene(scene)
            host.process_events()
        second.self().cleanup()
        second.deleteLater()
        del second
        host.unload()
        assert not host.held()
