"""What the gateways hold while the traffic goes on, and whether it grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

COUNTED = ("tasks", "files", "sockets")
"""What is at its lowest the same at any time: between two requests a gateway holds nothing of either."""

ALLOWED_MORE = 2
"""Of tasks, files or sockets: two readings differ by what a housekeeping task has not closed yet."""

ALLOWED_MEMORY_SHARE = 1.1
"""Of resident memory, between the second quarter, when the caches are full, and the last."""

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
    """Return the lowest count of each resource in each quarter, and the median of the resident memory."""
    found = [_trend(samples, name, min, lambda before, after: after <= before + ALLOWED_MORE) for name in COUNTED]
    return [*found, _trend(samples, "memory", median, lambda before, after: after <= before * ALLOWED_MEMORY_SHARE)]


def _trend(
    samples: Sequence[Sample],
    name: str,
    of_quarter: Callable[[Sequence[float]], float],
    is_flat: Callable[[float, float], bool],
) -> Trend:
    values = [sample.held[name] for sample in samples]
    size = max(len(values) // QUARTERS, 1)
    parts = [values[start : start + size] or values[-1:] for start in range(0, size * QUARTERS, size)]
    quarters = tuple(of_quarter(part) for part in parts)
    return Trend(name, quarters, is_flat(quarters[1], quarters[-1]))
