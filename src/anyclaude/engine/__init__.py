"""
The embedded engine: llama.cpp in a separate process, and the weights it runs.

`weights.locate_model` finds or downloads a model and `embedded.start_engine` runs it, as an `embedded.EmbeddedEngine`.
Import these from their modules: they load aiohttp and huggingface_hub, most of a second's worth, and importing this
package must stay cheap, because the engine's own process and the commands that start no engine import it too.
`EngineOptions` configures the engine, and `Progress` receives the progress of its long steps.
"""

from .options import EngineOptions
from .progress import Progress

__all__ = ["EngineOptions", "Progress"]
