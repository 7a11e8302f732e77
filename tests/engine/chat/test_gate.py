"""The adaptive gate, with a clock of its own where time matters."""

import asyncio
import email.utils

import pytest

from creator.engine.chat.gate import AdaptiveGate, retry_after_s


def test_a_refusal_halves_the_width_once_for_a_burst_and_answers_widen_it_again() -> None:
    now = [0.0]
    gate = AdaptiveGate(16, lambda: now[0])
    now[0] = 5.0
    for _ in range(10):
        gate.refuse(sent_at=4.0, wait_s=None)
    assert gate.width == 8.0
    now[0] = 6.0
    gate.refuse(sent_at=5.5, wait_s=None)
    assert gate.width == 4.0
    for _ in range(4):
        gate.welcome()
    assert 4.9 < gate.width < 5.0  # four answers at width four: about one more
    for _ in range(1000):
        gate.welcome()
    assert gate.width == 16.0


def test_the_width_never_falls_below_one() -> None:
    now = [0.0]
    gate = AdaptiveGate(2, lambda: now[0])
    for second in range(1, 9):
        now[0] = float(second)
        gate.refuse(sent_at=second - 0.5, wait_s=None)
    assert gate.width == 1.0


def test_never_more_are_out_than_the_width() -> None:
    async def run() -> int:
        gate = AdaptiveGate(3)
        out = most = 0

        async def one() -> None:
            nonlocal out, most
            async with gate.passage():
                out += 1
                most = max(most, out)
                await asyncio.sleep(0.001)
                out -= 1

        await asyncio.gather(*(one() for _ in range(30)))
        return most

    assert asyncio.run(run()) == 3


def test_all_wait_as_long_as_the_endpoint_asks() -> None:
    async def run() -> float:
        gate = AdaptiveGate(4)
        gate.refuse(sent_at=float("inf"), wait_s=0.15)
        start = asyncio.get_running_loop().time()

        async def one() -> None:
            async with gate.passage():
                pass

        await asyncio.gather(*(one() for _ in range(8)))
        return asyncio.get_running_loop().time() - start

    assert asyncio.run(run()) >= 0.15


@pytest.mark.parametrize(
    ("value", "wait"),
    [("3", 3.0), ("0.5", 0.5), ("", None), ("soon", None), ("-1", None), ("nan", None), ("1e99", None)],
)
def test_retry_after_in_seconds(value: str, wait: float | None) -> None:
    assert retry_after_s({"retry-after": value}, 0.0) == wait


def test_retry_after_as_a_date() -> None:
    assert retry_after_s({"retry-after": email.utils.formatdate(1000.0, usegmt=True)}, 970.0) == pytest.approx(30.0)
