"""What the gateways hold while the traffic goes on, and whether it grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

COUNTED = ("tasks", "files", "sockets")
"""What is at its lowest the same at any time: between two requests a gateway holds nothing of either."""

ALLOWED_MORE = 2
"""Of tasks, files or sockets: two readings differ by what a housekeeping task has not closed yet."""

ALLOWED_MEMORY_SHARE = 1.1
"""Of resident memory beside what is kept for later requests, between the second quarter and the last."""

MEMORY, KEPT = "memory beside what is kept", "kept for later requests"
"""What is kept grows up to the budget (`memory_mib`), which drops it where it is needed."""

QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """What one gateway held at one time; the size of its folder in bytes."""

    minutes: float
    held: dict[str, float]
    folder_bytes: int
    exchanges: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A resource in each quarter of the run."""

    name: str
    quarters: tuple[float, ...]
    is_flat: bool


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Return the lowest count of each resource in each quarter, and the medians of memory in bytes."""
    return [
        *(
            _trend(name, _values(samples, name), min, lambda one, other: other <= one + ALLOWED_MORE)
            for name in COUNTED
        ),
        _trend(MEMORY, _beside_kept(samples), median, lambda one, other: other <= one * ALLOWED_MEMORY_SHARE),
        _trend(KEPT, _values(samples, "kept"), median, lambda one, other: True),
    ]


def _values(samples: Sequence[Sample], name: str) -> list[float]:
    return [sample.held[name] for sample in samples]


def _beside_kept(samples: Sequence[Sample]) -> list[float]:
    return [sample.held["memory"] - sample.held["kept"] for sample in samples]


def _trend(
    name: str,
    values: Sequence[float],
    of_quarter: Callable[[Sequence[float]], float],
    is_flat: Callable[[float, float], bool],
) -> Trend:
    size = max(len(values) // QUARTERS, 1)
    parts = [values[start : start + size] or values[-1:] for start in range(0, size * QUARTERS, size)]
    quarters = tuple(of_quarter(part) for part in parts)
    return Trend(name, quarters, is_flat(quarters[1], quarters[-1]))
