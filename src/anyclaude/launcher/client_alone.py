"""The client alone, for its commands that talk to no model: as the user's own shell would start it."""

from anyclaude.settings import Settings

from .client import Invocation, provide_client
from .folders import client_machine
from .signals import Signals
from .supervise import running_client
from .terminal import Terminal


async def run_client_alone(invocation: Invocation, settings: Settings, terminal: Terminal, signals: Signals) -> int:
    """
    Run Claude Code with the user's arguments and environment, and return its exit status.

    No server is looked for and no gateway is started; a client is installed if there is none.
    """
    client = await provide_client(client_machine(settings, invocation.environment), terminal)
    command = (*client.command, *invocation.arguments)
    async with running_client(command, invocation.environment, signals) as exit_status:
        return await exit_status
