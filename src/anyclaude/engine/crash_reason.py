"""What a dead engine's log says about the cause of its death."""

import re
from pathlib import Path

# A few hundred lines; the cause is among the last ones.
_TAIL_BYTES = 32_768
_SENTENCES = 2
# llama.cpp writes `0.00.047.922 E llama_model_load: error loading model: ...`, others write what they like.
_STRUCTURED = re.compile(r"^\d+(?:\.\d+)+ (?P<level>[A-Z]) (?P<text>.*)$")
_FUNCTION = re.compile(r"^(?:\w{2,4} +)?[\w():]+: +")
# What says only that something failed, after a line has said why.
_ECHOES = re.compile(r"^(?:failed to load model\b|exiting due to|cleaning up)")


def crash_reason(log_file: Path) -> str:
    """Return the last errors in the log that name a cause, as sentences; empty if there are none."""
    complaints = [text for line in _tail(log_file) if (text := _complaint(line))]
    return " ".join(f"{text.rstrip('.')}." for text in complaints[-_SENTENCES:])


def _tail(log_file: Path) -> list[str]:
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _complaint(line: str) -> str:
    if not (structured := _STRUCTURED.match(line)):
        return line.strip()
    if structured["level"] != "E":
        return ""
    text = _FUNCTION.sub("", structured["text"])
    return "" if _ECHOES.match(text) else text
