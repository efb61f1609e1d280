"""Keys: where they come from, and where they may go.

A key comes from the environment, from a command, or from the system's keyring, and is held in
memory only: it is in no setting, file, log, message or argument. OpenAI's goes to no other host
without a yes, which is remembered in ``consent.json`` in the state folder.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from tui.config import LOCAL, OPENAI, OPENAI_BASE_URL, Paths, ProviderConfig, is_loopback
from tui.errors import FileError, ProviderError, SafetyError
from tui.kinds import host_name, kind_named
from widgets.text import clean

_COMMAND_SECONDS = 30.0
_MOST_WORDS = 200
_CONSENT = "consent.json"
_OPENAI_VARIABLE = "OPENAI_API_KEY"


def key_source(config: ProviderConfig) -> str:
    """Return where the key comes from, for a person; never the key."""
    if config.kind == LOCAL:
        return "the embedded service's own"
    if config.api_key_command:
        return f"the command {Path(config.api_key_command[0]).name}"
    if config.api_key_keyring:
        return f"the keyring, {config.api_key_keyring}"
    return config.api_key_env or "no key"


def read_key(config: ProviderConfig) -> str:
    """Return the key; blocking, so for a thread.

    Raises:
        ProviderError: There is none (``missing_key``), the command or the keyring failed
            (``key_command``, ``keyring``), or it cannot be sent (``bad_key``).
    """
    if config.api_key_command:
        key = _from_command(config)
    elif config.api_key_keyring:
        key = _from_keyring(config)
    else:
        key = config.api_key or "none"
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ProviderError(
            f"the key of {config.name} holds characters that no key has",
            f"copy it again; it comes from {key_source(config)}",
            code="bad_key",
        )
    return key


def _from_command(config: ProviderConfig) -> str:
    """Run the key command; its output is shown to nobody, its complaints are when it fails."""
    import subprocess

    name = Path(config.api_key_command[0]).name
    # A passphrase prompt must not write over the screens: the command gets no terminal.
    env = {key: value for key, value in os.environ.items() if key != "GPG_TTY"}
    try:
        process = subprocess.Popen(
            config.api_key_command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=env,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be written as a command"
        _no_key(config, f"the key command {name} cannot be run ({reason})")
    try:
        out, said = process.communicate(timeout=_COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        _no_key(config, f"the key command {name} did not end within {_COMMAND_SECONDS:g} s")
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        words = clean(said.decode("utf-8", "replace").strip(), limit=_MOST_WORDS)
        _no_key(config, f"the key command {name} failed" + (f" ({words})" if words else ""))
    lines = out.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        _no_key(config, f"the key command {name} printed nothing")
    return lines[0]


def _no_key(config: ProviderConfig, message: str) -> NoReturn:
    raise ProviderError(
        f"{message}, so {config.name} has no key",
        "run it in a shell to see; what asks for a passphrase must be unlocked beforehand",
        code="key_command",
    ) from None


def _from_keyring(config: ProviderConfig) -> str:
    service, _, user = (config.api_key_keyring or "").rpartition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise ProviderError(
            f"the key of {config.name} is in the keyring, and the keyring package is missing",
            "pip install 'tunedeck[keyring]', or use api_key_env or api_key_command",
            code="keyring",
        ) from None
    try:
        key = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - every backend has errors of its own
        reason = clean(f"{type(error).__name__}: {error}", limit=_MOST_WORDS)
        raise ProviderError(
            f"the keyring cannot be read ({reason}), so {config.name} has no key",
            "unlock it, or use api_key_env or api_key_command; over SSH there often is none",
            code="keyring",
        ) from None
    if not key:
        raise ProviderError(
            f"the keyring holds no key for {config.api_key_keyring}",
            f"store it: keyring set {service} {user}",
            code="missing_key",
        )
    return str(key)


# --- where a key may go -------------------------------------------------------------------------


class ConsentNeededError(SafetyError):
    """The OpenAI key would go to a host that nobody has agreed to; nothing was sent.

    Args:
        host: The host.
    """

    code = "key_consent"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"the OpenAI key was not sent to {host}, which is not OpenAI's",
            f'if you trust it, add --send-key-to {host}, or trusted_hosts = ["{host}"] to '
            "config.toml",
        )
        self.host = host


def foreign_host(config: ProviderConfig) -> str | None:
    """Return the host that the OpenAI key would go to although it is not OpenAI's.

    This machine itself counts as one's own; keys of other providers may go where settings say.
    """
    url = config.base_url or OPENAI_BASE_URL
    openai_key = config.kind == OPENAI or (
        bool(config.api_key)
        and (config.api_key_env == _OPENAI_VARIABLE or config.api_key == _openai_key())
    )
    if config.kind == LOCAL or not openai_key or is_loopback(url):
        return None
    return None if kind_named(OPENAI).owns(url) else host_name(url)


def _openai_key() -> str | None:
    return os.environ.get(_OPENAI_VARIABLE) or None


def needs_consent(config: ProviderConfig, paths: Paths | None = None) -> str | None:
    """Return the host that a person must agree to before the OpenAI key is sent there.

    Args:
        config: The provider.
        paths: The folders; the usual ones unless given.
    """
    host = foreign_host(config)
    if host is None or host in config.trusted_hosts:
        return None
    return None if host in consented_hosts(paths or Paths.resolve()) else host


def trusting(config: ProviderConfig, hosts: Iterable[str] | None) -> ProviderConfig:
    """Return the configuration with more hosts that the OpenAI key may be sent to."""
    more = frozenset(host.lower() for host in hosts or ())
    return replace(config, trusted_hosts=config.trusted_hosts | more)


def require_consent(config: ProviderConfig, paths: Paths) -> None:
    """Refuse to go on where the OpenAI key would be sent to a host nobody agreed to.

    Raises:
        ConsentNeededError: Nobody has.
    """
    host = needs_consent(config, paths)
    if host is not None:
        raise ConsentNeededError(host)


def consented_hosts(paths: Paths) -> frozenset[str]:
    """Return the hosts that a person has agreed to; a file that cannot be read holds none."""
    try:
        data = json.loads((paths.state / _CONSENT).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return frozenset()
    hosts = data.get("send_openai_key_to") if isinstance(data, dict) else None
    if not isinstance(hosts, list):
        return frozenset()
    return frozenset(host for host in hosts if isinstance(host, str))


def give_consent(host: str, paths: Paths) -> None:
    """Remember that the OpenAI key may be sent to a host.

    Raises:
        FileError: It cannot be written down.
    """
    path = paths.state / _CONSENT
    hosts = sorted({*consented_hosts(paths), host.lower()})
    half = path.with_name(f".{_CONSENT}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps({"send_openai_key_to": hosts}, indent=1), "utf-8")
        half.replace(path)
    except OSError as error:
        raise FileError(
            f"cannot write {path} ({error.strerror})", "free space or fix its permissions"
        ) from error
