"""Work that runs ahead in a thread of its own, so that decoding, networks, edges and encoding overlap."""

import threading
from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
Ahead = Generator[Item, None, None]
END = object()
PATIENCE = 0.1  # seconds after which a waiting thread looks whether it is still wanted


def run_ahead(items: Iterable[Item], most: int = 1) -> Ahead[Item]:
    """The same items, made by a thread that is at most so many ahead: memory stays bounded.

    An error is raised where its item would be. When the iterator is closed the thread ends and `items` are closed.

    >>> list(run_ahead(range(3)))
    [0, 1, 2]
    """
    made: Queue[tuple[object, BaseException | None]] = Queue(most)
    unwanted = threading.Event()

    def hand_over(item: object, error: BaseException | None = None) -> bool:
        while not unwanted.is_set():
            try:
                made.put((item, error), timeout=PATIENCE)
                return True
            except Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not hand_over(item):
                    break
            hand_over(END)
        except BaseException as error:  # whoever asks for the item is told
            hand_over(END, error)
        finally:
            if close := getattr(items, "close", None):
                close()

    thread = threading.Thread(target=make, name="clearcut-video", daemon=True)
    thread.start()
    try:
        while True:
            item, error = _take(made)
            if error:
                raise error
            if item is END:
                return
            yield item  # type: ignore[misc]
    finally:
        unwanted.set()
        thread.join()


def _take(made: "Queue[tuple[object, BaseException | None]]") -> tuple[object, BaseException | None]:
    """The next item; waits in short turns, so that Ctrl+C is heard on every system."""
    while True:
        try:
            return made.get(timeout=PATIENCE)
        except Empty:
            continue
