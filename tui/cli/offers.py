"""What may stand for an argument of a command: job ids, providers, models, files and the like.

Read from this machine only. What is offered ends up in a command line, so foreign names (of files,
of jobs) that a shell might take for more than a name are left out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from tui.config import (
    LOCAL,
    OPENAI,
    PROFILES,
    Paths,
    Settings,
    load_settings,
    provider_names,
    public_url,
)
from tui.errors import ConfigError
from widgets.text import clean

if TYPE_CHECKING:
    from tui.jobs import Job
    from tui.jobs.glance import Named

Words = Mapping[str, str]
"""What may be typed, the likeliest first, with a few words about each."""
Offer = Callable[[str, argparse.Namespace], Words]
"""Returns words for the beginning of a word and the arguments before it."""

_SIGNS = frozenset('$`;|<>\\!"*?')
_DATASETS = tuple(
    kind + packed for kind in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst")
)
_TABLES = (*_DATASETS, ".csv", ".tsv")
_ABOUT = 100


def is_safe(name: str) -> bool:
    """Return whether a name can be put into a command line, and is no option there."""
    return bool(name) and name[0] != "-" and name.isprintable() and _SIGNS.isdisjoint(name)


def offer_for(command: str, dest: str, metavar: str) -> Offer | None:
    """Return what is offered for an argument, if anything is.

    Args:
        command: The command's name; empty for the application.
        dest: The argument's name in the program.
        metavar: Its name in the help.
    """
    for key in (f"{command}.{dest}", f".{dest}", metavar):
        if key in _OFFERS:
            return _OFFERS[key]
    return None


def command_paths(prefix: str) -> Words:
    """Return the paths that may stand where a command may stand, too."""
    return _paths(_DATASETS, prefix, argparse.Namespace())


# --- files ------------------------------------------------------------------------------------


def _paths(endings: tuple[str, ...], prefix: str, _args: argparse.Namespace) -> Words:
    """Files with these endings, then folders; any files where the beginning fits no other."""
    begun = os.path.basename(prefix)
    folder = prefix[: len(prefix) - len(begun)]
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not begun
                if entry.name.startswith(begun) and not hidden and is_safe(folder + entry.name):
                    (folders if entry.is_dir() else files).append(entry.name)
    except (OSError, ValueError):
        return {}
    fitting = [name for name in files if name.lower().endswith(endings)]
    if not fitting and (begun or not folders):
        fitting = files
    found = [*sorted(fitting), *(f"{name}/" for name in sorted(folders))]
    return {folder + name: "" for name in found}


def _folders(prefix: str, args: argparse.Namespace) -> Words:
    return {path: "" for path in _paths(("",), prefix, args) if path.endswith("/")}


# --- what the ledger knows --------------------------------------------------------------------


def _asked(args: argparse.Namespace) -> str | None:
    """The provider that is named, by an option or for every command; else jobs of all are taken."""
    return getattr(args, "provider", None) or os.environ.get("TUNEDECK_PROVIDER") or None


def _known(args: argparse.Namespace) -> list[Job]:
    from tui.jobs.glance import known_jobs

    only = _asked(args)
    return [job for job in known_jobs(Paths.resolve().state) if only in (None, job.provider)]


def _about(job: Job) -> str:
    when = ""
    if job.created_at is not None:
        try:
            when = time.strftime("%d %b %H:%M", time.localtime(job.created_at))
        except (OverflowError, ValueError, OSError):
            when = ""
    said = (job.status, when, job.suffix or "", job.model)
    return clean(", ".join(part for part in said if part), _ABOUT)


def _jobs(going: bool, _prefix: str, args: argparse.Namespace) -> Words:
    known = [job for job in _known(args) if not (going and job.terminal)]
    # The first of an id is the newest.
    about = {job.id: _about(job) for job in reversed(known)}
    return {"last": "the newest job", **{job.id: about[job.id] for job in known}}


def _runs(prefix: str, args: argparse.Namespace) -> Words:
    """Jobs, jobs by their provider once that is begun, and files and folders."""
    words = dict(_jobs(False, prefix, args))
    if prefix:
        names = _settings().providers
        words |= {f"{j.provider}/{j.id}": _about(j) for j in _known(args) if j.provider in names}
    return words | dict(_paths(("",), prefix, args))


def _tuned(_prefix: str, args: argparse.Namespace) -> Words:
    return {job.fine_tuned_model: _about(job) for job in _known(args) if job.fine_tuned_model}


def _named(rows: Iterable[Named], args: argparse.Namespace) -> Words:
    only = _asked(args)
    return {row.id: clean(row.about, _ABOUT) for row in rows if only in (None, row.provider)}


def _uploads(_prefix: str, args: argparse.Namespace) -> Words:
    from tui.jobs.glance import known_uploads

    return _named(known_uploads(Paths.resolve().state), args)


def _leftovers(_prefix: str, args: argparse.Namespace) -> Words:
    from tui.jobs.glance import known_leftovers

    return _named(known_leftovers(Paths.resolve().state), args)


# --- providers and models ---------------------------------------------------------------------


def _settings() -> Settings:
    try:
        return load_settings(Paths.resolve())
    except ConfigError:
        return Settings()


def _providers(_prefix: str, _args: argparse.Namespace) -> Words:
    settings = _settings()
    about = {LOCAL: "on this machine"}
    for name, table in settings.providers.items():
        about[name] = clean(public_url(str(table.get("base_url", ""))), _ABOUT)
    return {name: about.get(name, "") for name in [*provider_names(settings), OPENAI]}


def _profiles(_prefix: str, _args: argparse.Namespace) -> Words:
    return dict.fromkeys([*PROFILES, *_settings().providers], "")


def _profile_names(_prefix: str, _args: argparse.Namespace) -> Words:
    return dict.fromkeys(PROFILES, "")


def _models(_prefix: str, args: argparse.Namespace) -> Words:
    """Models by the price list: of the provider that is named, else of all."""
    from tui.pricing import load_prices, model_info, trainable_models

    name = getattr(args, "provider", None)
    at = _profile_of(name) if name else None
    words = {}
    for info in trainable_models(at):
        ends = info.shutdown_at(at)
        words[info.id] = f"shuts down {ends}" if ends else ""
    try:
        book = load_prices(Paths.resolve())
    except ConfigError:
        return words
    own = [model for where, model in book.prices if name in (None, where)]
    return {**words, **{one: "" for one in own if not model_info(one).known}}


def _models_there(tuned_first: bool, prefix: str, args: argparse.Namespace) -> Words:
    """Models of the provider that would be asked: base models of past jobs, others, tuned ones."""
    there = argparse.Namespace(provider=_asked(args) or provider_names(_settings())[0])
    tuned = _tuned(prefix, there)
    bases = {job.model: "" for job in _known(there) if job.model} | dict(_models(prefix, there))
    return {**tuned, **bases} if tuned_first else {**bases, **tuned}


def _profile_of(provider: str) -> str:
    table = _settings().providers.get(provider)
    if table is None:
        return provider
    kind = str(table.get("kind", ""))
    return str(table.get("profile") or (kind if kind in PROFILES else OPENAI))


# --- words the program has --------------------------------------------------------------------


def _repairs(_prefix: str, _args: argparse.Namespace) -> Words:
    from tui.dataset import RULES
    from tui.dataset.repair.model import ON_REQUEST, SAFE

    codes = (*SAFE, *ON_REQUEST)
    return {code: RULES[code].summary if code in RULES else "" for code in codes}


def _encodings(_prefix: str, _args: argparse.Namespace) -> Words:
    from tui.tokens import encoding_names

    return dict.fromkeys(encoding_names(), "")


def _orders(_prefix: str, _args: argparse.Namespace) -> Words:
    from tui.cli.select import SORTS

    return dict.fromkeys(SORTS, "")


def _statuses(_prefix: str, _args: argparse.Namespace) -> Words:
    from tui.cli.jobs import STATUSES

    return dict.fromkeys(STATUSES, "")


def _words(*words: str) -> Offer:
    return lambda _prefix, _args: dict.fromkeys(words, "")


_ANY = partial(_paths, ("",))
_DATA = partial(_paths, _DATASETS)
_OFFERS: Mapping[str, Offer] = {
    # By the name in the help.
    "FILE": _DATA,
    "TRAIN": _DATA,
    "VALIDATION": _DATA,
    "OUT": _ANY,
    "DIR": _folders,
    "JOB": partial(_jobs, False),
    "RUN": _runs,
    "CODE": _repairs,
    # By the name in the program, whatever the command.
    ".paths": _DATA,
    ".provider": _providers,
    ".model": _models,
    ".encoding": _encodings,
    ".grader": partial(_paths, (".json",)),
    ".response_format": partial(_paths, (".json",)),
    ".output": _ANY,
    ".then": _words("alert", "cancel"),
    # Of one command.
    **{f"{command}.provider": _profiles for command in ("check", "fix", "convert", "select")},
    "cost.provider": _profile_names,
    "launch.model": partial(_models_there, False),
    "sample.model": partial(_models_there, True),
    "launch.resume": _leftovers,
    "launch.clear": _leftovers,
    **{f"{command}.jobs": partial(_jobs, True) for command in ("cancel", "wait")},
    **{f"{command}.job": partial(_jobs, True) for command in ("pause", "resume")},
    "watch.log": _ANY,
    "convert.file": partial(_paths, _TABLES),
    "split.output": _folders,
    "split.by": _words("answer", "label"),
    "serve.data_dir": _folders,
    "jobs.status": _statuses,
    "select.sort": _orders,
    "select.role": _words("system", "user", "assistant", "tool"),
    "compare.sort": _words("best", "train", "tokens", "epochs", "name"),
    "delete-model.name": _tuned,
    "delete-file.name": _uploads,
}
"""What is offered for arguments that have no choices of their own."""
