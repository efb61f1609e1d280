"""What a file is by its first bytes, where that is not text in UTF-8."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8."""

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MAGIC_BYTES = 4
"""Bytes at the start of a file that tell what packs it."""

_SKIPPABLE_TAIL = b"\x2a\x4d\x18"
_CONVERT_TEXT = "save it as UTF-8: iconv -f {0} -t UTF-8 FILE > OUT"
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32", "UTF-32"),
    (b"\xff\xfe", "UTF-16", "UTF-16"),
    (b"\xfe\xff", "UTF-16", "UTF-16"),
)
_UNPACK = "unpack it and name the JSONL file in it"
_EXPORT = "export it as JSONL and name that file"
_MAGIC = (
    (b"PK\x03\x04", "a zip archive (or a spreadsheet)", _UNPACK),
    (ZSTD_MAGIC, "packed with zstd", _UNPACK),
    (b"\xfd7zXZ\x00", "packed with xz", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"PAR1", "a Parquet table", _EXPORT),
    (b"ARROW1", "an Arrow table", _EXPORT),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"\x93NUMPY", "a numpy array", _EXPORT),
    (b"\x80\x04\x95", "a Python pickle", _EXPORT),
    (b"\x89PNG\r\n", "a PNG image", "name a JSONL file"),
    (b"\xff\xd8\xff", "a JPEG image", "name a JSONL file"),
    (b"%PDF-", "a PDF document", "name a JSONL file"),
    (b"\x7fELF", "a program", "name a JSONL file"),
)
_LEAST = 16


def packing(head: bytes) -> str:
    """Return what packs a file that starts like this: ``gzip``, ``zstd``, or nothing."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    # Parallel packers of zstd put a frame to be skipped first.
    skipped = head[1:4] == _SKIPPABLE_TAIL and 0x50 <= head[0] <= 0x5F
    return "zstd" if skipped or head.startswith(ZSTD_MAGIC) else ""


def foreign_kind(head: bytes) -> tuple[str, str] | None:
    """Return what the file is and what to do, or ``None`` where it may be text in UTF-8.

    Args:
        head: The first bytes of the file, a few hundred at least where it has them.
    """
    for mark, name, code in _MARKS:
        if head.startswith(mark):
            return name, _CONVERT_TEXT.format(code)
    for magic, name, hint in _MAGIC:
        if head.startswith(magic):
            return name, hint
    if head[:6].startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return "packed with bzip2", _UNPACK
    # Text in UTF-16 without a mark has a zero in nearly every second byte.
    sample = head[:512]
    if len(sample) >= _LEAST:
        for first, code in ((1, "UTF-16LE"), (0, "UTF-16BE")):
            half = sample[first::2]
            if half.count(0) * 10 >= len(half) * 9 and sample[1 - first :: 2].count(0) == 0:
                return "UTF-16", _CONVERT_TEXT.format(code)
    return None
