"""The command line of reporting checklists: segqc checklist."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.errors import BadDataError
from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.checklists.answers import ChecklistAnswers
    from SegQCLib.checklists.filled_checklist import FilledChecklist

# The page has the whole text.
_KNOWN_WIDTH = 200

_DESCRIPTION = """\
Reporting checklists for papers, filled with what SegQC's own files show: records, session logs, protocol, agreement of
readers, exported data set. Nothing is filled that no file shows; the rest is asked. Documentation/checklists.md.

  segqc checklist fill --checklist claim-2024 --records STUDY --logs "Session logs" --out claim
  segqc checklist answer claim/checklist.json --who "A. Author"
  segqc checklist export claim/checklist.json --answers claim/answers.json --out supplement"""

_ANSWER = """\
Ask the open questions one by one, those about annotation first, and keep each answer at once. Enter leaves a question for
later; "na: WHY" says that it does not apply; "q" stops. Every other text is the answer. Run it again to go on."""


def add_commands(commands: Any) -> None:
    """Add `checklist` and its actions to the subparsers of segqc."""
    checklist = commands.add_parser(
        "checklist",
        help="fill CLAIM, CLEAR or RIDGE with what SegQC's files show; ask the rest",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = checklist.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="the shipped checklists").set_defaults(run=_list)
    show = actions.add_parser("show", help="print items, how each was verified, and what is left out")
    show.add_argument("checklist", metavar="C", help="id, or a checklist's JSON file")
    show.set_defaults(run=_show)
    _add_fill(actions)
    answer = actions.add_parser(
        "answer",
        help="ask the open questions in the terminal",
        description=_ANSWER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    answer.add_argument("filled", type=Path, metavar="CHECKLIST.json", help="what segqc checklist fill wrote")
    answer.add_argument("--answers", type=Path, metavar="F", help="file of answers (default: answers.json beside it)")
    answer.add_argument("--who", required=True, metavar="NAME", help="who answers; it stays in the file of answers")
    answer.set_defaults(run=_answer)
    export = actions.add_parser("export", help="write page, table and methods paragraph of a filled checklist anew")
    export.add_argument("filled", type=Path, metavar="CHECKLIST.json", help="what segqc checklist fill wrote")
    export.add_argument("--answers", type=Path, metavar="F", help="file of answers to put in")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    export.set_defaults(run=_export)


def _add_fill(actions: Any) -> None:
    fill = actions.add_parser("fill", help="fill a checklist: checklist.json, checklist.html, checklist.csv, methods.txt")
    fill.add_argument("--checklist", required=True, metavar="C", help="id (segqc checklist list), or a checklist's JSON file")
    fill.add_argument("--records", type=Path, metavar="DIR", help="folder with outputs of segqc evaluate; folders below it count")
    fill.add_argument("--protocol", metavar="P", help="protocol id or file (default: the shipped one that all records name)")
    logs = fill.add_mutually_exclusive_group()
    logs.add_argument("--logs", type=Path, metavar="DIR", help="folder of the readers' session logs")
    logs.add_argument("--db", metavar="URL", help="in place of --logs: sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    fill.add_argument("--names", type=Path, metavar="FILE", help="file of names and secret that belongs to the database")
    fill.add_argument("--agreement", type=Path, metavar="FILE", help="agreement.json of segqc agreement --study")
    fill.add_argument("--dataset", type=Path, metavar="DIR", help="data set that segqc export nnunet wrote")
    fill.add_argument("--study", type=Path, metavar="FILE", help="uniformity of the images: what segqc study --json wrote")
    fill.add_argument("--quality", type=Path, metavar="FILE", help="image quality: what segqc quality study --json wrote")
    fill.add_argument("--answers", type=Path, metavar="FILE", help="answers that persons gave (segqc checklist answer)")
    fill.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    fill.set_defaults(run=_fill, usage_error=fill.error)


def _list(_options: argparse.Namespace) -> int:
    from SegQCLib.checklists.checklist import load_checklist, shipped_checklists

    for name in shipped_checklists():
        checklist = load_checklist(name)
        of_source = "a part of the source" if checklist.items_in_source is None else f"of {checklist.items_in_source}"
        annotation = sum(item.annotation for item in checklist.items)
        print(f"{name:12} {len(checklist.items):2} items, {of_source}; {annotation} about annotation. {checklist.title}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from SegQCLib.checklists.checklist import load_checklist

    checklist = load_checklist(options.checklist)
    print(f"{checklist.title}\n  {checklist.source}\n  {checklist.licence}")
    for name, one in checklist.verifications.items():
        print(f"  verified by {name} ({one.how}): {one.source}")
    section = None
    for item in checklist.items:
        if item.section != section:
            section = item.section
            print(f"\n{section}")
        marks = ["annotation"] if item.annotation else []
        marks += [f"filled from: {', '.join(item.fillers)}"] if item.fillers else []
        told = f" [{'; '.join(marks)}]" if marks else ""
        print(f"  {item.number:>5}  {item.topic}{told}")
    if checklist.left_out:
        print("\nLeft out, because number and topic could not be verified from a public text:")
        for one in checklist.left_out:
            print(f"  {one.number}: {one.why}")
    return 0


def _fill(options: argparse.Namespace) -> int:
    from SegQCLib.checklists.answers import read_answers, template, with_answers
    from SegQCLib.checklists.checklist import load_checklist
    from SegQCLib.checklists.checklist_files import write_checklist
    from SegQCLib.checklists.fill import fill_checklist
    from SegQCLib.checklists.kept_answers import ANSWERS_NAME
    from SegQCLib.checklists.study_facts import collect_facts
    from SegQCLib.output import require_writable, write_files

    names = ("records", "protocol", "logs", "db", "agreement", "dataset", "study", "quality")
    if all(getattr(options, name) is None for name in names):
        options.usage_error(f"give something to fill it from: {', '.join(f'--{name}' for name in names)}.")
    checklist = load_checklist(options.checklist)
    answers = None if options.answers is None else read_answers(options.answers, checklist.questions())
    require_writable(options.out)
    progress = terminal_progress()
    facts = collect_facts(
        records=options.records,
        protocol=options.protocol,
        logs=options.logs,
        database=options.db,
        names=options.names,
        agreement=options.agreement,
        dataset=options.dataset,
        consistency=options.study,
        quality=options.quality,
        progress=progress,
    )
    progress("Done", 1.0)
    filled = fill_checklist(checklist, facts)
    shown = filled if answers is None else with_answers(filled, answers)
    write_checklist(shown, options.out)
    for text in facts.unreadable:
        say(text)
    for text in () if facts.reads is None else facts.reads.left_out:
        say(text)
    _tell(shown, options.out)
    to_complete = options.out / ANSWERS_NAME
    if answers is None and not to_complete.exists():
        write_files(options.out, {ANSWERS_NAME: template(shown).to_json()})
        print(f"  to complete: {to_complete} in an editor, or: segqc checklist answer {options.out / 'checklist.json'} --who NAME")
    elif answers is None:
        say(f"{to_complete} is there from before and was left as it is; put it in with --answers.")
    return 0


def _answer(options: argparse.Namespace) -> int:
    from SegQCLib.checklists.answers import open_items, with_answers
    from SegQCLib.checklists.checklist_files import write_checklist
    from SegQCLib.checklists.filled_checklist import read_filled_checklist
    from SegQCLib.checklists.kept_answers import ANSWERS_NAME, keep_answer, kept_answers

    if not options.who.strip():
        raise BadDataError("--who", "is empty.", "Say who answers.")
    filled = read_filled_checklist(options.filled)
    path = options.answers or options.filled.parent / ANSWERS_NAME
    questions = {item.question.id: item.question for item in filled.items}
    answers = kept_answers(path, questions)
    filled = with_answers(filled, answers)
    asked = open_items(filled)
    for n, item in enumerate(asked, 1):
        print(f"\n{n} of {len(asked)}. Item {item.number}{' (annotation)' if item.annotation else ''}: {item.topic}")
        for one in item.reported:
            print(f"  known: {textwrap.shorten(one.text, _KNOWN_WIDTH, placeholder=' ...')}")
        for text in item.missing:
            print(f"  missing: {text}")
        answered = _asked(answers, item.question, options.who, partial(keep_answer, path, questions))
        if answered is None:
            break
        answers = answered
    filled = with_answers(filled, answers)
    write_checklist(filled, options.filled.parent)
    print()
    _tell(filled, options.filled.parent)
    print(f"  answers: {path}")
    return 0


def _asked(answers: ChecklistAnswers, question: Any, who: str, keep: Callable[..., ChecklistAnswers]) -> ChecklistAnswers | None:
    """Return the answers with one more, the same ones where the question is left for later, None to stop."""
    print(f"  {question.text}")
    for n, choice in enumerate(question.choices, 1):
        print(f"    {n}  {choice}")
    while True:
        print("> ", end="", flush=True)
        line = sys.stdin.readline()
        text = line.strip()
        if not line or text == "q":
            return None
        if not text:
            return answers
        not_applicable = text.casefold().startswith("na:")
        value = text[3:].strip() if not_applicable else text
        if question.choices and value.isdigit() and 1 <= int(value) <= len(question.choices):
            value = question.choices[int(value) - 1]
        try:
            return keep(question, value, who, not_applicable=not_applicable)
        except ValueError as error:
            print(f"  {error}")


def _export(options: argparse.Namespace) -> int:
    from SegQCLib.checklists.answers import read_answers, with_answers
    from SegQCLib.checklists.checklist_files import write_checklist
    from SegQCLib.checklists.filled_checklist import read_filled_checklist

    filled = read_filled_checklist(options.filled)
    if options.answers is not None:
        questions = {item.question.id: item.question for item in filled.items}
        filled = with_answers(filled, read_answers(options.answers, questions))
    write_checklist(filled, options.out)
    _tell(filled, options.out)
    return 0


def _tell(filled: FilledChecklist, folder: Path) -> None:
    from SegQCLib.checklists.checklist_files import CSV_NAME, METHODS_NAME, PAGE_NAME
    from SegQCLib.checklists.filled_checklist import ItemState

    counts = Counter(item.state for item in filled.items)
    said = ", ".join(f"{counts[state]} {state}" for state in ItemState if counts[state])
    for note in filled.notes:
        say(note)
    print(f"{'SIMULATED: ' if filled.simulated else ''}{filled.checklist}, {len(filled.items)} items: {said}.")
    for item in filled.missing_annotation:
        print(f"  annotation item {item.number} is open ({item.state}): {item.topic}")
    print(f"  page:    {folder / PAGE_NAME}\n  table:   {folder / CSV_NAME}\n  methods: {folder / METHODS_NAME}")
