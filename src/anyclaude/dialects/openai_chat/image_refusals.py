"""
Recognise the error with which a server refuses pictures as such, because its model cannot see.

An error about one picture (too large, damaged, of another format, not to be fetched) or about the number of pictures is
none: the model can see others.
"""

import re

PICTURES = (
    r"\b(?:images?|vision|visual|multi-?modal|image_url|input_image)"
    r"(?: (?:inputs?|contents?|data|modality|blocks?|parts?|messages?|prompts?|capabilit(?:y|ies)|understanding)){0,2}"
)
"""What is refused; no picture in particular."""

PARTICULAR = (
    r"(?![-_/]|,? (?:urls?|links?|formats?|types?|mime|sizes?|resolutions?|dimensions?|files?|generation|outputs?"
    r"|edit\w*|larger|bigger|smaller|over|above|of|with|from|that|in (?:the )?(?:system|assistant|tool))\b)"
)
"""A continuation after which only some pictures are refused, or something else: such words do not count."""

REFUSALS = re.compile(
    # "Model does not support images. Please use a model that does.", "this model does not support image input"
    r"(?:does(?: not|nt)|do(?: not|nt)|cannot|cant) (?:support|accept|take|have|see)(?: the| any| an?)? "
    rf"{PICTURES}\b{PARTICULAR}"
    # "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    rf"|{PICTURES} (?:(?:is|are) not|(?:is|are)nt|not) (?:supported|enabled|available|allowed|accepted)\b{PARTICULAR}"
    r"|\bno (?:vision|image|multi-?modal) (?:support|capabilit)"
    r"|(?:\bnot|\bnon|isnt)(?: an?|-) ?(?:multi-?modal|vision|visual)(?:[- ]language)? model"  # vLLM
    r"|only text (?:contents?|inputs?|parts?)(?: types?)? (?:is|are) (?:supported|allowed|accepted)"
    r"|expected text content"
    r"|only (?:supports?|accepts?|allows?) text (?:contents?|inputs?|parts?|messages?)"
    r"|unknown variant image|image_url is only supported by"  # DeepSeek, OpenAI
    r"|content\S{0,12}type\b.{0,40}(?:allowed values|取值范围)\W{0,6}\[text\]"  # Z.AI
    r"|content\S*type\W{1,3}input should be text\b"  # FastAPI
    r"|(?:unknown|unsupported|invalid) (?:message )?(?:content|part)(?: part)? type\W{1,3}image(?:_url)?\b(?![/-])"
    r"|unsupported content\[\]\.type"  # llama.cpp without support for pictures
    r"|unknown image model type|at most 0 image"  # vLLM
    r"|missing data required for image input|no endpoints found that support (?:image|vision)"  # Ollama, OpenRouter
    r"|vision model is not loaded|not configured with an? mmproj|not compiled for multi-?modal"  # LM Studio, llama.cpp
    r"|non-text content requires"  # xLLM
    # The content is a list only where it has a picture; these servers and templates know nothing but strings.
    r"|messages?\b.{0,60}content\b.{0,60}(?:must|should) be a (?:valid )?string\b|can only concatenate str \(not list\)"
    r"|\blist object has no attribute",
    re.IGNORECASE | re.DOTALL,
)
"""Each wording has its source in `tests/dialects/openai_chat/test_image_refusals.py`."""

QUOTES = str.maketrans("", "", "'`\"’")


def refuses_images(message: str) -> bool:
    """Return whether the error for a request with pictures says that the model, or the server, takes none at all."""
    return REFUSALS.search(" ".join(message.translate(QUOTES).split())) is not None
