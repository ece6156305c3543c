"""What stands before a call shows whether it is meant, or shown to the user."""

import pytest

from anyclaude.filters.written.surroundings import LINE_CHARACTERS, MAX_EVENTS, Surroundings


def after(text: str) -> Surroundings:
    """Return the surroundings of what follows a text, in which lines between fences are code."""
    surroundings, is_code = Surroundings(), False
    *lines, last = text.split("\n")
    for line in lines:
        surroundings.note(line)
        surroundings.end_line(is_code=is_code)
        if line.startswith("```"):
            is_code = not is_code
            if not is_code:
                surroundings.end_block()
    surroundings.note(last)
    return surroundings


MEANT = [
    "It looks like the parser crashes on empty input. Let me read it.\n\n",
    "Let me look at the example configuration first.\n\n",
    "I'll read the examples directory's app.\n",
    "I'll check files such as app.py …\n",
    "The test looks like it fails in app.py.\n",
    "For instance the router may be wrong. I'll open app.py now.\n",
    "Config files (e.g. app.py) may be stale. Let me check:\n",
    "Ich sehe mir zum Beispiel app.py an.\n",
    "让我先看一下例如 app.py 的文件。\n",
    "I found the `example` folder. Now I'll read app.py:\n",
    "It looks like there is a bug. ",
    "Let me read the example file.\n",
    "I'll use the following format:\n",
    "OK.\n",
    "List the tags:\n",
    "修改如下：\n",
    "运行测试用例：\n",
    "Run the example:\n",
    "Check the examples directory:\n",
    "查看示例：\n",
    "The model class is defined in model.py. Opening it:\n",
    "Sure! First, let me look at the format of the file.\n",
    "Plan:\n1. Read the example\n2. Fix it\n\n",
    "## Step 1: Read the file\n\n",
    "**Reading the file**\n\n",
    "To see what the output looks like, I'll run it:\n",
    "The error looks like this:\n```\nfoo\n```\nLet me fix it.\n",
    "Reading the template:\n",
    "Now the tests:\n",
    "Updating `tags.py`:\n",
    "Je vais lire l'exemple :\n",
    "Ich lese das Beispiel:\n",
    "我来看看示例文件：\n",
    "Certainly. I need to check the format:\n",
    "The user wants an example of a parser. I should read the file first.\n",
    "Okay, calling Read:\n",
    "Done. Next:\n",
    "### examples/app.py\n\n",
    "**`.env.example`**\n\n",
    "#### 1. `config.example.json`\n\n",
    "Write `example.py`:\n\n",
    "Need to look at the example file:\n\n",
    "Ok, reading the example:\n\n",
    "Okay, checking the example file:\n\n",
    "Got it, adding the example:\n\n",
    "As requested, updating the example:\n\n",
    "One moment, reading the example:\n\n",
    "After that, update the example:\n\n",
    "Finally, update the examples:\n\n",
    "_Reading the example file:_\n\n",
    "**Step 1: Explore the examples directory**\n\n",
    "### Step 2: Implement the example\n\n",
    "2. Write the example test:\n\n",
    "### Phase 1: Explore examples\n\n",
    "### Schritt 1: Beispiel prüfen\n\n",
    "更新示例：\n\n",
]
"""What models say before they call a tool."""

DOUBTFUL = [
    "Syntax check:\n",
    "Format the code:\n",
    "The fix is as follows:\n",
    "处理例外：\n",
    "Here's what I'll do:\n\n",
    "Tool call:\n",
    "The following command lists files:\n",
    "Voy a leer el ejemplo:\n",
    "1. `examples/app.py`:\n\n",
    "Using the Read tool for example.py:\n\n",
    "Directory: `/src/examples`:\n\n",
    "First, the example config:\n\n",
    "To find the example, read app.py:\n\n",
    "The example fails because of a typo:\n\n",
    "The example is in /src/app.py:\n\n",
    "But the example file must be read first:\n\n",
    "Following your example:\n\n",
    "This looks like a bug:\n\n",
    "This looks like a race condition:\n\n",
    "Looks like the failing test is in app.py:\n\n",
    "The error looks like it comes from app.py:\n\n",
    "That looks like the right place:\n\n",
    "Sure, adding an example:\n\n",
    "To show you an example, I'll open the file:\n\n",
    "To provide a good example, let me read the file first:\n\n",
    "Let me show you the example file:\n\n",
    "The LLM emits malformed tokens here; checking the tokenizer:\n\n",
    "The model produces NaN:\n\n",
    "The model calls `forward` twice:\n\n",
    "Hmm, it writes to the wrong file:\n\n",
    "So it outputs the wrong tokens:\n\n",
    "Hmm, the format is different here:\n\n",
    "The file uses the old format:\n\n",
    "The tokens are expired:\n\n",
    "The tool call is as follows:\n\n",
    "工具调用如下：\n\n",
    "Beispiel wird gelesen:\n\n",
    "1. Beispiel lesen:\n\n",
    "Jetzt das Beispiel anpassen:\n\n",
    "Lecture de l'exemple :\n\n",
    "Mise à jour de l'exemple :\n\n",
    "Voyons l'exemple :\n\n",
    "Leyendo el ejemplo:\n\n",
    "Veamos el ejemplo:\n\n",
    "Primero leo el ejemplo:\n\n",
    "Lendo o exemplo:\n\n",
    "先看示例：\n\n",
    "首先读示例文件：\n\n",
    "例えば app.py を見てみます：\n\n",
    "Читаю пример:\n\n",
    "Сначала прочитаю пример:\n\n",
    "Посмотрим пример:\n\n",
    "请求体如下：\n\n",
    "格式如下：\n",
    "For example, Mistral writes:\n\n",
    "The chat template renders the assistant turn as follows:\n\n",
    "Tool calls have the following format:\n",
    "The format of a call is:\n",
    "You would write something like (for example):\n",
    "Here's how a call looks like in Hermes:\n",
    "The raw output was:\n\n",
    "You pasted:\n",
    "The expected response body:\n\n",
    "La sortie brute du modèle est :\n",
    "模型的原始输出是：\n",
]
"""What they say before they call one, or show one."""

SHOWN = [
    "Here is an example of a tool call:\n\n",
    "In Hermes format, a call looks like this:\n\n",
    "Beispiel:\n\n",
    "**Example**\n\n",
    "示例：\n\n",
    "Exemple :\n\n",
    "Ecco un esempio:\n\n",
    "Например:\n\n",
    "例えば：\n\n",
    "예시:\n\n",
    "Bijvoorbeeld:\n\n",
    "Das Modell schreibt z.B.\n\n",
    "Das Modell schreibt z. B.:\n\n",
    "Voici un exemple d'appel d'outil :\n\n",
    "Este es un ejemplo de llamada:\n\n",
    "Пример вызова инструмента:\n\n",
    "ツール呼び出しの例：\n\n",
    "So sieht ein Werkzeugaufruf bei Qwen aus:\n\n",
    "Example:\n\nA single call:\n\n",
    "Some examples:\n\n1. Read a file\n\n",
    "## Example\n\nThe assistant calls the Read tool:\n\n",
    "Phi-4 example: ",
    "When the model wants to read a file it writes:\n\n",
    "Let me show you an example:\n\n",
    "Models use these tags:\n",
    "For example ",
    "<example>\n",
    "$ cat call.json\n",
    "Beispiel für DeepSeek:\n\n",
    "I'll give you an example of the format:\n",
    "Sure, here's an example:\n\n",
    "OK, here is what a tool call looks like:\n",
    "A tool call might look like this:\n",
    "### Example 2\n\n",
    "Example tool call:\n",
    "e.g.:\n",
    "Format: the model outputs\n",
    "下面是一个工具调用的示例：\n\n",
    "举个例子：\n",
    "Example 1: reading a file\n\n",
    "Sample:\n\n",
    "Sample output:\n\n",
    "You call a tool like this:\n\n",
    "A call is written like this:\n\n",
    "A call is written like so:\n\n",
    "Here's an example of what I would send:\n\n",
    "In our project we have the following example in the docs:\n\n",
]
"""What they say before they show a call to the user."""


@pytest.mark.parametrize("text", MEANT)
def test_who_says_what_will_be_done_means_the_call(text: str) -> None:
    assert after(text).judgement() == "meant"


@pytest.mark.parametrize("text", ["WE CHECK THE FORMAT: ", "So LET ME read it — ", "ДАВАЙ посмотрим: ", "DÉJAME ver: "])
def test_who_acts_is_seen_in_capitals_too(text: str) -> None:
    assert after(text).judgement() == "meant"


@pytest.mark.parametrize("text", DOUBTFUL)
def test_a_colon_alone_leaves_open_whether_the_call_is_meant(text: str) -> None:
    assert after(text).judgement() == "doubtful"


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_announced_as_an_example_is_shown(text: str) -> None:
    assert after(text).judgement() == "shown"


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("Example:\n\n<tool_call>\n", True),
        ("Example:\n\n<tool_call>\n{}\n</tool_call>\n", True),
        ("Example:\n\n<tool_call>\n{}\n</tool_call>\n\n", False),
        ("Example:\n\n<invoke>\n\nAnd another one:\n\n", True),
        ("Example:\n\n<a>\n\nThat is all.\n\n", False),
        ("Example:\n\n<a>\n\nNow the call:\n\n", False),
        ("Example:\n```\ncode: 1\n```\n", False),
        ("Example:\n```\n{}\n```\n## With a limit\n\n", True),
        ("Example:\n```\n{}\n```\n- with a limit\n\n", True),
        ("Example:\n```\ncode: 1\n```\n## Next\n\n", False),
        ("Examples of files:\n- a.py\n- b.py\n\n", False),
        ("<example>\nuser: read it\n\nassistant: ", True),
        ("<example>\nread it\n</example>\n\n", False),
        ("Text.\n\n", False),
    ],
)
def test_an_announcement_holds_for_one_block_and_for_those_that_are_joined_to_it(text: str, is_shown: bool) -> None:
    assert (after(text).judgement() == "shown") == is_shown


def test_a_call_begins_anew() -> None:
    surroundings = after("Example:\n\n")
    surroundings.begin()

    assert surroundings.judgement() == "meant"
    assert surroundings.line == ""


def test_a_block_that_is_shown_goes_on_to_its_end() -> None:
    surroundings = after('The log has "<tool_call>')
    surroundings.show_block()
    surroundings.end_line()
    assert surroundings.judgement() == "shown"

    surroundings.note("")
    surroundings.end_line()
    assert surroundings.judgement() == "meant"


@pytest.mark.parametrize("line", ['He wrote "', "Er schrieb „", "他写道：「", "| Hermes | ", "<code>", "<!-- "])
def test_what_is_quoted_or_stands_in_a_table_is_mentioned(line: str) -> None:
    assert after(line).is_mentioned(is_token=True)
    assert after(line).is_mentioned(is_token=False)


def test_a_bracket_shows_that_a_tag_is_mentioned_but_not_a_token() -> None:
    assert after("(").is_mentioned(is_token=False)
    assert not after("(").is_mentioned(is_token=True)
    assert not after("").is_mentioned(is_token=False)


@pytest.mark.parametrize(
    ("line", "is_in_sentence"),
    [
        ("The model writes ", True),
        ("Das Modell gibt ", True),
        ("I call ", False),
        ("Result: ", False),
        ("Done. ", False),
        ("", False),
    ],
)
def test_a_sentence_that_is_not_about_what_will_be_done_goes_on(line: str, is_in_sentence: bool) -> None:
    assert after(line).is_in_sentence() == is_in_sentence


@pytest.mark.parametrize("size", [1, 7, 5_000])
def test_of_a_long_line_the_last_part_is_kept_however_it_arrives(size: int) -> None:
    text = "".join(f"word {number} " for number in range(400))
    surroundings = Surroundings()
    for at in range(0, len(text), size):
        surroundings.note(text[at : at + size])

    assert surroundings.line == text[-LINE_CHARACTERS:]


def test_an_announcement_that_lies_far_back_is_forgotten() -> None:
    text = "<example>\n" + "".join(f"Line {number}.\n" for number in range(MAX_EVENTS))

    assert after(text).judgement() == "meant"
    assert after(text.replace("Line 0.\n", "")).judgement() == "shown"


@pytest.mark.parametrize(
    ("text", "is_in_list"),
    [("- one\n", True), ("1. one\n\n", True), ("- one\n  more\n", True), ("- one\n\nText\n", False), ("Text\n", False)],
)
def test_the_text_of_a_list_is_known(text: str, is_in_list: bool) -> None:
    assert after(text).is_in_list == is_in_list
