"""A protocol that remembers which of its fields were read: only those can have changed what came of it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from SegQCLib.protocol import QCProtocol

_FIELDS = frozenset(f.name for f in fields(QCProtocol))


class WatchedProtocol(QCProtocol):
    """A protocol that stands for another in every way and remembers which of its top-level fields were read.

    Whatever looks at all fields at once, such as ==, hash(), repr(), vars(), copy and `dataclasses.replace`, has read them all.
    It equals a plain protocol of the same values, and has its hash.
    """

    __slots__ = ("_read",)

    _read: set[str]

    def __new__(cls, *_values: Any, **_named: Any) -> WatchedProtocol:
        # Before __init__, and in no __dict__ that would give it away as a field.
        own = super().__new__(cls)
        object.__setattr__(own, "_read", set())
        return own

    def __getattribute__(self, name: str) -> Any:
        if name in _FIELDS:
            object.__getattribute__(self, "_read").add(name)
        elif name == "__dict__":
            object.__getattribute__(self, "_read").update(_FIELDS)
        return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        # The comparison that dataclasses make is of one class only: a plain protocol of the same values would be another.
        return _values(self) == _values(other) if isinstance(other, QCProtocol) else NotImplemented

    __hash__ = QCProtocol.__hash__

    def __reduce__(self) -> tuple[type[QCProtocol], tuple[Any, ...]]:
        # copy would take the values past __getattribute__.
        return QCProtocol, _values(self)

    def __reduce_ex__(self, _version: int) -> tuple[type[QCProtocol], tuple[Any, ...]]:
        return self.__reduce__()


def watched(protocol: QCProtocol) -> WatchedProtocol:
    """Return a protocol of the same values of which no field was read yet."""
    own = WatchedProtocol.__new__(WatchedProtocol)
    # There is one for each step of each case: the values are valid already, and setting a frozen field takes long.
    values = vars(protocol)
    object.__getattribute__(own, "__dict__").update({name: values[name] for name in _FIELDS})
    return own


def fields_read(protocol: WatchedProtocol) -> frozenset[str]:
    """Return the names of the top-level fields that were read so far."""
    return frozenset(object.__getattribute__(protocol, "_read"))


def _values(protocol: QCProtocol) -> tuple[Any, ...]:
    return tuple(getattr(protocol, f.name) for f in fields(QCProtocol))
