"""The machine that a benchmark ran on, as its table names it."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return its cores, processor, system and Python; it is shared with other work."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {cpu}, shared, {platform.system()}, Python {platform.python_version()}"
