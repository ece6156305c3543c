"""Facts about the client, Claude Code; the command line and the settings need them before anything else is loaded."""

from typing import Literal, TypeAlias


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLIENT_VERSION = "2.1.332"
"""The release of Claude Code that anyclaude is tested with, and installs if there is none."""

OLDEST_VERSION = "2.1.112"
"""The oldest release that anyclaude is tested with, and the last one in JavaScript."""

REMINDER_START = "<system-reminder>"
"""Begins the texts that the client adds to the user's words: instructions, the state of git, skills."""

REMINDER_END = "</system-reminder>"

SUMMARY_START = "This session is being continued from a previous conversation"
"""Begins the user's text that has the summary of a conversation, after the client has compacted it."""

PermissionMode: TypeAlias = Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"]
"""The values of Claude Code's `--permission-mode` (`default` in releases before `manual`)."""

SUBCOMMANDS = _words(
    """
    agents attach auth auto-mode bridge daemon design-login doctor gateway import install kill logs mcp plugin
    plugins project purge rc remote-control respawn rm sandbox self-hosted-runner setup-token stop sync
    ultrareview update upgrade workspace-trust
    """
)
"""Claude Code's own commands: those of `claude --help` of 2.1.332, and hidden ones with their own help.  All words
after one of them belong to the client, and none of the arguments that a session needs are added."""

MODEL_SUBCOMMANDS: frozenset[tuple[str, ...]] = frozenset(
    {
        ("agents",),
        ("attach",),
        ("auto-mode", "critique"),
        ("bridge",),
        ("daemon",),
        ("plugin", "eval"),
        ("plugins", "eval"),
        ("rc",),
        ("remote-control",),
        ("respawn",),
        ("self-hosted-runner",),
        ("sync",),
    }
)
"""Those that start or join a session, or ask a model themselves; the others talk to no model of ours (2.1.332)."""

PRINT_FLAGS = frozenset({"-p", "--print"})
"""With one of these anywhere before `--`, the first word is a prompt, even if it is the name of a command (2.1.332)."""

INFORMATION_FLAGS = frozenset({"-h", "--help", "-v", "--version"})
"""With one of these, the client writes a text and ends."""

SWITCHES = _words(
    """
    --agents-view-if-allowed --allow-dangerously-skip-permissions --allow-other-models --await-claim
    --await-initialize --ax-screen-reader --background --bare --bg --brief --chrome --continue
    --dangerously-skip-permissions --debug-to-stderr --deep-link-origin --desktop --disable-slash-commands
    --enable-auth-status --enable-auto-mode --exclude-dynamic-system-prompt-sections --fork-session
    --forward-subagent-text --help --hold-repository-while-parked --host-auth-is-org-sign-in --ide
    --include-hook-events --include-partial-messages --include-unsupported-models --init --init-only
    --maintenance --managed-settings-in-initialize --no-chrome --no-session-persistence --plan-mode-required
    --print --replay-user-messages --reply-on-resume --restricted --safe-mode --session-mirror
    --strict-mcp-config --tmux --verbose --version -c -d2e -h -p -v
    """
)
"""Claude Code's flags without a value; these four lists are the options of its program, 2.1.332, hidden ones too."""

FLAGS_WITH_VALUE = _words(
    """
    --advisor --agent --agent-color --agent-id --agent-name --agent-type --agents
    --append-subagent-system-prompt --append-subagent-system-prompt-file --append-system-prompt
    --append-system-prompt-file --attach-serve --autocompact --client-data-url --correlation-id --debug-file
    --deep-link-cwd-b64 --deep-link-last-fetch --deep-link-repo --effort --environment --fallback-model
    --fast-mode --forward-home-settings --inherit-permission-mode --initialize-fields --input-format
    --json-schema --lead-verify-key --managed-settings --max-budget-usd --max-thinking-tokens --max-turns
    --messaging-socket-path --metadata --model --name --on-branch --output-format --parent-session-id
    --permission-mode --permission-prompt-tool --permission-prompts --plan-mode-instructions --plugin-dir
    --plugin-dir-no-mcp --plugin-url --pool --prefill --prefill-b64 --proactivity --project-config-root --ref
    --remote-control-session-name-prefix --resume-drops-turn --resume-session-at --rewind-files
    --runner-declares --sdk-url --session-began-as-copy --session-id --setting-sources --settings
    --system-prompt --system-prompt-file --system-prompt-snapshot --task-budget --team-name --teammate-mode
    --thinking --thinking-display --watch-artifact --watch-artifact-no-autoreact --workload -n
    """
)

FLAGS_WITH_OPTIONAL_VALUE = _words(
    """
    --cloud --debug --from-pr --prompt-suggestions --rc --remote --remote-control --resume --teleport --worktree
    -d -r -w
    """
)
"""The next word is their value unless it begins with `-`: `--debug mcp` is no call of `mcp`."""

FLAGS_WITH_VALUES = _words(
    """
    --add-dir --allowed-tools --allowedTools --betas --channels --dangerously-load-development-channels
    --disallowed-tools --disallowedTools --file --mcp-config --tools
    """
)
"""Every word up to the next one that begins with `-` is a value of theirs."""

FLAGS = SWITCHES | FLAGS_WITH_VALUE | FLAGS_WITH_OPTIONAL_VALUE | FLAGS_WITH_VALUES
"""Every flag that 2.1.332 takes before its own commands."""
