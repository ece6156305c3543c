"""`anyclaude cache`: what is kept on the disk, and its removal."""

import sys
from typing import TextIO

from anyclaude.engine.cached_models import cached_models, hub_cache
from anyclaude.engine.recommended_models import size_text
from anyclaude.errors import InvalidSetting
from anyclaude.launcher.caches import Cache, caches
from anyclaude.launcher.folders import cache_folder
from anyclaude.shown_text import shown_line

from .commands import Call
from .screen import Screen


def run(call: Call) -> int:
    """
    List what is kept; with `--clear`, remove what was named, or all but the logs.

    Raises:
        InvalidSetting: when no cache has the name.
    """
    kept = caches(call.settings)
    what = call.options.get("what")
    named = [cache for cache in kept if what in (None, cache.name)]
    if not named:
        raise InvalidSetting(f"there is no cache {what!r}; there are {', '.join(cache.name for cache in kept)}")
    if "clear" in call.options:
        clear([cache for cache in named if what or not cache.is_log], sys.stdout)
        return 0
    show(named, sys.stdout)
    if what is None:
        show_hub(call, sys.stdout)
    return 0


def show_hub(call: Call, out: TextIO) -> None:
    """Write what lies in Hugging Face's own cache, which is not cleared."""
    hub = hub_cache(call.environment)
    files = cached_models(cache_folder(call.settings), call.environment)
    size = sum(size for file, size in files if hub in file.parents)
    out.write(
        f"Not cleared, because other programs use it too: {size_text(size)} of models in {shown_line(str(hub))}\n"
    )


def show(kept: list[Cache], out: TextIO) -> None:
    """Write the size and the places of each."""
    screen = Screen(out)
    for cache in kept:
        screen.line(f"{cache.name:<9}{size_text(cache.size_bytes):>9}  {cache.meaning}")
        out.writelines(f"{'':<20}{shown_line(str(place))}\n" for place in cache.places)  # never cut


def clear(kept: list[Cache], out: TextIO) -> None:
    """Remove them, and write how much that was."""
    screen = Screen(out)
    for cache in kept:
        size = cache.size_bytes
        cache.clear()
        screen.line(f"{cache.name}: {size_text(size)} removed.")
