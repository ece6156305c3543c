"""What a launch has chosen, in the lines before the client starts."""

from collections.abc import Iterator
from pathlib import Path

from .client import Plan
from .forwarding import answered_by
from .run import Run

PERMISSIONS = {
    "acceptEdits": "edits files unasked",
    "auto": "auto",
    "bypassPermissions": "never asks",
    "default": "asks before edits and commands",
    "dontAsk": "refuses what is not allowed",
    "manual": "asks before edits and commands",
    "plan": "plans only",
}
"""The client's permission modes in words (code.claude.com/docs/en/permissions)."""


def start_lines(run: Run, plan: Plan) -> Iterator[str]:
    """Yield what answers, and how the client is started; in mode `claude`, little of it is ours to choose."""
    yield f"answers come from {answered_by(run.servers.main, run.settings, run.invocation.user_settings)}"
    if run.servers.main is not None:
        mode = PERMISSIONS.get(plan.permission_mode or "", plan.permission_mode)
        log = f"log {_short(run.settings.log_dir, run.invocation.home)}" if run.settings.keeps_logs else "no log"
        yield f"{plan.diet_line} · Claude Code {mode} · {log}"


def _short(folder: Path, home: Path) -> str:
    """Return a folder as people write it."""
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
