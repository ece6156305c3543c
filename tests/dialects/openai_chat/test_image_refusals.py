"""The wordings with which servers refuse pictures, each with its source, and those that refuse one picture only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.dialects.openai_chat.image_refusals import is_about_images, refuses_images

LLAMACPP = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"

REFUSALS = {
    "llama.cpp, tools/server": LLAMACPP,
    "Ollama, wrapping llama.cpp": f'{{"error":{{"code":500,"message":"{LLAMACPP}","type":"server_error"}}}}',
    "llama.cpp before libmtmd": "unsupported content[].type",
    "llamafile issue 144": "The server was not compiled for multimodal or the model projector can't be loaded.",
    "llama-cpp-python": "Image input detected, but the loaded model is not configured with a mmproj module.",
    "llama-cpp-python issue 1168": 'can only concatenate str (not "list") to str',
    "mlx_lm, server.py": "Only 'text' content type is supported.",
    "dasllama 0.6.6, tried": "model 'm.gguf' has no vision arm — start the server with an image mmproj for it to "
    "accept image_url parts",
    "vLLM, entrypoints": "facebook/opt-125m is not a multimodal model None",
    "vLLM, --limit-mm-per-prompt": "At most 0 image(s) may be provided in one prompt. (parameter=image)",
    "vLLM before 0.6": "Unknown image model type: qwen2",
    "SGLang, tokenizer_manager.py": "Multimodal inputs are not supported when --language-model-only is set; the "
    "encoder is not loaded. Restart without the flag.",
    "mlx-vlm servers": "The model that is loaded is not a Multimodal model. Please use a Multimodal model for VLM.",
    "Ollama, model.go": "this model is missing data required for image input",
    "Ollama issue 17301": "this model does not support image input (ref: b8bd630e-4a39-4b57-82af-9158ee9d5703)",
    "LM Studio issue 908": "Model does not support images. Please use a model that does.",
    "LM Studio, lms issue 53": "<LM Studio error> Vision model is not loaded. Cannot process images. Suggestion: Make "
    "sure to load both the primary and the Vision Adapter models.",
    "LM Studio, content": "Invalid parameter: 'messages[1].content' must be a string.",
    "OpenRouter": "No endpoints found that support image input",
    "OpenAI": "Invalid content type. image_url is only supported by certain models.",
    "DeepSeek": "Failed to deserialize the JSON body into the target type: messages[15]: unknown variant `image_url`, "
    "expected `text` at line 1 column 746109",
    "Z.AI": "messages.content.type is invalid, allowed values: ['text']",
    "Z.AI in Chinese": "messages.content.type 参数非法，取值范围 ['text']",  # noqa: RUF001
    "Groq": "'messages.0' : for 'role:user' the following must be satisfied[('messages.0.content' : value must be a "
    "string)]",
    "Mistral, code 3051": "Image input is not enabled for this model",
    "Gemini": "Image input modality is not enabled for models/gemma-3-1b-it",
    "Moonshot": "Image input not supported for model moonshot-v1-8k",
    "Bedrock": "This model doesn't support the image content block that you provided. Remove it and try again.",
    "xLLM issue 801": "Non-text content requires multimodal endpoint",
    "FastAPI, content": "body.messages.0.content: Input should be a valid string",
    "FastAPI, part": "body.messages.0.content.1.type: Input should be 'text'",
    "a template": "'list object' has no attribute 'startswith'",
    "gateways, vision": "vision is not supported for this model",
    "gateways, images": "Images are not supported by this model.",
    "gateways, content": "Unsupported content type: image_url",
    "gateways, plural": "The selected model does not support image inputs",
    "gateways, multimodal": "Multimodal input is not supported",
    "gateways, input_image": "input_image is not allowed; expected text content only",
    "gateways, text": "This endpoint only accepts text content",
}  # fmt: skip

ONE_PICTURE = {
    "OpenAI, role": "Image URLs are only allowed for messages with role 'user', but this message with role 'tool' "
    "contains an image URL.",
    "llama.cpp, damaged": "Failed to load image or audio file",
    "OpenAI, damaged": "The image data you provided does not represent a valid image. Please check your input and try "
    "again with one of the supported image formats: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].",
    "OpenAI, format": "You uploaded an unsupported image. Please make sure your image is valid.",
    "Anthropic, damaged": "Could not process image",
    "Ollama, address": "image URLs are not currently supported, please use base64 encoded data instead",
    "Ollama, damaged": "invalid image input",
    "vLLM, number": "At most 4 image(s) may be provided in one prompt. (parameter=image)",
    "vLLM, ten": "At most 10 image(s) may be provided in one prompt.",
    "vLLM, damaged": "Failed to load image: cannot identify image file <_io.BytesIO object at 0x7f>",
    "vLLM, fetched": "Failed to fetch image from https://example.org/a.png: timed out",
    "Gemini, number": "You can only include 10 image links",
    "Xiaomi, damaged": "Request Error - Multimodal data is corrupted or cannot be processed",
    "base64": "invalid image_url: malformed base64 data",
    "format": "unsupported image MIME type image/tiff",
    "format, plural": "image formats other than PNG are not supported",
    "a file": "The image file is truncated (3 bytes not processed)",
}  # fmt: skip

OTHERS = {
    "Anthropic, size": "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 7345120 bytes > 5242880",
    "Anthropic, dimensions": "image dimensions exceed max allowed size for many-image requests: 2000 pixels",
    "llama.cpp, sound": LLAMACPP.replace("image", "audio"),
    "llama.cpp, address": "invalid url value, expected base64 or a supported scheme",
    "format, of the type": "Unsupported content type: image/tiff",
    "format, named": "this model does not support images of type image/bmp",
    "size": "The server does not support images larger than 20 MB",
    "address": "This server does not support image URLs; send base64.",
    "generation": "This model does not support image generation",
    "system": "images are not supported in the system message",
    "CUDA": "CUDA error: no kernel image is available for execution on the device",
    "CUDA, invalid": "CUDA error: device kernel image is invalid",
    "video": "this model does not support video input",
    "tools": "registry.ollama.ai/library/gemma3 does not support tools",
    "tool schema": "tools.0.function.description must be a string",
    "window": "request (9000 tokens) exceeds the available context size (8192 tokens)",
    "service": "image service unavailable",
    "nothing": "",
}  # fmt: skip

AMBIGUOUS = ("string", "content must be", "concatenate", "list object")
"""Words that mean pictures only in the answer to a request with pictures."""


@pytest.mark.parametrize("message", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_server_that_takes_no_pictures_is_recognised(message: str) -> None:
    assert refuses_images(message)


@pytest.mark.parametrize("message", REFUSALS.values(), ids=REFUSALS.keys())
def test_the_wording_counts_not_its_case_or_its_quotes(message: str) -> None:
    assert refuses_images(f"Error 400:\n{message.upper()}")
    assert refuses_images(message.replace("'", "`"))


@pytest.mark.parametrize("message", [*ONE_PICTURE.values(), *OTHERS.values()], ids=[*ONE_PICTURE, *OTHERS])
def test_an_error_about_one_picture_or_about_something_else_is_not_taken_for_it(message: str) -> None:
    assert not refuses_images(message)


@pytest.mark.parametrize("message", ONE_PICTURE.values(), ids=ONE_PICTURE.keys())
def test_an_error_about_one_picture_is_about_images(message: str) -> None:
    assert is_about_images(message)
    assert is_about_images(message.upper())


@pytest.mark.parametrize("message", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_about_images_unless_it_may_be_about_another_content(message: str) -> None:
    assert is_about_images(message) == (not any(word in message for word in AMBIGUOUS))


@pytest.mark.parametrize("message", OTHERS.values(), ids=OTHERS.keys())
def test_other_errors_are_not_about_images(message: str) -> None:
    assert not is_about_images(message)


@given(st.sampled_from(sorted(OTHERS.values())), st.sampled_from(sorted(REFUSALS.values())))
def test_a_refusal_inside_another_message_is_recognised(before: str, refusal: str) -> None:
    assert refuses_images(f"{before}: {refusal}")
