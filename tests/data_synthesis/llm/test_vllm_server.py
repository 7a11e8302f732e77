"""The teacher against vLLM's own OpenAI server: real HTTP, real decoding under a schema, a model that knows nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from creator.models.new_llm import make_llm
from data_synthesis.llm.prompts import choice_question, profile_question, title_question
from tests.data_synthesis.llm.conftest import Outcome
from tests.domain import THINGS
from tests.vllm_server import counted, vllm_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CONTEXT_TOKENS = 8192
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write_babbler(folder: Path) -> Path:
    """A random Llama that closes what it opens: the marks that end a string, a list, an object outweigh the rest."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words = [f"{thing} for {activity}" for activity, things in THINGS.items() for thing in things]
    prompts = [m.text for q in (profile_question(words),) for m in q.messages]
    make_llm(folder, [*words, *prompts], width=64, layers=2, vocabulary=600, seed=3)
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    head = model.get_input_embeddings().weight.detach().clone()
    for token, row in tokenizer.get_vocab().items():
        if re.fullmatch(r'["\]},]+', token):
            head[row] *= 50  # a random head's logits are small: about 0.2 each
    model.config.tie_word_embeddings = False
    model.config.max_position_embeddings = CONTEXT_TOKENS
    model.lm_head.weight = torch.nn.Parameter(head)
    model.save_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_babbler(tmp_path_factory.mktemp("babbler"))
    with vllm_server(folder, context_tokens=CONTEXT_TOKENS) as address:
        yield address


def test_a_model_that_knows_nothing_gets_nothing_past_the_fact_check_and_the_totals_are_the_server_s(
    server: str, synthesize: Callable[..., Outcome]
) -> None:
    made = synthesize(f"{server}/v1", "--model", "tiny", "--limit", "3", "--heldout", "2", "--history", "12",
                      "--temperature", "1.0", "--concurrency", "4")  # fmt: skip
    assert made.status == 0
    assert len(made.rows) == 5
    assert not made.rows.duplicated(["user_id", "ad_id", "as_of"]).any()
    assert len(made.examples) == 0
    steps = made.rejected["reason"].str.partition(":")[0]
    assert set(steps) <= {"profile", "choice", "title", "correction", "facts", "form", "lead"}
    server_s = counted(server)
    assert made.facts["tokens_in"] == server_s["prompt_tokens_total"]
    assert made.facts["tokens_out"] == server_s["generation_tokens_total"]
    assert made.facts["answers"] == server_s["request_success_total"]


def test_answers_held_to_a_schema_are_of_that_schema(server: str) -> None:
    """Every answer that is not broken off reads as what was asked for: vLLM takes the schemas that are sent."""
    import asyncio

    from creator.engine.chat.budget import Prices
    from creator.engine.chat.endpoint import Address, Endpoint
    from creator.engine.chat.question import Answer, Question, Reply, Wording
    from creator.engine.chat.reading import UnusableAnswerError, read_answer
    from tests.data_synthesis.llm.test_prompts import AD, PROFILE

    def outcome(reply: Reply, question: Question) -> str:
        assert isinstance(reply, Answer)
        try:
            read_answer(reply, question.shape)
        except UnusableAnswerError as error:
            return str(error)
        return "read"

    async def ask() -> list[str]:
        endpoint = Endpoint(Address(f"{server}/v1", "none"), Wording("tiny", temperature=1.0), Prices(),
                            concurrency=4, timeout_s=120, retries=1)  # fmt: skip
        questions = [
            profile_question(["rope", "tent"]),
            choice_question(PROFILE, AD),
            title_question(PROFILE, AD, 1, ()),
        ]
        asked = [q for first in questions for q in (first, first.again(), first.again().again())]
        replies = await asyncio.gather(*(endpoint.ask(question) for question in asked))
        await endpoint.close()
        return [outcome(reply, question) for reply, question in zip(replies, asked, strict=True)]

    said = asyncio.run(ask())
    assert set(said) <= {"read", "broken off"}
    assert "read" in said
    assert len(said) == 9
