"""What the panels share: the chosen case, its protocol, the reader, and word of every edit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.background_nodes import MEASURED_ATTRIBUTE, background_of, is_measured
from SegQCLib.mrml.edit_watch import EditWatch, SegmentationChange
from SegQCLib.mrml.look_away_edits import count_look_away_edit
from SegQCLib.mrml.record_node import RECORD_ROLE, mark_outdated
from SegQCLib.mrml.remove_results import remove_results
from SegQCLib.mrml.volume import TRAINING_ATTRIBUTE
from SegQCLib.panels.case_parameters import CaseParameters
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.readers.case_read import Purpose
from SegQCLib.readers.planted_result import PlantedResult
from SegQCLib.readers.training.standing import TrainingStanding

READER_SETTING = "SegQC/Reader"
RECORDS_FOLDER_SETTING = "SegQC/RecordsFolder"
LOG_SETTING = "SegQC/LogEditing"
ROLES = ("volume", "candidate", "reference", "draft")


class Session(VTKObservationMixin):
    """The case that the panels work on, from the module's first opening until its cleanup.

    It stays connected while another module is open: the reader draws in Slicer's Segment Editor.

    Attributes
    ----------
    case : CaseParameters or None
        The chosen nodes and the protocol's id or path. None while a scene closes and before the module is opened.
    protocol : LoadedProtocol or None
    protocol_fault : str
        Why there is no protocol although one is chosen; else empty.
    worklist_case : str or None
        Name of the case in the worklist, where it came from one.
    looking_away : bool
        True while the reader looks outside of the protocol's window with leave to do so.
    event_writer : callable(kind, facts) or None
        Where `write_event` writes to; the Editing panel sets it while the reader lets it log.
    planted_result : PlantedResult or None
        What the reader made of the errors planted into the practice case that was finished last.
    training_standing : TrainingStanding or None
        Where the reader stands with the training that the protocol asks for; None: it asks for none, or nobody has looked yet.
    """

    def __init__(self, logic):
        VTKObservationMixin.__init__(self)
        self.case: CaseParameters | None = None
        self.protocol: LoadedProtocol | None = None
        self.protocol_fault = ""
        self.worklist_case: str | None = None
        self.looking_away = False
        self.event_writer: Callable[[str, dict], None] | None = None
        self.planted_result: PlantedResult | None = None
        self.training_standing: TrainingStanding | None = None
        self._logic = logic
        self._worklist: Path | None = None
        self._course_cases: Path | None = None
        self._connected = False
        self._case_tag = 0
        self._chosen: tuple = ()
        self._watches: dict[str, EditWatch] = {}
        self._observers: list[Callable[[], None]] = []
        self._edit_observers: list[Callable[[SegmentationChange], None]] = []
        self._standing_observers: list[Callable[[], None]] = []
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)

    def connect(self) -> None:
        """Read what is chosen from the scene; called when the module is opened, and after every change of scene."""
        self._connected = True
        self._disconnect_case()
        self.case = CaseParameters(self._logic.getParameterNode())
        if not self.case.protocol:
            self.case.protocol = next(iter(shipped_protocols()))
        # Not with addObserver: Slicer's mixin would hold every case of the day until cleanup.
        self._case_tag = self.case.AddObserver(vtk.vtkCommand.ModifiedEvent, self.onCaseModified)
        self._chosen = ()
        self.onCaseModified()

    def cleanup(self) -> None:
        """Let go of everything; nothing is called afterwards."""
        self._connected = False
        self._disconnect_case()
        self._stop_watches()
        self.removeObservers()
        for observers in (self._observers, self._edit_observers, self._standing_observers):
            observers.clear()

    def observe(self, callback: Callable[[], None]) -> None:
        """Call back after every change of the chosen nodes, protocol, reader, worklist, records folder or leave to log."""
        self._observers.append(callback)

    def observeEdits(self, callback: Callable[[SegmentationChange], None]) -> None:
        """Call back after every edit of the candidate, undo included."""
        self._edit_observers.append(callback)

    def unobserveEdits(self, callback: Callable[[SegmentationChange], None]) -> None:
        self._edit_observers.remove(callback)

    def observeStandings(self, callback: Callable[[], None]) -> None:
        """Call back when a panel's standing changed."""
        self._standing_observers.append(callback)

    def announceStanding(self) -> None:
        for callback in list(self._standing_observers):
            callback()

    def announce(self) -> None:
        for callback in list(self._observers):
            callback()

    def write_event(self, kind: str, **facts) -> None:
        """Write an event to the case's log, if the reader lets it be written."""
        if self.event_writer is not None:
            self.event_writer(kind, facts)

    @property
    def reader(self) -> str:
        """The reader's name or code, kept in the application's settings; empty if none was given."""
        return str(slicer.util.settingsValue(READER_SETTING, "") or "")

    @reader.setter
    def reader(self, name: str) -> None:
        if name.strip() != self.reader:
            qt.QSettings().setValue(READER_SETTING, name.strip())
            self.announce()

    @property
    def records_folder(self) -> Path:
        """The folder where logs and saved candidates go, kept in the application's settings."""
        chosen = str(slicer.util.settingsValue(RECORDS_FOLDER_SETTING, "") or "")
        return Path(chosen) if chosen else Path.home() / "SegQC records"

    @records_folder.setter
    def records_folder(self, folder: Path) -> None:
        qt.QSettings().setValue(RECORDS_FOLDER_SETTING, str(folder))
        self.announce()

    @property
    def logs_folder(self) -> Path:
        """The folder with the session logs of all who use this records folder."""
        return self.records_folder / "Session logs"

    @property
    def log_editing(self) -> bool:
        """Whether the reader lets the own work be logged, kept in the application's settings; off until switched on."""
        return slicer.util.settingsValue(LOG_SETTING, False, slicer.util.toBool)

    @log_editing.setter
    def log_editing(self, wanted: bool) -> None:
        if bool(wanted) != self.log_editing:
            qt.QSettings().setValue(LOG_SETTING, bool(wanted))
            self.announce()

    @property
    def worklist(self) -> Path | None:
        """The CSV file or folder whose cases are read one after the other."""
        return self._worklist

    @worklist.setter
    def worklist(self, path: Path | None) -> None:
        self._worklist = path
        self.announce()

    def open_course_cases(self, path: Path) -> None:
        """Take a training course's cases as the worklist; whatever is read in it is training."""
        self._course_cases = path
        self.worklist = path

    @property
    def case_name(self) -> str:
        """The case's name for files and logs: the worklist's, else the volume's; empty if there is neither."""
        if self.worklist_case is not None:
            return self.worklist_case
        return self.case.volume.GetName() if self.case is not None and self.case.volume is not None else ""

    @property
    def purpose(self) -> Purpose:
        """What a read of this case is for: training in a course's cases and in a training set, else clinical."""
        volume = None if self.case is None else self.case.volume
        if volume is not None and volume.GetAttribute(TRAINING_ATTRIBUTE) is not None:
            return "training"
        of_course = self._worklist is not None and self._worklist == self._course_cases
        return "training" if of_course and self.worklist_case is not None else "clinical"

    def onCaseModified(self, _caller=None, _event=None) -> None:
        case = self.case
        chosen = (case.volume, case.candidate, case.reference, case.draft, case.protocol)
        if chosen == self._chosen:
            return
        protocol_changed = not self._chosen or chosen[-1] != self._chosen[-1]
        self._chosen = chosen
        if protocol_changed:
            self._load_protocol(case.protocol)
        self.watchEdits()
        self.announce()

    def reload_protocol(self) -> None:
        """Read the protocol's file again."""
        if self.case is not None:
            self._load_protocol(self.case.protocol)
            self.announce()

    def _load_protocol(self, name_or_path: str) -> None:
        try:
            self.protocol, self.protocol_fault = load_protocol(name_or_path), ""
        except BadDataError as error:
            self.protocol, self.protocol_fault = None, str(error)

    def watchEdits(self) -> None:
        """Watch candidate, reference, and every segmentation that has a record, with its background regions.

        An edit outdates the record, whichever module is open.
        """
        chosen = () if self.case is None else (self.case.candidate, self.case.reference)
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        regions = [background_of(node) for node in nodes]
        for node in nodes:
            watched = node in chosen or node in regions or node.GetNodeReference(RECORD_ROLE)
            if watched and node.GetID() not in self._watches:
                self._watches[node.GetID()] = EditWatch(node, partial(self.onEdit, node.GetID()), self.selectedSegment, self.later)

    def selectedSegment(self) -> str | None:
        """Return the id of the segment that is selected in Slicer's Segment Editor, or None."""
        editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        return None if editor is None else editor.GetSelectedSegmentID() or None

    def later(self, function: Callable[[], None]) -> None:
        """Call a function once Slicer is through with the present event."""
        qt.QTimer.singleShot(0, function)

    def onEdit(self, node_id: str, change: SegmentationChange) -> None:
        node = slicer.mrmlScene.GetNodeByID(node_id)
        if node is None:
            return
        for candidate in self._measured_against(node):
            # Regions that were only placed anew are no edit.
            if not is_measured(candidate):
                mark_outdated(candidate)
        # A verdict must not seem to stand for voxels that it never saw.
        mark_outdated(node)
        if self.case is None:
            return
        if node is self.case.reference and self.case.candidate is not None:
            mark_outdated(self.case.candidate)
            self.announce()
        if node is self.case.candidate:
            if self.looking_away:
                count_look_away_edit(node)
            for callback in list(self._edit_observers):
                callback(change)

    def _measured_against(self, regions) -> list:
        """Return the segmentations whose background regions a node holds."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        return [node for node in nodes if background_of(node) is regions]

    def onSceneStartClose(self, _caller=None, _event=None) -> None:
        self._disconnect_case()
        self._stop_watches()
        self.worklist_case = None
        self.announce()

    def onSceneEndClose(self, _caller=None, _event=None) -> None:
        if self._connected:
            self.connect()

    def onSceneEndImport(self, _caller=None, _event=None) -> None:
        # The import may have brought other choices: read them again, once Slicer has resolved the imported references.
        self.later(self.onImported)

    def onImported(self) -> None:
        if self._connected:
            self.connect()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAboutToBeRemoved(self, _caller, _event, node=None) -> None:
        if node is None or slicer.mrmlScene.IsClosing():
            return
        watch = self._watches.pop(node.GetID(), None)
        if watch is not None:
            watch.stop()
        if node.IsA("vtkMRMLSegmentationNode"):
            if node.GetAttribute(MEASURED_ATTRIBUTE):
                for candidate in self._measured_against(node):
                    mark_outdated(candidate)
            remove_results(slicer.mrmlScene, node)
        for role in ROLES if self.case is not None else ():
            # A selector whose node is removed takes the next best one: the reference would become the candidate.
            if getattr(self.case, role) is node:
                setattr(self.case, role, None)

    def onNodeRemoved(self, _caller=None, _event=None) -> None:
        # Selectors tell only while the module is open.
        if self.case is not None and not slicer.mrmlScene.IsClosing():
            self.onCaseModified()

    def _disconnect_case(self) -> None:
        if self.case is not None:
            self.case.RemoveObserver(self._case_tag)
        self.case, self._chosen, self.protocol, self.protocol_fault = None, (), None, ""

    def _stop_watches(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()
