"""What a module still holds: callbacks for VTK or Qt, timers, shortcuts and event filters. None may stay after cleanup."""

import gc
import sys
import types
import weakref
from collections import Counter

import shiboken6

OWN = ("SegQCLib", "SegQCModule")
COUNTED = {"QTimer": "timer", "QShortcut": "shortcut"}
_made = []  # weak references to the timers and shortcuts that module code made
_filters = []  # (address of the watched object, weak reference to the filter)


def _own(name):
    return str(name).partition(".")[0] in OWN


def note_made(obj, depth):
    """Remember a timer or shortcut if code of the module made it; called by every constructor."""
    kind = next((base.__name__ for base in type(obj).__mro__ if base.__name__ in COUNTED), None)
    if kind is not None and _own(sys._getframe(depth).f_globals.get("__name__", "")):
        _made.append((COUNTED[kind], weakref.ref(obj)))


def note_filter(watched, event_filter):
    _filters.append((shiboken6.getCppPointer(watched)[0], weakref.ref(event_filter)))


def forget_filter(watched, event_filter):
    address = shiboken6.getCppPointer(watched)[0]
    _filters[:] = [known for known in _filters if not (known[0] == address and known[1]() is event_filter)]


def _alive(reference):
    found = reference()
    return found if found is not None and shiboken6.isValid(found) else None


def held():
    """Return how many of each the module holds now, by what it is and where it comes from.

    A callback is a bound method of one of the module's objects: only an observer, a connection or a waiting call keeps it alive.
    """
    gc.collect()
    _made[:] = [known for known in _made if _alive(known[1]) is not None]
    _filters[:] = [known for known in _filters if _alive(known[1]) is not None]
    count = Counter()
    for found in gc.get_objects():
        if not isinstance(found, types.MethodType) or isinstance(found.__self__, type):
            continue
        kind = type(found.__self__)
        # Classes of C libraries may have no module. The module's own object lives as long as Slicer.
        home = getattr(kind, "__module__", "")
        if _own(home) and kind.__name__ != home:
            count[f"callback {kind.__name__}.{found.__func__.__name__}"] += 1
    for kind, _reference in _made:
        count[kind] += 1
    for _address, reference in _filters:
        event_filter = reference()
        if _own(type(event_filter).__module__):
            count[f"event filter {type(event_filter).__name__}"] += 1
    return count


def forget_all():
    _made.clear()
    _filters.clear()
