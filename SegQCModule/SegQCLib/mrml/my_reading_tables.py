"""A reader's own reads and their courses as table nodes."""

from __future__ import annotations

from slicer import vtkMRMLScene, vtkMRMLTableNode

from SegQCLib.mrml.my_reading_nodes import add_own_node, remove_own_nodes
from SegQCLib.mrml.text_table import fill_text_table
from SegQCLib.my_reading.own_reading import OwnReading
from SegQCLib.my_reading.read_rows import ReadRow
from SegQCLib.my_reading.row_texts import COURSE_TITLES, READ_TITLES, course_texts, read_texts
from SegQCLib.my_reading.structure_course import StructureCourse

_ROLE = "table "


def write_reading_tables(scene: vtkMRMLScene, own: OwnReading) -> tuple[vtkMRMLTableNode, vtkMRMLTableNode]:
    """Write all reads, and the structures with their trends, in place of earlier ones; return both tables.

    Values are text, because a number column cannot hold "undefined": such a cell is a dash.
    """
    remove_own_nodes(scene, _ROLE)
    mark = "SIMULATED: " if own.simulated else ""
    reads = add_own_node(scene, "vtkMRMLTableNode", f"{mark}My reading, reads", f"{_ROLE}reads", own.reader)
    fill_text_table(reads, ReadRow, READ_TITLES, map(read_texts, own.rows))
    courses = add_own_node(scene, "vtkMRMLTableNode", f"{mark}My reading, structures", f"{_ROLE}structures", own.reader)
    fill_text_table(courses, StructureCourse, COURSE_TITLES, map(course_texts, own.courses))
    return reads, courses
