"""Calls and their answers: each call well formed, of a known function, and answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tui.dataset.machine import diagnose
from tui.dataset.model import Finding, JsonPath
from tui.dataset.rules import arguments
from tui.dataset.rules.definitions import Toolbox, bad_name, is_function_name
from tui.dataset.rules.functions import can_be_rewritten
from tui.dataset.rules.message import intended_role
from tui.dataset.rules.text import a_kind, find_special_token, quote

_CALL = '{"id": …, "type": "function", "function": {"name": …, "arguments": "{…}"}}'
_MOST_MISMATCHES = 5


@dataclass(slots=True)
class Calls:
    """The calls of a conversation so far.

    Attributes:
        ids: Every id a call has.
        open: Calls without an answer yet: where each stands, by its id.
        unclear: Whether a call or an answer could not be read, so that ids cannot be matched.
        strange: Names of functions already said to be unknown.
    """

    ids: set[str] = field(default_factory=set)
    open: dict[str, tuple[int, JsonPath]] = field(default_factory=dict)
    unclear: bool = False
    strange: set[str] = field(default_factory=set)

    def continued(self) -> Calls:
        """Return a copy for one of several ways in which the conversation goes on."""
        return Calls(set(self.ids), {}, self.unclear, set(self.strange))


def uses_tools(messages: list[object]) -> bool:
    """Return whether any message calls, or answers a call."""
    for entry in messages:
        if not isinstance(entry, dict):
            continue
        if entry.get("tool_calls") or entry.get("function_call") is not None:
            return True
        if entry.get("role") not in ("user", "assistant", "system"):
            return True
    return False


def check(
    messages: list[object], path: JsonPath, box: Toolbox, encoding: str, calls: Calls | None = None
) -> Iterator[Finding]:
    """Run the rules of calls and answers on the list at ``path``.

    Args:
        messages: The messages.
        path: Where they stand.
        box: The functions that may be called.
        encoding: Whose control tokens arguments may not hold.
        calls: The calls of the messages before these.
    """
    if not uses_tools(messages):
        return
    calls = Calls() if calls is None else calls
    for position, entry in enumerate(messages):
        if not isinstance(entry, dict):
            calls.unclear = True
            continue
        role = intended_role(entry.get("role"))
        here = (*path, position)
        if role == "tool":
            yield from _answer(entry, here, calls)
        elif role in ("assistant", None):
            # A message whose role cannot be told may be an answer.
            calls.unclear = calls.unclear or role is None
            yield from _message(entry, here, box, calls, encoding)
        elif entry.get("tool_calls"):
            calls.unclear = True
    if calls.unclear:
        return
    for name, (position, where) in calls.open.items():
        if position < len(messages) - 1:
            yield Finding(
                "tool_call_unanswered",
                where,
                f"the call {quote(name)} has no answer, but the conversation goes on",
                'add {"role": "tool", "tool_call_id": …, "content": …} after it, with this id',
            )


def _answer(entry: dict[str, object], path: JsonPath, calls: Calls) -> Iterator[Finding]:
    name = entry.get("tool_call_id")
    if isinstance(name, str) and name:
        calls.open.pop(name, None)
        if name not in calls.ids and not calls.unclear:
            yield Finding(
                "tool_message_orphan",
                (*path, "tool_call_id"),
                f"no earlier call has the id {quote(name)}",
                "write the id of the call that this answers, or remove the message",
            )
        return
    calls.unclear = True
    role = entry.get("role")
    if isinstance(role, str) and role.strip().lower() != "tool" and name is None:
        # Its role is another format's word, which its own issue says.
        return
    given = "tool_call_id" in entry
    yield Finding(
        "tool_message_orphan",
        (*path, "tool_call_id") if given else path,
        f"tool_call_id is {quote(name)}" if given else "a tool message without tool_call_id",
        "write the id of the call that this answers, as text",
    )


def _message(
    entry: dict[str, object], path: JsonPath, box: Toolbox, calls: Calls, encoding: str
) -> Iterator[Finding]:
    given = entry.get("tool_calls")
    if isinstance(given, list):
        for position, call in enumerate(given):
            yield from _call(call, (*path, "tool_calls", position), box, calls, encoding)
    elif given is not None:
        calls.unclear = True
        hint = f"write a list: [{_CALL}]"
        found = f"tool_calls is {a_kind(given)}, not a list"
        yield Finding("invalid_tool_call", (*path, "tool_calls"), found, hint)
    function = entry.get("function_call")
    if function is not None:
        yield from _function(function, (*path, "function_call"), box, calls, encoding)


def _call(
    call: object, path: JsonPath, box: Toolbox, calls: Calls, encoding: str
) -> Iterator[Finding]:
    if not isinstance(call, dict):
        calls.unclear = True
        yield _invalid(path, f"this call is {a_kind(call)}, not an object", f"write {_CALL}")
        return
    yield from _id(call, path, calls)
    if "type" not in call:
        yield _invalid(path, "the call has no type", 'add "type": "function"')
    elif call["type"] != "function":
        found = f"the type of the call is {quote(call['type'])}"
        yield _invalid((*path, "type"), found, 'write "function"')
    if "function" in call:
        yield from _function(call["function"], (*path, "function"), box, calls, encoding)
    else:
        bare = "name" in call
        hint = 'move name and arguments into "function": {…}' if bare else f"write {_CALL}"
        yield _invalid(path, "the call has no function", hint)


def _id(call: dict[str, object], path: JsonPath, calls: Calls) -> Iterator[Finding]:
    name = call.get("id")
    if not isinstance(name, str) or not name:
        calls.unclear = True
        if "id" in call:
            found = f"the id of the call is {quote(name)}"
            yield _invalid((*path, "id"), found, "write text that no other call of the record has")
        else:
            yield _invalid(path, "the call has no id", 'add one, such as "id": "call_1"')
    elif name in calls.ids:
        yield Finding(
            "duplicate_tool_call_id",
            (*path, "id"),
            f"an earlier call has the id {quote(name)} too",
            "give each call of the record an id of its own, and its answer the same",
        )
    else:
        calls.ids.add(name)
        calls.open[name] = (int(path[-3]), (*path, "id"))


def _invalid(path: JsonPath, found: str, hint: str) -> Finding:
    return Finding("invalid_tool_call", path, found, hint)


def _function(
    function: object, path: JsonPath, box: Toolbox, calls: Calls, encoding: str
) -> Iterator[Finding]:
    if not isinstance(function, dict):
        found = f"the function called is {a_kind(function)}, not an object"
        yield _invalid(path, found, 'write {"name": …, "arguments": "{…}"}')
        return
    name = function.get("name")
    if "name" not in function:
        yield _invalid(path, "the call names no function", "add name: the function to call")
    elif not is_function_name(name):
        yield bad_name(name, (*path, "name"))
    elif box.sure and name not in box.schemas and name not in calls.strange:
        calls.strange.add(str(name))
        yield _unknown(str(name), (*path, "name"), box)
    if "arguments" not in function:
        hint = 'add arguments; a call without any has "{}"'
        yield _invalid(path, "the call has no arguments", hint)
        return
    schema = box.schemas.get(name) if isinstance(name, str) else None
    yield from _arguments(function["arguments"], (*path, "arguments"), schema, encoding)


def _unknown(name: str, path: JsonPath, box: Toolbox) -> Finding:
    known = ", ".join(quote(one, 30) for one in islice(box.schemas, 4))
    if not known:
        hint = "add tools with its definition: the model is to be given it when it is used, too"
    else:
        more = f" and {len(box.schemas) - 4} more" if len(box.schemas) > 4 else ""
        hint = f"define it in tools, or call one of {known}{more}"
    return Finding("unknown_function", path, f"tools does not define {quote(name, 64)}", hint)


def _arguments(given: object, path: JsonPath, schema: object, encoding: str) -> Iterator[Finding]:
    if not isinstance(given, str):
        hint = "write them as text"
        if isinstance(given, dict):
            hint = "write the object as text; in Python: json.dumps(arguments)"
        yield _invalid(path, f"the arguments are {a_kind(given)}, not text", hint)
        return
    token = find_special_token(given, path, encoding)
    if token:
        yield token
    try:
        value = arguments.parse(given)
    except ValueError:
        yield _not_json(given, path)
        return
    if not isinstance(value, dict):
        hint = 'write an object as text: "{}" where there are no arguments'
        if isinstance(value, str) and value.lstrip().startswith("{"):
            hint = "the object was encoded twice, decode it once"
        found = f"the arguments are {a_kind(value)}, not an object"
        yield Finding("tool_arguments_not_json", path, found, hint)
        return
    for found in islice(arguments.mismatches(value, schema), _MOST_MISMATCHES):
        yield Finding(
            "tool_arguments_mismatch",
            path,
            found,
            "correct the call, or the parameters of the function in tools",
        )


def _not_json(given: str, path: JsonPath) -> Finding:
    code = "tool_arguments_not_json"
    if not given.strip():
        return Finding(code, path, "the arguments are empty", 'write "{}" where there are none')
    fault = diagnose(given)
    if fault is None:
        return Finding(code, path, "no JSON reader takes the arguments", "write them anew")
    found = f"the arguments are not JSON: {fault.message}, at their character {fault.offset + 1:,}"
    return Finding(code, path, found, fault.hint)


def deprecated(record: dict[str, object], messages: list[object] | None) -> Iterator[Finding]:
    """Say once that a record has functions or function calls instead of tools.

    Args:
        record: The record, or the input of a preference record.
        messages: Its messages, where they could be read.
    """
    path: JsonPath | None = ("functions",) if record.get("functions") is not None else None
    if path is None:
        for position, entry in enumerate(messages or ()):
            if isinstance(entry, dict) and entry.get("function_call") is not None:
                path = ("messages", position, "function_call")
                break
    if path is None:
        return
    yield Finding(
        "functions_deprecated",
        path,
        f"{path[-1]} is deprecated",
        "write tools and tool_calls: tunedeck fix FILE -o OUT does it where every call is clear",
        at_key=True,
        fixable=can_be_rewritten(record),
    )
