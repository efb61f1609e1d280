"""Every rule as data: its name, weight, meaning, and why it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tui.dataset.model import Severity

_E, _W, _A = Severity.ERROR, Severity.WARNING, Severity.ADVICE


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Its stable name.
        severity: Its weight in the OpenAI profile; other profiles may differ.
        section: The part of the catalogue it belongs to.
        summary: When it speaks.
        evidence: What that rests on.
        fixable: Whether a safe repair by machine exists, at least in clear cases.
    """

    code: str
    severity: Severity
    section: str
    summary: str
    evidence: str
    fixable: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the rule as ``check --rules --json`` writes it."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "section": self.section,
            "summary": self.summary,
            "evidence": self.evidence,
            "fixable": self.fixable,
        }


_JSON = "JSON standard (RFC 8259); OpenAI server: “line contains invalid json”"
_SCHEMA = "OpenAI API specification, fine-tuning chat request input"
_SERVER = "OpenAI server message seen in failed jobs"
_GUIDE = "OpenAI fine-tuning guide"
_NOTEBOOK = "OpenAI cookbook, chat data preparation notebook"
_PRACTICE = "common practice"

_LINES = (
    ("invalid_utf8", _E, "bytes that are not UTF-8", "JSON standard (RFC 8259, section 8.1)"),
    ("byte_order_mark", _W, "the file starts with a byte order mark",
     "no stored OpenAI example has one; Azure documents it as wanted", True),
    ("invalid_json", _E, "a line that is not one strict JSON value", _JSON, True),
    ("pretty_printed", _E, "one object spread over several lines", _JSON, True),
    ("too_deep", _E, "nesting beyond any sane depth", "JSON readers stop near 1,000 levels"),
    ("blank_line", _A, "a line with nothing on it", _PRACTICE, True),
    ("data_type", _E, "a record that is not a JSON object", _NOTEBOOK),
    ("duplicate_key", _W, "the same key twice in one object; the last one wins silently",
     "JSON standard (RFC 8259, section 4)"),
    ("lone_surrogate", _W, "half of an escaped surrogate pair, which is no character",
     "JSON standard (RFC 8259, section 8.2)"),
    ("too_few_examples", _E, "fewer examples than the provider trains on",
     "OpenAI server: “must have at least 10 examples”"),
    ("mixed_formats", _E, "a record of another format than the rest of the file",
     "OpenAI server: format of file and method must agree"),
    ("unknown_format", _E, "neither messages, preference nor prompt and completion",
     "OpenAI server: “Unexpected file format”"),
    ("file_too_large", _E, "larger, or with more examples, than the provider takes",
     "Files and Uploads reference"),
    ("empty_file", _E, "no record at all", _SERVER),
)  # fmt: skip

_CHAT = (
    ("missing_messages_list", _E, "messages is absent, empty, or not a list",
     "OpenAI server: “is missing key 'messages'”"),
    ("record_unrecognized_key", _E, "a top-level key that training files may not have",
     "OpenAI server: “contains an extra …”", True),
    ("message_not_object", _E, "a message that is not an object", _SCHEMA),
    ("message_missing_key", _E, "a message without role, or without content, call or refusal",
     "OpenAI server: “Discriminator 'role' is missing in value”"),
    ("message_unrecognized_key", _E, "a key no message has, or not one with this role",
     _NOTEBOOK + "; " + _SCHEMA, True),
    ("unrecognized_role", _E, "a role outside system, user, assistant, tool, function, developer",
     _NOTEBOOK + "; " + _SCHEMA, True),
    ("developer_role", _A, "the developer role, which only newer schemas accept", _SCHEMA),
    ("missing_content", _E, "null or empty content where text is needed", _NOTEBOOK),
    ("blank_content", _W, "content of white space only", _PRACTICE),
    ("content_type", _E, "content of a type that the role does not take", _SCHEMA),
    ("invalid_content_part", _E, "a content part of unknown type, or without what its type needs",
     _SCHEMA),
    ("example_missing_assistant_message", _E, "no assistant message, so nothing to learn",
     _NOTEBOOK),
    ("last_message_not_assistant", _E, "the last message is not the assistant's",
     "Microsoft documentation; field reports of refused OpenAI jobs"),
    ("nothing_trained", _E, "every assistant message has weight 0", _GUIDE),
    ("invalid_weight", _E, "weight is not the integer 0 or 1, or not on an assistant message",
     _SCHEMA, True),
    ("invalid_name", _W, "name is not 1 to 64 letters, digits, underscores or hyphens", _SCHEMA),
    ("special_token", _E, "a control token of the encoding written in text",
     "OpenAI server: “message contains an invalid token”"),
    ("system_not_first", _W, "a system message after other messages", _PRACTICE),
    ("consecutive_same_role", _W, "user after user, or assistant after assistant", _PRACTICE),
    ("missing_user", _W, "examples without a user message (said once a file)", _NOTEBOOK),
    ("missing_system", _A, "examples without a system message (said once a file)", _NOTEBOOK),
    ("over_context", _E, "more tokens than the model trains on; the end of the example is lost",
     "OpenAI best practices for fine-tuning: truncated from the end"),
)  # fmt: skip

_TOOLS = (
    ("invalid_tools", _E, "tools is not a list of functions whose parameters are object schemas",
     _SCHEMA),
    ("invalid_function_name", _E,
     "a function's name is not 1 to 64 letters, digits, underscores or hyphens", _SCHEMA),
    ("invalid_tool_call", _E,
     "a call without id, type or function name, or whose arguments are not text", _SCHEMA),
    ("tool_arguments_not_json", _E, "the arguments of a call are not a JSON object as text",
     _GUIDE),
    ("tool_arguments_mismatch", _W,
     "arguments that do not fit the function's parameters: missing, unknown, or of a wrong type",
     _PRACTICE),
    ("unknown_function", _W, "a call of a function that tools does not define", _GUIDE),
    ("tool_call_unanswered", _E, "a call without an answer, though the conversation goes on",
     "OpenAI server: calls “must be followed by tool messages”"),
    ("tool_message_orphan", _E, "a tool message that answers no earlier call",
     "OpenAI server: tool messages must be “a response to a preceding message with 'tool_calls'”"),
    ("duplicate_tool_call_id", _E, "two calls of one record with the same id", _PRACTICE),
    ("invalid_parallel_tool_calls", _E, "parallel_tool_calls is not true or false", _SCHEMA),
    ("functions_deprecated", _W, "functions and function_call, which tools have replaced",
     _GUIDE, True),
    ("tools_differ", _A, "a function defined differently across records (said once a file)",
     _GUIDE),
)  # fmt: skip

_VISION = "OpenAI guide to vision fine-tuning"

_IMAGES = (
    ("invalid_image_url", _E, "neither a web address nor a data URL of a PNG, JPEG or WEBP image",
     _VISION),
    ("invalid_image_detail", _E, "detail is not low, high or auto", _SCHEMA),
    ("too_many_images", _E, "more images in a record, or records with images, than are taken",
     _VISION),
    ("image_too_large", _E, "an image as data URL that is larger than is taken", _VISION),
    ("image_in_output", _E, "an image in what the model is to answer", _VISION),
)  # fmt: skip

_PREFERENCE = (
    ("missing_input", _E, "input is absent or has no messages",
     "OpenAI server: “is missing key 'input'”"),
    ("missing_output", _E, "preferred_output or non_preferred_output is absent",
     "OpenAI guide to direct preference optimization"),
    ("invalid_output", _E, "an output that is not a list with one assistant message at its end",
     "OpenAI guide to direct preference optimization"),
    ("identical_outputs", _W, "both outputs are the same", _PRACTICE),
    ("input_ends_with_assistant", _W, "the input ends with an assistant message", _PRACTICE),
)  # fmt: skip

_REINFORCEMENT = (
    ("last_message_not_user", _E, "the last message is not the user's", "Microsoft documentation"),
    ("system_role", _W, "a system message in reinforcement data",
     "Azure server: “System messages are not supported”"),
    ("too_many_records", _E, "more records than reinforcement training takes",
     "OpenAI guide to reinforcement fine-tuning"),
    ("validation_required", _E, "reinforcement training without validation data (at launch)",
     "OpenAI guide to reinforcement fine-tuning"),
    ("grader_field_missing", _W, "a field the grader reads that some records lack",
     "OpenAI guide to reinforcement fine-tuning"),
)  # fmt: skip

_LEGACY = "OpenAI's data preparation tool for completions"

_COMPLETION = (
    ("missing_prompt", _E, "no prompt", _SCHEMA),
    ("missing_completion", _E, "no completion", _SCHEMA),
    ("completion_type", _E, "prompt or completion is not text", _SCHEMA),
    ("empty_completion", _E, "the completion is empty", _PRACTICE),
    ("no_common_separator", _A, "the prompts have no common ending (said once a file)", _LEGACY),
    ("no_common_ending", _A, "the completions have no common ending (said once a file)", _LEGACY),
    ("completion_no_leading_space", _A,
     "completions that start without white space (said once a file)", _LEGACY),
    ("models_retired", _W, "no model of the provider takes this format any more",
     "OpenAI deprecations: babbage-002 and davinci-002 are shut down"),
)  # fmt: skip

_FIELD = "field reports; OpenAI fine-tuning guide on the quality of examples"

_QUALITY = (
    ("duplicate_example", _W, "the same content as an earlier record", _PRACTICE, True),
    ("near_duplicate", _A, "nearly the same text as an earlier record (with --near)", _PRACTICE),
    ("conflicting_answers", _W, "the same prompt as an earlier record, but another answer",
     "OpenAI fine-tuning guide: examples should agree with each other"),
    ("train_validation_overlap", _W, "the same prompt in training and validation data",
     "OpenAI API specification of validation_file: the two should not share data"),
    ("secret", _W, "a key, a token or a private key in the text", "shapes their makers document"),
    ("personal_data", _A, "an e-mail address, phone, card or social security number", _PRACTICE),
    ("refusal", _A, "an answer that declines", "OpenAI fine-tuning guide: balanced refusals"),
    ("truncated_answer", _A, "an answer that stops in the middle, where most others do not",
     _FIELD),
    ("mojibake", _W, "text that was decoded wrongly on the way", _PRACTICE, True),
    ("few_examples", _A, "fewer than 50 examples (said once a file)",
     "OpenAI fine-tuning guide: 50 to 100 good examples show an effect"),
    ("unbalanced_labels", _A, "answers from a small set, very unevenly (said once a file)",
     _PRACTICE),
    ("context_copied", _A, "an answer that repeats the question word for word", _PRACTICE),
)  # fmt: skip

_SECTIONS = (
    ("Lines and file", _LINES),
    ("Chat", _CHAT),
    ("Tools", _TOOLS),
    ("Images", _IMAGES),
    ("Preference", _PREFERENCE),
    ("Reinforcement", _REINFORCEMENT),
    ("Prompt and completion", _COMPLETION),
    ("Quality", _QUALITY),
)


def _build() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for section, rows in _SECTIONS:
        for code, severity, summary, evidence, *fixable in rows:
            found[code] = Rule(code, severity, section, summary, evidence, bool(fixable))
    return MappingProxyType(found)


RULES: Mapping[str, Rule] = _build()
"""Every rule by code, in the catalogue's order."""
