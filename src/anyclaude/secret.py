"""
Texts that must not be shown: keys, tokens and passwords; and their removal from texts of others that repeat them.

Every secret is known to the process from the moment its `Secret` is made.  A server that is sent one may repeat it in
any answer, as it was or encoded; `masked` takes it out, wherever such a text is shown, logged or passed on.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from html import escape
from json import dumps
from urllib.parse import quote, quote_plus, unquote

from msgspec import Struct

MASK = "***"

MIN_CHARACTERS = 6
"""Shorter secrets are parts of ordinary words and numbers; what protects nothing needs no mask."""

MIN_MIXED_CHARACTERS = 4
"""A text with letters and digits is no part of a word."""

MIN_BASE64_CHARACTERS = 8
"""Of a secret within a text that was encoded as a whole; fewer characters may be there by chance."""

MIN_PARTED_CHARACTERS = 24
"""Of such a key, half says enough to recognise it where a text was cut; half of a shorter one may be a common word."""

PLACEHOLDERS = frozenset(
    {
        *("anything", "anyclaude", "api-key", "apikey", "default", "lm-studio", "lmstudio", "localhost", "no-key"),
        *("no-key-required", "not-needed", "not-required", "not-used", "nokey", "ollama", "placeholder", "unused"),
        *("sk-no-key-required", "your-api-key"),
    }
)
"""What the documentation of local servers gives as a key where none is checked; most are words of error messages."""

USERINFO = re.compile(r"(:(?:\\{0,4}/){2})[^\s/?#\\\"'<>`]*@")
"""The user and the password in a URL (RFC 3986, section 3.2.1), also where JSON has escaped its slashes."""

SECRET_NAME = re.compile(
    r".*(API_?KEY|ACCESS_?KEY|SECRET|SECRET_?KEY|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|_AUTH|CLIENT_KEY)",
    re.IGNORECASE,
)
"""Names of variables whose values are secrets."""

HEADERS_NAME = "ANTHROPIC_CUSTOM_HEADERS"
"""Has one header a line (code.claude.com/docs/en/settings); any of them may be a credential."""

_PARTS_OF_KEY = r"[\w*.…~+/=-]*"
_SCHEMES = ("Bearer ", "Basic ")


class Hidden(Struct, frozen=True):
    """A text that may hold a secret among other things, such as a line of a configuration; it is not masked."""

    _text: str

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class Secret(Hidden, frozen=True):
    """
    A text that no log, error or representation may show; `reveal` is called only where the text is sent.

    It is masked in texts of others until the process ends.  Of a URL, only the user and the password are secret.
    """

    def __post_init__(self) -> None:
        _MASKS.add(self._text)


class Masks:
    """The secrets of a process, in every form in which a text may repeat them."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._literals: tuple[str, ...] = ()
        self._patterns: tuple[re.Pattern[str], ...] = ()

    def add(self, text: str) -> None:
        """Mask a text, and what is secret in it, from now on; one that is short, or no secret, is left out."""
        if text in self._known:
            return
        self._known.add(text)
        secrets = [secret for secret in _secrets_in(text) if _is_telling(secret)]
        literals = {form for secret in secrets if not _is_plain(secret) for form in _forms(secret)}
        self._literals = tuple(sorted({*self._literals, *literals}, key=len, reverse=True))
        self._patterns += tuple(re.compile(pattern) for secret in secrets for pattern in _patterns(secret))

    def masked(self, text: str) -> str:
        """Return a text without the secrets, and without user and password in any URL; takes linear time."""
        for literal in self._literals:
            text = text.replace(literal, MASK)
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return USERINFO.sub(rf"\1{MASK}@", text) if "@" in text else text


_MASKS = Masks()
"""Lives as long as the process: a secret can be repeated by whoever got it once."""


def masked(text: str) -> str:
    """Return a text without the secrets that this process knows, and without user and password in any URL."""
    return _MASKS.masked(text)


def know_secrets_of(environment: Mapping[str, str]) -> None:
    """Mask what an environment holds: keys, tokens and passwords by the names of variables, and those in URLs."""
    for name, value in environment.items():
        if name == HEADERS_NAME:
            for line in value.splitlines():
                Secret(line.partition(":")[2].strip())
        elif ("://" in value and "@" in value) or (SECRET_NAME.fullmatch(name) and not _is_path(value)):
            Secret(value)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables whose names say that they hold a secret."""
    return {name: value for name, value in environment.items() if not SECRET_NAME.fullmatch(name)}


def _is_path(value: str) -> bool:
    """Return whether a value names a file, which errors about it have to show."""
    return value.startswith(("/", "~", "./", "../"))


def _secrets_in(text: str) -> Iterator[str]:
    """Yield what is secret in a text: itself, the credential behind its scheme, the password of a pair or of a URL."""
    if "://" in text:
        userinfo, at, _ = text.partition("://")[2].partition("/")[0].rpartition("@")
        if at:
            for pair in {userinfo, unquote(userinfo)}:
                yield from _secrets_of_pair(pair)
        return
    yield text
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            yield text.removeprefix(scheme)
            if scheme == "Basic ":
                yield from _secrets_of_pair(_decoded(text.removeprefix(scheme)))


def _secrets_of_pair(pair: str) -> Iterator[str]:
    """Yield user and password together, and the password; without one, the user may be a key."""
    user, colon, password = pair.partition(":")
    yield pair
    yield password if colon and password else user
    yield b64encode(pair.encode(errors="replace")).decode()


def _decoded(basic: str) -> str:
    try:
        return b64decode(basic).decode(errors="replace")
    except Base64Error:
        return ""


def _is_telling(text: str) -> bool:
    """Return whether a text tells more than an ordinary word or number would."""
    if text.casefold() in PLACEHOLDERS:
        return False
    is_mixed = any(c.isalpha() for c in text) and any(c.isdigit() for c in text)
    return len(text) >= (MIN_MIXED_CHARACTERS if is_mixed else MIN_CHARACTERS)


def _is_plain(text: str) -> bool:
    """Return whether a text looks like a word or a number, so that it may be a part of a longer one."""
    return text.isalpha() or text.isdecimal()


def _patterns(text: str) -> Iterator[str]:
    """Yield what matches a word or a number only where it stands alone, and a long key that was cut."""
    if _is_plain(text):
        kind = r"\d" if text.isdecimal() else r"[^\W\d_]"
        yield rf"(?:(?<!{kind})|(?<=%[0-9A-Fa-f]{{2}})){re.escape(text)}(?!{kind})"
        yield from (re.escape(form) for form in _forms(text) if form.casefold() != text.casefold())
    if len(text) >= MIN_PARTED_CHARACTERS and not any(c.isspace() for c in text):
        yield re.escape(text[: len(text) // 2]) + _PARTS_OF_KEY


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is, and as JSON, a URL, a page, a representation of Python, base64 or hexadecimal has it."""
    data = text.encode(errors="replace")
    yield text
    yield dumps(text)[1:-1]
    yield dumps(text, ensure_ascii=False)[1:-1]
    yield dumps(text)[1:-1].replace("/", "\\/")
    yield escape(text)
    yield repr(text)[1:-1]
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data), quote(data, safe="!*'()")):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    yield data.hex()
    yield data.hex().upper()
    for offset in range(3):
        encoded = b64encode(bytes(offset) + data).decode()
        certain = encoded[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6]
        if len(certain) >= MIN_BASE64_CHARACTERS:
            yield certain
            yield certain.replace("+", "-").replace("/", "_")
