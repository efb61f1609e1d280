"""How ``tunedeck sample`` tells answers: to people, to machines, and to a file that is gone on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tui.cli.output import emit_line, json_safe, say
from tui.cli.table import print_table
from tui.errors import FileError, TunedeckError
from tui.jobs import (
    Answer,
    AnswerState,
    SamplePrompt,
    Sampling,
    Score,
    is_exact,
    request_key,
    similarity,
)
from tui.run.heldout import last_words
from widgets.diff import word_spans
from widgets.numbers import duration
from widgets.text import Row, ascii_only, cell_width, clean, fit, wrap

_MAX_WIDTH = 120
_INDENT = 4
_PROMPT_CHARS = 600
_ALIKE = 0.7
"""Where more than this share of an answer differs, marks would say nothing."""

_MOST_KEPT = 256 << 20


class AnswerFile:
    """The file answers are kept in: what it holds is known, what is new is added at its end.

    Attributes:
        known: Whole answers by the key of their request.
    """

    def __init__(self, path: Path, file: IO[bytes], known: dict[str, str]) -> None:
        self.path = path
        self.known = known
        self._file = file

    @classmethod
    def open(cls, path: Path) -> AnswerFile:
        """Open a file of answers, or begin one.

        Raises:
            FileError: It cannot be written, or holds something else.
        """
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            file = os.fdopen(handle, "r+b", buffering=0)
            data = file.read(_MOST_KEPT)
        except OSError as error:
            raise FileError(f"cannot write {path} ({error.strerror})", "check the path") from error
        known: dict[str, str] = {}
        for number, line in enumerate((data or b"").split(b"\n"), 1):
            try:
                found = json.loads(line) if line.strip() else {"kind": "end"}
            except ValueError:
                # A crash may have cut the last line; it is asked again, and stays as it is.
                found = {"kind": "end"} if line.startswith(b'{"kind": "sample"') else None
            if not isinstance(found, dict) or found.get("kind") not in ("sample", "end"):
                file.close()
                raise FileError(
                    f"{path} holds something else than answers (line {number})",
                    "give a new file with -o",
                )
            known.update(_answers_in(found))
        if data and not data.endswith(b"\n"):
            file.write(b"\n")
        return cls(path, file, known)

    def add(self, line: dict[str, Any]) -> None:
        """Add one line; it is in the file when this returns.

        Raises:
            FileError: The disk is full or failed.
        """
        text = json.dumps(json_safe(line), ensure_ascii=False)
        try:
            self._file.write(text.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            raise FileError(
                f"cannot write {self.path} ({error.strerror})", "free some space and run it again"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _answers_in(line: dict[str, Any]) -> Iterator[tuple[str, str]]:
    answers = line.get("answers")
    for answer in answers if isinstance(answers, list) else ():
        if isinstance(answer, dict) and answer.get("error") is None:
            key, text = answer.get("key"), answer.get("text")
            if isinstance(key, str) and isinstance(text, str):
                yield key, text


class Printer:
    """Tells each prompt with its answers as soon as all have answered, in the prompts' order.

    Args:
        sampling: What is asked.
        as_json: Tell machines rather than people.
        kept: Where answers are kept, if anywhere.
        live: Show on stderr how far it is.
    """

    def __init__(
        self, sampling: Sampling, *, as_json: bool, kept: AnswerFile | None, live: bool
    ) -> None:
        self._sampling = sampling
        self._json = as_json
        self._kept = kept
        self._live = live
        self._next = 0
        self._written = ""

    def changed(self, _model: int, _prompt: int) -> None:
        """Take notice that an answer has changed."""
        self.catch_up()
        self._progress()

    def catch_up(self) -> None:
        """Tell the prompts that are answered and not told yet."""
        sampling = self._sampling
        while self._next < len(sampling.prompts):
            answers = [sampling.answers[at, self._next] for at in range(len(sampling.models))]
            if not all(answer.over for answer in answers):
                return
            self._tell(self._next, answers)
            self._next += 1

    def finish(self) -> None:
        """Tell what there is of the rest, where it was stopped."""
        self._clear()
        sampling = self._sampling
        for number in range(self._next, len(sampling.prompts)):
            answers = [sampling.answers[at, number] for at in range(len(sampling.models))]
            if any(answer.state is AnswerState.DONE for answer in answers):
                self._tell(number, answers)
        self._next = len(sampling.prompts)

    def _tell(self, number: int, answers: Sequence[Answer]) -> None:
        self._clear()
        line = sample_json(self._sampling, number, answers)
        if self._kept is not None and any(
            answer.state is AnswerState.DONE and line["answers"][at]["key"] not in self._kept.known
            for at, answer in enumerate(answers)
        ):
            self._kept.add(line)
        if self._json:
            emit_line(line)
        else:
            say_sample(self._sampling, number, answers)

    def _progress(self) -> None:
        if not self._live:
            return
        answers = self._sampling.answers.values()
        done = sum(answer.over for answer in answers)
        waits = next(
            (a.trouble for a in answers if a.state is AnswerState.RUNNING and a.trouble), ""
        )
        words = f"{done} of {len(answers)} answers" + (f"; {clean(waits)}" if waits else "")
        text = fit(words, shutil.get_terminal_size().columns - 1)
        if text != self._written:
            sys.stderr.write(f"\r{text}{' ' * (cell_width(self._written) - cell_width(text))}")
            sys.stderr.flush()
            self._written = text

    def _clear(self) -> None:
        if self._written:
            sys.stderr.write(f"\r{' ' * cell_width(self._written)}\r")
            sys.stderr.flush()
            self._written = ""


# --- for machines -------------------------------------------------------------------------------


def sample_json(sampling: Sampling, number: int, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return one prompt with its answers as the help of the command describes."""
    prompt = sampling.prompts[number]
    return {
        "kind": "sample",
        "prompt": {
            "number": number + 1,
            "line": prompt.line,
            "messages": [dict(message) for message in prompt.messages],
        },
        "reference": prompt.reference,
        "answers": [
            {
                "model": sampling.models[at].model,
                "provider": sampling.models[at].provider.name,
                "label": sampling.models[at].label,
                **_answer_json(answer, prompt),
                "key": request_key(sampling.models[at], prompt, sampling.settings),
            }
            for at, answer in enumerate(answers)
        ],
    }


def _answer_json(answer: Answer, prompt: SamplePrompt) -> dict[str, Any]:
    done = answer.state is AnswerState.DONE
    compared = done and prompt.reference is not None
    error = {"message": answer.trouble or answer.state.value, "hint": answer.hint}
    return {
        "text": answer.text,
        "finish_reason": answer.finish or None,
        "seconds": None if answer.reused else round(answer.seconds, 3),
        "tokens": answer.tokens,
        "exact": is_exact(answer.text, prompt.reference or "") if compared else None,
        "similarity": (
            round(similarity(answer.text, prompt.reference or ""), 4) if compared else None
        ),
        "reused": answer.reused,
        "error": None if done else error,
    }


def end_json(
    sampling: Sampling, scores: Sequence[Score], missing: Mapping[str, TunedeckError]
) -> dict[str, Any]:
    """Return the last line: what each model's answers came to, and the models not found."""
    nothing = {"answered": 0, "failed": len(sampling.prompts), "compared": 0, "exact": 0}
    return {
        "kind": "end",
        "models": [
            {
                "model": model.model,
                "provider": model.provider.name,
                "label": model.label,
                "answered": one.answered,
                "failed": one.failed,
                "compared": one.compared,
                "exact": one.exact,
                "similarity": None if one.similarity is None else round(one.similarity, 4),
                "error": {"message": one.trouble, "hint": one.hint} if one.failed else None,
            }
            for model, one in zip(sampling.models, scores, strict=True)
        ]
        + [
            {
                "model": None,
                "provider": None,
                "label": text,
                **nothing,
                "similarity": None,
                "error": {"message": error.message, "hint": error.hint},
            }
            for text, error in missing.items()
        ],
    }


# --- for people ---------------------------------------------------------------------------------


def say_sample(sampling: Sampling, number: int, answers: Sequence[Answer]) -> None:
    """Print one prompt, its reference, and the answers with the words that differ marked."""
    prompt = sampling.prompts[number]
    where = f", line {prompt.line}" if prompt.line else ""
    say(f"prompt {number + 1} of {len(sampling.prompts)}{where}")
    _say_text(last_words(prompt)[:_PROMPT_CHARS])
    basis = prompt.reference
    if basis is not None:
        say("  reference")
        _say_text(basis)
    for at, answer in enumerate(answers):
        say(f"  {clean(sampling.models[at].label, 120)}{_how(answer, prompt.reference)}")
        if answer.state is AnswerState.DONE:
            # Without a reference the first answer is what the others are compared to.
            _say_text(answer.text, basis)
            basis = answer.text if basis is None else basis
        else:
            _say_text(answer.trouble or "stopped")
    say()


def _how(answer: Answer, reference: str | None) -> str:
    if answer.state is not AnswerState.DONE:
        return f" ({answer.state.value})"
    parts = []
    if reference is not None:
        exact = is_exact(answer.text, reference)
        parts.append("exact" if exact else f"similarity {similarity(answer.text, reference):.2f}")
    parts.append("known" if answer.reused else duration(answer.seconds))
    if answer.finish == "length":
        parts.append("cut at --max-tokens")
    return f" ({', '.join(parts)})"


def _say_text(text: str, basis: str | None = None) -> None:
    """Print a text, indented; words that differ from another's have a sign under them."""
    width = max(20, min(_MAX_WIDTH, shutil.get_terminal_size().columns) - _INDENT - 1)
    spans = differing(text, basis) if basis is not None else []
    for row in wrap(text.strip("\n") or " ", width):
        say(f"{' ' * _INDENT}{row.text}".rstrip())
        if marks := _marks(row, text.strip("\n"), spans):
            say(f"{' ' * _INDENT}{marks}")


def differing(text: str, basis: str) -> list[tuple[int, int]]:
    """Return the parts of a text that differ from another; none where nearly all of it does."""
    text = text.strip("\n")
    spans = word_spans(basis.strip("\n"), text)[1]
    if sum(end - start for start, end in spans) > _ALIKE * max(1, len(text)):
        return []
    return spans


def _marks(row: Row, text: str, spans: Sequence[tuple[int, int]]) -> str:
    sign = "^" if ascii_only() else "\N{OVERLINE}"
    line = ""
    for start, end in spans:
        shown = row.span(text, start, end)
        if shown is not None:
            before, inside = row.text[: shown[0]], row.text[shown[0] : shown[1]].rstrip()
            line += " " * (cell_width(before) - len(line)) + sign * cell_width(inside)
    return line.rstrip()


def say_scores(sampling: Sampling, scores: Sequence[Score]) -> None:
    """Print what each model's answers came to."""
    compared = any(one.compared for one in scores)
    rows = [("MODEL", "AT", "ANSWERED", *(("EXACT", "SIMILARITY") if compared else ()))]
    for model, one in zip(sampling.models, scores, strict=True):
        share = "" if one.similarity is None else f"{one.similarity:.2f}"
        rows.append(
            (
                clean(model.label, 120),
                clean(model.provider.name),
                f"{one.answered} of {one.answered + one.failed}",
                *((f"{one.exact} of {one.compared}", share) if compared else ()),
            )
        )
    print_table(rows)
    if compared:
        say()
        say("exact: the reference word for word. similarity: the share of words in common with it,")
        say("in order. Neither says whether an answer is right.")
