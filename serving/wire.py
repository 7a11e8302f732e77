"""The bodies that go over the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from serving.lookup import Answer, Reason
from serving.rows import Event
from serving.settings import MAX_BATCH, MAX_ID_CHARACTERS

SKEW_S = 60.0  # clocks this close are taken for equal: the rest is the way of the request
MAX_EVENT_ID_CHARACTERS = 255  # its bytes must fit one entry of a database's index
LAST_MOMENT_S = 4_102_444_800.0  # the year 2100: beyond it a timestamp is in milliseconds by mistake

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=r"^[^\x00]*$")]
EventId = Annotated[str, Field(min_length=1, max_length=MAX_EVENT_ID_CHARACTERS, pattern=r"^[^\x00]*$")]
Moment = Annotated[float, Field(strict=True, ge=0, le=LAST_MOMENT_S, allow_inf_nan=False)]


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _only_text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("expected ISO 8601 text")  # noqa: TRY004 - what pydantic reports as a fault
    return value


def _in_range(moment: datetime) -> datetime:
    if not 0 <= _utc(moment).timestamp() <= LAST_MOMENT_S:
        raise ValueError("expected a moment between 1970 and 2100")
    return moment


IsoMoment = Annotated[datetime, BeforeValidator(_only_text), AfterValidator(_in_range)]

ANSWER_EXAMPLE: JsonValue = {
    "title": "Trail shoes and more: 20% off selected gear",
    "title_id": "t-00017",
    "source": "cluster",
    "cluster_id": 3,
    "release": 12,
    "experiment": None,
    "variation": None,
    "reason": None,
    "propensity": None,
}
ORIGINAL_EXAMPLE: JsonValue = {
    "title": "20% off selected gear",
    "title_id": None,
    "source": "original",
    "cluster_id": 3,
    "release": 12,
    "experiment": None,
    "variation": None,
    "reason": "pruned_pair",
    "propensity": None,
}
EVENT_EXAMPLE: JsonValue = {
    "event_id": "5f0c6e1e-9f0a-4a55-8a44-0c2f3c9d8c11",
    "kind": "exposure",
    "user_id": "u017",
    "ad_id": "a03",
    "title_id": "t-00017",
    "timestamp": "2026-01-31T12:00:00Z",
    "release": 12,
    "experiment": "titles",
    "variation": "personal",
    "cluster_id": 3,
}


class TitleAnswer(BaseModel):
    """Which title a user sees of an ad."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWER_EXAMPLE]})

    title: str
    title_id: str | None = Field(description="null when it is the original")
    source: Literal["cluster", "original"]
    cluster_id: int | None = Field(description="the user's cluster, where it is known")
    release: int | None = Field(description="the release that answered")
    experiment: str | None = Field(description="the experiment the user takes part in for this ad")
    variation: str | None
    reason: Reason | None = Field(description="why it is the original; null otherwise")
    propensity: float | None = Field(description="how likely this variation was, where clicks decide that")


class BatchEntry(BaseModel):
    """As TitleAnswer; for an unknown ad all is null but `reason`."""

    title: str | None
    title_id: str | None
    source: Literal["cluster", "original"] | None
    cluster_id: int | None
    release: int | None
    experiment: str | None
    variation: str | None
    reason: Reason | Literal["unknown_ad"] | None
    propensity: float | None


class Pair(BaseModel):
    """A user and an ad."""

    user_id: Id
    ad_id: Id


class Pairs(BaseModel):
    """What `POST /v1/titles` takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pairs": [{"user_id": "u017", "ad_id": "a03"}]}]})

    pairs: Annotated[list[Pair], Field(min_length=1, max_length=MAX_BATCH)]


class Batch(BaseModel):
    """What `POST /v1/titles` answers: one entry a pair, in the same order, all of one release."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"titles": [ANSWER_EXAMPLE]}]})

    titles: list[BatchEntry]


class SentEvent(BaseModel):
    """An exposure or a click. Send what the look-up answered along with it."""

    event_id: EventId
    kind: Literal["exposure", "click"]
    user_id: Id
    ad_id: Id
    title_id: Id | None = Field(None, description="the title that was shown; null for the original")
    timestamp: Moment | IsoMoment | None = Field(
        None, description="epoch seconds or ISO 8601 (UTC unless it says otherwise); left out, the time of arrival"
    )
    release: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)] | None = None
    experiment: Id | None = None
    variation: Id | None = None
    cluster_id: Annotated[int, Field(ge=-1, le=2**31 - 1, strict=True)] | None = None
    propensity: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None

    def as_record(self, received_at: float, ahead_s: float) -> Event:
        """The event as it is kept.

        Args:
            received_at: when the service had it, epoch seconds.
            ahead_s: how far the sender's clock is ahead. Nothing happens after it was received.
        """
        moment = received_at if self.timestamp is None else _seconds(self.timestamp) - ahead_s
        return Event(
            self.event_id,
            self.kind,
            self.user_id,
            self.ad_id,
            self.title_id,
            max(0.0, min(moment, received_at)),
            self.release,
            self.experiment,
            self.variation,
            received_at,
            self.cluster_id,
            self.propensity,
        )


def _seconds(moment: float | datetime) -> float:
    return _utc(moment).timestamp() if isinstance(moment, datetime) else moment


class SentEvents(BaseModel):
    """What `POST /v1/events` takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": [EVENT_EXAMPLE]}]})

    events: Annotated[list[SentEvent], Field(min_length=1, max_length=MAX_BATCH)]
    sent_at: Moment | IsoMoment | None = Field(
        None, description="the sender's clock when it sends; corrects the events' times if that clock is wrong"
    )

    def as_records(self) -> list[Event]:
        """The events as they are kept, each event_id once: the first of its name."""
        now = time.time()
        ahead_s = 0.0 if self.sent_at is None else _seconds(self.sent_at) - now
        ahead_s = ahead_s if abs(ahead_s) > SKEW_S else 0.0
        return list({event.event_id: event.as_record(now, ahead_s) for event in reversed(self.events)}.values())


class Kept(BaseModel):
    """What `POST /v1/events` answers once the events are on disk. They survive a kill of the service."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"accepted": 1, "duplicates": 0, "queued": 0}]})

    accepted: int = Field(description="events that were new, as far as is known")
    duplicates: int = Field(description="events whose event_id had been sent before")
    queued: int = Field(
        description="accepted events that wait for the store; those sent before are kept once all the same"
    )


class Health(BaseModel):
    """The state of the service."""

    status: Literal["ok", "ready", "degraded"]
    release: int | None = None
    store: Literal["up", "down"] | None = None


_ENCODER = json.JSONEncoder(ensure_ascii=False)


def encode(body: Mapping[str, object]) -> bytes:
    """A body as JSON."""
    return _ENCODER.encode(body).encode()


def answer_text(answer: Answer | None) -> str:
    """`answer_body` as JSON: the same to the byte, in a third of the time."""
    if answer is None:
        return _UNKNOWN_AD
    title, title_id, cluster, release, reason, experiment, variation, propensity = answer
    return (
        f'{{"title": {_quoted(title)}, "title_id": {"null" if title_id is None else _quoted(title_id)}, '
        f'"source": "{"original" if title_id is None else "cluster"}", '
        f'"cluster_id": {"null" if cluster is None else cluster}, '
        f'"release": {"null" if release is None else release}, '
        f'"experiment": {"null" if experiment is None else _quoted(experiment)}, '
        f'"variation": {"null" if variation is None else _quoted(variation)}, '
        f'"reason": {"null" if reason is None else _quoted(reason)}, '
        f'"propensity": {"null" if propensity is None else repr(propensity)}}}'
    )


def answer_body(answer: Answer | None) -> dict[str, object]:
    """An answer as it goes over the wire; None stands for an unknown ad in a batch."""
    if answer is None:
        names = ("title", "title_id", "source", "cluster_id", "release", "experiment", "variation")
        return {**dict.fromkeys(names), "reason": "unknown_ad", "propensity": None}
    return {
        "title": answer.title,
        "title_id": answer.title_id,
        "source": "original" if answer.title_id is None else "cluster",
        "cluster_id": answer.cluster_id,
        "release": answer.release,
        "experiment": answer.experiment,
        "variation": answer.variation,
        "reason": answer.reason,
        "propensity": answer.propensity,
    }


_quoted = json.encoder.encode_basestring
_UNKNOWN_AD = _ENCODER.encode(answer_body(None))
