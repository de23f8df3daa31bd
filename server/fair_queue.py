"""The queue before the workers: bounded, fair between clients, short work before long."""

from dataclasses import dataclass, field
from math import ceil
from typing import Generic, TypeVar

from pipeline import ClearcutError


@dataclass(eq=False)
class Ticket:
    """A place in the queue.

    Attributes
    ----------
    client
        Who asks.
    cost
        How many seconds of a worker it is thought to take.
    arrived
        The queue's virtual time when it came.
    """

    client: str
    cost: float
    arrived: float = 0.0

    @property
    def order(self) -> float:
        """What counts among those of one client: the short ones come first, and none waits for ever."""
        return self.arrived + self.cost


AnyTicket = TypeVar("AnyTicket", bound=Ticket)


@dataclass
class FairQueue(Generic[AnyTicket]):
    """Weighted fair queueing: every client that waits gets the same share of the workers' time.

    The virtual time advances by what each client has been served. Whose next ticket would be finished earliest in it
    comes first. So a short one overtakes a long one, whoever has asked for little overtakes who has asked for much, and
    what has waited long enough is overtaken no more. Parekh and Gallager, https://doi.org/10.1109/90.234856.

    Parameters
    ----------
    most
        How many may wait.
    places
        How many are served at once.

    Examples
    --------
    >>> queue = FairQueue(most=8)
    >>> for cost in (9.0, 1.0):
    ...     queue.add(Ticket("ann", cost))
    >>> queue.take().cost
    1.0
    """

    most: int
    places: int = 1
    _waiting: dict[str, list[AnyTicket]] = field(default_factory=dict)
    _served: dict[str, float] = field(default_factory=dict)  # the virtual time up to which a client was served
    _now: float = 0.0

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def is_full(self, free: int = 0) -> bool:
        """Whether no more may wait, of whom `free` are about to be taken."""
        return len(self) >= self.most + free

    def add(self, ticket: AnyTicket, free: int = 0) -> AnyTicket | None:
        """Let `ticket` wait, of which `free` are about to be taken.

        In a full queue it takes the place of one whose client has more waiting, which is returned. Raises ``busy``
        where nobody has more.
        """
        pushed_out = self._make_room(ticket.client) if self.is_full(free) else None
        ticket.arrived = self._now
        self._waiting.setdefault(ticket.client, []).append(ticket)
        return pushed_out

    def take(self) -> AnyTicket | None:
        """The ticket whose turn it is, which waits no more; None where none does."""
        if not self._waiting:
            return None
        ticket = min((min(own, key=lambda each: each.order) for own in self._waiting.values()), key=self._finish)
        self._served[ticket.client] = self._finish(ticket)
        self._now += ticket.cost / len(self._waiting)
        self.remove(ticket)
        known = self._served.items()
        self._served = {client: time for client, time in known if time > self._now or client in self._waiting}
        return ticket

    def remove(self, ticket: AnyTicket) -> bool:
        """Whether `ticket` waited; it does no more."""
        own = self._waiting.get(ticket.client, [])
        if ticket not in own:
            return False
        own.remove(ticket)
        if not own:
            del self._waiting[ticket.client]
        return True

    def charge(self, ticket: AnyTicket, seconds: float) -> None:
        """Tell how long a ticket that was taken has really taken."""
        served = self._served.get(ticket.client, self._now) + seconds - ticket.cost
        if served > self._now:
            self._served[ticket.client] = served

    def explain_full(self) -> ClearcutError:
        """``busy``, with how long it takes until most of those that wait are served."""
        seconds = sum(ticket.cost for own in self._waiting.values() for ticket in own)
        return ClearcutError("busy", waiting=len(self), retry_after=1 + ceil(seconds / self.places))

    def _finish(self, ticket: AnyTicket) -> float:
        """The virtual time at which it would be done, were it taken next."""
        return max(self._served.get(ticket.client, 0.0), ticket.arrived) + ticket.cost

    def _make_room(self, client: str) -> AnyTicket:
        most: list[AnyTicket] = max(self._waiting.values(), key=len, default=[])
        if len(most) <= len(self._waiting.get(client, [])) + 1:
            raise self.explain_full()
        last = max(reversed(most), key=lambda each: each.order)
        self.remove(last)
        return last
