"""What happened: one typed record per exchange, written once."""

from .journal import Journal
from .records import ExchangeRecord, PromptSize, SectionSize

__all__ = ["ExchangeRecord", "Journal", "PromptSize", "SectionSize"]
