"""The reference page is the one that the table makes."""

import re
from pathlib import Path

from anyclaude.settings import SETTINGS
from anyclaude.settings.reference import reference_page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference_page(), "uv run python -m anyclaude.settings > docs/settings.md"


def test_the_page_has_a_section_for_every_setting_with_its_variable() -> None:
    sections = re.findall(r"^### `(\w+)`$", reference_page(), re.MULTILINE)

    assert sections == [setting.name for setting in SETTINGS]
    assert [setting.name for setting in SETTINGS if f"variable `{setting.variable}`" not in reference_page()] == []


def test_the_page_names_the_former_names() -> None:
    assert "| `warm_up`, `ANYCLAUDE_WARM_UP` | `prewarm`, `ANYCLAUDE_PREWARM` |" in reference_page()
    assert "| `mode = mlx-lm` | `mode = mlx` |" in reference_page()
