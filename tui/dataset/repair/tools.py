"""Functions, as calls were written before tools: rewritten where every call is clear."""

from __future__ import annotations

from tui.dataset.model import Format
from tui.dataset.repair.model import Work
from tui.dataset.rules.functions import as_tools, rewritten_messages

_CODE = "functions_deprecated"


def functions_into_tools(work: Work) -> None:
    """Rewrite ``functions``, ``function_call`` and function messages, all of them or none."""
    record = work.value
    if not work.may(_CODE) or work.kind not in (Format.CHAT, Format.REINFORCEMENT):
        return
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(entry, dict) for entry in messages):
        return
    tools = as_tools(record)
    rewritten = rewritten_messages(messages)
    if tools is None or rewritten is None or (not tools and not rewritten):
        return
    if tools:
        work.draft.replace(("functions",), tools)
        work.draft.rename(("functions",), "tools")
        work.note(_CODE, ("functions",), "rewritten", record["functions"], tools)
    for position, entry in rewritten.items():
        path = ("messages", position)
        work.draft.replace(path, entry)
        work.note(_CODE, path, "rewritten", messages[position], entry)
