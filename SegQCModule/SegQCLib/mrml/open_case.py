"""A worklist's case that is open in the scene, and what of the reader's work on it is saved."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path

from slicer import vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.case_files import CandidateOrigin, OpenedCase, Work
from SegQCLib.mrml.case_nodes import add_case, copy_for_saving, remove_case, texts_of, work_stamp


@dataclass(frozen=True, eq=False)
class WorkCopy:
    """The reader's work at one moment, and how to recognise that moment."""

    work: Work
    stamp: Hashable


class OpenCase:
    """A case of a worklist in the scene.

    Parameters
    ----------
    scene : vtkMRMLScene
    opened : OpenedCase
        Its nodes are added.

    Attributes
    ----------
    opened : OpenedCase
    folder : Path
        Where the reader's work goes.
    nodes : CaseNodes
        Candidate and draft are the ones that the reader has chosen.
    """

    def __init__(self, scene: vtkMRMLScene, opened: OpenedCase) -> None:
        self.opened = opened
        self.folder = opened.folder
        self._scene = scene
        self._added = self.nodes = add_case(scene, opened)
        # What was kept automatically is not saved yet.
        self._saved: Hashable = None if opened.origin is CandidateOrigin.AUTOSAVED else self._stamp()
        self._kept: Hashable = self._stamp()
        self._saved_draft = self._draft_stamp()

    def choose(self, candidate: vtkMRMLSegmentationNode | None, draft: vtkMRMLSegmentationNode | None) -> None:
        """Follow the reader's choice; without a candidate the work on the one before is what there is to save."""
        self.nodes = replace(self.nodes, candidate=candidate or self.nodes.candidate, draft=draft)

    def move(self, folder: Path) -> None:
        """Save to another folder from now on; everything counts as unsaved there."""
        self.folder, self._saved, self._kept, self._saved_draft = folder, None, None, None

    @property
    def is_unsaved(self) -> bool:
        """Whether there is work that is not in the reader's saved files."""
        return self._scene.IsNodePresent(self.nodes.candidate) and self._stamp() != self._saved

    @property
    def is_unkept(self) -> bool:
        """Whether there is work that was neither saved nor kept automatically."""
        return self.is_unsaved and self._stamp() != self._kept

    def copy(self) -> WorkCopy:
        """Return the work as it is now, for a thread to write.

        Raises
        ------
        BadDataError
            If the segments cannot be brought onto the image's grid.
        """
        draft = None if self._draft_stamp() == self._saved_draft else self.nodes.draft
        source = self.opened.image.source
        work = Work(
            folder=self.folder,
            candidate=copy_for_saving(self.nodes.candidate, self.nodes.volume),
            image_sha256=None if source is None else source.sha256,
            draft=None if draft is None else copy_for_saving(draft, self.nodes.volume),
            texts=texts_of(self.nodes),
        )
        return WorkCopy(work, self._stamp())

    def mark_saved(self, copy: WorkCopy) -> None:
        self._saved = copy.stamp
        if copy.work.draft is not None:
            self._saved_draft = copy.stamp[1]

    def mark_kept(self, copy: WorkCopy) -> None:
        self._kept = copy.stamp

    def remove(self) -> None:
        """Remove the case's nodes, the chosen candidate and draft among them."""
        remove_case(self._scene, self.nodes)
        remove_case(self._scene, self._added)

    def _stamp(self) -> tuple[Hashable, Hashable, Hashable]:
        texts = tuple(sorted((name, text or "") for name, text in texts_of(self.nodes).items()))
        return (work_stamp(self.nodes.candidate), self._draft_stamp(), texts)

    def _draft_stamp(self) -> Hashable:
        draft = self.nodes.draft
        return None if draft is None or not self._scene.IsNodePresent(draft) else (draft.GetID(), work_stamp(draft))
