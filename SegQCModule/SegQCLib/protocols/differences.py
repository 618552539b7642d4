"""What differs between two versions of a protocol, in words, and whose earlier results it touches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from SegQCLib.case import Acquisition, Terminology
from SegQCLib.protocol import AllowedPlanes, AllowedTexts, LoadedProtocol, QCProtocol, Range, Structure
from SegQCLib.protocols.difference import Affects, Difference, DifferenceKind, ProtocolComparison
from SegQCLib.protocols.field_texts import FIELD_TEXTS, FieldText
from SegQCLib.protocols.item_texts import code_words, item_contents, item_title, names_words, value_words
from SegQCLib.protocols.matched_items import matched_items
from SegQCLib.record import ProtocolIdentity

# What a yes and a no mean now, where 'no -> yes' would be hard to read.
_SWITCHES = {
    "required": ("is required now", "is no longer required"),
    "is_lesion": ("counts as a lesion now: the limits of lesions apply", "no longer counts as a lesion"),
    "many": ("may have several segments now", "has one segment only now"),
    "agent_required": (
        "needs Contrast/Bolus Agent (0018,0010) in the header now",
        "no longer needs Contrast/Bolus Agent (0018,0010) in the header",
    ),
}


_ATTRIBUTES = {item.name: item.metadata["attribute"] for item in fields(Acquisition) if "attribute" in item.metadata}


@dataclass(frozen=True)
class _Place:
    """Where a value is, what a sentence about it begins with, and which earlier results depend on it."""

    path: str
    subject: str
    affects: Affects

    def at(self, name: str, text: FieldText) -> _Place:
        path = f"{self.path}.{name}" if self.path else name
        subject = f"{self.subject}: {text.label}" if self.subject else text.label[0].upper() + text.label[1:]
        return _Place(path, subject, text.affects or self.affects)

    def item(self, number: int, item: Any, parent: str) -> _Place:
        title = item_title(item)
        return _Place(f"{self.path}[{number}]", f"{parent}, {title}" if parent else title, self.affects)

    def difference(self, words: str, kind: DifferenceKind) -> Difference:
        return Difference(self.path, f"{self.subject}{words}", kind, self.affects)


def compare_protocols(old: LoadedProtocol, new: LoadedProtocol) -> ProtocolComparison:
    """Return all differences between two protocol files, with what is wrong with the new version's number."""
    differences = protocol_differences(old.protocol, new.protocol)
    return ProtocolComparison(
        "segqc-protocol-diff",
        "1.0",
        _identity(old),
        _identity(new),
        differences,
        version_remark(old.protocol, new.protocol, differences),
    )


def protocol_differences(old: QCProtocol, new: QCProtocol) -> tuple[Difference, ...]:
    """Return what differs between two protocols, in the order of the keys; () where both say the same.

    Structures are matched by their codes, else by name; windows, ratings, grades and AI tools by name; decisions and limits by
    measure and structures: never by their place. A name that changed is told once and not again where rules use it. A
    limit and its source are one difference, a source alone is one of the kind wording.
    """
    renamed = _renamed(old.structures, new.structures)
    return tuple(_fields(_with_names(old, renamed), new, _Place("", "", "texts")))


def version_remark(old: QCProtocol, new: QCProtocol, differences: Sequence[Difference]) -> str | None:
    """Return what is wrong with the version of `new`, a sentence; None where nothing is, or where it is another protocol."""
    if old.id != new.id:
        return None
    changed = any(difference.path != "version" for difference in differences)
    if old.version == new.version and changed:
        return f"The version is still {new.version} although the content changed: two protocols would go by one version. Raise it."
    before, now = _number(old.version), _number(new.version)
    if old.version != new.version and before is not None and now is not None and now < before:
        return f"The version went down, from {old.version} to {new.version}; are old and new the wrong way round?"
    return None


def _identity(loaded: LoadedProtocol) -> ProtocolIdentity:
    protocol = loaded.protocol
    return ProtocolIdentity(protocol.id, protocol.version, protocol.title, loaded.sha256)


def _number(version: str) -> tuple[int, ...] | None:
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d{1,9}(\.\d{1,9})*", version) else None


def _renamed(old: Sequence[Structure], new: Sequence[Structure]) -> dict[str, str]:
    if not old and not new:
        return {}
    return {old[m].name: new[n].name for m, n in matched_items(old, new).pairs if old[m].name != new[n].name}


def _with_names(protocol: QCProtocol, renamed: dict[str, str]) -> QCProtocol:
    """Return the protocol with new structure names wherever one is referred to, the structures' own names aside."""
    if not renamed:
        return protocol

    def all_of(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(renamed.get(name, name) for name in names)

    return replace(
        protocol,
        structures=tuple(replace(item, may_overlap=all_of(item.may_overlap)) for item in protocol.structures),
        windows=tuple(replace(item, structures=all_of(item.structures)) for item in protocol.windows),
        decisions=tuple(replace(item, structures=all_of(item.structures)) for item in protocol.decisions),
        technical_limits=tuple(replace(item, structures=all_of(item.structures)) for item in protocol.technical_limits),
        image_quality=tuple(
            replace(
                item,
                region=renamed.get(item.region, item.region),
                background=None if item.background is None else renamed.get(item.background, item.background),
            )
            for item in protocol.image_quality
        ),
    )


def _fields(old: Any, new: Any, place: _Place) -> Iterator[Difference]:
    texts = FIELD_TEXTS[type(new)]
    for item in fields(new):
        before, now = getattr(old, item.name), getattr(new, item.name)
        if before != now:
            yield from _value(before, now, place.at(item.name, texts[item.name]), texts[item.name], place)


def _value(old: Any, new: Any, place: _Place, text: FieldText, owner: _Place) -> Iterator[Difference]:
    name = place.path.rpartition(".")[2]
    given = old if new is None else new
    if isinstance(given, tuple):
        if any(is_dataclass(item) for item in (*old, *new)):
            yield from _list(old, new, place, owner.subject)
        elif name == "structures":
            yield _names(old, new, place, text, owner)
        else:
            yield _set(old, new, place, text)
    elif isinstance(given, Range | AllowedTexts | AllowedPlanes):
        yield _limit(old, new, place, text)
    elif isinstance(given, Terminology):
        yield _codes(old, new, place)
    elif is_dataclass(given) and (old is None or new is None):
        yield _came_or_went(old, new, replace(place, subject=item_title(given)))
    elif is_dataclass(given):
        yield from _fields(old, new, place)
    elif name in _SWITCHES:
        change = place.difference("", _kind(text, _stricter(text, old, new)))
        yield replace(change, words=f"{owner.subject} {_SWITCHES[name][0 if new else 1]}")
    else:
        yield _scalar(old, new, name, place, text)


def _scalar(old: Any, new: Any, name: str, place: _Place, text: FieldText) -> Difference:
    words = f": {value_words(old)} -> {value_words(new)}"
    if name == "source":
        return place.difference(f": {old} -> {new}; what is required stays", "wording")
    if name == "name" and place.affects == "segmentation":
        return place.difference(f"{words} (the codes stay; earlier records keep the old name)", "changed")
    if name in ("title", "purpose", "wording"):
        return place.difference(f": '{old}' -> '{new}'", "wording")
    if place.path == "id":
        return place.difference(f"{words}: these are two protocols, not two versions of one", "changed")
    return place.difference(words, _kind(text, _stricter(text, old, new)))


def _stricter(text: FieldText, old: Any, new: Any) -> tuple[bool, bool]:
    """Return (less is allowed now, more is allowed now) for a choice whose values go from lax to strict."""
    if not isinstance(text.stricter, tuple) or old not in text.stricter or new not in text.stricter:
        return True, True
    return text.stricter.index(new) > text.stricter.index(old), text.stricter.index(new) < text.stricter.index(old)


def _kind(text: FieldText, less_more: tuple[bool, bool]) -> DifferenceKind:
    """Return the kind of a change after which something that was allowed is not (less), or something else is now (more)."""
    less, more = less_more
    if text.stricter is None or less == more:
        return "changed"
    return "tighter" if less == (text.stricter != "more") else "looser"


def _limit(old: Any, new: Any, place: _Place, text: FieldText) -> Difference:
    if old is None or new is None:
        return _came_or_went(old, new, place)
    before, now = value_words(old), value_words(new)
    if replace(old, source=new.source) == new:
        words = f": the source was '{old.source}' and is now '{new.source}'; the limit stays, {now}"
        return replace(place, affects="texts").difference(words, "wording")
    if isinstance(new, AllowedTexts):
        narrowed = _covered(new.values, old.values), _covered(old.values, new.values)
        if narrowed == (True, True):
            words = f": the same values, written otherwise: {before} -> {now}"
            return replace(place, affects="texts").difference(words, "wording")
    elif isinstance(new, AllowedPlanes):
        narrowed = _within_planes(new, old), _within_planes(old, new)
        if narrowed == (True, True):
            return replace(place, affects="texts").difference(f": the same planes in another order: {now}", "wording")
    else:
        narrowed = _within(new, old), _within(old, new)
    if isinstance(new, AllowedTexts):
        return place.difference(f": {_came_and_went(old.values, new.values)} (source: {new.source})", _kind(text, narrowed))
    return place.difference(f": {before} -> {now} (source: {new.source})", _kind(text, narrowed))


def _came_and_went(old: Sequence[Any], new: Sequence[Any]) -> str:
    came, went = [_entry(value) for value in new if value not in old], [_entry(value) for value in old if value not in new]
    return "; ".join([f"now also {', '.join(came)}"] * bool(came) + [f"no longer {', '.join(went)}"] * bool(went))


def _entry(value: Any) -> str:
    # Facts that a study keeps uniform have names of record.json.
    return _ATTRIBUTES.get(str(value), str(value))


def _within(inner: Range, outer: Range) -> bool:
    if inner.unit != outer.unit:
        return False
    low = outer.minimum is None or (inner.minimum is not None and inner.minimum >= outer.minimum)
    return low and (outer.maximum is None or (inner.maximum is not None and inner.maximum <= outer.maximum))


def _within_planes(inner: AllowedPlanes, outer: AllowedPlanes) -> bool:
    return set(inner.values) <= set(outer.values) and inner.maximum_obliquity_deg <= outer.maximum_obliquity_deg


def _covered(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Return whether each pattern is one of others, or one of them allows all that it does, as Br* does for Br3*."""
    others = AllowedTexts(tuple(outer), "")
    return all(value.casefold() in map(str.casefold, outer) or ("[" not in value and value in others) for value in inner)


def _came_or_went(old: Any, new: Any, place: _Place) -> Difference:
    if new is None:
        if isinstance(old, Range | AllowedTexts | AllowedPlanes):
            return place.difference(f": {_limit_words(old)} -> {_no_limit(place)}", "removed")
        return place.difference(" is not asked for any more", "removed")
    if isinstance(new, Range | AllowedTexts | AllowedPlanes):
        return place.difference(f": {_no_limit(place)} -> {_limit_words(new)} (source: {new.source})", "added")
    return place.difference(f" is new: {_contents(new)}", "added")


def _limit_words(limit: Range | AllowedTexts | AllowedPlanes) -> str:
    return ", ".join(map(_entry, limit.values)) if isinstance(limit, AllowedTexts) else value_words(limit)


def _no_limit(place: _Place) -> str:
    return "nothing" if place.path.endswith(".reject") else "no limit"


def _contents(item: Any) -> str:
    contents, sources = item_contents(item), list(dict.fromkeys(_sources(item)))
    return f"{contents} (source: {'; '.join(sources)})" if sources else contents


def _sources(item: Any) -> Iterator[str]:
    for key in fields(item):
        value = getattr(item, key.name)
        if key.name == "source":
            yield value
        elif isinstance(value, Range):
            yield value.source


def _codes(old: Any, new: Any, place: _Place) -> Difference:
    changed = [
        f"{text.label} {_code(getattr(old, name))} -> {_code(getattr(new, name))}"
        for name, text in FIELD_TEXTS[type(new)].items()
        if getattr(old, name) != getattr(new, name)
    ]
    same = old.same_structure(new) and (old.category.scheme, old.category.value) == (new.category.scheme, new.category.value)
    words = f": {'; '.join(changed)}"
    if same:
        return replace(place, affects="texts").difference(f"{words}; the codes themselves stay", "wording")
    return place.difference(words, "changed")


def _code(code: Any) -> str:
    return "none" if code is None else code_words(code)


def _list(old: Sequence[Any], new: Sequence[Any], place: _Place, parent: str) -> Iterator[Difference]:
    matched = matched_items(old, new)
    for m, n in matched.pairs:
        if old[m] != new[n]:
            # Where its name changed, a sentence begins with the one that readers know.
            yield from _fields(old[m], new[n], place.item(n, old[m], parent))
    for n in matched.added:
        at = place.item(n, new[n], parent)
        yield at.difference(f" is new: {_contents(new[n])}", "added")
    for m in matched.removed:
        at = place.item(m, old[m], parent)
        went = "is no longer segmented" if isinstance(old[m], Structure) else "is removed"
        yield at.difference(f" {went} (before: {item_contents(old[m])})", "removed")
    if matched.is_reordered:
        yield replace(place, affects="texts").difference(": the same entries in another order", "wording")


def _names(old: Sequence[str], new: Sequence[str], place: _Place, text: FieldText, owner: _Place) -> Difference:
    if "*" in new and "*" not in old:
        change, less_more = "now for all structures", (True, False)
    elif "*" in old and "*" not in new:
        change, less_more = f"now only for {names_words(new)}, before for all structures", (False, True)
    else:
        came, went = [name for name in new if name not in old], [name for name in old if name not in new]
        if not came and not went:
            return replace(place, affects="texts").difference(": the same names in another order", "wording")
        parts = [f"now also for {', '.join(came)}"] if came else []
        parts += [f"no longer for {', '.join(went)}"] if went else []
        change, less_more = "; ".join(parts), (bool(came), bool(went))
    # A rule for more structures asks for more.
    kind: DifferenceKind = "changed" if text.stricter is None or all(less_more) else "tighter" if less_more[0] else "looser"
    return replace(place.difference("", kind), words=f"{owner.subject} {change}")


def _set(old: Sequence[Any], new: Sequence[Any], place: _Place, text: FieldText) -> Difference:
    if set(old) == set(new):
        return replace(place, affects="texts").difference(": the same entries in another order", "wording")
    less_more = not set(old) <= set(new), not set(new) <= set(old)
    return place.difference(f": {_came_and_went(old, new)}", _kind(text, less_more))
