"""What a client of local models must not have: credentials for Anthropic, and switches to other clouds."""

import re
from collections.abc import Mapping

CREDENTIALS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_API_KEY",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_GATEWAY_TOKEN",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
)
"""The variables in which Claude Code 2.1.330 looks for a credential (the strings of its program)."""

PROVIDERS = (
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
)
"""The switches that make Claude Code use another cloud, and ignore the base URL."""

DUMMY_TOKEN = "anyclaude"
"""Not a secret: the client requires a token, and the gateway of a launch listens on loopback only."""

_CREDENTIAL_NAME = re.compile(
    r"(ANTHROPIC|CLAUDE)_(\w+_)?(API_KEY|AUTH_TOKEN|OAUTH_TOKEN|ACCESS_TOKEN|SECRET|CUSTOM_HEADERS|KEY_PASSPHRASE)(_FILE|_FILE_DESCRIPTOR)?"
)
_CREDENTIAL_VALUE = re.compile(r"sk-ant-\w")


def withheld_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that contain an Anthropic credential, by name or value, or choose another cloud."""
    kept = {"ANTHROPIC_AUTH_TOKEN"}  # replaced by ours
    found = (name for name, value in environment.items() if name in PROVIDERS or is_credential(name, value))
    return tuple(sorted(set(found) - kept))


def is_credential(name: str, value: str | None) -> bool:
    """Return whether a value must not be shown, by its variable's name or by itself; our own dummy may be."""
    if value is None or value == DUMMY_TOKEN:
        return False
    is_named = name in CREDENTIALS or _CREDENTIAL_NAME.fullmatch(name) is not None
    return is_named or _CREDENTIAL_VALUE.search(value) is not None
