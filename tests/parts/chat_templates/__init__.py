"""Small chat templates, each with one manner of the real ones."""

from pathlib import Path


def chat_template(name: str) -> str:
    """Return the text of one of them."""
    return Path(__file__).with_name(f"{name}.jinja").read_text(encoding="utf-8")
