"""Pack a ``.tiktoken`` vocabulary into the small form that ships, and unpack it again.

A ``.tiktoken`` file has a line a token: its bytes in base64, a space, its rank. Ranks rise by one,
so only the bytes are kept: one byte of length for each token, then all tokens one after another,
compressed with zlib (twice as fast to open as xz, for a fifth more in size)::

    python -m tui.tokens.vocab.pack cl100k_base.tiktoken cl100k_base.bin

Packing prints the SHA-256 that :mod:`tui.tokens.encodings` expects of the packed file. The
vocabularies are OpenAI's, published with tiktoken under the MIT licence (its text
stands in this package's ``__init__``).
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

_HEAD = struct.Struct("<I")


def parse(text: bytes) -> dict[bytes, int]:
    """Return the ranks of a ``.tiktoken`` file's text."""
    pairs = (line.split() for line in text.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def pack(tokens: Sequence[bytes]) -> bytes:
    """Return the packed form of tokens in the order of their ranks.

    Raises:
        ValueError: A token is empty or longer than 255 bytes.
    """
    if not all(1 <= len(token) <= 255 for token in tokens):
        raise ValueError("a token must have 1 to 255 bytes")
    lengths = bytes(len(token) for token in tokens)
    return zlib.compress(_HEAD.pack(len(tokens)) + lengths + b"".join(tokens), 9)


def unpack(packed: bytes) -> list[bytes]:
    """Return the tokens of a packed vocabulary, in the order of their ranks.

    Raises:
        zlib.error: The data is not a packed vocabulary.
    """
    data = zlib.decompress(packed)
    (count,) = _HEAD.unpack_from(data)
    body = data[_HEAD.size + count :]
    ends = accumulate(data[_HEAD.size : _HEAD.size + count], initial=0)
    return [body[start:end] for start, end in pairwise(ends)]


def main(arguments: Sequence[str]) -> int:
    """Pack one file; the arguments are the path to read and the path to write."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m tui.tokens.vocab.pack IN.tiktoken OUT.bin\n")
        return 2
    source, target = map(Path, arguments)
    ranks = parse(source.read_bytes())
    packed = pack(sorted(ranks, key=ranks.__getitem__))
    target.write_bytes(packed)
    sys.stdout.write(f"{hashlib.sha256(packed).hexdigest()}  {target.name}  {len(packed)} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
