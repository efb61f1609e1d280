"""What is known of models: encoding, training limit, where they can be tuned and until when."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

# A model that nothing is known of is counted with this: nearer to most than the older encodings.
FALLBACK_ENCODING = "o200k_base"


def today_utc() -> datetime.date:
    """Return today's date where the providers' deadlines are kept."""
    return datetime.datetime.now(datetime.UTC).date()


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at one provider.

    Attributes:
        new_jobs_end: The first day on which no job can be created; ``None`` if no such day is set.
        shutdown: The day the model and what was tuned on it stop answering; ``None`` likewise.
    """

    new_jobs_end: datetime.date | None = None
    shutdown: datetime.date | None = None

    def trainable_on(self, day: datetime.date) -> bool:
        """Return whether a job can be created on this day."""
        return self.new_jobs_end is None or day < self.new_jobs_end


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model.

    Attributes:
        id: The canonical id of the base model; the id asked for, where the model is not known.
        encoding: The encoding its tokens are counted with.
        approximate: Its own tokenizer is not at hand, so counts are estimates.
        context_limit: Tokens an example may have in training; ``None`` where not known.
        methods: How it can be tuned: ``supervised``, ``dpo``, ``reinforcement``.
        offers: The providers that tune it or did, the main one first.
        replacement: What its provider names as its successor, if anything.
        known: It stands in the table.
    """

    id: str
    encoding: str
    approximate: bool = False
    context_limit: int | None = None
    methods: tuple[str, ...] = ()
    offers: Mapping[str, Offer] = field(default_factory=dict)
    replacement: str | None = None
    known: bool = False

    @property
    def provider(self) -> str | None:
        """The provider that mainly offers it; ``None`` where not known."""
        return next(iter(self.offers), None)

    @property
    def trainable(self) -> bool:
        """Whether its main provider takes new jobs for it today."""
        return self.trainable_on(today_utc())

    @property
    def shutdown_date(self) -> str | None:
        """The day it shuts down at its main provider, as ``YYYY-MM-DD``."""
        return self.shutdown_at()

    def offer(self, provider: str | None = None) -> Offer | None:
        """Return its offer at a provider (its main one unless given), if there is one."""
        name = self.provider if provider is None else provider
        return None if name is None else self.offers.get(name)

    def trainable_on(self, day: datetime.date, provider: str | None = None) -> bool:
        """Return whether a provider (its main one unless given) takes new jobs for it on a day."""
        offer = self.offer(provider)
        return offer is not None and offer.trainable_on(day)

    def shutdown_at(self, provider: str | None = None) -> str | None:
        """Return the day it shuts down at a provider as ``YYYY-MM-DD``, if there is one."""
        offer = self.offer(provider)
        return offer.shutdown.isoformat() if offer is not None and offer.shutdown else None


@dataclass(frozen=True, slots=True)
class _Table:
    models: tuple[ModelInfo, ...]
    by_name: Mapping[str, ModelInfo]
    families: tuple[tuple[str, str], ...]


def base_name(model: str) -> str:
    """Return the base model's part of the name of a tuned model; other names as they are.

    It knows ``ft:BASE:org:suffix:id``, Azure's ``BASE.ft-…`` and the oldest ``BASE:ft-…``.
    """
    name = model.strip()
    if name[:3].lower() == "ft:":
        name = name[3:].partition(":")[0]
    for mark in (".ft-", ":ft-"):
        name = name.partition(mark)[0]
    return name


@lru_cache(maxsize=512)
def model_info(model: str) -> ModelInfo:
    """Return what is known of a model: an id, an alias, or the name of a tuned model.

    A model that is not known gets an encoding by its family, else an approximate one; there is
    always an answer.
    """
    table = _table()
    base = base_name(model)
    short = base.rpartition("/")[2].lower()
    info = table.by_name.get(short)
    if info is not None:
        return info
    for prefix, encoding in table.families:
        if f"{short}-".startswith(prefix):
            return ModelInfo(base, encoding)
    return ModelInfo(base, FALLBACK_ENCODING, approximate=True)


def trainable_models(
    provider: str | None = None, *, today: datetime.date | None = None
) -> list[ModelInfo]:
    """Return the models that a provider takes new jobs for, in the table's order.

    Args:
        provider: A provider's name or profile; unless given, every model at its main provider.
        today: The date to judge by; today (UTC) unless given.
    """
    day = today or today_utc()
    return [info for info in _table().models if info.trainable_on(day, provider)]


@cache
def _table() -> _Table:
    data = tomllib.loads(files("tui.pricing").joinpath("models.toml").read_text("utf-8"))
    models = []
    by_name = {}
    for row in data["models"]:
        info = _model(row)
        models.append(info)
        for name in (info.id, *row.get("aliases", ())):
            by_name[name.lower()] = info
    families = sorted(data["families"].items(), key=lambda item: -len(item[0]))
    return _Table(tuple(models), by_name, tuple(families))


def _model(row: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        id=row["id"],
        encoding=row["encoding"],
        context_limit=row.get("context_limit"),
        methods=tuple(row["methods"]),
        offers={name: Offer(**dates) for name, dates in row["offers"].items()},
        replacement=row.get("replacement"),
        known=True,
    )
