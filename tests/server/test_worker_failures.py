"""Workers that fail, or do not come back, are replaced and counted; nobody waits for them for ever."""

import asyncio
import threading

import pytest

from featx.server.workers import Workers


class Panic(BaseException):
    """What a library in Rust raises: it is no Exception."""


class Failing:
    """A step that raises what it is given, and returns what it cannot raise."""

    max_batch = 4

    def __call__(self, items):
        for item in items:
            if isinstance(item, BaseException):
                raise item
        return items


class Held:
    """A step that goes on until it is let go."""

    max_batch = 1

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def __call__(self, items):
        self.begun.release()
        assert self.go.wait(30)
        return items


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [Panic("out of range"), SystemExit(3), KeyboardInterrupt()])
def test_what_is_no_exception_ends_a_worker_and_another_takes_its_place(error):
    async def ask():
        workers = Workers(1)
        for count in (1, 2, 3):
            with pytest.raises(RuntimeError, match=type(error).__name__) as raised:
                await workers.run(Failing(), [error])
            assert raised.value.__cause__ is error
            assert await workers.run(Failing(), ["fine"]) == ["fine"]
            assert (workers.restarts, workers.alive) == (count, 1)
        workers.close()

    asyncio.run(ask())


def test_the_others_of_a_batch_are_answered_although_one_ends_their_worker():
    async def ask():
        workers = Workers(1)
        step, items = Failing(), ["one", Panic("x"), "three", StopIteration()]
        answers = await asyncio.gather(
            *(workers.run(step, [item]) for item in items), return_exceptions=True
        )
        workers.close()
        return answers

    one, panic, three, stop = asyncio.run(ask())
    assert (one, three) == (["one"], ["three"])
    assert isinstance(panic, RuntimeError)
    assert isinstance(stop, RuntimeError)


def test_a_step_without_a_result_for_each_item_fails_and_its_worker_goes_on():
    class Short:
        max_batch = 2

        def __call__(self, items):
            return []

    async def ask():
        workers = Workers(1)
        with pytest.raises(RuntimeError, match="0 results of 1"):
            await workers.run(Short(), ["one"])
        assert await workers.run(Failing(), ["fine"]) == ["fine"]
        assert workers.restarts == 0
        workers.close()

    asyncio.run(ask())


@pytest.mark.slow
def test_a_worker_that_does_not_come_back_is_given_up():
    async def ask():
        workers, held = Workers(1, timeout=0.1), Held()
        lost = asyncio.create_task(workers.run(held, ["lost"]))
        await until(lambda: workers.alive == 0)
        async with asyncio.timeout(20):
            assert await workers.run(Failing(), ["next"]) == ["next"]
        assert (workers.restarts, workers.alive) == (1, 1)
        assert not lost.done()
        held.go.set()
        # It was late, and is answered all the same.
        assert await lost == ["lost"]
        workers.close()

    asyncio.run(ask())


@pytest.mark.slow
def test_those_that_are_given_up_are_limited_and_closing_waits_for_none_of_them():
    async def ask():
        workers, held = Workers(1, timeout=0.05), Held()
        tasks = [asyncio.create_task(workers.run(held, [k])) for k in range(6)]
        # One that was there first and two in its place; what they hold is held, and the third takes nothing.
        for _ in range(3):
            assert await asyncio.to_thread(held.begun.acquire, timeout=20)
        await until(lambda: workers.alive == 0 and workers.restarts == 2)
        assert not held.begun.acquire(blocking=False)
        await asyncio.wait_for(asyncio.to_thread(workers.close), 20)
        held.go.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(ask())


def test_a_call_of_many_items_does_not_hold_up_a_call_of_one():
    order = []

    class Noted(Failing):
        max_batch = 1

        def __call__(self, items):
            order.extend(items)
            return items

    async def ask():
        workers, held, step = Workers(1), Held(), Noted()
        first = asyncio.create_task(workers.run(held, ["first"]))
        assert await asyncio.to_thread(held.begun.acquire, timeout=20)
        many = asyncio.create_task(workers.run(step, [f"many {k}" for k in range(50)]))
        await asyncio.sleep(0)
        one = asyncio.create_task(workers.run(step, ["one"]))
        await asyncio.sleep(0)
        held.go.set()
        assert await many == [f"many {k}" for k in range(50)]
        await asyncio.gather(first, one)
        workers.close()

    asyncio.run(ask())
    assert order.index("one") <= 2
    assert [item for item in order if item != "one"] == [f"many {k}" for k in range(50)]
