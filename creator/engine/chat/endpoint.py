"""An OpenAI-compatible endpoint: one question out, one answer back, through the official client.

The client repeats what is worth repeating (408, 409, 429, 5xx, timeouts, broken connections) with jitter and obeys
Retry-After; here every attempt passes the gate, has a deadline over its whole body, and is counted. The key comes from
the environment and is shown nowhere; no text of the endpoint's reaches a message.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai

from creator.core.errors import EngineError, UsageError
from creator.engine.chat.budget import Prices
from creator.engine.chat.gate import AdaptiveGate, retry_after_s
from creator.engine.chat.question import Answer, NoAnswer, Question, Reply, Wording
from creator.engine.chat.reading import split_thought

TOO_MUCH = (429, 503)
FATAL = {
    401: "does not accept the key",
    402: "wants to be paid first",
    403: "does not allow this key to ask",
    404: "knows no such model or address",
}
LONGEST_WAIT_S = 120.0
"""The client does not wait longer than this for an endpoint that asks it to."""
_CODE = re.compile(r"\A[a-z_]{1,40}\Z")


@dataclass(slots=True)
class Traffic:
    """What went over the wire.

    Args:
        sent: requests, repetitions included.
        answered: answers received whole.
        refused: responses 429 and 503.
        failed: other responses of 400 and above.
        lost: attempts without a usable response: timeouts, broken connections, bodies cut short.
    """

    sent: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ask, from the environment.

    Args:
        base_url: OPENAI_BASE_URL; None for the client's own default.
        key: OPENAI_API_KEY; never shown.
    """

    base_url: str | None
    key: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> Address:
        """Read OPENAI_BASE_URL and OPENAI_API_KEY; an endpoint of one's own may need no key.

        Raises:
            UsageError: neither is set, or the address is none.
        """
        base_url = os.environ.get("OPENAI_BASE_URL", "").strip() or None
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if base_url is None and not key:
            raise UsageError(
                ["OPENAI_API_KEY is not set"],
                cure="set it, or OPENAI_BASE_URL to an endpoint that needs no key, in the environment",
            )
        try:
            parts = urlsplit(base_url or "https://api.openai.com/v1")
            valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(["OPENAI_BASE_URL: expected an address such as http://127.0.0.1:8000/v1"])
        return cls(base_url, key or "none")

    @property
    def host(self) -> str:
        """The endpoint's host, for messages: the address itself may hold a secret."""
        return urlsplit(self.base_url or "https://api.openai.com/v1").hostname or ""


class _Wire(openai.DefaultAsyncHttpxClient):
    """The HTTP client under the official one: every attempt passes the gate, has a deadline and is counted."""

    def __init__(self, gate: AdaptiveGate, traffic: Traffic, deadline_s: float, connections: int) -> None:
        super().__init__(
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=deadline_s,
        )
        self._gate, self._traffic, self._deadline_s = gate, traffic, deadline_s

    async def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
        async with self._gate.passage() as sent_at:
            self._traffic.sent += 1
            try:
                async with asyncio.timeout(self._deadline_s):  # a body that trickles in never reads as idle
                    response = await super().send(request, **kwargs)
            except TimeoutError:
                self._traffic.lost += 1
                raise httpx2.ReadTimeout("the answer took too long", request=request) from None
            except httpx2.RequestError:
                self._traffic.lost += 1
                raise
        self._weigh(response, request, sent_at)
        return response

    def _weigh(self, response: httpx2.Response, request: httpx2.Request, sent_at: float) -> None:
        if response.status_code in TOO_MUCH:
            self._traffic.refused += 1
            self._gate.refuse(sent_at, retry_after_s(response.headers, time.time()))
            if _error_code(response) == "insufficient_quota":
                response.headers["x-should-retry"] = "false"  # waiting brings no money
        elif response.status_code >= 400:
            self._traffic.failed += 1
        elif request.url.path.endswith("/chat/completions"):
            try:
                json.loads(response.content)
            except ValueError:  # the client would raise; sent again it may come whole
                self._traffic.lost += 1
                raise httpx2.RemoteProtocolError("the answer was cut short", request=request) from None
            self._traffic.answered += 1
            self._gate.welcome()


def _error_code(response: httpx2.Response) -> str:
    try:
        code = json.loads(response.content)["error"]["code"]
    except (ValueError, TypeError, KeyError):
        return ""
    return code if isinstance(code, str) and _CODE.match(code) else ""


class Endpoint:
    """Asks questions of one model.

    Args:
        address: where, and with which key.
        wording: what every request has in common.
        prices: of tokens.
        concurrency: requests out at once, at most.
        timeout_s: of one attempt, from sending to the last byte.
        retries: repetitions of one request, at most.
    """

    def __init__(
        self, address: Address, wording: Wording, prices: Prices, *, concurrency: int, timeout_s: float, retries: int
    ) -> None:
        self._address, self._wording, self._prices = address, wording, prices
        self.traffic = Traffic()
        self.gate = AdaptiveGate(concurrency)
        self.client = openai.AsyncOpenAI(
            api_key=address.key,
            base_url=address.base_url,
            max_retries=retries,
            timeout=timeout_s,
            http_client=_Wire(self.gate, self.traffic, timeout_s, concurrency),
        )

    async def ask(self, question: Question) -> Reply:
        """Ask once, repeating what is worth repeating.

        Returns:
            the answer, or why this question has none.

        Raises:
            EngineError: no question will be answered: the key, the model, the quota or the address is wrong.
        """
        body: dict[str, Any] = self._wording.body(question)
        try:
            made = await self.client.chat.completions.create(**body)
        except openai.APITimeoutError:
            return NoAnswer("endpoint: no answer in time")
        except openai.APIStatusError as error:
            return self._status(error)
        except openai.APIConnectionError:
            return NoAnswer("endpoint: no connection")
        except (openai.APIResponseValidationError, openai.OpenAIError, ValueError):
            return NoAnswer("endpoint: unreadable response")
        return read_completion(made.model_dump(), question.tokens, self._prices)

    def _status(self, error: openai.APIStatusError) -> NoAnswer:
        status, host = error.status_code, self._address.host
        if status in FATAL:
            raise EngineError(
                f"the endpoint at {host} {FATAL[status]}",
                got=f"HTTP {status}",
                cure="check OPENAI_API_KEY, OPENAI_BASE_URL and --model; answers so far are kept",
            )
        if status == 429 and _error_code(error.response) == "insufficient_quota":
            raise EngineError(
                f"the quota at {host} is used up", got="HTTP 429", cure="raise it and run the same command again"
            )
        wait = retry_after_s(error.response.headers, time.time())
        if status in TOO_MUCH and wait is not None and wait > LONGEST_WAIT_S:
            raise EngineError(
                f"the endpoint at {host} asks to be left alone for {wait:.0f} s",
                cure="run the same command again then; answers so far are kept",
            )
        return NoAnswer(f"endpoint: HTTP {status}")

    async def close(self) -> None:
        """Let the connections go."""
        await self.client.close()


def read_completion(made: object, estimate: int, prices: Prices) -> Reply:
    """A chat completion as an answer.

    Args:
        made: its JSON.
        estimate: tokens of the conversation, where the endpoint does not count them.
        prices: of tokens.
    """
    try:
        completion = cast(dict[str, Any], made)
        choice = completion["choices"][0]
        message: dict[str, Any] = choice["message"]
        content = message.get("content") or ""
        if not isinstance(content, str):
            return NoAnswer("endpoint: unreadable response")
    except (TypeError, KeyError, IndexError):
        return NoAnswer("endpoint: unreadable response")
    text, thought = split_thought(content)
    apart = message.get("reasoning_content") or message.get("reasoning") or ""
    if isinstance(apart, str) and apart:
        thought = "\n".join(part for part in (apart.strip(), thought) if part)
    usage = completion.get("usage") or {}
    tokens_in = _count(usage, "prompt_tokens", estimate)
    tokens_out = _count(usage, "completion_tokens", (len(content) + len(thought)) // 4)
    return Answer(
        text,
        thought,
        str(choice.get("finish_reason") or "stop"),
        bool(message.get("refusal")),
        tokens_in,
        tokens_out,
        prices.cost_usd(tokens_in, tokens_out),
    )


def _count(usage: object, name: str, otherwise: int) -> int:
    value = cast(dict[str, Any], usage).get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else otherwise
