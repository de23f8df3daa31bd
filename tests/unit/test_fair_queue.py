"""The queue before the server's workers: short before long, the same for every client, never more than it holds."""

import pytest

from pipeline import ClearcutError
from server.fair_queue import FairQueue, Ticket


def serve(queue: FairQueue[Ticket]) -> list[tuple[str, float]]:
    """Client and cost of all that wait, in the order of their turns."""
    served = []
    while ticket := queue.take():
        served.append((ticket.client, ticket.cost))
    return served


def filled(*tickets: tuple[str, float]) -> FairQueue[Ticket]:
    queue: FairQueue[Ticket] = FairQueue(100)
    for client, cost in tickets:
        queue.add(Ticket(client, cost))
    return queue


def test_equals_are_served_as_they_came() -> None:
    queue: FairQueue[Ticket] = FairQueue(100)
    tickets = [Ticket("ann", 1) for _ in range(5)]
    for ticket in tickets:
        queue.add(ticket)
    assert [queue.take() for _ in tickets] == tickets and queue.take() is None


@pytest.mark.parametrize("others", ["ann", "ben"])
def test_the_short_comes_before_the_long(others: str) -> None:
    assert serve(filled((others, 12), ("ann", 1))) == [("ann", 1), (others, 12)]


def test_clients_take_turns_however_many_one_of_them_sends() -> None:
    served = serve(filled(*[("ann", 1)] * 10, ("ben", 1), ("ben", 1), ("eve", 1)))
    assert {client for client, _ in served[:3]} == {"ann", "ben", "eve"}
    assert served.index(("eve", 1)) < 3 and [client for client, _ in served[:6]].count("ben") == 2


def test_a_client_of_long_pictures_gets_the_same_time_as_one_of_short_ones() -> None:
    served = serve(filled(*[("ann", 10)] * 3, *[("ben", 1)] * 30))
    first = served[:12]
    assert 1 <= first.count(("ann", 10)) <= 2 and first.count(("ben", 1)) >= 10


@pytest.mark.parametrize("clients", [1, 7], ids=["of its own client", "of ever new clients"])
def test_a_long_picture_is_not_overtaken_for_ever(clients: int) -> None:
    names = ("ann" if clients == 1 else f"visitor {number}" for number in range(1000))
    queue = filled(("ann", 10), *((next(names), 1) for _ in range(7)))
    for name in names:
        queue.add(Ticket(name, 1))
        if queue.take().cost == 10:  # type: ignore[union-attr]
            return
    pytest.fail("it starved")


def test_who_has_taken_longer_than_thought_waits_longer() -> None:
    queue: FairQueue[Ticket] = FairQueue(100)
    queue.add(Ticket("ann", 1))
    first = queue.take()
    assert first
    queue.charge(first, 20)
    for client in ("ann", "ben", "ben"):
        queue.add(Ticket(client, 1))
    assert serve(queue) == [("ben", 1), ("ben", 1), ("ann", 1)]


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    queue: FairQueue[Ticket] = FairQueue(2, places=2)
    queue.add(Ticket("ann", 5))
    queue.add(Ticket("ben", 5))
    with pytest.raises(ClearcutError) as refused:
        queue.add(Ticket("eve", 5))
    assert refused.value.code == "busy" and refused.value.facts == {"waiting": 2, "retry_after": 6}
    assert len(queue) == 2


def test_in_a_full_queue_the_place_of_the_greediest_is_given_to_others() -> None:
    queue: FairQueue[Ticket] = FairQueue(3)
    anns = [Ticket("ann", 1) for _ in range(3)]
    for ticket in anns:
        queue.add(ticket)
    assert queue.add(Ticket("ben", 1)) in anns
    with pytest.raises(ClearcutError, match="busy"):
        queue.add(Ticket("ann", 1))
    assert sorted(client for client, _ in serve(queue)) == ["ann", "ann", "ben"]


def test_who_leaves_is_not_served() -> None:
    queue: FairQueue[Ticket] = FairQueue(3)
    leaving = Ticket("ann", 1)
    queue.add(leaving)
    queue.add(Ticket("ann", 2))
    assert queue.remove(leaving) and not queue.remove(leaving)
    assert serve(queue) == [("ann", 2)]
