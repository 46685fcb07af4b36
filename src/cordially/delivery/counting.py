"""What one process counts of its own work, for Prometheus. Nothing is decided by it."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

OUTCOMES = Counter(
    "cordially_requests_total", "Requests for a message, by what became of them.", ["sender", "outcome"]
)
LEASES = Counter("cordially_leases_total", "Leases of senders, taken and lost.", ["change"])
CALLBACKS = Counter("cordially_callbacks_total", "Callbacks, by the answer that they got.", ["answer"])
CALLBACK_SECONDS = Histogram(
    "cordially_callback_seconds",
    "From a callback's arrival until it is on the disk.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
