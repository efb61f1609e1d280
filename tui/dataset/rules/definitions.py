"""The tools a record defines, and the functions of the time before tools."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from tui.dataset.model import Finding, JsonPath
from tui.dataset.rules.text import a_kind, quote

SHAPE = '{"type": "function", "function": {"name": …, "parameters": {…}}}'
NAME_HINT = "use 1 to 64 letters, digits, underscores or hyphens"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPELESS = ("$ref", "anyOf", "oneOf", "allOf")


@dataclass(slots=True)
class Toolbox:
    """The functions that may be called.

    Attributes:
        schemas: The parameters of each by name; ``None`` where they cannot be told.
        sure: Whether these are all: no definition was too broken to read.
    """

    schemas: dict[str, object] = field(default_factory=dict)
    sure: bool = True

    def add(self, name: object, parameters: object) -> None:
        """Put in a definition."""
        if not isinstance(name, str):
            self.sure = False
        elif name in self.schemas:
            self.schemas[name] = None
        else:
            self.schemas[name] = parameters


def is_function_name(name: object) -> bool:
    """Return whether services take ``name`` as the name of a function."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check(
    holder: dict[str, object], path: JsonPath, *, settings: bool = True
) -> Generator[Finding, None, Toolbox]:
    """Run the rules of ``tools``, ``functions`` and ``parallel_tool_calls``; return the toolbox.

    Args:
        holder: The object that has these keys: the record, or the input of a preference record.
        path: Where it stands.
        settings: Whether ``parallel_tool_calls`` and ``functions`` mean here what they mean in
            chat; elsewhere they are keys like any other.
    """
    box = Toolbox()
    # A key that is not used is written as null by exporters.
    if holder.get("tools") is not None:
        yield from _list(holder["tools"], (*path, "tools"), box, wrapped=True)
    if not settings:
        return box
    if holder.get("functions") is not None:
        yield from _list(holder["functions"], (*path, "functions"), box, wrapped=False)
    parallel = holder.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        yield Finding(
            "invalid_parallel_tool_calls",
            (*path, "parallel_tool_calls"),
            f"parallel_tool_calls is {quote(parallel)}",
            "write true or false, without quotes, or remove the key",
        )
    return box


def _list(value: object, path: JsonPath, box: Toolbox, *, wrapped: bool) -> Iterator[Finding]:
    if not isinstance(value, list):
        box.sure = False
        hint = f"write a list: [{SHAPE}]"
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            hint = "the list is written as text: it was encoded twice, decode it once"
        elif isinstance(value, dict):
            hint = "put it into a list, with [ and ] around it"
        yield Finding("invalid_tools", path, f"{path[-1]} is {a_kind(value)}, not a list", hint)
        return
    for position, entry in enumerate(value):
        here = (*path, position)
        if not isinstance(entry, dict):
            box.sure = False
            yield _invalid(here, f"this tool is {a_kind(entry)}, not an object", f"write {SHAPE}")
        elif wrapped:
            yield from _tool(entry, here, box)
        else:
            yield from _function(entry, here, box)


def _invalid(path: JsonPath, found: str, hint: str) -> Finding:
    return Finding("invalid_tools", path, found, hint)


def _tool(tool: dict[str, object], path: JsonPath, box: Toolbox) -> Iterator[Finding]:
    kind = tool.get("type")
    if "function" not in tool:
        bare = isinstance(tool.get("name"), str)
        if bare:
            box.add(tool["name"], None)
        else:
            box.sure = False
        hint = 'wrap it: {"type": "function", "function": {…}}' if bare else f"write {SHAPE}"
        if kind in ("function", None) or bare:
            yield _invalid(path, "the tool has no function", hint)
        else:
            yield _bad_type(kind, path)
        return
    if "type" not in tool:
        yield _invalid(path, "the tool has no type", 'add "type": "function"')
    elif kind != "function":
        yield _bad_type(kind, path)
    function = tool["function"]
    if isinstance(function, dict):
        yield from _function(function, (*path, "function"), box)
        return
    box.sure = False
    found = f"the function is {a_kind(function)}, not an object"
    yield _invalid((*path, "function"), found, 'write {"name": …, "parameters": {…}}')


def _bad_type(kind: object, path: JsonPath) -> Finding:
    found = f"a tool of type {quote(kind)} cannot be trained on"
    return _invalid((*path, "type"), found, 'write "function", the only type there is')


def _function(function: dict[str, object], path: JsonPath, box: Toolbox) -> Iterator[Finding]:
    parameters = function.get("parameters")
    box.add(function.get("name"), parameters)
    if "name" not in function:
        yield _invalid(path, "the function has no name", "add name: what calls call it by")
    elif not is_function_name(function["name"]):
        # Calls may well name the function as it should be called.
        box.sure = False
        yield bad_name(function["name"], (*path, "name"))
    description = function.get("description")
    if description is not None and not isinstance(description, str):
        found = f"the description is {a_kind(description)}, not text"
        yield _invalid((*path, "description"), found, "write it as text, or remove it")
    if parameters is not None:
        yield from _parameters(parameters, (*path, "parameters"))


def bad_name(name: object, path: JsonPath) -> Finding:
    """Say that a function's name is one that services refuse."""
    what = a_kind(name) if isinstance(name, (list, dict)) else quote(name)
    found = f"the function name is {what}"
    if isinstance(name, str) and len(name) > 64:
        found = f"the function name has {len(name):,} characters"
    return Finding("invalid_function_name", path, found, NAME_HINT)


def _parameters(schema: object, path: JsonPath) -> Iterator[Finding]:
    hint = 'write a JSON schema: {"type": "object", "properties": {…}}'
    if not isinstance(schema, dict):
        yield _invalid(path, f"the parameters are {a_kind(schema)}, not an object schema", hint)
        return
    kind = schema.get("type")
    if "type" in schema:
        if kind != "object" and not (isinstance(kind, list) and "object" in kind):
            found = f"the parameters have the type {quote(kind)}, not object"
            yield _invalid((*path, "type"), found, hint)
            return
    elif schema and not any(word in schema for word in _TYPELESS):
        yield _invalid(path, "the parameters have no type", 'add "type": "object"')
    properties = schema.get("properties")
    if properties is None:
        return
    if not isinstance(properties, dict):
        found = f"properties is {a_kind(properties)}, not an object"
        yield _invalid((*path, "properties"), found, 'write {"NAME": {"type": …}}')
        return
    for name, entry in properties.items():
        if not isinstance(entry, (dict, bool)):
            found = f"the parameter {quote(name, 30)} is {a_kind(entry)}, not a schema"
            yield _invalid((*path, "properties", name), found, 'write {"type": …}')
