"""The encodings are tiktoken's own, to the byte, and need no network."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tiktoken_ext.openai_public as official

from tests.tokens.ranks import to_tiktoken
from tui.errors import TunedeckError, UsageError
from tui.tokens import encoding_names, encodings, get_encoding
from tui.tokens.vocab import pack


@pytest.fixture
def definitions(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return tiktoken's own definitions, its downloads served from our data and checked by hash."""

    def load(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        name = url.rpartition("/")[2].removesuffix(".tiktoken")
        spec = encodings.SPECS[name]
        ranks = encodings.load_ranks(spec.vocabulary, spec.head)
        text = to_tiktoken(ranks.items())
        assert hashlib.sha256(text).hexdigest() == expected_hash
        return {
            base64.b64decode(token): int(rank)
            for token, rank in (line.split() for line in text.splitlines())
        }

    monkeypatch.setattr(official, "load_tiktoken_bpe", load)
    # gpt2 is defined by two files of another form, whose ranks are r50k's.
    monkeypatch.setattr(
        official,
        "data_gym_to_mergeable_bpe_ranks",
        lambda **_: encodings.load_ranks("p50k_base", 50256),
    )
    return {name: make() for name, make in official.ENCODING_CONSTRUCTORS.items()}


def test_every_encoding_is_defined_as_tiktoken_defines_it(
    definitions: dict[str, dict[str, Any]],
) -> None:
    assert set(encoding_names()) == set(definitions)
    for name, definition in definitions.items():
        ours = get_encoding(name)
        assert ours.name == definition["name"]
        assert ours._pat_str == definition["pat_str"]
        assert ours._special_tokens == definition["special_tokens"]
        assert ours._mergeable_ranks == definition["mergeable_ranks"]
        if "explicit_n_vocab" in definition:
            assert ours.n_vocab == definition["explicit_n_vocab"]


def test_an_encoding_is_built_once() -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(get_encoding("r50k_base"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(encoding) for encoding in found}) == 1


def test_tokens_are_the_well_known_ones() -> None:
    assert get_encoding("cl100k_base").encode("tiktoken is great!") == [
        83,
        1609,
        5963,
        374,
        2294,
        0,
    ]
    assert get_encoding("gpt2").encode("hello world") == [31373, 995]
    harmony = get_encoding("o200k_harmony")
    assert harmony.encode("<|start|>", allowed_special="all") == [200006]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="klingon") as caught:
        get_encoding("klingon")
    assert all(name in caught.value.hint for name in encoding_names())


def test_damaged_data_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encodings._SHA256, "cl100k_base", "0" * 64)
    with pytest.raises(TunedeckError, match="damaged"):
        encodings.load_ranks("cl100k_base")


def test_nothing_is_fetched_or_registered(tmp_path: Path) -> None:
    script = """
import socket, sys
def refuse(*_, **__):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import tiktoken.registry
from tui.tokens import get_encoding
for name in ("cl100k_base", "p50k_edit", "r50k_base"):
    assert get_encoding(name).encode_ordinary("hello")
assert not tiktoken.registry.ENCODINGS
assert "requests" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_importing_the_package_is_cheap() -> None:
    script = "import sys, tui.tokens, tui.pricing; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "tiktoken", "orjson"} & set(done.stdout.split())


def test_packing_and_unpacking(tmp_path: Path) -> None:
    tokens = [b"a", b"\x00\xff", b"x" * 255]
    assert pack.unpack(pack.pack(tokens)) == tokens
    with pytest.raises(ValueError, match="255"):
        pack.pack([b"x" * 256])
    source, target = tmp_path / "in.tiktoken", tmp_path / "out.bin"
    source.write_bytes(to_tiktoken((token, rank) for rank, token in enumerate(tokens)))
    assert pack.main([str(source), str(target)]) == 0
    assert pack.unpack(target.read_bytes()) == tokens
    assert pack.main([]) == 2
