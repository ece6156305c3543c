"""The language of a country's web pages, for search engines that want to know both."""

from .search import UserLocation

MAIN_LANGUAGES = {
    **dict.fromkeys(("AU", "CA", "GB", "IE", "IN", "NZ", "PH", "SG", "US", "ZA"), "en"),
    **dict.fromkeys(("AR", "CL", "CO", "ES", "MX", "PE"), "es"),
    **dict.fromkeys(("AT", "CH", "DE"), "de"),
    **dict.fromkeys(("CN", "HK", "TW"), "zh"),
    **dict.fromkeys(("BE", "NL"), "nl"),
    **dict.fromkeys(("BR", "PT"), "pt"),
    "BG": "bg",
    "CZ": "cs",
    "DK": "da",
    "EE": "et",
    "FI": "fi",
    "FR": "fr",
    "GR": "el",
    "HR": "hr",
    "HU": "hu",
    "ID": "id",
    "IL": "he",
    "IT": "it",
    "JP": "ja",
    "KR": "ko",
    "LT": "lt",
    "LV": "lv",
    "NO": "nb",
    "PL": "pl",
    "RO": "ro",
    "RU": "ru",
    "SA": "ar",
    "SE": "sv",
    "SI": "sl",
    "SK": "sk",
    "TH": "th",
    "TR": "tr",
    "UA": "uk",
    "VN": "vi",
}
"""The likely languages of CLDR (likelySubtags), for the countries that the engines have pages for."""


def country_of(location: UserLocation | None) -> str | None:
    """Return the code of a country, `None` for what is none."""
    country = (location.country or "").strip().upper() if location else ""
    return country if len(country) == 2 and country.isascii() and country.isalpha() else None


def language_of(location: UserLocation | None) -> str | None:
    """Return the language that most pages have where the user is, if it is known."""
    return MAIN_LANGUAGES.get(country_of(location) or "")
