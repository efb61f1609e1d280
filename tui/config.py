"""Settings, folders, and which provider a command talks to.

Settings are a TOML file, ``config.toml`` in the configuration folder::

    default_provider = "lab"
    read_only = false                      # nothing is changed anywhere

    trusted_hosts = ["gateway.example"]    # where the OpenAI key may go besides OpenAI
    stop_if = ["train_loss is nan"]        # stop rules of every job that is given none of its own

    [providers.lab]
    kind = "compatible"                    # openai, azure, nebius, crusoe, mistral, compatible
    base_url = "http://10.0.0.5:8000/v1"   # where the provider listens
    api_key_env = "LAB_KEY"                # the variable with the key; a key never stands here
    # api_key_command = ["pass", "show", "lab"]    … or the command that prints it
    # api_key_keyring = "lab/me"                   … or its place in the system's keyring
    profile = "openai"                     # whose format rules apply
    read_only = false                      # nothing is changed there
    # query = { custom_llm_provider = "openai" }   for gateways that want it with every request
    # Azure's: style = "v1" or "classic", api_version, auth = "key" or "token", training_type

    [ui]
    mouse = "auto"                         # auto (off over SSH), on, off
    ascii = false

A setting that is not known is an error: a safety that is misspelt would be none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tui.errors import ConfigError, ProviderError, UsageError

if TYPE_CHECKING:
    from tui.kinds import Kind

LOCAL = "local"
OPENAI = "openai"
OPENAI_BASE_URL = "https://api.openai.com/v1"
_TOP = ("default_provider", "read_only", "trusted_hosts", "stop_if", "providers", "ui")
_UI = ("mouse", "ascii", "read_only")
_PROVIDER = (
    *("kind", "base_url", "api_key_env", "api_key_command", "api_key_keyring", "profile"),
    *("read_only", "query", "style", "api_version", "auth", "training_type"),
)
_KEY_SOURCES = ("api_key_env", "api_key_command", "api_key_keyring")
PROFILES = ("openai", "azure", "nebius", "crusoe", "mistral", "local")


class Paths(NamedTuple):
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
        api_key: The key where it came from the environment; never shown, so left out of ``repr``.
            A key that a command or the keyring holds is read when the provider is first called.
        api_key_env: The environment variable the key comes from, if it does.
        profile: The name of the rule profile that fits it.
        organization: Value of the ``OpenAI-Organization`` header, if any.
        project: Value of the ``OpenAI-Project`` header, if any.
        adapter: Whose bodies, statuses and limits it has, a name in :mod:`tui.kinds`; see
            :attr:`known` for when it is empty.
        style: Azure's two ways: ``v1`` (``…/openai/v1``) or ``classic`` (``?api-version=…``).
        api_version: The version of the classic way.
        auth: ``key`` or, for a token of Microsoft Entra ID, ``token``.
        training_type: Azure's tier, such as ``GlobalStandard``; sent as written.
        api_key_command: The command that prints the key on its first line; run without a shell.
        api_key_keyring: ``service/user`` in the system's keyring.
        trusted_hosts: Hosts that the OpenAI key may be sent to.
        read_only: Nothing may be changed at this provider.
        query: Query parameters that go with every request, as some gateways want them.
    """

    name: str
    kind: str
    base_url: str | None
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str = ""
    profile: str = "openai"
    organization: str | None = None
    project: str | None = None
    adapter: str = ""
    style: str = "v1"
    api_version: str | None = None
    auth: str = "key"
    training_type: str | None = None
    api_key_command: tuple[str, ...] = ()
    api_key_keyring: str | None = None
    trusted_hosts: frozenset[str] = frozenset()
    read_only: bool = False
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> Kind:
        """What is known of this kind of provider: limits and abilities.

        ``OPENAI_BASE_URL`` may lead to any kind, which its host name tells.
        """
        from tui.kinds import kind_named, kind_of_address

        if self.kind == OPENAI and not self.adapter:
            return kind_of_address(self.base_url or OPENAI_BASE_URL)
        return kind_named(self.adapter or self.kind)

    @property
    def suffix_max(self) -> int:
        """The longest suffix of a model's name, in characters."""
        return self.known.suffix_max


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file, validated.

    Attributes:
        default_provider: The provider a command uses when none is named.
        providers: The ``[providers.*]`` tables by name, as written.
        mouse: ``auto``, ``on`` or ``off``.
        ascii: Draw with ASCII only.
        source: The file the settings came from, whether or not it exists.
        read_only: Nothing may be changed at any provider.
        trusted_hosts: Hosts that the OpenAI key may be sent to.
        stop_if: The stop rules of jobs that are given none, as written.
    """

    default_provider: str | None = None
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mouse: str = "auto"
    ascii: bool = False
    source: Path | None = None
    read_only: bool = False
    trusted_hosts: frozenset[str] = frozenset()
    stop_if: tuple[str, ...] = ()


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
        raise ConfigError(
            f"{path}: [ui] and [providers] must be tables", "write [ui] and [providers.NAME]"
        )
    _refuse_unknown(str(path), data, _TOP)
    _refuse_unknown(f"{path}: [ui]", ui, _UI)
    for name, table in providers.items():
        _check_provider(path, name, table)
    default = data.get("default_provider")
    if default is not None and not isinstance(default, str):
        raise ConfigError(f"{path}: default_provider must be a string", "name one provider")
    mouse = ui.get("mouse", "auto")
    if mouse not in ("auto", "on", "off"):
        raise ConfigError(f"{path}: ui.mouse is {mouse!r}", 'use "auto", "on" or "off"')
    trusted = _strings(path, data, "trusted_hosts", '["gateway.example"]')
    stop_if = _strings(path, data, "stop_if", '["train_loss is nan", "no event for 30m"]')
    return Settings(
        default,
        providers,
        mouse,
        _yes(f"{path}: [ui]", ui, "ascii"),
        path,
        _yes(str(path), data, "read_only") or _yes(f"{path}: [ui]", ui, "read_only"),
        frozenset(host.lower() for host in trusted),
        tuple(stop_if),
    )


def _strings(path: Path, data: Mapping[str, Any], name: str, such_as: str) -> list[str]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigError(f"{path}: {name} must be a list of strings", f"write {such_as}")
    return found


def _yes(where: str, table: Mapping[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{where} {name} must be true or false", "write it without quotes")
    return value


def _refuse_unknown(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in table:
        if name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise ConfigError(f"{where} has an unknown setting {name!r}", hint)


def _check_provider(path: Path, name: str, table: object) -> None:
    from tui.kinds import kinds

    where = f"{path}: [providers.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table", "give it a base_url")
    kind = table.get("kind", "compatible")
    if not isinstance(kind, str) or kind == LOCAL or kind not in kinds():
        others = ", ".join(other for other in kinds() if other != LOCAL)
        raise ConfigError(f"{where} has an unknown kind", f"use one of {others}")
    base_url = table.get("base_url", kinds()[kind].base_url)
    if base_url is None:
        raise ConfigError(f"{where} has no base_url", 'write base_url = "https://…/v1"')
    _check_address(f"{where} base_url", base_url)
    if "api_key" in table:
        raise ConfigError(
            f"{where} holds a key",
            "keep keys in the environment and name the variable: api_key_env",
        )
    _refuse_unknown(where, table, _PROVIDER)
    if table.get("profile", "openai") not in PROFILES:
        raise ConfigError(f"{where} has an unknown profile", f"use one of {', '.join(PROFILES)}")
    _check_words(where, table)


def _check_words(where: str, table: Mapping[str, Any]) -> None:
    """Check the settings of a provider that have a shape or a few words of their own."""
    for name, words in (("style", ("v1", "classic")), ("auth", ("key", "token"))):
        if table.get(name, words[0]) not in words:
            raise ConfigError(f"{where} {name} is not known", f"use {' or '.join(words)}")
    for name in ("api_key_env", "api_version", "training_type", "api_key_keyring"):
        if not isinstance(table.get(name, ""), str):
            raise ConfigError(f"{where} {name} must be a string", "put it in quotes")
    command = table.get("api_key_command", ["x"])
    if not isinstance(command, list) or not command or not all(isinstance(w, str) for w in command):
        raise ConfigError(
            f"{where} api_key_command must be a list of words",
            'it is run without a shell: write ["pass", "show", "lab"]',
        )
    if "/" not in str(table.get("api_key_keyring", "service/user")):
        raise ConfigError(f"{where} api_key_keyring has no user", 'write "service/user"')
    query = table.get("query", {})
    if not isinstance(query, dict) or not all(isinstance(value, str) for value in query.values()):
        raise ConfigError(
            f"{where} query must be a table of strings",
            'write query = { custom_llm_provider = "openai" }',
        )
    _yes(where, table, "read_only")
    sources = [name for name in _KEY_SOURCES if name in table]
    if len(sources) > 1:
        raise ConfigError(f"{where} has {' and '.join(sources)}", "keep the one the key is in")


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
    found = _named(settings, name, env)
    read_only = settings.read_only or env.get("TUNEDECK_READ_ONLY", "") not in ("", "0")
    return replace(
        found,
        read_only=found.read_only or read_only,
        trusted_hosts=found.trusted_hosts | settings.trusted_hosts,
    )


def _named(settings: Settings, name: str, env: Mapping[str, str]) -> ProviderConfig:
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
        api_key_env="OPENAI_API_KEY",
        organization=env.get("OPENAI_ORG_ID") or None,
        project=env.get("OPENAI_PROJECT_ID") or None,
    )


def _configured(name: str, table: Mapping[str, Any], env: Mapping[str, str]) -> ProviderConfig:
    from tui.kinds import COMPATIBLE, kind_named, kind_of_address

    kind = kind_named(str(table.get("kind", COMPATIBLE)))
    base_url = str(table.get("base_url") or kind.base_url).rstrip("/")
    profile = str(table.get("profile") or (kind.name if kind.name in PROFILES else OPENAI))
    if "kind" not in table:
        # Settings written before there were kinds say it by the profile, or by the address alone.
        kind = kind_named(profile) if profile not in (OPENAI, LOCAL) else kind_of_address(base_url)
    elsewhere = "api_key_command" in table or "api_key_keyring" in table
    variable = "" if elsewhere else str(table.get("api_key_env", _usual(table, kind)))
    key = env.get(variable) if variable else None
    if variable and not key:
        raise ProviderError(
            f"{variable} is not set, so {name} has no key",
            f"export {variable}, or name a command that prints it: api_key_command",
            code="missing_key",
        )
    version = str(table.get("api_version", "")) or None
    style = str(table.get("style") or ("classic" if version else "v1"))
    if kind.name == "azure":
        base_url = _azure_address(name, base_url, style, version)
    return ProviderConfig(
        name,
        "compatible",
        base_url,
        api_key=key or (None if elsewhere else "none"),
        api_key_env=variable,
        profile=profile,
        adapter=kind.name,
        style=style,
        api_version=version,
        auth=str(table.get("auth", "key")),
        training_type=str(table.get("training_type", "")) or None,
        api_key_command=tuple(table.get("api_key_command", ())),
        api_key_keyring=table.get("api_key_keyring"),
        read_only=bool(table.get("read_only", False)),
        query=dict(table.get("query", {})),
    )


def _usual(table: Mapping[str, Any], kind: Kind) -> str:
    """Return the variable a named kind's key usually is in; an address alone has none."""
    return kind.api_key_env if "kind" in table else ""


def _azure_address(name: str, base_url: str, style: str, version: str | None) -> str:
    """Return the address of a resource in its style; its bare host is enough to write."""
    if style == "classic":
        if version is None:
            raise ConfigError(
                f"[providers.{name}] is of the classic style and has no api_version",
                'write api_version = "2024-10-21" or a later one',
            )
        return base_url
    return base_url if urlsplit(base_url).path.strip("/") else f"{base_url.rstrip('/')}/openai/v1"
