"""Small chat templates, each with one behaviour of the real ones."""

from pathlib import Path

FOLDER = Path(__file__).with_name("templates")


def chat_template(name: str) -> str:
    """Return the text of one template."""
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
