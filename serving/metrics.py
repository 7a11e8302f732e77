"""Prometheus metrics, in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from serving.intake import Intake
from serving.live import Live

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
DELAY_BUCKETS_S = (1.0, 60.0, 3_600.0, 86_400.0, 604_800.0)


class Metrics:
    """The service's counters and gauges.

    Args:
        live, intake: whose state the gauges show.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, live: Live, intake: Intake) -> None:
        self._registry = CollectorRegistry()
        requests = Counter(
            "hllm_requests_total", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        seconds = Histogram(
            "hllm_request_seconds", "Time to answer, by route.", ("route",), buckets=BUCKETS_S, registry=self._registry
        )
        lookups = Counter(
            "hllm_lookups_total",
            "Look-ups by what was answered: cluster, or why it was the original.",
            ("answer",),
            registry=self._registry,
        )
        # `labels` looks its child up under a lock and by text; kept here it is one look into a dictionary
        self._request = cache(lambda route, status: requests.labels(route, str(status)))
        self._time = cache(seconds.labels)
        self.lookup = cache(lookups.labels)
        self.event_delay = Histogram(
            "hllm_event_delay_seconds",
            "From an event to its arrival.",
            buckets=DELAY_BUCKETS_S,
            registry=self._registry,
        )
        shown = {
            "hllm_release": ("The release being served; 0 before the first.", lambda: _release(live)),
            "hllm_store_up": ("1 when the store answered last time.", lambda: float(live.store_up)),
            "hllm_users": ("Users assigned by the release.", lambda: float(len(live.tables.users))),
            "hllm_queue_bytes": ("Events on disk that the store has not got yet.", lambda: float(intake.waiting_bytes)),
            "hllm_ads": ("Ads that are known.", lambda: float(len(live.tables.ads))),
        }
        for name, (text, read) in shown.items():
            Gauge(name, text, registry=self._registry).set_function(read)
        self._registry.register(_Carried(intake))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            route: the route's pattern, or "none".
            status: what was answered.
            seconds: how long it took.
        """
        self._request(route, status).inc()
        self._time(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Carried(Collector):
    """What became of the events, counted where they reach the store."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One counter, by what was found."""
        found = CounterMetricFamily("hllm_events", "Events by whether they were new to the store.", labels=["kept"])
        for kept, count in (
            ("new", self._intake.new),
            ("duplicate", self._intake.repeated),
            ("damaged", self._intake.damaged),
        ):
            found.add_metric([kept], count)
        yield found


def _release(live: Live) -> float:
    release = live.tables.release
    return 0.0 if release is None else float(release.release)
