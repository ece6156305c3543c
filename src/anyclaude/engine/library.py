"""The library of the embedded engine, which is an optional part: there is no wheel of it for every system."""

from importlib.util import find_spec

from anyclaude.errors import EngineFailed

LIBRARY = "xllamacpp"


def require_library() -> None:
    """
    Return if the library is installed.

    Raises:
        EngineFailed: when it is not, with what to install.
    """
    if not _is_installed():
        raise EngineFailed(
            "The embedded engine is not installed. Install it with `pip install 'anyclaude[embedded]'` (there are "
            "wheels for Linux with glibc, macOS and Windows), or start a model server, such as llama-server or Ollama"
        )


def _is_installed() -> bool:
    try:
        return find_spec(LIBRARY) is not None
    except (ImportError, ValueError):
        return False
