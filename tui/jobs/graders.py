"""What is wrong with the grader of a reinforcement job, said before anything is sent.

The shapes are those of OpenAI's published grader reference: ``string_check``, ``text_similarity``,
``score_model``, ``python`` and ``multi``. A field that is not known is let through, as providers
add some; one that is missing, or has a value no provider takes, is an error.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tui.jobs.request import ERROR, WARNING, Problem
from tui.loose import number_of

KINDS = ("string_check", "text_similarity", "score_model", "python", "multi")
_OPERATIONS = ("eq", "ne", "like", "ilike")
_METRICS = (
    *("fuzzy_match", "bleu", "gleu", "meteor", "cosine", "rouge_l"),
    *(f"rouge_{n}" for n in range(1, 6)),
)
_ROLES = ("system", "developer", "user", "assistant")
_FUNCTIONS = ("min", "max", "abs", "floor", "ceil", "exp", "sqrt", "log")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
_MAX_SOURCE = 256 * 1024


def grader_problems(grader: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a grader.

    Args:
        grader: As the API shapes it.
    """
    return list(_grader(grader, "grader", inner=False))


def _bad(where: str, what: str, hint: str) -> Problem:
    return Problem(ERROR, "bad_grader", f"{where}{what}", hint)


def _grader(grader: object, where: str, *, inner: bool) -> Iterator[Problem]:
    if not isinstance(grader, Mapping):
        yield _bad(where, " is not a JSON object", "write one object with a type")
        return
    kind = grader.get("type")
    kinds = tuple(one for one in KINDS if not (inner and one == "multi"))
    if kind not in kinds:
        what = " has no type" if kind is None else f".type is {kind!r}"
        yield _bad(where, what, f"use one of {', '.join(kinds)}")
        return
    if not isinstance(grader.get("name"), str) or not grader["name"]:
        yield _bad(where, ".name is missing", "name it, such as exact")
    yield from _CHECKS[str(kind)](grader, where)


def _text(grader: Mapping[str, Any], where: str, *names: str) -> Iterator[Problem]:
    for name in names:
        value = grader.get(name)
        if not isinstance(value, str) or not value:
            what = "missing" if value in (None, "") else "not text"
            yield _bad(where, f".{name} is {what}", "write text, such as {{sample.output_text}}")
        else:
            yield from _templates(value, f"{where}.{name}")


def _templates(text: str, where: str) -> Iterator[Problem]:
    for found in _TEMPLATE.findall(text):
        if not re.match(r"\s*(item|sample)\b", found):
            yield Problem(
                WARNING,
                "grader_variable",
                f"{where} reads {{{{{found}}}}}, which is neither of the item nor of the sample",
                "write {{item.FIELD}} for a field of the record, {{sample.output_text}} for "
                "the answer",
            )


def _string_check(grader: Mapping[str, Any], where: str) -> Iterator[Problem]:
    yield from _text(grader, where, "input", "reference")
    if grader.get("operation") not in _OPERATIONS:
        yield _bad(
            where,
            f".operation is {grader.get('operation')!r}",
            f"use one of {', '.join(_OPERATIONS)}",
        )


def _text_similarity(grader: Mapping[str, Any], where: str) -> Iterator[Problem]:
    yield from _text(grader, where, "input", "reference")
    if grader.get("evaluation_metric") not in _METRICS:
        yield _bad(
            where,
            f".evaluation_metric is {grader.get('evaluation_metric')!r}",
            f"use one of {', '.join(_METRICS)}",
        )


def _score_model(grader: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if not isinstance(grader.get("model"), str) or not grader["model"]:
        yield _bad(where, ".model is missing", "name the model that gives the score")
    messages = grader.get("input")
    if not isinstance(messages, list) or not messages:
        yield _bad(where, ".input is no list of messages", "write role and content of each")
        return
    for number, message in enumerate(messages):
        at = f"{where}.input[{number}]"
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            yield _bad(at, " has no known role", f"use one of {', '.join(_ROLES)}")
        elif not message.get("content"):
            yield _bad(at, ".content is missing", "write what the model is asked")
        elif isinstance(message["content"], str):
            yield from _templates(message["content"], f"{at}.content")
    yield from _range(grader.get("range"), where)


def _range(value: object, where: str) -> Iterator[Problem]:
    if value is None:
        return
    ends = [number_of(end) for end in value] if isinstance(value, list) else []
    low, high = ends if len(ends) == 2 else (None, None)
    if low is None or high is None or not low < high:
        yield _bad(where, ".range is not two numbers", "write the lowest and the highest score")


def _python(grader: Mapping[str, Any], where: str) -> Iterator[Problem]:
    source = grader.get("source")
    if not isinstance(source, str) or not source.strip():
        yield _bad(where, ".source is missing", "write the text of a module with grade()")
        return
    if len(source.encode("utf-8", "replace")) > _MAX_SOURCE:
        yield _bad(where, ".source is over 256 kB", "shorten it")
        return
    try:
        # Read, and never run.
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        at = f" in line {line}" if line else ""
        reason = getattr(error, "msg", None) or str(error)
        yield _bad(where, f".source is not Python{at}: {reason}", "correct it")
        return
    defined = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    grade = next((node for node in defined if node.name == "grade"), None)
    if grade is None:
        yield _bad(where, ".source defines no grade()", "write def grade(sample, item): …")
    elif isinstance(grade, ast.AsyncFunctionDef):
        yield _bad(where, ".source has an async grade()", "write it with a plain def")
    elif len(grade.args.posonlyargs + grade.args.args) < 2 and grade.args.vararg is None:
        yield _bad(where, ".source: grade() takes too little", "write def grade(sample, item): …")


def _multi(grader: Mapping[str, Any], where: str) -> Iterator[Problem]:
    graders = grader.get("graders")
    if not isinstance(graders, Mapping) or not graders:
        yield _bad(where, ".graders is missing", "write an object of graders by name")
        return
    for name, one in graders.items():
        yield from _grader(one, f"{where}.graders.{name}", inner=True)
    output = grader.get("calculate_output")
    if not isinstance(output, str) or not output.strip():
        yield _bad(where, ".calculate_output is missing", f"write one such as {_example(graders)}")
        return
    try:
        tree = ast.parse(output.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield _bad(where, f".calculate_output cannot be read: {output}", "write an expression")
        return
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    unknown = sorted(used - set(graders) - set(_FUNCTIONS))
    if unknown:
        yield _bad(
            where,
            f".calculate_output names {unknown[0]}, which is no grader of it",
            f"it has {', '.join(map(str, graders))}",
        )


def _example(graders: Mapping[str, Any]) -> str:
    return " + ".join(f"0.5 * {name}" for name in list(graders)[:2])


_CHECKS: dict[str, Callable[[Mapping[str, Any], str], Iterator[Problem]]] = {
    "string_check": _string_check,
    "text_similarity": _text_similarity,
    "score_model": _score_model,
    "python": _python,
    "multi": _multi,
}
