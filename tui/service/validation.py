"""The check of a job's files, as the hosted service does it, in a process of its own.

``python -m tui.service.validation FOLDER`` checks ``training.jsonl`` and, where there is one,
``validation.jsonl`` with the rules of `tui.dataset`, counts tokens with `tui.tokens`, and prints
one JSON object: ``{"type": "valid", "n_examples", "tokens_per_epoch"}`` or
``{"type": "invalid", "code", "message", "param"}``. A process of its own, because a hostile file
must not be able to stop the service, and tokenizers take memory that a small one would keep.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.dataset import CheckReport, Issue

PROFILE = "local"
# `over_context`: the service truncates, as the hosted one does. The others have words of their own
# below, and a validation file may have fewer examples.
_PASSED = frozenset(("over_context", "too_few_examples", "empty_file"))
_FORMAT_CODES = frozenset(
    (
        "record_unrecognized_key",
        "message_unrecognized_key",
        "special_token",
        "invalid_json",
        "invalid_utf8",
        "pretty_printed",
        "data_type",
        "too_deep",
    )
)
_ISSUES_KEPT = 1000
# What a file of each method holds, and the name the hosted service has for each format.
_FORMATS = {"supervised": "chat", "dpo": "preference", "reinforcement": "reinforcement"}
_METHODS = {"chat": "supervised", "preference": "dpo", "reinforcement": "reinforcement"}


def check_files(
    folder: Path,
    names: dict[str, str],
    model: str,
    method: str = "supervised",
    grader: object = None,
) -> dict[str, Any]:
    """Check a job's files and return the verdict.

    Args:
        folder: The job folder.
        names: The id of the training file and, where there is one, of the validation file, under
            ``training_file`` and ``validation_file``.
        model: The base model.
        method: How the job trains.
        grader: Of a reinforcement job, whose fields every record must have.
    """
    from tui.dataset import scan_file
    from tui.pricing import model_info

    info = model_info(model)
    verdict: dict[str, Any] = {}
    for param, file_id in names.items():
        path = folder / f"{param.removesuffix('_file')}.jsonl"
        training = param == "training_file"
        result = scan_file(
            path,
            profile=PROFILE,
            # A bare conversation is a chat record or one to reinforce: only the method can tell.
            format="reinforcement" if method == "reinforcement" else "auto",
            model=model,
            max_issues=_ISSUES_KEPT,
            encoding=info.encoding if training else None,
        )
        problem = _problem(result.report, param, file_id, method)
        if problem is None and grader is not None:
            problem = _lacking(path, grader, param)
        if problem:
            return problem
        if training and result.table is not None:
            verdict = {
                "type": "valid",
                "n_examples": len(result.table),
                "tokens_per_epoch": result.table.billed.sum(info.context_limit),
            }
    return verdict


def _other_format(report: CheckReport, method: str) -> str | None:
    """Return the format of a file that is not of the method's, where it is clear."""
    if not report.records:
        return None
    if report.format not in (_FORMATS[method], "unknown"):
        return report.format
    first = next((issue for issue in report.issues if issue.line), None)
    if method == "reinforcement" and first is not None and first.code == "mixed_formats":
        found = re.search(r"an? (\w+) record", first.message)
        return found[1] if found else None
    return None


def _lacking(path: Path, grader: object, param: str) -> dict[str, Any] | None:
    """Return what is wrong where a record lacks a field that the grader reads."""
    from tui.dataset import grader_issues

    first = next(iter(grader_issues(path, grader, profile=PROFILE)), None)
    return None if first is None else _from_issue(first, param.removesuffix("_file"), param)


def _problem(report: CheckReport, param: str, file_id: str, method: str) -> dict[str, Any] | None:
    from tui.dataset import Severity, get_profile

    word = param.removesuffix("_file")
    other = _other_format(report, method)
    if other is not None:
        wanted = _METHODS.get(other, "supervised")
        rest = f"is not using '{wanted}' as the training method (provided method={method})."
        if wanted == method:
            rest = "needs chat examples: no model here learns from prompts and completions."
        return _invalid(
            "invalid_training_file",
            f"The job failed due to an invalid {word} file. Invalid file format. Input file"
            f" {file_id} is in the fine-tune-{other} format, but the specified fine-tuning job"
            f" {rest}",
            param,
        )
    errors = (issue for issue in report.issues if issue.severity == Severity.ERROR)
    first = next((issue for issue in errors if issue.code not in _PASSED), None)
    if first is not None:
        return _from_issue(first, word, param)
    need = get_profile(PROFILE).min_examples if word == "training" else 1
    if report.records < need:
        return _invalid(
            "invalid_n_examples",
            f"{word.capitalize()} file has {report.records} example(s), but must have at least"
            f" {need} example{'s' if need > 1 else ''}",
            param,
        )
    return None


def _invalid(code: str, message: str, param: str) -> dict[str, Any]:
    return {"type": "invalid", "code": code, "message": message, "param": param}


def _from_issue(issue: Issue, word: str, param: str) -> dict[str, Any]:
    if issue.code in _FORMAT_CODES:
        code, opening = "invalid_file_format", f"a file format error in the {word} file"
    else:
        code, opening = "invalid_training_file", f"an invalid {word} file"
    return _invalid(
        code,
        f"The job failed due to {opening}. Invalid file format. {_sentence(issue)}",
        param,
    )


def _sentence(issue: Issue) -> str:
    """Return what is wrong, the example named, in the hosted service's words where known."""
    if not issue.line:
        return f"{_end(issue.message)}"
    example = f"Example {issue.line}"
    place = re.match(r"messages\[(\d+)\]", issue.path)
    message = f"{example}, message {int(place[1]) + 1}" if place else example
    key = re.search(r"([^.\[\]]+)$", issue.path)
    token = re.search(r"<\|[^|]+\|>", issue.message)
    match issue.code:
        case "invalid_json" | "pretty_printed":
            return (
                f"{example} cannot be parsed. Error: line contains invalid json: {issue.message}:"
                f" line 1 column {issue.column} (line {issue.line})"
            )
        case "unknown_format":
            return f"{example}: unexpected file format, expected chat messages ({issue.message})"
        case "data_type":
            return f"{example} is not a valid JSON object."
        case "record_unrecognized_key" if key:
            return f'{example} contains an extra "{key[1]}".'
        case "missing_messages_list" if not issue.path:
            return f"{example} is missing key 'messages' ({issue.message})"
        case "missing_input" if not issue.path:
            return f"{example} is missing key 'input'."
        case "special_token" if token:
            return f"{message} contains an invalid token: {token[0]}."
        case "message_missing_key" if "role" in issue.message:
            return f"{message} Discriminator 'role' is missing in value"
        case _:
            return f"{message}: {issue.message}"


def _end(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def main(arguments: list[str]) -> int:
    """Check the job folder named and print the verdict."""
    folder = Path(arguments[0])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    verdict = check_files(
        folder, job["files"], job["model"], job.get("method", "supervised"), job.get("grader")
    )
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
