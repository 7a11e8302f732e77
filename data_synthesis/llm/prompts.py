"""The prompts, one for each step of method 2, with what each must answer. A changed wording is a new version.

The versions are part of every question's identity and stand in the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from creator.core.data import read_profile
from creator.core.records import Ad
from creator.engine.chat.ads import MOST_POINTS, ad_data
from creator.engine.chat.fence import RULE, escaped, fence
from creator.engine.chat.question import Message, Question
from data_synthesis.llm.material import history_lines
from data_synthesis.rewrite import MOST_CHARACTERS, most_words

VERSIONS = {"profile": "profile-1", "choice": "choice-1", "title": "title-1", "correction": "correction-1"}
PROMPT_VERSION = "+".join(VERSIONS.values())
LONG_TERM, SHORT_TERM, OTHERS, LINES = 8, 3, 4, 10


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Shown(_Strict):
    """Something about a reader, and the lines of the history that show it."""

    what: str
    lines: Annotated[list[int], Field(max_length=LINES)]


class ProfileAnswer(_Strict):
    """Step 1."""

    long_term: Annotated[list[Shown], Field(max_length=LONG_TERM)]
    short_term: Annotated[list[Shown], Field(max_length=SHORT_TERM)]
    preferences: Annotated[list[Shown], Field(max_length=OTHERS)]
    needs: Annotated[list[Shown], Field(max_length=OTHERS)]


class ChoiceAnswer(_Strict):
    """Step 2."""

    reason: str
    points: Annotated[list[int], Field(max_length=MOST_POINTS)]


class TitleAnswer(_Strict):
    """Step 3, and the correction."""

    title: str


_RULES = f"You help to write truthful personal titles for ads. {RULE}"

_PROFILE = """Below is what one person did, the latest last: numbered lines with an item, how often, if recently.

{history}

Describe this person's interests as a shop would, each in two to five words, the strongest first:
- long_term: at most {long} lasting interests
- short_term: at most {short} interests that the recent lines show
- preferences: at most {others} ways in which the person chooses (a kind, a size, a style)
- needs: at most {others} things that what was bought calls for
For each, `lines` are the numbers of at most {lines} lines that show it. Leave out whatever no line shows; empty lists
are fine.
Say nothing about age, sex, health, religion, origin, politics, orientation, family, money or place."""

_CHOICE = """A reader and an ad.

{profile}

{ad}

Which of the ad's numbered selling points would this reader care about, going by the profile alone?
`points`: their numbers, the best first, only those that something in the profile speaks for; an empty list if none is.
`reason`: one short sentence that names what in the profile decides."""

_TITLE = """A reader and an ad.

{profile}

{ad}

Write one title for this ad in the ad's language. It opens with selling point {lead}{others} and then says what the
ad's own title offers.
- Nothing that the ad does not say: no other number, unit, brand, benefit, place, date or superlative; conditions stay.
- At most {words} words and {characters} characters; vivid, a finished phrase.
- It does not speak about the reader: no age, sex, health, religion, origin, money, family or place.
- It is not the ad's own title again."""

_CORRECTION = """That title cannot be used. What was found, as data:

{findings}

Write the title again so that none of this is left; all the rules above stay."""


def profile_question(titles: Sequence[str]) -> Question:
    """Step 1: what does a history show?

    Args:
        titles: item titles of the history, oldest first.
    """
    lines = history_lines(titles)
    text = _PROFILE.format(
        history=fence("history", lines), long=LONG_TERM, short=SHORT_TERM, others=OTHERS, lines=LINES
    )
    numbers = tuple(range(1, len(lines) + 1))
    return _question("profile", (Message("user", text),), ProfileAnswer, 1500, (("lines", numbers),))


def choice_question(profile: str, ad: Ad) -> Question:
    """Step 2: which selling points suit the reader?

    Args:
        profile: the profile's JSON text.
        ad: the ad.
    """
    text = _CHOICE.format(profile=fence("profile", read_profile(profile)), ad=fence("ad", ad_data(ad)))
    numbers = tuple(range(1, min(len(ad.selling_points), MOST_POINTS) + 1))
    return _question("choice", (Message("user", text),), ChoiceAnswer, 500, (("points", numbers),))


def title_question(profile: str, ad: Ad, lead: int, others: Sequence[int]) -> Question:
    """Step 3: the title.

    Args:
        profile: the profile's JSON text.
        ad: the ad.
        lead: number of the selling point to open with, from 1.
        others: numbers of further points that suit the reader.
    """
    also = f", may use {' or '.join(map(str, others))} as well," if others else ""
    text = _TITLE.format(
        profile=fence("profile", read_profile(profile)),
        ad=fence("ad", ad_data(ad)),
        lead=lead,
        others=also,
        words=most_words(ad),
        characters=MOST_CHARACTERS,
    )
    return _question("title", (Message("user", text),), TitleAnswer, 300)


def correction_question(asked: Question, title: str, findings: Sequence[dict[str, object]]) -> Question:
    """The corrective round: the same conversation, with what was found in the title.

    Args:
        asked: the question that the title answered.
        title: the title.
        findings: the words at fault, what is wrong with them, and what the ad says.
    """
    turns = (
        *asked.messages[1:],
        Message("assistant", escaped({"title": title})),
        Message("user", _CORRECTION.format(findings=fence("findings", findings))),
    )
    return _question("correction", turns, TitleAnswer, 300)


def _question(
    step: str,
    messages: tuple[Message, ...],
    shape: type[BaseModel],
    most_tokens: int,
    limits: tuple[tuple[str, tuple[int, ...]], ...] = (),
) -> Question:
    return Question(step, VERSIONS[step], (Message("system", _RULES), *messages), shape, most_tokens, limits)
