"""Hold the grey-scale window of a volume node in a protocol's range, and tell of each time it left it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import vtk
from slicer import vtkMRMLScalarVolumeDisplayNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode

from SegQCLib.acquisition import SUVBW
from SegQCLib.case import Segment, WindowLevel
from SegQCLib.errors import BadDataError
from SegQCLib.importers.terminology_entry import terminology_from_entry
from SegQCLib.mrml.volume import acquisition_of, show_with_window
from SegQCLib.protocol import QCProtocol, WindowRule

# Pushes that follow each other within this time are one episode: a mouse drag sends dozens a second.
EPISODE_PAUSE_S = 1.0
# Slicer's views and widgets observe display nodes with priority 0: they must never see a window outside the range.
_FIRST = 1000.0
# UCUM unit of a standardised uptake value, as protocols give it, and the value units and DICOM Units (0054,1001) that are one.
_SUV_UNIT, _SUV_UNITS = "g/ml", (SUVBW, "GML")


@dataclass(frozen=True)
class WindowDeviation:
    """One episode with a window outside the rule's range, or one look away.

    Attributes
    ----------
    rule : str
        Name of the window rule.
    looked_away : bool
        True: the reader asked for it, and the window stayed outside. False: each push was undone at once.
    start_s : float
        Reading of the hold's clock when it began.
    duration_s : float
        Look away: until the window was restored. Else: from the first push to the restoring of the last; 0 or nearly
        so for a single one.
    count : int
        How often the window was set to something outside of the range.
    narrowest_window, widest_window, lowest_level, highest_level : float
        How far it went, in the unit of the voxels. In a look away without any change: the window as it was.
    """

    rule: str
    looked_away: bool
    start_s: float
    duration_s: float
    count: int
    narrowest_window: float
    widest_window: float
    lowest_level: float
    highest_level: float

    def with_push(self, pushed: WindowLevel, duration_s: float, count: int) -> WindowDeviation:
        """Return the episode with one more window, seen `duration_s` after its start."""
        return replace(
            self,
            duration_s=duration_s,
            count=self.count + count,
            narrowest_window=min(self.narrowest_window, pushed.window),
            widest_window=max(self.widest_window, pushed.window),
            lowest_level=min(self.lowest_level, pushed.level),
            highest_level=max(self.highest_level, pushed.level),
        )


def allows(rule: WindowRule, window_level: WindowLevel) -> bool:
    """Return whether a window and its level are both in the rule's ranges."""
    return window_level.window in rule.window and window_level.level in rule.level


def rule_for_segment(protocol: QCProtocol, node: vtkMRMLSegmentationNode | None, segment_id: str | None) -> WindowRule | None:
    """Return the window rule of the structure that a segment stands for.

    For a segment that the protocol does not know, and for none, it is the rule for all structures, else the
    protocol's first; None if the protocol has no windows.
    """
    segment = None if node is None or not segment_id else node.GetSegmentation().GetSegment(segment_id)
    structure = None
    if segment is not None:
        terminology = terminology_from_entry(segment.GetTerminology())
        structure = protocol.structure_of(Segment(segment_id, segment.GetName(), 1, terminology=terminology))
    rule = protocol.window_rule("*" if structure is None else structure.name)
    return rule or next(iter(protocol.windows), None)


def apply_window(node: vtkMRMLScalarVolumeNode, rule: WindowRule) -> None:
    """Show a volume with the window that the rule applies.

    Raises
    ------
    BadDataError
        If the rule is in standardised uptake values (g/ml) and the volume's voxels are something else.
    """
    _require_unit(node, rule)
    show_with_window(node, WindowLevel(rule.apply_window, rule.apply_level))


class WindowHold:
    """Keeps the window of a volume node in the range of a rule until `stop`.

    Slicer's own lock of the window is a no-op, and there are many ways to change a window (mouse, Volumes module,
    presets, scripts): so the display node is watched, and a window outside the range is put back to the last
    allowed one before anything is drawn with it. A window that is outside when the hold begins becomes the one that
    the rule applies.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
        It gets a display node if it has none. The hold follows it when its display node is replaced, and ends
        when it is removed from its scene.
    rule : WindowRule
    on_deviation : callable(WindowDeviation)
        Called once for each episode, when it is over.
    clock : callable() -> float
        Seconds; for tests.

    Raises
    ------
    BadDataError
        If the rule is in standardised uptake values (g/ml) and the volume's voxels are something else.
    """

    def __init__(
        self,
        node: vtkMRMLScalarVolumeNode,
        rule: WindowRule,
        on_deviation: Callable[[WindowDeviation], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _require_unit(node, rule)
        self.node: vtkMRMLScalarVolumeNode | None = node
        self.rule = rule
        self._on_deviation = on_deviation
        self._clock = clock
        self._restoring = False
        self._allowed: WindowLevel | None = None
        self._seen: WindowLevel | None = None
        self._episode: WindowDeviation | None = None
        self._away_until_s: float | None = None
        self._display_node: vtkMRMLScalarVolumeDisplayNode | None = None
        self._display_tag = 0
        node.CreateDefaultDisplayNodes()
        changed = (node.ReferenceAddedEvent, node.ReferenceModifiedEvent, node.ReferenceRemovedEvent)
        self._tags = [(node, node.AddObserver(event, self._on_display_node_changed)) for event in changed]
        scene = node.GetScene()
        if scene is not None:
            self._tags.append((scene, scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self._on_node_removed)))
        self._follow_display_node()

    @property
    def active(self) -> bool:
        """False once the hold was stopped or its volume removed."""
        return self.node is not None

    @property
    def looking_away(self) -> bool:
        return self._away_until_s is not None

    @property
    def look_away_left_s(self) -> float:
        """Seconds until the window is restored; 0 while the reader does not look away."""
        return 0.0 if self._away_until_s is None else max(0.0, self._away_until_s - self._clock())

    def look_away(self, seconds: float) -> None:
        """Let the window leave the range for a while; called again, for as long from now on.

        Raises
        ------
        ValueError
            If `seconds` is not above 0.
        """
        if seconds <= 0:
            raise ValueError(f"look_away needs seconds > 0: {seconds}.")
        if self._display_node is None:
            return
        now_s = self._clock()
        if self._away_until_s is None:
            self._end_episode()
            self._seen = _shown(self._display_node)
            self._episode = _first(self.rule, True, now_s, self._seen, 0)
        self._away_until_s = now_s + seconds

    def look_back(self) -> None:
        """End a look away: the window is restored, and the look away is reported, with or without a change of the window."""
        if self._away_until_s is None:
            return
        self._away_until_s = None
        self._adopt()
        self._episode = replace(self._episode, duration_s=self._clock() - self._episode.start_s)
        self._end_episode()

    def tick(self) -> None:
        """End what time ends: a look away that is over, an episode without a further push. For a timer of the caller."""
        now_s = self._clock()
        if self._away_until_s is not None:
            if now_s >= self._away_until_s:
                self.look_back()
        elif self._episode is not None and now_s - self._last_push_s() > EPISODE_PAUSE_S:
            self._end_episode()

    def stop(self) -> None:
        """Let go of the volume: a look away ends with its window restored, and an open episode is reported."""
        self.look_back()
        self._end_episode()
        self._let_go_of_display_node()
        for watched, tag in self._tags:
            watched.RemoveObserver(tag)
        self._tags.clear()
        self.node = None

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_removed(self, _scene, _event, removed=None) -> None:
        if removed is self.node:
            self.stop()

    def _on_display_node_changed(self, _caller=None, _event=None) -> None:
        if self.node is not None and self.node.GetScalarVolumeDisplayNode() is not self._display_node:
            self._follow_display_node()

    def _follow_display_node(self) -> None:
        self._let_go_of_display_node()
        display_node = self.node.GetScalarVolumeDisplayNode()
        if display_node is None:
            self.look_back()
            return
        self._display_node = display_node
        self._display_tag = display_node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_display_modified, _FIRST)
        if not self.looking_away:
            self._adopt()

    def _let_go_of_display_node(self) -> None:
        if self._display_node is not None:
            self._display_node.RemoveObserver(self._display_tag)
        self._display_node = None

    def _adopt(self) -> None:
        """Take the present window as the allowed one, or set one: a window from before the hold is no deviation."""
        if self._display_node is None:
            return
        self._restoring = True
        try:
            self._display_node.AutoWindowLevelOff()
        finally:
            self._restoring = False
        shown = _shown(self._display_node)
        if allows(self.rule, shown):
            self._allowed = shown
        else:
            self._allowed = self._allowed or WindowLevel(self.rule.apply_window, self.rule.apply_level)
            self._restore()

    def _on_display_modified(self, display_node, _event=None) -> None:
        if self._restoring:
            return
        shown = _shown(display_node)
        inside = allows(self.rule, shown)
        if self._away_until_s is not None:
            # Colours and interpolation are announced alike.
            if shown != self._seen:
                self._seen = shown
                self._episode = self._episode.with_push(shown, self._clock() - self._episode.start_s, 0 if inside else 1)
            return
        if inside:
            if display_node.GetAutoWindowLevel():
                # Its window fits by chance; with the next image data it would not.
                self._adopt()
            self._allowed = shown
            return
        self._restore()
        self._note_push(shown)

    def _restore(self) -> None:
        self._restoring = True
        try:
            # While auto window/level is on, SetWindowLevel is ignored without a warning.
            self._display_node.AutoWindowLevelOff()
            self._display_node.SetWindowLevel(self._allowed.window, self._allowed.level)
        finally:
            self._restoring = False

    def _note_push(self, pushed: WindowLevel) -> None:
        now_s = self._clock()
        if self._episode is not None and now_s - self._last_push_s() > EPISODE_PAUSE_S:
            self._end_episode()
        if self._episode is None:
            self._episode = _first(self.rule, False, now_s, pushed, 1)
        else:
            self._episode = self._episode.with_push(pushed, now_s - self._episode.start_s, 1)

    def _last_push_s(self) -> float:
        return self._episode.start_s + self._episode.duration_s

    def _end_episode(self) -> None:
        episode, self._episode = self._episode, None
        if episode is not None:
            self._on_deviation(episode)


def _first(rule: WindowRule, looked_away: bool, start_s: float, shown: WindowLevel, count: int) -> WindowDeviation:
    return WindowDeviation(rule.name, looked_away, start_s, 0.0, count, shown.window, shown.window, shown.level, shown.level)


def _shown(display_node: vtkMRMLScalarVolumeDisplayNode) -> WindowLevel:
    return WindowLevel(display_node.GetWindow(), display_node.GetLevel())


def _require_unit(node: vtkMRMLScalarVolumeNode, rule: WindowRule) -> None:
    if rule.window.unit != _SUV_UNIT:
        return
    units = node.GetVoxelValueUnits()
    if units is not None and units.GetCodeValue():
        found, is_suv = units.GetCodeValue(), _SUV_UNIT in units.GetCodeValue()
    else:
        facts = acquisition_of(node)
        found = facts.value_unit or facts.units
        is_suv = found is None or found in _SUV_UNITS
    if not is_suv:
        raise BadDataError(
            node.GetName(),
            f"has voxel values in {found}; the window {rule.name!r} is in standardised uptake values (g/ml).",
            "Convert the volume to standardised uptake values first.",
        )
