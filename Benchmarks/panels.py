"""Speed of the Slicer module's panels in the test host, against the limits of issue 4.

    python Benchmarks/panels.py [--parts opening events window recheck long cycles] [--repeats 5]

Prints lines of one Markdown table. Each part runs in a process of its own. The sample is the 20-slice CT with
TotalSegmentator's 117 labels; M is 512 x 512 x 300 with 30 labels and a reference, of ../shared/bench (made at the first
run into --data; its lines are left out where that is missing).
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
MAKE_INPUTS = REPOSITORY.parent / "shared" / "bench" / "make_inputs.py"
sys.path.insert(0, str(REPOSITORY / "Testing"))

OBSERVER_MS, OPENING_S, RECHECK_S, GAP_S = 1.0, 1.0, 0.2, 0.2
STROKES, PUSHES, CYCLES = 15, 200, 100
# Organs of M by their volume (4.8 x 0.8 x 0.8 mm3 a voxel is not meant to be anatomy): voxels nearest to these.
ORGANS_ML = {"liver": 1500.0, "kidney_left": 150.0, "adrenal_gland_left": 5.0}


def line(what, measured, limit):
    print(f"| {what} | {measured} | {limit} |", flush=True)


def milliseconds(seconds):
    return f"{1000 * seconds:.2f} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"


def median_and_worst(seconds):
    return f"{milliseconds(statistics.median(seconds))} (worst {milliseconds(max(seconds))})"


class OwnCalls:
    """Times the calls that VTK and Qt make into SegQC's code while it is entered, in the thread that entered it.

    Python's profiling hook slows the measured code, so that the times are upper bounds.

    Attributes
    ----------
    calls : list of (str, float, float)
        Qualified name, start and end in s of `time.perf_counter`, in the order of their ends.
    """

    def __init__(self):
        self.calls = []
        self._outermost = None
        self._started_s = 0.0

    def __enter__(self):
        sys.setprofile(self._follow)
        return self

    def __exit__(self, *_exception):
        sys.setprofile(None)

    def seconds(self):
        return sum(end_s - start_s for _, start_s, end_s in self.calls)

    def words(self, start_s, end_s):
        """Name the calls that took the most of a span of time."""
        shares = {}
        for name, began_s, ended_s in self.calls:
            inside_s = min(ended_s, end_s) - max(began_s, start_s)
            if inside_s > 0:
                shares[name] = shares.get(name, 0.0) + inside_s
        rest_s = end_s - start_s - sum(shares.values())
        named = sorted(shares.items(), key=lambda share: -share[1])[:2]
        texts = [f"{name} {milliseconds(seconds)}" for name, seconds in named if seconds > 0.1 * (end_s - start_s)]
        return ", ".join([*texts, f"Qt, VTK and waiting {milliseconds(rest_s)}"])

    def _follow(self, frame, event, _argument):
        if event == "call":
            if self._outermost is None and "SegQCLib" in frame.f_code.co_filename:
                self._outermost, self._started_s = frame, time.perf_counter()
        elif event == "return" and frame is self._outermost:
            name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
            self.calls.append((name, self._started_s, time.perf_counter()))
            self._outermost = None


class Ticks:
    """A timer of 10 ms beside some work: the longest time between two ticks is how long the window stood still."""

    def __init__(self):
        import qt

        self._times_s = []
        self._action = self._finished = None
        self._loop = qt.QEventLoop()
        self._timer = qt.QTimer()
        self._timer.setInterval(10)
        self._timer.connect("timeout()", self.on_tick)

    def run(self, action, finished, settle_s=0.5):
        """Return (start, end) in s of all gaps from the action until a moment after `finished()`."""
        self._times_s, self._action, self._finished = [], action, finished
        self._settle_s, self._end_s = settle_s, None
        self._timer.start()
        self._loop.exec_()
        self._timer.stop()
        return list(pairwise(self._times_s[20:]))

    def on_tick(self):
        now_s = time.perf_counter()
        self._times_s.append(now_s)
        if len(self._times_s) == 21:
            self._action()
        elif len(self._times_s) > 21 and self._end_s is None and self._finished():
            self._end_s = now_s + self._settle_s
        if self._end_s is not None and now_s >= self._end_s:
            self._loop.quit()


class Opened:
    """The module opened in a host (or in Slicer: whatever has open() and process_events()), with what the reader chooses."""

    def __init__(self, stage, folder):
        import slicer

        self.stage, self.slicer = stage, slicer
        self.widget = stage.open()
        self.session, self.column = self.widget.session, self.widget.column
        self.session.records_folder = Path(folder) / "records"
        self.session.reader = "Reader 1"
        self._stroke_logic = None

    def panel(self, ui):
        return next(panel for panel in self.column.panels if ui == panel.UI)

    def open_panel(self, ui):
        self.column.open(self.column.panels.index(self.panel(ui)))
        self.stage.process_events()
        return self.panel(ui)

    def choose(self, volume, candidate, *, reference=None, draft=None):
        case = self.session.case
        case.protocol = "ct-abdomen-portal-venous"
        case.volume, case.candidate, case.reference, case.draft = volume, candidate, reference, draft
        if self.slicer.app.layoutManager() is not None:
            self.slicer.util.setSliceViewerLayers(background=volume, fit=True)
        self.stage.process_events()

    def wait(self, finished, settle_s=0.0):
        Ticks().run(lambda: None, finished, settle_s)

    def sample(self, *, with_draft=False):
        from SegQCLib.alignment import align
        from SegQCLib.demo import demo_cases
        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume

        scene, case = self.slicer.mrmlScene, demo_cases(print)[0].case
        volume = add_volume(scene, case.image, "CT")
        volume.CreateDefaultDisplayNodes()
        # On the image's grid, as the AI draft panel brings in what it reads.
        drawn = align(case.candidate, case.image.geometry)
        candidate = add_segmentation(scene, drawn, volume, "candidate")
        draft = add_segmentation(scene, drawn, volume, "draft") if with_draft else None
        self.choose(volume, candidate, draft=draft)
        return volume, candidate

    def large(self, data, *, with_reference=False, with_draft=False):
        """Add case M and choose it; return the volume, the candidate and the names of segments of typical volumes."""
        import numpy as np

        from SegQCLib.case import Segment, Segmentation, Volume
        from SegQCLib.geometry import Geometry
        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume

        with np.load(large_file(data)) as arrays:
            reference, candidate = arrays["reference"], arrays["candidate"]
            spacing_mm = tuple(map(float, arrays["spacing_mm"]))
        geometry = Geometry(reference.shape, spacing_mm, (0.0, 0.0, 0.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
        counts = np.bincount(candidate.ravel())
        volumes_ml = dict(enumerate(counts * np.prod(spacing_mm) / 1000))
        del volumes_ml[0]
        names = {}
        for name, wanted_ml in ORGANS_ML.items():
            label = min(volumes_ml, key=lambda one, wanted=wanted_ml: abs(volumes_ml[one] - wanted))
            names[label] = name
        self.organs = {name: f"{name.replace('_', ' ')} of {volumes_ml[label]:,.0f} ml" for label, name in names.items()}
        segments = tuple(Segment(f"s{label}", names.get(label, f"organ {label}"), label) for label in volumes_ml)
        scene = self.slicer.mrmlScene
        image = np.random.default_rng(0).integers(-20, 20, reference.shape, np.int16)
        image += 10 * reference
        volume = add_volume(scene, Volume(image, geometry), "CT")
        volume.CreateDefaultDisplayNodes()

        def added(labels, name):
            return add_segmentation(scene, Segmentation(name, geometry, (labels,), segments), volume, name)

        node = added(candidate, "candidate")
        self.choose(
            volume,
            node,
            reference=added(reference, "reference") if with_reference else None,
            draft=added(candidate.copy(), "draft") if with_draft else None,
        )
        return volume, node

    def stroke(self, candidate, volume, segment_id, box):
        """Return a function that paints a box of the volume (k, j, i slices) as a stroke of Slicer's editor does."""
        import numpy as np

        scene, slicer = self.slicer.mrmlScene, self.slicer
        editor = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if editor is None:
            editor = slicer.vtkMRMLSegmentEditorNode()
            editor.SetSingletonTag("SegmentEditor")
            editor = scene.AddNode(editor)
        editor.SetAndObserveSegmentationNode(candidate)
        editor.SetAndObserveSourceVolumeNode(volume)
        editor.SetSelectedSegmentID(segment_id)
        logic = self._stroke_logic
        if logic is None:
            logic = self._stroke_logic = slicer.vtkSlicerSegmentEditorLogic()
            logic.SetMRMLScene(scene)
            logic.SetSegmentEditorNode(editor)
        logic.UpdateReferenceGeometryImage()
        logic.ResetModifierLabelmapToDefault()
        modifier = logic.GetModifierLabelmap()
        low_i, _, low_j, _, low_k, _ = modifier.GetExtent()
        size = modifier.GetDimensions()
        array = np.asarray(modifier.GetPointData().GetScalars()).reshape(size[2], size[1], size[0])
        array[:] = 0
        array[tuple(slice(part.start - low, part.stop - low) for part, low in zip(box, (low_k, low_j, low_i), strict=True))] = 1
        modifier.GetPointData().GetScalars().Modified()
        modifier.Modified()
        return lambda: logic.ModifySegmentByLabelmap(candidate, segment_id, modifier, logic.ModificationModeAdd, False, False)

    def brush(self, candidate, volume, name, number):
        """Return (segment id, box of 1 x 8 x 8 voxels in the middle of the segment's own box, another one for each number)."""
        from SegQCLib.mrml.one_segment import segment_with_surroundings

        segmentation = candidate.GetSegmentation()
        segment_id = next(one for one in segmentation.GetSegmentIDs() if segmentation.GetSegment(one).GetName() == name)
        part = segment_with_surroundings(candidate, volume, segment_id)
        box = part.box(next(segment for segment in part.segments if segment.id == segment_id))
        k, j, i = ((cut.start + cut.stop) // 2 for cut in box)
        k, j = k + number % 5 - 2, j + 4 * (number // 5)
        return segment_id, (slice(k, k + 1), slice(j, j + 8), slice(i, i + 8))


def large_file(data):
    path = data / "M.npz"
    if not path.is_file():
        data.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, str(MAKE_INPUTS), str(data), "--only", "M"], check=True)
    return path


@contextlib.contextmanager
def opened(stage=None):
    """Open the module in a new host, or in a stage that is there; logs and settings go to a temporary folder."""
    with contextlib.ExitStack() as stack:
        if stage is None:
            from slicer_host import a_host

            stage = stack.enter_context(a_host())
        yield Opened(stage, stack.enter_context(tempfile.TemporaryDirectory()))


# Opening


def open_once(module_file):
    """Open the module in this new process and print how long each part took, in s, as JSON."""
    from slicer_host import a_host

    with a_host() as host:
        import qt  # noqa: F401 - as Slicer has imported it
        import slicer.util  # noqa: F401
        import vtk  # noqa: F401

        times_s, processor_s = [time.perf_counter()], time.thread_time()
        import scipy.ndimage
        import scipy.spatial  # noqa: F401
        import SimpleITK  # noqa: F401

        times_s.append(time.perf_counter())
        from SegQCLib.panels import column, session, steps  # noqa: F401

        times_s.append(time.perf_counter())
        enter, entered_s = column.Column.enter, []

        def timed(self):
            entered_s.append(time.perf_counter())
            enter(self)
            entered_s.append(time.perf_counter())

        column.Column.enter = timed
        host.open(path=Path(module_file))
        times_s += [*entered_s, time.perf_counter()]
        processor_s = time.thread_time() - processor_s
        if Path(sys.modules["SegQCLib"].__file__).parents[1] != Path(module_file).parent:
            raise SystemExit(f"SegQCLib came from {sys.modules['SegQCLib'].__file__}.")
    names = ("scipy and SimpleITK", "import of our package", "building of the panels", "entering", "first painting")
    spans_s = dict(zip(names, (b - a for a, b in pairwise(times_s)), strict=True))
    print(json.dumps({"spans_s": spans_s, "processor_s": processor_s}))


def opening(options):
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "SegQCModule"
        shutil.copytree(REPOSITORY / "SegQCModule", copy, ignore=shutil.ignore_patterns("__pycache__"))
        for what, writes_none in (
            ("as at the first start after installation, our package not compiled", "1"),
            ("later starts", ""),
        ):
            runs = []
            for _ in range(options.repeats + (not writes_none)):
                environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": writes_none}
                command = [sys.executable, __file__, "--open-once", str(copy / "SegQCModule.py")]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
            if not writes_none:
                runs.pop(0)  # it compiled
            tell_opening(what, runs)


def tell_opening(what, runs):
    total_s = statistics.median(sum(run["spans_s"].values()) for run in runs)
    processor_s = statistics.median(run["processor_s"] for run in runs)
    parts = ", ".join(f"{name} {statistics.median(run['spans_s'][name] for run in runs):.2f}" for name in runs[0]["spans_s"])
    line(f"The module opens: {what}", f"{total_s:.2f} s ({parts}); {processor_s:.2f} s of a processor", f"{OPENING_S:g} s")


# Events


def events(options, stage=None):
    with opened(stage) as module:
        volume, candidate = module.sample(with_draft=True)
        editing = module.panel("EditingPanel.ui")
        editing.ui.logCheckBox.setChecked(True)
        module.wait(lambda: not editing._follower._timer.active, 0.5)
        window_events(module, volume)
        node_events(module)
        qt_events(editing)
        stroke_events(module, candidate, volume, "the sample")
        report = module.open_panel("ReportPanel.ui")
        report.onEvaluate()
        module.wait(lambda: report._work is None, 0.5)
        findings = module.open_panel("FindingsPanel.ui")
        findings.onLook()
        module.wait(lambda: findings._work is None, 0.5)
        stroke_events(module, candidate, volume, "the sample, evaluated and looked through")
        editing.ui.logCheckBox.setChecked(False)
    if stage is None and MAKE_INPUTS.is_file():
        with opened() as module:
            volume, candidate = module.large(options.data, with_draft=True)
            editing = module.panel("EditingPanel.ui")
            editing.ui.logCheckBox.setChecked(True)
            module.wait(lambda: not editing._follower._timer.active, 0.5)
            stroke_events(module, candidate, volume, "M")
            editing.ui.logCheckBox.setChecked(False)


def observed(action, count=PUSHES):
    """Return the seconds that our code took in each of `count` calls of action(number)."""
    seconds = []
    for number in range(count):
        with OwnCalls() as own:
            action(number)
        seconds.append(own.seconds())
    return seconds


def window_events(module, volume):
    gate = module.panel("GatePanel.ui")
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    limit = f"{OBSERVER_MS:g} ms"
    gate.ui.holdCheckBox.setChecked(False)
    line(
        "Window/level event without hold",
        median_and_worst(observed(lambda number: display.SetWindowLevel(360 + number % 30, 45))),
        limit,
    )
    gate.ui.applyButton.click()
    gate.ui.holdCheckBox.setChecked(True)
    inside = observed(lambda number: display.SetWindowLevel(360 + number % 30, 45))
    line("Window/level event with hold, window allowed", median_and_worst(inside), limit)
    outside = observed(lambda number: display.SetWindowLevel(1000 + number, 45))
    line("Window/level event with hold, window not allowed and restored", median_and_worst(outside), limit)
    gate.ui.holdCheckBox.setChecked(False)


def node_events(module):
    scene = module.slicer.mrmlScene
    added = []

    def add(_number):
        added.append(scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode"))

    def remove(_number):
        scene.RemoveNode(added.pop())

    limit = f"{OBSERVER_MS:g} ms"
    line("A node of another kind is added to the scene", median_and_worst(observed(add, 30)), limit)
    line("A node of another kind is removed", median_and_worst(observed(remove, 30)), limit)
    module.stage.process_events()


def qt_events(editing):
    """Time 1,600 events that go through the filter of the running log, and as many without it."""
    import qt
    import slicer

    class Plain(qt.QObject):
        pass

    count, target, move = 1600, Plain(), qt.QEvent(qt.QEvent.MouseMove)

    def sent():
        started_s = time.perf_counter()
        for _ in range(count):
            slicer.app.sendEvent(target, move)
        return time.perf_counter() - started_s

    own = editing._recorder._events
    with_filter, without = [], []
    for _ in range(7):
        with_filter.append(sent())
        own.stop()
        without.append(sent())
        slicer.app.installEventFilter(own)
    own.take()
    each_s = (statistics.median(with_filter) - statistics.median(without)) / count
    line(
        "Event filter of the Editing log, per event of Qt",
        f"{1e6 * each_s:.1f} µs",
        f"{OBSERVER_MS:g} ms; 1,600 events for 21 moves of the mouse",
    )


def stroke_events(module, candidate, volume, where):
    """Time our code in the events of a stroke, in its report to the panels, and in what follows a moment later."""
    editing, findings = module.panel("EditingPanel.ui"), module.panel("FindingsPanel.ui")

    def settled():
        return not (editing._follower._timer.active or findings._timer.active or findings._check or findings._work)

    in_events, in_report, later, names = [], [], [], {}
    for number in range(STROKES):
        paint = module.stroke(candidate, volume, *module.brush(candidate, volume, "liver", number))
        with OwnCalls() as own:
            paint()
        in_events.append(own.seconds())
        with OwnCalls() as own:
            module.stage.process_events()
        in_report.append(own.seconds())
        with OwnCalls() as own:
            module.wait(settled, 0.05)
        calls = [(end_s - start_s, name) for name, start_s, end_s in own.calls]
        slowest = max(calls)
        later.append(slowest[0])
        names[slowest[1]] = names.get(slowest[1], 0) + 1
    limit = f"{OBSERVER_MS:g} ms"
    line(f"Events of a brush stroke, {where}", median_and_worst(in_events), limit)
    line(f"Its report to all panels, {where}", median_and_worst(in_report), "no event: once per stroke")
    line(
        f"Slowest call within the second after it, {where}",
        f"{median_and_worst(later)}: {max(names, key=names.get)}",
        f"{GAP_S:g} s (the window)",
    )


# Window/level


def window(_options, stage=None):
    """Count the events until a window outside the protocol's range is put back, and what other observers see of it."""
    import vtk

    with opened(stage) as module:
        volume, _candidate = module.sample()
        gate = module.panel("GatePanel.ui")
        gate.ui.applyButton.click()
        gate.ui.holdCheckBox.setChecked(True)
        display = volume.GetDisplayNode()
        rule = gate.window.rule
        seen_first, seen_others = [], []

        def outside():
            return display.GetWindow() not in rule.window or display.GetLevel() not in rule.level

        tags = [
            display.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen_first.append(outside()), 1e6),
            display.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen_others.append(outside())),
        ]
        seconds, left, events_until = [], 0, []
        for number in range(PUSHES):
            seen_first.clear()
            started_s = time.perf_counter()
            display.SetWindowLevel(1000.0 + number, -600.0)
            seconds.append(time.perf_counter() - started_s)
            left += outside()
            events_until.append(seen_first.index(False) if False in seen_first else len(seen_first))
        for tag in tags:
            display.RemoveObserver(tag)
        gate.ui.holdCheckBox.setChecked(False)
    line(
        f"A window outside the range is restored ({PUSHES} pushes)",
        f"after {max(events_until)} event, {median_and_worst(seconds)} for push and restoring; {left} left outside,"
        f" {sum(seen_others)} seen by other observers",
        "1 event",
    )


# Re-check


def recheck(options, stage=None):
    if not MAKE_INPUTS.is_file():
        print(f"{MAKE_INPUTS} is not here: the re-check is left out.", file=sys.stderr)
        return
    with opened(stage) as module:
        volume, candidate = module.large(options.data)
        panel = module.open_panel("FindingsPanel.ui")
        sys.modules[type(panel).__module__]._RECHECK_MS = 0
        panel.onLook()
        module.wait(lambda: panel._work is None, 0.5)
        started_s, done_s = [], []
        event = module.slicer.vtkSegmentation.SourceRepresentationModified
        tag = candidate.AddObserver(event, lambda *_: started_s.append(time.perf_counter()))
        checked = panel.onChecked

        def timed(*arguments):
            checked(*arguments)
            done_s.append(time.perf_counter())

        panel.onChecked = timed
        begun_s = []
        check_again = panel._checkAgain

        def begun(*arguments):
            begun_s.append(time.perf_counter())
            check_again(*arguments)

        panel._checkAgain = begun
        for name in ORGANS_ML:
            seconds, ours_s = [], []
            for number in range(options.repeats):
                paint = module.stroke(candidate, volume, *module.brush(candidate, volume, name, number))
                module.wait(lambda: True, 0.4)
                done_s.clear()
                started_s.clear()
                Ticks().run(paint, lambda: bool(done_s), 0.0)
                seconds.append(done_s[0] - started_s[0])
                ours_s.append(done_s[0] - begun_s[-1])
            line(
                f"Check again after a stroke, {module.organs[name]} in M ({len(panel._errors)} findings listed)",
                f"{median_and_worst(seconds)}; the check itself {median_and_worst(ours_s)}",
                f"{RECHECK_S:g} s",
            )
        candidate.RemoveObserver(tag)
        del panel.onChecked, panel._checkAgain


# Long work


def long_work(options, stage=None):
    for where in ("sample", "M"):
        if where == "M" and not MAKE_INPUTS.is_file():
            continue
        with opened(stage) as module:
            if where == "sample":
                module.sample()
                what = "sample, 117 labels"
            else:
                module.large(options.data, with_reference=True)
                what = "M, 30 labels with reference"
            editing = module.panel("EditingPanel.ui")
            module.wait(lambda editing=editing: not editing._follower._timer.active, 1.0)
            report = module.open_panel("ReportPanel.ui")
            gap(options, f"Evaluate, {what}", report.onEvaluate, lambda report=report: report._work is None)
            page = module.session.records_folder / "report.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            gap(
                options,
                f"Save as HTML, {what}",
                lambda report=report, page=page: report.saveHtml(page),
                lambda report=report: report._work is None,
            )
            findings = module.open_panel("FindingsPanel.ui")
            gap(options, f"Look for technical errors, {what}", findings.onLook, lambda panel=findings: panel._work is None)
            module.slicer.mrmlScene.Clear(0)
            module.stage.process_events()


def gap(options, what, action, finished):
    """Measure the longest gap several times, and once more with the names of what was going on."""
    longest_s, lasted_s = [], []
    for _ in range(max(1, options.repeats // 2)):
        gaps = Ticks().run(action, finished)
        longest_s.append(max(end_s - start_s for start_s, end_s in gaps))
        lasted_s.append(gaps[-1][1] - gaps[0][0] - 0.5)
    with OwnCalls() as own:
        gaps = Ticks().run(action, finished)
    start_s, end_s = max(gaps, key=lambda one: one[1] - one[0])
    share = (start_s - gaps[0][0]) / (gaps[-1][1] - gaps[0][0] - 0.5)
    line(
        f"Longest standstill of the window: {what} ({statistics.median(lasted_s):.1f} s)",
        f"{median_and_worst(longest_s)}; when followed, {milliseconds(end_s - start_s)} after {100 * share:.0f} % of the time:"
        f" {own.words(start_s, end_s)}",
        f"{GAP_S:g} s",
    )


# Cycles


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cycles(_options):
    from slicer_host import a_host

    with a_host() as host:
        import slicer

        def opened_and_unloaded():
            widget = host.open()
            widget.logic.loadSimulatedCase()
            for panel in range(len(widget.column.panels)):
                widget.column.open(panel)
                host.process_events()
            del widget
            host.unload()
            slicer.mrmlScene.Clear(0)
            host.process_events()

        grown(host, f"{CYCLES} times opened with a case, every panel shown, unloaded, scene closed", opened_and_unloaded)
        widget = host.open()

        def loaded_and_closed():
            case = widget.logic.loadSimulatedCase()
            host.process_events()
            widget.logic.evaluate(case.volume, case.candidate, case.protocol, [case.reference])
            host.process_events()
            slicer.mrmlScene.Clear(0)
            host.process_events()

        grown(host, f"{CYCLES} cases loaded, evaluated and closed in the open module", loaded_and_closed)


def grown(host, what, cycle):
    """Compare memory and what is held after 10 cycles, when caches are full, with that after the last one."""
    memory_mb, held = [], []
    for number in range(CYCLES):
        cycle()
        if number in (9, CYCLES - 1):
            held.append(host.held().total())
            memory_mb.append(resident_mb())
    line(
        what,
        f"{memory_mb[0]:.0f} MB after 10, {memory_mb[1]:.0f} MB after {CYCLES}:"
        f" {1000 * (memory_mb[1] - memory_mb[0]) / (CYCLES - 10):.0f} kB per cycle;"
        f" observers, timers, shortcuts and event filters: {held[0]} after 10, {held[1]} after {CYCLES}",
        "no growth",
    )


PARTS = {"opening": opening, "events": events, "window": window, "recheck": recheck, "long": long_work, "cycles": cycles}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path("/tmp/segqc-bench"), help="where the inputs are kept")  # noqa: S108
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--open-once", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open_once:
        open_once(options.open_once)
        return
    if options.here:
        for part in options.parts:
            PARTS[part](options)
        return
    print("| what | median | limit |\n|---|---|---|", flush=True)
    for part in options.parts:
        command = [sys.executable, __file__, "--here", "--parts", part, "--repeats", str(options.repeats)]
        subprocess.run([*command, "--data", str(options.data)], check=True)


if __name__ == "__main__":
    main()
