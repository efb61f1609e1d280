"""Flat records: instruction and output, prompt and completion, question and answer, role keys."""

from __future__ import annotations

import re
from typing import Any

from tui.dataset.convert.model import Fields, Message, SkipError, as_text, chat, message
from tui.dataset.convert.sharegpt import conversation_turns, tools_of, with_images

_SEPARATOR = re.compile(r"\s*(?:###|->|=>)\s*\Z")
_END = re.compile(r"\s*(?:###|\bEND|<\|endoftext\|>)\s*\Z")

SYSTEM = ("system", "system_prompt", "system_message")
CONTEXT = ("input", "context")
ALPACA_ANSWERS = ("output", "response", "completion", "answer")
COMPLETION_ANSWERS = ("completion", "response", "output", "answer")
QUESTIONS = ("question", "query", "q", "problem", "input", "user")
ANSWERS = ("answer", "response", "a", "solution", "output", "assistant", "answers")
CHOSEN = ("chosen", "chosen_response", "accepted", "preferred")
REJECTED = ("rejected", "rejected_response", "non_preferred", "dispreferred")


def alpaca(fields: Fields) -> Message:
    """Convert ``instruction``, ``input``, ``output``, with ``system`` and ``history``."""
    answer = _answer(fields, ALPACA_ANSWERS)
    return chat([*_alpaca_prompt(fields), message("assistant", answer)], fields, tools_of(fields))


def completion(fields: Fields) -> Message:
    """Convert ``prompt`` and ``completion``, each text or a list of messages."""
    _refuse_bad(fields)
    prompt = fields.first("prompt")
    found = fields.first(*COMPLETION_ANSWERS)
    if found is None:
        raise SkipError("no answer")
    if isinstance(prompt, str) and isinstance(found, str):
        prompt, found = _without_marks(prompt, found, fields)
    messages = _system(fields) + _turns(prompt, "user", "prompt")
    return chat(messages + _turns(found, "assistant", "completion"), fields, tools_of(fields))


def _without_marks(prompt: str, found: str, fields: Fields) -> tuple[str, str]:
    """Take away what the old format needed to tell prompt and completion apart."""
    shorter = _SEPARATOR.sub("", prompt)
    if shorter.strip() and shorter != prompt:
        fields.leave("the separator after a prompt")
        prompt = shorter
        # Only a file that has separators has such ends: elsewhere END may be part of the answer.
        ended = _END.sub("", found)
        if ended.strip() and ended != found:
            fields.leave("the end mark after a completion")
            found = ended
    if found[:1] == " " and found.strip():
        fields.leave("the blank before a completion")
        found = found.lstrip(" ")
    return prompt, found


def question(fields: Fields) -> Message:
    """Convert a question and its answer under any of their usual names."""
    _refuse_bad(fields)
    asked = fields.text(*QUESTIONS)
    answer = fields.first(*ANSWERS)
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if answer is None:
        raise SkipError("no answer")
    user = _join(asked, fields.text("context"))
    messages = [*_system(fields), message("user", user)]
    messages.append(message("assistant", as_text(answer, "the answer")))
    return chat(with_images(messages, fields), fields, tools_of(fields))


def role_keys(fields: Fields) -> Message:
    """Convert records with a key a role: ``system``, ``user``, ``assistant``."""
    user = _join(fields.text("user", "human"), fields.text("context"))
    answer = _answer(fields, ("assistant", "gpt", "model"))
    messages = [*_system(fields), message("user", user), message("assistant", answer)]
    return chat(with_images(messages, fields), fields, tools_of(fields))


def preference(fields: Fields) -> Message:
    """Convert ``chosen`` and ``rejected`` answers to a prompt into a preference record."""
    better, worse = fields.first(*CHOSEN), fields.first(*REJECTED)
    if better is None or worse is None:
        raise SkipError("only one of two answers")
    good, bad = _turns(better, "assistant", "chosen"), _turns(worse, "assistant", "rejected")
    shared = _shared(good, bad)
    prompt = _preference_prompt(fields, shared=bool(shared))
    if not prompt and isinstance(better, str) and isinstance(worse, str):
        good, bad = (_turns(_dialogue(text), "assistant", "") for text in (better, worse))
        shared = _shared(good, bad)
    # Where the answers repeat the conversation, it is told once.
    repeated = good[:shared]
    given = prompt + repeated
    if prompt and _without_system(prompt) == _without_system(repeated):
        given = max(prompt, repeated, key=len)
    if not any(entry.get("content") for entry in given if entry["role"] == "user"):
        raise SkipError("no question")
    record: Message = {"input": {"messages": given}}
    tools = tools_of(fields)
    if tools:
        record["input"]["tools"] = tools
    record["preferred_output"] = _output(good[shared:])
    record["non_preferred_output"] = _output(bad[shared:])
    return record


def _shared(good: list[Message], bad: list[Message]) -> int:
    """Return how many messages two conversations begin with alike, their answers not counted."""
    count = 0
    while count < min(len(good), len(bad)) - 1 and good[count] == bad[count]:
        count += 1
    return count


def _without_system(messages: list[Message]) -> list[Message]:
    return [entry for entry in messages if entry["role"] != "system"]


def _output(turns: list[Message]) -> list[Message]:
    if len(turns) != 1 or turns[0]["role"] != "assistant":
        raise SkipError("answers of more than one turn")
    if not turns[0].get("content"):
        raise SkipError("an empty answer")
    return turns


def _preference_prompt(fields: Fields, *, shared: bool) -> list[Message]:
    """Return what the answers answer; ``shared`` where they tell the conversation themselves."""
    turns = fields.first("conversations", "conversation")
    if turns is None and "instruction" in fields:
        return _alpaca_prompt(fields)
    if turns is None:
        turns = fields.first("prompt", *QUESTIONS)
    if turns is None and not shared:
        # Beside answers that begin with the conversation, messages often hold the better one too.
        turns = fields.first("messages")
    return with_images(_system(fields) + _turns(turns, "user", "prompt"), fields)


def _alpaca_prompt(fields: Fields) -> list[Message]:
    messages = _system(fields)
    for pair in fields.first("history") or ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise SkipError("a history that is not made of pairs")
        messages.append(message("user", as_text(pair[0], "history")))
        messages.append(message("assistant", as_text(pair[1], "history")))
    user = _join(fields.text("instruction"), fields.text(*CONTEXT))
    messages.append(message("user", user))
    return with_images(messages, fields)


def _system(fields: Fields) -> list[Message]:
    text = fields.text(*SYSTEM)
    return [message("system", text)] if text.strip() else []


def _answer(fields: Fields, names: tuple[str, ...]) -> str:
    _refuse_bad(fields)
    answer = fields.text(*names)
    if not answer:
        raise SkipError("no answer")
    return answer


def _refuse_bad(fields: Fields) -> None:
    """Pass over answers that the data itself calls bad."""
    for name in ("label", "kto_tag"):
        if name in fields and fields.first(name) is False:
            raise SkipError("an answer that is marked as bad")


def _join(text: str, more: str) -> str:
    return f"{text}\n\n{more}" if text and more else text or more


def _turns(value: object, role: str, name: str) -> list[Message]:
    """Return messages from a text, a message or a list of messages."""
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        entries: list[Any] = value
        return conversation_turns(entries, None)
    return [message(role, as_text(value, name))] if value is not None else []


def _dialogue(text: str) -> object:
    """Return the turns of a dialogue written as one text with ``Human:`` and ``Assistant:``."""
    pieces = text.split("\n\nHuman:")
    if len(pieces) < 2 or pieces[0].strip():
        return text
    turns: list[Message] = []
    for piece in pieces[1:]:
        user, *answers = piece.split("\n\nAssistant:")
        turns.append(message("user", user.strip()))
        turns += [message("assistant", answer.strip()) for answer in answers]
    return turns
