"""The server's workers: items of equal steps are worked on together, and each call gets its own results."""

import asyncio
import gc
import threading
import weakref
from dataclasses import dataclass, field

import pytest

from featx.server.workers import Workers


@dataclass(eq=False)
class BlockedStep:
    """A step that keeps what it was given, and waits for a sign before it answers."""

    max_batch: int = 3
    given: list = field(default_factory=list)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, items):
        self.given.append(list(items))
        self.begun.release()
        assert self.go.wait(20)
        return [item * 10 for item in items]


@dataclass(frozen=True)
class Named:
    """Steps that are equal where their names are."""

    name: str
    seen: list = field(compare=False)
    max_batch: int = 3

    def __call__(self, items):
        self.seen.append((self.name, list(items)))
        if "bad" in items:
            raise ValueError(f"bad among {len(items)}")
        return [f"{self.name}: {item}" for item in items]


async def busy(workers):
    """A step that keeps the only worker, and the task that waits for it."""
    step = BlockedStep()
    task = asyncio.create_task(workers.run(step, [1]))
    assert await asyncio.to_thread(step.begun.acquire, timeout=20)
    return step, task


def test_what_waits_for_equal_steps_is_worked_on_together_and_answered_apart():
    async def ask():
        workers, seen = Workers(1), []
        step, first = await busy(workers)
        tasks = [asyncio.create_task(workers.run(Named("a", seen), [k])) for k in range(3)]
        await asyncio.sleep(0)
        step.go.set()
        answers = await asyncio.gather(*tasks)
        assert await first == [10]
        workers.close()
        return seen, answers

    seen, answers = asyncio.run(ask())
    assert seen == [("a", [0, 1, 2])]
    assert answers == [["a: 0"], ["a: 1"], ["a: 2"]]


def test_a_step_says_how_much_it_takes_at_once():
    async def ask():
        workers, seen = Workers(1), []
        answers = await workers.run(Named("a", seen, max_batch=2), list(range(5)))
        workers.close()
        return seen, answers

    seen, answers = asyncio.run(ask())
    assert max(len(items) for _, items in seen) == 2
    assert answers == [f"a: {k}" for k in range(5)]


def test_other_steps_are_never_given_each_others_items():
    async def ask():
        workers, seen = Workers(1), []
        step, first = await busy(workers)
        tasks = [asyncio.create_task(workers.run(Named(name, seen), [name])) for name in "abab"]
        await asyncio.sleep(0)
        step.go.set()
        answers = [answer for [answer] in await asyncio.gather(first, *tasks)]
        workers.close()
        return seen, answers

    seen, answers = asyncio.run(ask())
    assert all(set(items) == {name} for name, items in seen)
    assert answers == [10, "a: a", "b: b", "a: a", "b: b"]


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_the_items_of_one_call_keep_their_order_over_several_workers(n):
    async def ask():
        workers = Workers(3)
        answers = await workers.run(Named("a", []), list(range(n)))
        workers.close()
        return answers

    assert asyncio.run(ask()) == [f"a: {k}" for k in range(n)]


def test_one_that_fails_fails_alone():
    async def ask():
        workers, seen = Workers(1), []
        step, first = await busy(workers)
        items = ["good", "bad", "fine"]
        tasks = [asyncio.create_task(workers.run(Named("a", seen), [item])) for item in items]
        await asyncio.sleep(0)
        step.go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await first
        workers.close()
        return answers

    good, bad, fine = asyncio.run(ask())
    assert (good, fine) == (["a: good"], ["a: fine"])
    assert isinstance(bad, ValueError)
    assert str(bad) == "bad among 1"


def test_what_nobody_waits_for_any_more_is_left_out():
    async def ask():
        workers, seen = Workers(1), []
        step, first = await busy(workers)
        given_up, waited = (
            asyncio.create_task(workers.run(Named("a", seen), [item])) for item in ("late", "kept")
        )
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        step.go.set()
        answer = await waited
        await first
        workers.close()
        return seen, answer

    assert asyncio.run(ask()) == ([("a", ["kept"])], ["a: kept"])


def test_what_was_given_up_holds_nothing_while_it_stands_in_the_queue():
    async def ask():
        workers = Workers(1)
        step, first = await busy(workers)
        item = Named("large", [])
        given_up = asyncio.create_task(workers.run(Named("a", []), [item]))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        held = weakref.ref(item)
        del item, given_up
        gc.collect()
        gone = held() is None
        step.go.set()
        await first
        workers.close()
        return gone

    assert asyncio.run(ask())


def test_a_worker_takes_no_more_than_the_weight_of_one_and_others_go_between():
    async def ask():
        workers, seen = Workers(1), []
        step, first = await busy(workers)
        heavy = workers.run(Named("heavy", seen), [f"h{k}" for k in range(6)], [1.0] * 6)
        light = workers.run(Named("light", seen), [f"l{k}" for k in range(3)], [0.5, 0.4, 0.3])
        tasks = [asyncio.create_task(each) for each in (heavy, light)]
        await asyncio.sleep(0)
        step.go.set()
        answers = await asyncio.gather(*tasks)
        await first
        workers.close()
        return seen, answers

    seen, answers = asyncio.run(ask())
    assert answers == [[f"heavy: h{k}" for k in range(6)], [f"light: l{k}" for k in range(3)]]
    assert max(len(items) for name, items in seen if name == "heavy") == 1
    # Two of the six were in the queue before the others.
    assert [name for name, _ in seen].index("light") == 2


def test_closing_waits_for_what_has_begun_and_drops_the_rest_and_they_start_again():
    async def ask():
        workers, seen = Workers(1), []
        step, begun = await busy(workers)
        waiting = asyncio.create_task(workers.run(Named("a", seen), ["never"]))
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(workers.close))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not closing.done()
        step.go.set()
        await closing
        assert await begun == [10]
        assert seen == []
        again = await workers.run(Named("a", seen), ["again"])
        workers.close()
        return again

    assert asyncio.run(ask()) == ["a: again"]


def test_workers_that_nobody_holds_end_by_themselves():
    def threads():
        return [thread for thread in threading.enumerate() if thread.name.startswith("serving_")]

    async def ask():
        return await Workers(2).run(Named("a", []), [1, 2, 3])

    before = set(threads())
    assert asyncio.run(ask()) == ["a: 1", "a: 2", "a: 3"]
    gc.collect()
    for thread in set(threads()) - before:
        thread.join(20)
        assert not thread.is_alive()
