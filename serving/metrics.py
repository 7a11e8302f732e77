"""Prometheus metrics, in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serving.live import Live

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The service's counters and gauges.

    Args:
        live: whose state the gauges show.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, live: Live) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "hllm_requests_total", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "hllm_request_seconds", "Time to answer, by route.", ("route",), buckets=BUCKETS_S, registry=self._registry
        )
        self.lookups = Counter(
            "hllm_lookups_total",
            "Look-ups by what was answered: cluster, or why it was the original.",
            ("answer",),
            registry=self._registry,
        )
        self.events = Counter(
            "hllm_events_total", "Events by whether they were new.", ("kept",), registry=self._registry
        )
        shown = {
            "hllm_release": ("The release being served; 0 before the first.", lambda: _release(live)),
            "hllm_store_up": ("1 when the store answered last time.", lambda: float(live.store_up)),
            "hllm_users": ("Users assigned by the release.", lambda: float(len(live.tables.users))),
            "hllm_ads": ("Ads that are known.", lambda: float(len(live.tables.ads))),
        }
        for name, (text, read) in shown.items():
            Gauge(name, text, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


def _release(live: Live) -> float:
    release = live.tables.release
    return 0.0 if release is None else float(release.release)
