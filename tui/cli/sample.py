"""``tunedeck sample``: the same prompts to several models, side by side."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output import confirm, emit_line, is_interactive, note
from tui.cli.session import add_common, find_job, interruptible, run, session
from tui.errors import ProviderError, SafetyError, UsageError
from widgets.numbers import counted

if TYPE_CHECKING:
    from tui.cli.sampled import AnswerFile
    from tui.cli.session import Session
    from tui.config import Settings
    from tui.jobs import Provider, SampledModel, Sampling
    from tui.run.asked import AskedCost
    from tui.run.heldout import HeldOut
    from tui.run.named import ModelName

PROMPTS = 10
_MOST_MODELS = 8
# What a script may spend without having said --yes: a few cents of answers are what it asked for.
_UNASKED_USD = 1.0
_UNASKED_TOKENS = 100_000

_DESCRIPTION = """\
Ask several models the same prompts and lay their answers side by side.

--model is given once for each model, as
  NAME            a model at the provider in use (see 'tunedeck models')
  PROVIDER/NAME   a model at another provider of the settings
  job:ID          the model that came of a job; a job's id alone does too, and job:last
  job:ID@STEP     a checkpoint of it; job:ID@best is the one with the best validation

--prompts is a file of chat, preference or completion records (the last assistant answer, the
preferred one, the completion is the reference that answers are compared to), or text with a prompt
a line, or - for standard input. Tools of a record are offered to the models.
"""
_EPILOG = """\
with --json, one object a line:
  {"kind": "sample", "prompt": {"number", "line", "messages"}, "reference": TEXT or null,
   "answers": [{"model", "provider", "label", "text", "finish_reason", "seconds", "tokens",
                "exact", "similarity", "reused", "key", "error": {"message", "hint"} or null}]}
  {"kind": "end", "models": [{"model", "provider", "label", "answered", "failed", "compared",
                              "exact", "similarity", "error"}]}
an answer is exact when it is the reference word for word; its similarity is the share of words in
common with the reference, in order, from 0 to 1. Neither says whether an answer is right.

-o FILE keeps the same lines. What FILE holds already is not asked again: an interrupted run goes
on where it stopped.

exit codes: 0 every model answered, 3 one of them refused or could not be reached
"""


def add_parsers(sub: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``sample``."""
    parser = sub.add_parser(
        "sample",
        help="the same prompts to several models, side by side",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", action="append", default=[], metavar="M", help="may be repeated")
    parser.add_argument("--prompts", required=True, metavar="FILE", help="the file, or -")
    parser.add_argument(
        "--n", type=_count, default=PROMPTS, metavar="N", help="prompts of the file (10)"
    )
    parser.add_argument("--system", metavar="TEXT", help="this system message, not the file's")
    parser.add_argument(
        "--temperature",
        type=_temperature,
        default=0.0,
        metavar="X",
        help="0 (the likeliest words) unless given; 'default' leaves it to the provider",
    )
    parser.add_argument(
        "--max-tokens", type=_count, default=256, metavar="N", help="of an answer (256)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="where the provider takes one")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="keep the answers here")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(handler=sample)
    add_common(parser)


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _temperature(text: str) -> float | None:
    if text == "default":
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 2, nor 'default'")
    return value


def sample(args: argparse.Namespace) -> int:
    """Ask models the same prompts."""
    if not args.model:
        raise UsageError("no model is named", "add --model M, once for each model")
    if len(args.model) > _MOST_MODELS:
        raise UsageError(f"{len(args.model)} models are too many", f"name at most {_MOST_MODELS}")
    return run(_sample(args))


async def _sample(args: argparse.Namespace) -> int:
    from tui.cli.sampled import AnswerFile
    from tui.jobs import SampleSettings, Sampling
    from tui.run.heldout import read_prompts

    with interruptible():
        found = read_prompts(args.prompts, args.n)
    kept = AnswerFile.open(args.output) if args.output is not None else None
    _tell_prompts(found, args.n)
    prompts = found.prompts
    if args.system is not None:
        prompts = tuple(prompt.with_system(args.system) for prompt in prompts)
    settings = SampleSettings(args.temperature, args.max_tokens, args.seed)
    async with _models(args) as (models, missing):
        sampling = Sampling(models, prompts, settings, kept.known if kept else {})
        with interruptible():
            _agree(args, sampling)
        return await _ask(args, sampling, missing, kept)


def _tell_prompts(found: HeldOut, limit: int) -> None:
    if found.skipped:
        note(f"{counted(found.skipped, 'record')} without a prompt passed over")
    if found.more:
        note(f"the file has more than {counted(limit, 'prompt')}; --n N takes more")


# --- models -------------------------------------------------------------------------------------


@asynccontextmanager
async def _models(
    args: argparse.Namespace,
) -> AsyncIterator[tuple[list[SampledModel], dict[str, ProviderError]]]:
    """Yield the models named, each with the connection to its provider, and those not found."""
    from tui.config import load_settings, provider_names
    from tui.run.named import parse_model

    async with session(args, job=_first_job(args)) as opened:
        settings = load_settings(opened.paths)
        known = {*provider_names(settings), "local", "openai"}
        names = [parse_model(text, known) for text in args.model]
        providers: dict[str, Provider | ProviderError] = {opened.config.name: opened.provider}
        try:
            for name in names:
                if name.provider is not None and name.provider not in providers:
                    providers[name.provider] = _open(opened, settings, name.provider)
            named = dict(zip(args.model, names, strict=True))
            yield await _resolved(opened, named, providers, args.prompts)
        finally:
            for provider in providers.values():
                if not isinstance(provider, ProviderError) and provider is not opened.provider:
                    await provider.aclose()


def _first_job(args: argparse.Namespace) -> str | None:
    """Return the job that tells which provider is meant, where every model is given by one."""
    from tui.run.named import parse_model

    names = [parse_model(text, ()) for text in args.model]
    return names[0].job if names and all(name.job for name in names) else None


def _open(opened: Session, settings: Settings, name: str) -> Provider | ProviderError:
    """Return another provider, or why it cannot be used: the others are asked all the same."""
    from tui.config import resolve_provider
    from tui.credentials import trusting
    from tui.jobs import open_provider

    try:
        config = trusting(resolve_provider(settings, name), opened.config.trusted_hosts)
        return open_provider(config, opened.paths)
    except ProviderError as error:
        return error


async def _resolved(
    opened: Session,
    names: Mapping[str, ModelName],
    providers: Mapping[str, Provider | ProviderError],
    prompts: str,
) -> tuple[list[SampledModel], dict[str, ProviderError]]:
    """Return the models; one that cannot be found is told, and the others are asked all the same.

    Raises:
        ProviderError: None can be found.
    """
    from tui.run.named import resolve_model

    async def find(text: str) -> str:
        job_id = await find_job(opened, text)
        launch = opened.ledger.launch_of(opened.provider.endpoint, job_id)
        if launch is not None and os.path.realpath(launch.file) == os.path.realpath(prompts):
            note(f"{job_id} was trained on these very prompts: give a held-out file to judge it by")
        return job_id

    found: list[SampledModel] = []
    missing: dict[str, ProviderError] = {}
    for text, name in names.items():
        provider = providers[name.provider or opened.config.name]
        if isinstance(provider, ProviderError):
            missing[text] = provider
            continue
        here = provider is opened.provider
        try:
            model = await resolve_model(name, provider, find if here else None)
        except ProviderError as error:
            missing[text] = error
            continue
        if all((one.provider, one.model) != (model.provider, model.model) for one in found):
            found.append(model)
    if not found:
        raise next(iter(missing.values()))
    return found, missing


# --- money --------------------------------------------------------------------------------------


def _agree(args: argparse.Namespace, sampling: Sampling) -> None:
    """Say what it costs, and ask where that is money and somebody is there to answer.

    Raises:
        SafetyError: Nobody agreed.
    """
    from tui.run.asked import cost_of

    reused = sum(answer.reused for answer in sampling.answers.values())
    if reused:
        note(f"{counted(reused, 'answer')} found in {args.output} and not asked for again")
    cost = cost_of(sampling)
    if not cost.requests:
        return
    note(cost.words())
    if args.yes or not cost.paid:
        return
    if is_interactive():
        if not confirm("Ask them?"):
            raise SafetyError("not asked", "nothing was sent", code="not_confirmed")
    elif _is_much(cost):
        raise SafetyError(
            "so many answers need a yes, and there is no terminal to ask on",
            "add --yes, or ask fewer prompts with --n",
            code="not_confirmed",
        )


def _is_much(cost: AskedCost) -> bool:
    if cost.usd is not None:
        return cost.usd > _UNASKED_USD
    return cost.input_tokens + cost.output_tokens > _UNASKED_TOKENS


# --- asking -------------------------------------------------------------------------------------


async def _ask(
    args: argparse.Namespace,
    sampling: Sampling,
    missing: Mapping[str, ProviderError],
    kept: AnswerFile | None,
) -> int:
    from tui.cli.sampled import Printer, end_json, say_scores
    from tui.jobs import score

    printer = Printer(sampling, as_json=args.json, kept=kept, live=_is_live(args))
    try:
        printer.catch_up()
        await sampling.run(printer.changed)
    finally:
        printer.finish()
        if kept is not None:
            kept.close()
    scores = [score(sampling.of_model(at)) for at in range(len(sampling.models))]
    if args.json:
        emit_line(end_json(sampling, scores, missing))
    else:
        say_scores(sampling, scores)
    failed = [
        (model, one) for model, one in zip(sampling.models, scores, strict=True) if one.failed
    ]
    for model, one in failed:
        hint = f": {one.hint}" if one.hint else ""
        note(f"{model.label} left {one.failed} unanswered: {one.trouble or 'stopped'}{hint}")
    for text, error in missing.items():
        note(f"{text} was not asked: {error}")
    return ProviderError.exit_code if failed or missing else 0


def _is_live(args: argparse.Namespace) -> bool:
    """Whether somebody watches: progress is told on a terminal only."""
    return not args.json and sys.stderr.isatty()
