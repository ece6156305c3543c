"""What language is spoken where."""

import pytest

from anyclaude.web.languages import country_of, language_of
from anyclaude.web.search import UserLocation


@pytest.mark.parametrize(
    ("country", "code", "language"),
    [
        ("DE", "DE", "de"),
        ("us", "US", "en"),
        ("XX", "XX", None),
        ("Germany", None, None),
        ("ÄÖ", None, None),
        (None, None, None),
    ],
)
def test_a_country_has_a_code_and_perhaps_a_language(
    country: str | None, code: str | None, language: str | None
) -> None:
    location = UserLocation(city="Berlin", country=country)

    assert (country_of(location), language_of(location)) == (code, language)


def test_a_user_without_a_location_has_neither() -> None:
    assert (country_of(None), language_of(None)) == (None, None)
