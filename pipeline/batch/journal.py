"""The journal of a batch: which photos there are and what has come of each, in a file that survives ``kill -9``."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ..base.errors import ClearcutError, as_write_error
from ..pixels.names import clean_name, fold_name, name_cutout
from .items import LINK, Found, Source, stamp_all

FOLDER = ".clearcut"  # in the output folder
STATES = ("waiting", "made", "done", "failed")
State = Literal["waiting", "made", "done", "failed"]
LARGEST = (1 << 63) - 1  # number that SQLite takes
REFUSED = ("unsafe_name", "archive_bomb", "archive_locked", LINK)  # errors of what is never read
PAGE = 500  # items that are read at a time
Ending = Callable[[dict[str, Any], dict[str, str]], str]
COPY = "\0"  # before the number of a photo's copy, where the name of a member would stand
FULL = "full"  # what SQLite says of a full disk

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL, member BLOB NOT NULL, size INTEGER NOT NULL, offset INTEGER NOT NULL,
    name TEXT NOT NULL, target TEXT NOT NULL, folded TEXT NOT NULL UNIQUE,
    options TEXT NOT NULL, state TEXT NOT NULL, stamp TEXT NOT NULL,
    error TEXT, outcome TEXT, looks INTEGER NOT NULL DEFAULT 0, ours INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL, beside TEXT NOT NULL DEFAULT '{}',
    UNIQUE (path, member)
);
CREATE TABLE IF NOT EXISTS removed (number INTEGER PRIMARY KEY, revision INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_name ON items (name);
CREATE INDEX IF NOT EXISTS by_state ON items (state, number);
CREATE INDEX IF NOT EXISTS by_revision ON items (revision);
"""


@dataclass(frozen=True)
class BatchItem:
    """A photo of a batch, and what has come of it.

    Attributes
    ----------
    number
        From 1, in the order in which photos were found.
    source
        Where it is read from.
    name
        Its path in the batch.
    target
        The path of its cut-out in the output folder, with ``/``.
    options
        Those of its own, by name.
    beside
        Files of its own that go with it, as of `Found`.
    state
        ``waiting``; ``made``: its cut-out is written beside the target; ``done``; ``failed``.
    stamp
        That of the source and what goes with it, when they were read.
    error
        Why it failed.
    outcome
        What is told of the cut-out: JSON values by name.
    ours
        Whether its target was ever written, so that a file of that name is none of somebody else's.
    revision
        Grows with each change of any item: whoever knows the last one asks for what came after it.
    """

    number: int
    source: Source
    name: str
    target: str
    options: dict[str, Any] = field(default_factory=dict)
    state: State = "waiting"
    stamp: str = ""
    error: ClearcutError | None = None
    outcome: dict[str, Any] = field(default_factory=dict)
    ours: bool = False
    revision: int = 0
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        """Whether it is never read, whatever is done."""
        return self.error is not None and self.error.code in REFUSED

    @property
    def reasons(self) -> list[str]:
        """Why a person should look at it: codes."""
        return list(self.outcome.get("reasons", ()))


class Journal:
    """What is known of the batch in `folder`, the output folder. Safe for several threads.

    Raises
    ------
    ClearcutError
        ``disk_full``, ``write_failed``; of each method that writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self._lock = threading.RLock()
        self.abandoned: list[str] = []  # targets that were written and are no item's any more
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_write_error(error, folder.name) from None
        with self._telling():
            how: dict[str, Any] = {"check_same_thread": False, "isolation_level": None}
            self._database = sqlite3.connect(self.folder / "journal.sqlite", **how)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(TABLES)
            self._add_missing_columns()
            latest = "SELECT max(revision) FROM (SELECT revision FROM items UNION ALL SELECT revision FROM removed)"
            self._revision = int(self._database.execute(latest).fetchone()[0] or 0)

    def _add_missing_columns(self) -> None:
        """Those that a journal of an earlier version lacks."""
        there = [name for _, name, *_ in self._database.execute("PRAGMA table_info(items)")]
        if "beside" not in there:
            self._database.execute("ALTER TABLE items ADD COLUMN beside TEXT NOT NULL DEFAULT '{}'")

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether there is one in the output folder `folder`."""
        return (folder / FOLDER / "journal.sqlite").is_file()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    # ---- facts ------------------------------------------------------------------------------------------------------

    def get_fact(self, name: str) -> Any:
        """The JSON value of a fact about the whole batch; None without."""
        row = self._ask("SELECT value FROM facts WHERE name = ?", name).fetchone()
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        """Note a fact about the whole batch."""
        self._ask("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, json.dumps(value))

    # ---- photos -----------------------------------------------------------------------------------------------------

    def add(self, found: Iterable[Found], choose_ending: Ending) -> int:
        """Note photos that are not there yet, each with a target that no other has, and those that have changed.

        How many are to be done that were not before; none where `found` fails.

        Parameters
        ----------
        choose_ending
            Gives what a cut-out has after the photo's name, such as ``.png``, for options and files of a photo's own.
        """
        new = 0
        with self._lock, self._telling():
            self._database.execute("BEGIN")
            try:
                for each in found:
                    new += self._add(each, choose_ending(each.options, each.beside))
            except BaseException:
                self._database.execute("ROLLBACK")
                self.abandoned.clear()
                raise
            self._database.execute("COMMIT")
        return new

    def _add(self, found: Found, ending: str) -> bool:
        source = found.source
        name = found.name.encode("utf-8", "replace").decode()
        known = "SELECT * FROM items WHERE path = ? AND member = ?"
        if row := self._database.execute(known, _spread(source)[:2]).fetchone():
            return self._renew(_read_item(row), found, ending)
        if moved := self._find_moved(found, name):
            self._change(moved.number, path=_spread(source)[0])
            return self._renew(moved, found, ending)
        target = self._choose_target(name, ending)
        state, error = ("failed", _pack(found.error)) if found.error else ("waiting", None)
        self._revision += 1
        told = json.dumps(found.options), state, "", error, self._revision, json.dumps(found.beside)
        self._database.execute(
            "INSERT INTO items"
            " (path, member, size, offset, name, target, folded, options, state, stamp, error, revision, beside)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*_spread(source), name, target, fold_name(target), *told),
        )
        return True

    def _find_moved(self, found: Found, name: str) -> BatchItem | None:
        """The item of a photo that lay elsewhere before: of its name, gone from there, and cut out as it is now."""
        question = "SELECT * FROM items WHERE name = ? AND member = ?"
        rows = self._database.execute(question, (name, _spread(found.source)[1])).fetchall()
        gone = [item for item in map(_read_item, rows) if not item.source.stamp()]
        stamp = (found.stamp or stamp_all(found.source, found.beside)) if gone else ""
        return next((item for item in gone if item.state in ("waiting", "failed") or item.stamp == stamp), None)

    def _renew(self, item: BatchItem, found: Found, ending: str) -> bool:
        """Note what has changed of a photo that is there already; whether it is to be done that was not before."""
        source = found.source
        moved = (source.size, source.offset) != (item.source.size, item.source.offset)
        is_over = item.state in ("done", "failed") and not found.error
        now = (found.stamp or stamp_all(source, found.beside)) if is_over else item.stamp
        asked_otherwise = (found.options, found.beside) != (item.options, item.beside)
        if now in (item.stamp, "") and not asked_otherwise and not moved:
            return False
        self._change(item.number, size=source.size, offset=source.offset)
        if found.error:
            self.note_failed(item.number, found.error)
            return False
        self.set_waiting(item.number, found.options, found.beside)
        if asked_otherwise:
            self.rename_target(item.number, ending)
        return item.state != "waiting"

    def _choose_target(self, name: str, ending: str) -> str:
        return next(each for each in _list_targets(name, ending) if not self.is_target(each))

    def list_items(self, *states: State, after: int = 0, only_looks: bool = False) -> Iterator[BatchItem]:
        """Those in one of `states`, all without, beyond the number `after`; in order, read as they are needed."""
        after = max(0, min(after, LARGEST))
        marks = ", ".join("?" * len(states or STATES))
        looks = " AND looks > 0" if only_looks else ""
        question = f"SELECT * FROM items WHERE state IN ({marks}) AND number > ?{looks} ORDER BY number LIMIT {PAGE}"
        while rows := self._ask(question, *(states or STATES), after).fetchall():
            for row in rows:
                yield _read_item(row)
            after = rows[-1][0]

    def list_changes(self, since: int) -> list[BatchItem]:
        """Those that have changed after the revision `since`, at most `PAGE`, in the order in which they did."""
        since = min(since, LARGEST)
        question = f"SELECT * FROM items WHERE revision > ? ORDER BY revision LIMIT {PAGE}"
        return [_read_item(row) for row in self._ask(question, since).fetchall()]

    def list_removed(self, since: int) -> list[tuple[int, int]]:
        """Numbers of items that were removed after the revision `since`, each with that of its removal."""
        question = "SELECT number, revision FROM removed WHERE revision > ? ORDER BY revision"
        return [(number, revision) for number, revision in self._ask(question, since).fetchall()]

    @property
    def revision(self) -> int:
        """That of the latest change."""
        return self._revision

    def get(self, number: int) -> BatchItem | None:
        """The item of that number."""
        if not 0 < number < LARGEST:
            return None
        row = self._ask("SELECT * FROM items WHERE number = ?", number).fetchone()
        return None if row is None else _read_item(row)

    def count(self) -> dict[str, int]:
        """How many items are in each of `STATES`, and under ``looks`` how many a person should look at."""
        rows = self._ask(
            "SELECT state, count(*), sum(looks > 0 AND state = 'done') FROM items GROUP BY state"
        ).fetchall()
        counted = dict.fromkeys(STATES, 0) | {state: number for state, number, _ in rows}
        return counted | {"looks": sum(looks or 0 for _, _, looks in rows)}

    def list_own(self, option: str) -> list[str]:
        """The values that photos have of their own for an option."""
        found = self._ask("SELECT DISTINCT json_extract(options, ?) FROM items", f'$."{option}"').fetchall()
        return [str(value) for (value,) in found if value]

    def is_target(self, path: str) -> bool:
        """Whether a path in the output folder, with ``/``, is that of a cut-out of this batch."""
        return self._ask("SELECT 1 FROM items WHERE folded = ?", fold_name(path)).fetchone() is not None

    # ---- what comes of them -----------------------------------------------------------------------------------------

    def note_begun(self, number: int, *, ours: bool = False) -> None:
        """It is being worked on: whoever follows the changes hears of it. `ours`: its target may be there from now."""
        self._change(number, **({"ours": 1} if ours else {}))

    def note_made(self, number: int, stamp: str, outcome: dict[str, Any]) -> None:
        """The cut-out is written, beside its target."""
        told = {"outcome": json.dumps(outcome), "looks": len(outcome.get("reasons", ()))}
        self._change(number, state="made", stamp=stamp, error=None, ours=1, **told)

    def note_done(self, number: int) -> None:
        """The cut-out is in its place."""
        self._change(number, state="done")

    def note_failed(self, number: int, error: ClearcutError, stamp: str = "") -> None:
        """Nothing came of it."""
        self._change(number, state="failed", stamp=stamp, error=_pack(error), outcome=None, looks=0)

    def set_waiting(
        self, number: int, options: dict[str, Any] | None = None, beside: dict[str, str] | None = None
    ) -> None:
        """It is to be done anew, unless it is refused for good; with options and files of its own where given."""
        item = self.get(number)
        if item is None or item.is_refused:
            return
        given = {"options": options, "beside": beside}
        own = {name: json.dumps(value) for name, value in given.items() if value is not None}
        self._change(number, state="waiting", error=None, **own)

    def set_all_waiting(self, *states: State) -> None:
        """All of these `states` are to be done anew."""
        for item in list(self.list_items(*states)):
            self.set_waiting(item.number)

    def _change(self, number: int, **columns: Any) -> None:
        with self._lock:
            self._revision += 1
            columns["revision"] = self._revision
            names = ", ".join(f"{name} = ?" for name in columns)
            self._ask(f"UPDATE items SET {names} WHERE number = ?", *columns.values(), number)

    def rename_target(self, number: int, ending: str) -> None:
        """Give an item a target with another ending."""
        item = self.get(number)
        if item is not None and not item.target.endswith(ending):
            with self._lock:
                target = self._choose_target(item.name, ending)
                self._change(number, target=target, folded=fold_name(target), ours=0)
                if item.ours:
                    self.abandoned.append(item.target)

    def rename_targets(self, choose_ending: Ending) -> None:
        """Give every item the target that its options ask for now."""
        with self._lock, self._telling():
            question = "SELECT number, name, options, beside, target FROM items ORDER BY number"
            rows = self._database.execute(question).fetchall()
            taken: set[str] = set()
            self._database.execute("BEGIN")
            self._database.execute("UPDATE items SET folded = 'was ' || number")
            for number, name, options, beside, before in rows:
                ending = choose_ending(json.loads(options), json.loads(beside))
                target = next(each for each in _list_targets(name, ending) if fold_name(each) not in taken)
                taken.add(fold_name(target))
                update = "UPDATE items SET target = ?, folded = ?, ours = ours AND ? WHERE number = ?"
                self._database.execute(update, (target, fold_name(target), target == before, number))
            self._database.execute("COMMIT")

    def remove(self, number: int) -> None:
        """Forget it; its number is never given again."""
        with self._lock:
            self._revision += 1
            self._ask("DELETE FROM items WHERE number = ?", number)
            self._ask("INSERT OR REPLACE INTO removed VALUES (?, ?)", number, self._revision)

    def _ask(self, question: str, *values: Any) -> sqlite3.Cursor:
        with self._lock, self._telling():
            return self._database.execute(question, values)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code: Any = "disk_full" if FULL in str(error) else "write_failed"
            raise ClearcutError(code, name="journal.sqlite") from None


def _list_targets(name: str, ending: str) -> Iterator[str]:
    """Paths for the cut-out of a photo, the first choice first: ``a.png``, ``a_jpg.png``, ``a_2.png``."""
    path = PurePosixPath(name)
    folder = [clean_name(part) or "_" for part in path.parts[:-1]]
    for mark in chain(["", f"_{path.suffix[1:].lower()}"], (f"_{number}" for number in count(2))):
        yield "/".join([*folder, name_cutout(path.name, ending, mark)])


def _spread(source: Source) -> tuple[bytes, bytes, int, int]:
    """As a row has it: names of files are bytes, and not always text."""
    member = f"{COPY}{source.copy}" if source.copy else source.member
    return os.fsencode(source.path), os.fsencode(member), source.size, source.offset


def _pack(error: ClearcutError | None) -> str | None:
    return None if error is None else json.dumps([error.code, error.facts])


def _read_item(row: tuple[Any, ...]) -> BatchItem:
    number, path, member, size, offset, name, target, _, options, state, stamp, error, outcome, _, ours, *rest = row
    revision, beside = rest
    code, facts = json.loads(error) if error else (None, {})
    part, _, copy = os.fsdecode(member).partition(COPY)
    source = Source(os.fsdecode(path), part, size, offset, int(copy or 0))
    return BatchItem(
        number, source, name, target, json.loads(options), state, stamp,
        ClearcutError(code, **facts) if code else None, json.loads(outcome) if outcome else {}, bool(ours), revision,
        json.loads(beside),
    )  # fmt: skip
