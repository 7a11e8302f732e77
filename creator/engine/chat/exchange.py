"""Conversations: generators that yield questions and are sent the replies. They know nothing of networks.

A conversation's return value is its result. `converse` drives many of them over a desk at once; `replay` drives one
with the answers that are known already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

from creator.engine.chat.question import Answer, Question, Reply

T = TypeVar("T")
Conversation: TypeAlias = Generator[Question, Reply, T]


class Asks(Protocol):
    """Something that answers questions one at a time."""

    async def ask(self, question: Question) -> Reply:
        """The reply to a question."""
        ...


class AsksMany(Protocol):
    """Something that answers many questions in one go."""

    async def ask_all(self, questions: Sequence[Question]) -> Sequence[Reply]:
        """The replies, in the order of the questions."""
        ...


async def converse(
    conversations: Iterable[Conversation[T]], desk: Asks, width: int, done: Callable[[], None]
) -> list[T]:
    """Hold every conversation to its end.

    Args:
        conversations: in the order of the results.
        desk: answers the questions.
        width: conversations open at once.
        done: called after each.

    Returns:
        the results, in the order of the conversations.
    """
    results: dict[int, T] = {}
    waiting: Iterator[tuple[int, Conversation[T]]] = iter(enumerate(conversations))

    async def work() -> None:
        for number, conversation in waiting:
            results[number] = await _hold(conversation, desk)
            done()

    tasks = [asyncio.create_task(work()) for _ in range(width)]
    try:
        await asyncio.gather(*tasks)
    finally:  # the first failure ends all
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [results[number] for number in range(len(results))]


async def converse_in_rounds(
    conversations: Iterable[Conversation[T]], desk: AsksMany, done: Callable[[], None]
) -> list[T]:
    """The same where answers take hours: every conversation's next question in one round, then the next round.

    Args:
        conversations: in the order of the results.
        desk: answers the questions of a round.
        done: called after each conversation.

    Returns:
        the results, in the order of the conversations.
    """
    results: dict[int, T] = {}
    held: list[tuple[int, Conversation[T], Question]] = []
    count = 0
    for number, conversation in enumerate(conversations):
        count += 1
        try:
            held.append((number, conversation, next(conversation)))
        except StopIteration as end:
            results[number] = end.value
            done()
    while held:
        replies = await desk.ask_all([question for _, _, question in held])
        going = held
        held = []
        for (number, conversation, _), reply in zip(going, replies, strict=True):
            try:
                held.append((number, conversation, conversation.send(reply)))
            except StopIteration as end:
                results[number] = end.value
                done()
    return [results[number] for number in range(count)]


async def _hold(conversation: Conversation[T], desk: Asks) -> T:
    try:
        question = next(conversation)
        while True:
            question = conversation.send(await desk.ask(question))
    except StopIteration as end:
        return end.value


def replay(conversation: Conversation[T], known: Callable[[Question], Answer | None]) -> Question | T:
    """Go on with a conversation as far as known answers carry it.

    Returns:
        the first question without an answer, or the conversation's result.
    """
    try:
        question = next(conversation)
        while (answer := known(question)) is not None:
            question = conversation.send(answer)
    except StopIteration as end:
        return end.value
    return question
