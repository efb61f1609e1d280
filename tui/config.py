"""Settings, folders, and which provider a command talks to.

Settings are a TOML file, ``config.toml`` in the configuration folder::

    default_provider = "lab"

    [providers.lab]
    base_url = "http://10.0.0.5:8000/v1"   # where the provider listens
    api_key_env = "LAB_KEY"                # the variable with the key; a key never stands here
    profile = "openai"                     # whose format rules apply

    [ui]
    mouse = "auto"                         # auto (off over SSH), on, off
    ascii = false
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tui.errors import ConfigError, ProviderError, UsageError

LOCAL = "local"
OPENAI = "openai"
OPENAI_BASE_URL = "https://api.openai.com/v1"
PROFILES = ("openai", "azure", "nebius", "crusoe", "mistral", "local")


@dataclass(frozen=True, slots=True)
class Paths:
    """The three folders tunedeck keeps things in.

    Attributes:
        config: Settings that a person writes.
        state: The ledger, the embedded service's data, logs.
        cache: What can be deleted at any time.
    """

    config: Path
    state: Path
    cache: Path

    @classmethod
    def resolve(cls, env: Mapping[str, str] | None = None) -> Paths:
        """Return the folders for this environment; ``TUNEDECK_HOME`` puts all three under one."""
        env = os.environ if env is None else env
        home = env.get("TUNEDECK_HOME")
        if home:
            root = Path(home).expanduser()
            return cls(root / "config", root / "state", root / "cache")
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("tunedeck", appauthor=False)
        return cls(dirs.user_config_path, dirs.user_state_path, dirs.user_cache_path)


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Where jobs run.

    Attributes:
        name: What people and the ledger call it.
        kind: ``local`` (the embedded service), ``openai``, or ``compatible``.
        base_url: The root of its API; ``None`` for ``local``, whose address is found at run time.
        api_key: The key; never shown, so left out of ``repr``.
        api_key_env: The environment variable the key comes from, for messages.
        profile: The name of the rule profile that fits it.
        organization: Value of the ``OpenAI-Organization`` header, if any.
        project: Value of the ``OpenAI-Project`` header, if any.
    """

    name: str
    kind: str
    base_url: str | None
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str = "OPENAI_API_KEY"
    profile: str = "openai"
    organization: str | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file, validated.

    Attributes:
        default_provider: The provider a command uses when none is named.
        providers: The ``[providers.*]`` tables by name, as written.
        mouse: ``auto``, ``on`` or ``off``.
        ascii: Draw with ASCII only.
        source: The file the settings came from, whether or not it exists.
    """

    default_provider: str | None = None
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mouse: str = "auto"
    ascii: bool = False
    source: Path | None = None


def load_settings(paths: Paths) -> Settings:
    """Read ``config.toml``; a missing file means the defaults.

    Raises:
        ConfigError: The file is not TOML, or a value has the wrong shape.
    """
    path = paths.config / "config.toml"
    if not path.exists():
        return Settings(source=path)
    import tomllib

    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path} ({error})", "fix or remove the file") from error
    providers = data.get("providers", {})
    ui = data.get("ui", {})
    if not isinstance(ui, dict) or not isinstance(providers, dict):
        raise ConfigError(f"{path}: [ui] and [providers] must be tables", "see README, Settings")
    for name, table in providers.items():
        _check_provider(path, name, table)
    default = data.get("default_provider")
    if default is not None and not isinstance(default, str):
        raise ConfigError(f"{path}: default_provider must be a string", "name one provider")
    mouse = ui.get("mouse", "auto")
    if mouse not in ("auto", "on", "off"):
        raise ConfigError(f"{path}: ui.mouse is {mouse!r}", 'use "auto", "on" or "off"')
    return Settings(default, providers, mouse, bool(ui.get("ascii", False)), path)


def _check_provider(path: Path, name: str, table: object) -> None:
    where = f"{path}: [providers.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table", "give it a base_url")
    base_url = table.get("base_url")
    if base_url is None:
        raise ConfigError(f"{where} has no base_url", 'write base_url = "https://…/v1"')
    _check_address(f"{where} base_url", base_url)
    if "api_key" in table:
        raise ConfigError(
            f"{where} holds a key",
            "keep keys in the environment and name the variable: api_key_env",
        )
    if table.get("profile", "openai") not in PROFILES:
        raise ConfigError(f"{where} has an unknown profile", f"use one of {', '.join(PROFILES)}")


def _check_address(what: str, url: object) -> None:
    """Say at once what would otherwise be an odd failure of the first request."""
    good = isinstance(url, str) and re.match(r"https?://[^\s/?#]", url) is not None
    try:
        good = good and bool(urlsplit(str(url)).hostname) and urlsplit(str(url)).port != 0
    except ValueError:
        good = False
    if not good:
        shown = "not a string" if not isinstance(url, str) else f"{url!r}, which is no address"
        raise ConfigError(f"{what} is {shown}", "write one such as https://host/v1")


def is_loopback(url: str) -> bool:
    """Return whether an address is this very machine."""
    host = _host(url)
    return host in ("localhost", "::1") or host.startswith("127.")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def public_url(url: str) -> str:
    """Return an address without the user name, password and query that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def foreign_host(config: ProviderConfig) -> str | None:
    """Return the host that an OpenAI key would go to although it is not OpenAI's.

    This machine itself counts as one's own; other providers have keys of their own.
    """
    url = config.base_url or OPENAI_BASE_URL
    host = _host(url)
    if config.kind != OPENAI or is_loopback(url):
        return None
    return None if host == "openai.com" or host.endswith(".openai.com") else host


def resolve_provider(
    settings: Settings, name: str | None = None, env: Mapping[str, str] | None = None
) -> ProviderConfig:
    """Return the provider to talk to.

    The order is ``name`` (from ``--provider``), ``TUNEDECK_PROVIDER``, the settings' default,
    ``openai`` where ``OPENAI_API_KEY`` is set, else ``local``.

    Raises:
        UsageError: No such provider.
        ProviderError: Its key is not in the environment.
    """
    env = os.environ if env is None else env
    name = name or env.get("TUNEDECK_PROVIDER") or settings.default_provider
    if not name:
        name = OPENAI if env.get("OPENAI_API_KEY") else LOCAL
    if name in settings.providers:
        return _configured(name, settings.providers[name], env)
    if name == LOCAL:
        return ProviderConfig(LOCAL, LOCAL, None, profile="local")
    if name == OPENAI:
        return _openai(env)
    known = ", ".join([LOCAL, OPENAI, *settings.providers])
    raise UsageError(
        f"no provider is called {name!r}", f"known are {known}; add others in {settings.source}"
    )


def provider_names(settings: Settings, env: Mapping[str, str] | None = None) -> list[str]:
    """Return the providers a person can pick from, the default one first."""
    env = os.environ if env is None else env
    names = [LOCAL, *([OPENAI] if env.get("OPENAI_API_KEY") else []), *settings.providers]
    first = env.get("TUNEDECK_PROVIDER") or settings.default_provider
    if not first and OPENAI in names:
        first = OPENAI
    return sorted(dict.fromkeys(names), key=lambda n: n != first)


def _openai(env: Mapping[str, str]) -> ProviderConfig:
    key = env.get("OPENAI_API_KEY")
    if not key:
        raise ProviderError(
            "OPENAI_API_KEY is not set",
            "export your key, or use --provider local to train on this machine",
            code="missing_key",
        )
    # An empty OPENAI_BASE_URL would give the SDK an empty address, so it counts as not set.
    base_url = env.get("OPENAI_BASE_URL") or OPENAI_BASE_URL
    _check_address("OPENAI_BASE_URL", base_url)
    return ProviderConfig(
        OPENAI,
        OPENAI,
        base_url.rstrip("/"),
        api_key=key,
        organization=env.get("OPENAI_ORG_ID") or None,
        project=env.get("OPENAI_PROJECT_ID") or None,
    )


def _configured(name: str, table: Mapping[str, Any], env: Mapping[str, str]) -> ProviderConfig:
    variable = str(table.get("api_key_env", "")) or ""
    key = env.get(variable) if variable else "none"
    if not key:
        raise ProviderError(
            f"{variable} is not set, so {name} has no key", f"export {variable}", code="missing_key"
        )
    return ProviderConfig(
        name,
        "compatible",
        str(table["base_url"]).rstrip("/"),
        api_key=key,
        api_key_env=variable,
        profile=str(table.get("profile", "openai")),
    )
