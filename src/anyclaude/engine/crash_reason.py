"""The reason of a crash, extracted from the engine's log."""

import re
from pathlib import Path

# A few hundred lines; the cause is among the last ones.
_TAIL_BYTES = 32_768
_MAX_ERRORS = 2
# llama.cpp writes `0.00.047.922 E llama_model_load: error loading model: ...`; other libraries use any format.
_STRUCTURED = re.compile(r"^\d+(?:\.\d+)+ (?P<level>[A-Z]) (?P<text>.*)$")
_FUNCTION = re.compile(r"^(?:\w{2,4} +)?[\w():]+: +")
# Errors that only report a failure whose cause an earlier line has given.
_CONSEQUENCES = re.compile(r"^(?:failed to load model\b|exiting due to|cleaning up)")


def crash_reason(log_file: Path) -> str:
    """Return the last errors in the log that name a cause, as sentences; empty if there are none."""
    errors = [text for line in _tail(log_file) if (text := _error(line))]
    return " ".join(f"{text.rstrip('.')}." for text in errors[-_MAX_ERRORS:])


def _tail(log_file: Path) -> list[str]:
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _error(line: str) -> str:
    if not (structured := _STRUCTURED.match(line)):
        return line.strip()
    if structured["level"] != "E":
        return ""
    text = _FUNCTION.sub("", structured["text"])
    return "" if _CONSEQUENCES.match(text) else text
