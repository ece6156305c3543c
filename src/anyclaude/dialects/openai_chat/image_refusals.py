"""
Recognise the errors with which a server refuses pictures: all of them, because its model cannot see, or one of them.

One picture is refused because it is too large, damaged, of another format or not to be fetched, or one too many.  The
model can see others.
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
    r"|\bno (?:vision|image|multi-?modal) (?:support|capabilit|arm\b)"  # the last: dasllama
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
    r"|(?:cannot|cant) (?:process|handle|understand) images(?= with this|\W*$)"
    r"|non-text content requires",  # xLLM
    re.IGNORECASE,
)
"""The model, or the server, takes no pictures.  The tests name the source of each wording, here and below."""

STRINGS_ONLY = re.compile(
    r"messages?\b.{0,60}content\b.{0,60}(?:must|should) be a (?:valid )?string\b"
    r"|content\b.{0,20}\bexpected (?:a )?string,? (?:but )?(?:got|received|found) (?:an? )?(?:array|list|sequence)"
    r"|can only concatenate str \(not list\)|\blist object has no attribute",
    re.IGNORECASE,
)
"""The server, or its template, knows no content but strings.  It is a list only where it has a picture."""

ONE_REFUSED = re.compile(
    r"failed to (?:load|fetch|decode|download|open|process|read|parse)"  # llama.cpp, vLLM
    r"(?: the| an?)?(?: input)? image"
    r"|(?:could not|couldnt|cannot|cant|unable to) (?:process|load|decode|identify|open|fetch|download|read)"
    r"(?: the| an?| your)?(?: input)? image"  # Anthropic, Pillow
    r"|(?<!kernel )\bimages?(?:_url)?(?: data| files?| inputs?| contents?)?(?: you provided)? (?:is|are|does|do|has)\b"
    r".{0,30}(?:corrupt|damaged|invalid|malformed|truncated|not valid|represent a valid|too (?:large|small|big))"
    r"|\b(?:invalid|unsupported|malformed|corrupt(?:ed)?)(?: base64)? (?:image|image_url)\b"
    r"|error (?:in|while) (?:loading|downloading|decoding|processing) (?:the )?image"
    r"|\bat most \d+ image|only include \d+ image|too many images"  # vLLM, Gemini
    r"|image urls? (?:are|is) (?:not|only)|image formats|multi-?modal data is corrupt",  # Ollama, OpenAI, Xiaomi
    re.IGNORECASE,
)
"""Anthropic's words for a picture that is too large are not among them: the client acts on them as they are."""

QUOTES = str.maketrans("", "", "'`\"’")


def refuses_images(message: str) -> bool:
    """Return whether the error for a request with pictures says that the model, or the server, takes none at all."""
    plain = _plain(message)
    return bool(REFUSALS.search(plain) or STRINGS_ONLY.search(plain))


def is_about_images(message: str) -> bool:
    """Return whether the error for any request refuses its pictures, all or one; without doubt, for nothing else."""
    plain = _plain(message)
    return bool(REFUSALS.search(plain) or ONE_REFUSED.search(plain))


def _plain(message: str) -> str:
    """Return the words without quotes and line breaks, in which servers differ."""
    return " ".join(message.translate(QUOTES).split())
