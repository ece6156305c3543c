"""What a tool's schema says about a call: which tool a name means, and whether the arguments fit."""

from .offered_tools import CheckedCall, OfferedTools

__all__ = ["CheckedCall", "OfferedTools"]
