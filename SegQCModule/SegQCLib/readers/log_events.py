"""The kinds of events in a session log that times, provenance and reads follow from, and their facts."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """Kinds of events; panels add kinds of their own that nothing is computed from. Stored: never rename one.

    A segment in the facts is an object with `id` and `name`: ids are random, and names can change.

    Of the session:

    - logging_started: nothing. logging_stopped: nothing.
    - idle_limit: `seconds`, when the log begins and when the reader changes it.
    - context: `segment` (or null), `effect` (name of the Segment Editor's effect, or null), from now on.
    - activity: number of events of each kind (mouse, wheel, key, tablet) since the last one, at most once a second.
    - focus: `in_front`, whether the program is the one in front.
    - paused: `reason`. resumed: nothing.
    - waited: `seconds` until now in which the program did not answer.

    Of the case:

    - case_opened: `case`, `candidate` (where its candidate came from: a `case_files.Origin`).
    - case_finished: `case`: the reader is done with it. case_saved: `case`.
    - gate_confirmed: `volume`, `checks` (not passed), `reason`.
    - window_deviation, look_away: `rule`, `started`, `duration_s`, `count`, `window`, `level`, `unit`.
    - rating: `rating`, `grade`, `scale`, `not_assessable`, `comment`, `proposes_exclusion`.
    - slices_seen: `volume`, `slices` (count of the volume's slices along k), `seen`, a list of [first, last] index k,
      each slice that a view showed since the last such event, at most once a second (a view across the slices shows none);
      and `scrolled`, whether the reader changed a view's slice.

    Of the segmentation:

    - draft_imported: `algorithm`, `version`, `parameters`, `segments` and `known` (how many), `corrected` (names of those that the
      reader assigned), `maps` (how many), `source`, `sha256`, `source_kind`.
    - draft_shown: `algorithm`, `version` (each or null), `segments`: those that became visible to the reader for the first
      time in this log, or that the candidate began as. From now on what the reader draws of them is AI-anchored.
    - candidate: `name` of the segmentation that is edited from now on (or null).
    - candidate_started: `draft` (its name), `segments` (how many).
    - segments: `segments`, each with `algorithm_type` and `algorithm_name` (or null): how the candidate's stood when
      they were first met.
    - edit: `segments` (null: it can be any), `effect` (null: none was chosen), `looking_away` (true: the reader looked
      outside of the protocol's window).
    - undo_or_structure: `segments` (null: it can be any), `looking_away`. Undo, redo, segments added or removed; of one that
      was removed `name` is null.
    - voxels: `segments`, each with `voxels`, `draft_voxels`, `added`, `removed`, counted after an edit has ended.
    - segments_measured: `voxel_volume_mm3`, and `segments`, each with `voxels`, `draft_voxels`, `added`, `removed`,
      `added_path_length_mm` (null without a draft), `slices` [first, last] index k of draft and segment together (null: both
      empty), `accuracy` (Dice against the first reference, null without one or where these voxels were not evaluated),
      `expected_dice` and `threshold` (of the expected expert agreement, null where there is none). On the image's grid.
      Written after each evaluation and before case_finished; not if the segmentation was edited meanwhile.
    - technical_look: `errors`, `failures`. finding_viewed: `check`, `segment_ids`. finding_repaired: `check`, `repair`,
      `segment_id` and numbers. repair_undone: `segment_id`. finding_kept: `check`, `segment`, `message`, `reason`.
      finding_kept_no_longer: `check`, `segment`, `message`.
    - evaluated: `verdict`, `protocol`, `outdated`, and `findings`, a list of {`check`, `segment`, `status`} of all that
      are WARN or FAIL.

    Of training:

    - planted_error: one error that was planted into the draft of a training case, told when the case is finished and never
      before: `error` (a `planted_errors.PlantedErrorKind`), `segment`, `corrected` (0 to 1, of the planted voxels), `detected`,
      `seconds` (active time from the draft's first sight to the first edit that corrected it, null: not detected).
    - training_attempt: `course`, `case`, `mode` (practice, exam), `passed` (or null), `scores` (of str to number).
    - disagreement_decided: one decision in adjudication: `structure`, `component`, `order`, `decision` (accept, reject, undecided),
      `comment`.
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
    CASE_OPENED = "case_opened"
    CASE_FINISHED = "case_finished"
    CASE_SAVED = "case_saved"
    GATE_CONFIRMED = "gate_confirmed"
    WINDOW_DEVIATION = "window_deviation"
    LOOK_AWAY = "look_away"
    RATING = "rating"
    SLICES_SEEN = "slices_seen"
    DRAFT_IMPORTED = "draft_imported"
    DRAFT_SHOWN = "draft_shown"
    CANDIDATE = "candidate"
    CANDIDATE_STARTED = "candidate_started"
    SEGMENTS = "segments"
    EDIT = "edit"
    UNDO_OR_STRUCTURE = "undo_or_structure"
    VOXELS = "voxels"
    SEGMENTS_MEASURED = "segments_measured"
    TECHNICAL_LOOK = "technical_look"
    FINDING_VIEWED = "finding_viewed"
    FINDING_REPAIRED = "finding_repaired"
    REPAIR_UNDONE = "repair_undone"
    FINDING_KEPT = "finding_kept"
    FINDING_KEPT_NO_LONGER = "finding_kept_no_longer"
    EVALUATED = "evaluated"
    PLANTED_ERROR = "planted_error"
    TRAINING_ATTEMPT = "training_attempt"
    DISAGREEMENT_DECIDED = "disagreement_decided"
