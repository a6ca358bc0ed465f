"""A device's health as metrics of Prometheus (needs the extra ``metrics``).

Names follow Prometheus' conventions: base units in the name, ``_total`` for what only grows. Labels are ``recording``
and ``storage``, as many as are configured, and ``state``, ``reason`` and ``code``, which have few values each.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.health import DeviceHealth, RecordingHealth, StorageHealth
from onvif_bmff.device.health_rules import ALL_RULES, find_faults, is_healthy
from onvif_bmff.device.worker import OVERLOAD
from onvif_bmff.engine.paused import WHILE_PAUSED
from onvif_bmff.engine.track_reports import BEYOND_ROOM
from onvif_bmff.errors import StateError
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.storage.pending import LOST
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "METRICS", "DeviceCollector", "MetricRow", "metric_rows", "metrics_text"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of ``metrics_text``."""

_PREFIX = "onvif_bmff_"
_STATES = (RecordingJobState.IDLE, RecordingJobState.ACTIVE, RecordingJobState.ERROR)

DROP_REASONS = MappingProxyType(
    {reason.value: reason.name.lower() for reason in DropReason}
    | {text: name.lower() for name, text in vars(LOST).items() if name.isupper()}
    | {OVERLOAD: "queue_full", BEYOND_ROOM: "beyond_room", WHILE_PAUSED: "while_paused"}
)
"""Why samples are lost → the value of the label ``reason``; all others are ``other``."""

Values = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its name without the prefix ``onvif_bmff_``, whether it only grows, help, labels, and what it shows.

    ``read`` returns nothing for what is not known.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[DeviceHealth], Values]

    @property
    def grows(self) -> bool:
        """Whether it is a counter."""
        return self.name.endswith("_total")


def _seconds(moment: UtcTime | None) -> float | None:
    return None if moment is None else moment.microseconds / 1e6


def _device(read: Callable[[DeviceHealth], float]) -> Callable[[DeviceHealth], Values]:
    return lambda health: [((), read(health))]


def _recording(read: Callable[[RecordingHealth], float | None]) -> Callable[[DeviceHealth], Values]:
    def values(health: DeviceHealth) -> Values:
        for one in health.recordings:
            if (value := read(one)) is not None:
                yield (one.recording,), value

    return values


def _storage(read: Callable[[StorageHealth], float | None]) -> Callable[[DeviceHealth], Values]:
    def values(health: DeviceHealth) -> Values:
        for one in health.storages:
            if (value := read(one)) is not None:
                yield (one.storage or "",), value

    return values


def _findings(health: DeviceHealth) -> Values:
    counts = dict.fromkeys((rule.code for rule in ALL_RULES), 0)
    for one in find_faults(health):
        counts[one.code] += 1
    return [((code,), count) for code, count in counts.items()]


def _states(health: DeviceHealth) -> Values:
    return [((one.recording, state.value), float(one.state is state)) for one in health.recordings for state in _STATES]


def _dropped(health: DeviceHealth) -> Values:
    for one in health.recordings:
        counts: dict[str, int] = {}
        for text, count in one.dropped.items():
            reason = DROP_REASONS.get(text, "other")
            counts[reason] = counts.get(reason, 0) + count
        yield from (((one.recording, reason), count) for reason, count in counts.items())


def _spool(name: str) -> Callable[[StorageHealth], float | None]:
    return lambda one: None if one.spool is None else float(getattr(one.spool, name))


_REC, _STO = ("recording",), ("storage",)

METRICS: tuple[MetricRow, ...] = (
    MetricRow("healthy", "1 if no serious rule of health is broken, as /healthz says", (), _device(is_healthy)),
    MetricRow("running", "1 while the device runs", (), _device(lambda one: one.running)),
    MetricRow("recovered", "1 when all stores have been recovered", (), _device(lambda one: one.recovered)),
    MetricRow("health_findings", "Rules of health that are broken now", ("code",), _findings),
    MetricRow(
        "clock_timestamp_seconds", "The device's clock, UTC", (), _device(lambda one: one.clock.now.microseconds / 1e6)
    ),
    MetricRow("clock_sets_total", "How often the clock was set", (), _device(lambda one: one.clock.times_set)),
    MetricRow("recording_state", "1 for the state of a recording", ("recording", "state"), _states),
    MetricRow("recording_wanted", "1 while a job feeds the recording", _REC, _recording(lambda one: one.wanted)),
    MetricRow(
        "recording_last_sample_timestamp_seconds",
        "Begin of the newest recorded fragment, UTC",
        _REC,
        _recording(lambda one: _seconds(one.last_sample)),
    ),
    MetricRow(
        "recording_newest_object_timestamp_seconds",
        "Time in the key of the object that was stored last, UTC",
        _REC,
        _recording(lambda one: None if one.newest_object is None else _seconds(one.newest_object.time)),
    ),
    MetricRow("recording_fragments_total", "Fragments recorded", _REC, _recording(lambda one: one.fragments)),
    MetricRow(
        "recording_backlog_objects",
        "Complete segments that wait for the store",
        _REC,
        _recording(lambda one: one.backlog.objects),
    ),
    MetricRow(
        "recording_backlog_bytes", "Bytes that wait for the store", _REC, _recording(lambda one: one.backlog.bytes)
    ),
    MetricRow(
        "recording_backlog_oldest_timestamp_seconds",
        "Begin of the first segment that waits, UTC",
        _REC,
        _recording(lambda one: _seconds(one.backlog.oldest)),
    ),
    MetricRow("recording_dropped_samples_total", "Samples lost", ("recording", "reason"), _dropped),
    MetricRow(
        "recording_clock_offset_seconds",
        "How far the camera's clock is ahead of the device's",
        _REC,
        _recording(lambda one: None if one.clock_offset is None else one.clock_offset.total_seconds()),
    ),
    MetricRow(
        "recording_clock_drift_ratio",
        "Part by which the camera's clock runs fast, estimated from arrivals",
        _REC,
        _recording(lambda one: one.drift),
    ),
    MetricRow(
        "recording_last_error_timestamp_seconds",
        "When an error was reported last, UTC",
        _REC,
        _recording(lambda one: None if one.last_error is None else _seconds(one.last_error.at)),
    ),
    MetricRow("storage_failing", "1 while a store is retried", _STO, _storage(lambda one: one.error is not None)),
    MetricRow("storage_spool_objects", "Objects that wait in the spool", _STO, _storage(_spool("waiting"))),
    MetricRow("storage_spool_bytes", "Bytes that wait in the spool", _STO, _storage(_spool("waiting_bytes"))),
    MetricRow("storage_spool_aside_objects", "Objects set aside since it was opened", _STO, _storage(_spool("aside"))),
    MetricRow("storage_spool_uploaded_objects_total", "Objects uploaded", _STO, _storage(_spool("uploaded"))),
    MetricRow("storage_spool_dropped_objects_total", "Objects dropped to make room", _STO, _storage(_spool("dropped"))),
    MetricRow(
        "storage_spool_dropped_bytes_total", "Bytes dropped to make room", _STO, _storage(_spool("dropped_bytes"))
    ),
)
"""All metrics, in the order of the output."""


def metric_rows(health: DeviceHealth) -> Iterator[tuple[MetricRow, list[tuple[dict[str, str], float]]]]:
    """Return each metric with its values and their labels; needs no other package."""
    for row in METRICS:
        yield row, [(dict(zip(row.labels, labels, strict=True)), float(value)) for labels, value in row.read(health)]


class DeviceCollector:
    """A collector for a registry of ``prometheus_client``: asks for the health whenever it is asked for metrics.

    Args:
        read: returns the health, such as ``RecordingDevice.health``.
    """

    def __init__(self, read: Callable[[], DeviceHealth]) -> None:
        self._read = read

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics.

        Raises:
            StateError: the extra ``metrics`` is not installed.
        """
        try:
            from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
        except ImportError:
            raise StateError("metrics need the extra metrics: pip install 'onvif-bmff[metrics]'") from None
        for row, values in metric_rows(self._read()):
            family = CounterMetricFamily if row.grows else GaugeMetricFamily
            made = family(_PREFIX + row.name.removesuffix("_total"), row.help, labels=row.labels)
            for labels, value in values:
                made.add_metric(list(labels.values()), value)
            yield made


def metrics_text(health: DeviceHealth) -> bytes:
    """Return the metrics in the text format of Prometheus 0.0.4 (``CONTENT_TYPE``).

    Raises:
        StateError: the extra ``metrics`` is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise StateError("metrics need the extra metrics: pip install 'onvif-bmff[metrics]'") from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeviceCollector(lambda: health))
    return bytes(generate_latest(registry))
