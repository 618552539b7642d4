"""What every panel is: a widget from its .ui file, a standing, and the moments at which the module calls it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import slicer
from slicer.util import VTKObservationMixin


class Light(Enum):
    """How a step stands: what the light beside its heading shows."""

    WAITING = "waiting"  # something else has to be done first
    OPEN = "open"  # to be done
    OPTIONAL = "optional"  # may be done
    RUNNING = "running"
    DONE = "done"
    ATTENTION = "attention"  # done, with something to look at
    PROBLEM = "problem"  # not as it should be


@dataclass(frozen=True)
class Standing:
    """A step's light, and the same in a few words for its heading."""

    light: Light
    words: str

    @property
    def is_open(self) -> bool:
        """Whether this is what the reader should turn to."""
        return self.light in (Light.OPEN, Light.PROBLEM)


class Panel(VTKObservationMixin):
    """A step of the module's column.

    A panel is a file `<name>_panel.py` with a subclass, its `Resources/UI/<Name>Panel.ui`, and a line in PANELS.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
        Path of a file in the module's Resources.
    """

    UI: str

    def __init__(self, session, resource_path):
        VTKObservationMixin.__init__(self)
        self.session = session
        self.resource_path = resource_path
        self.widget = slicer.util.loadUI(resource_path(f"UI/{self.UI}"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)

    def title(self) -> str:
        """Return the step's name, translated."""
        raise NotImplementedError

    def standing(self) -> Standing:
        """Return how the step stands now. Called often: it looks, it does not work."""
        raise NotImplementedError

    def standingChanged(self) -> None:
        """Tell the column that `standing` has changed."""
        self.session.announceStanding()

    def onCaseChanged(self) -> None:
        """Follow a change of the session; also called once after every panel is built."""

    def enter(self) -> None:
        """The module was opened."""

    def exit(self) -> None:
        """Another module was opened."""

    def cleanup(self) -> None:
        """Remove observers, timers, shortcuts and event filters; nothing is called afterwards."""
        self.removeObservers()
