"""A piece of work that is counted."""

from collections.abc import Callable
from typing import TypeAlias

Thunk: TypeAlias = Callable[[], object]
