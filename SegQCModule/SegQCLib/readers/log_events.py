"""The kinds of events in an edit log that times and provenance follow from, and their facts."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """Kinds that the Editing panel writes; other panels add kinds of their own. Stored: never rename one.

    A segment in the facts is an object with `id` and `name`: ids are random, and names can change.

    - logging_started: nothing. logging_stopped: nothing.
    - idle_limit: `seconds`, when the log begins and when the reader changes it.
    - context: `segment` (or null), `effect` (name of the Segment Editor's effect, or null), from now on.
    - activity: number of events of each kind (mouse, wheel, key, tablet) since the last one, at most once a second.
    - focus: `in_front`, whether the program is the one in front.
    - paused: `reason`. resumed: nothing.
    - waited: `seconds` until now in which the program did not answer.
    - candidate: `name` of the segmentation that is edited from now on (or null).
    - segments: `segments`, each with `algorithm_type` and `algorithm_name` (or null): how the candidate's stood when
      they were first met.
    - edit: `segments` (null: it can be any), `effect` (null: none was chosen), `looking_away` (true: the reader looked
      outside of the protocol's window).
    - undo_or_structure: `segments` (null: it can be any), `looking_away`. Undo, redo, segments added or removed.
    - voxels: `segments`, each with `voxels`, `draft_voxels`, `added`, `removed`, counted after an edit has ended.
    """

    STARTED = "logging_started"
    STOPPED = "logging_stopped"
    IDLE_LIMIT = "idle_limit"
    CONTEXT = "context"
    ACTIVITY = "activity"
    FOCUS = "focus"
    PAUSED = "paused"
    RESUMED = "resumed"
    WAITED = "waited"
    CANDIDATE = "candidate"
    SEGMENTS = "segments"
    EDIT = "edit"
    UNDO_OR_STRUCTURE = "undo_or_structure"
    VOXELS = "voxels"
