"""Images: addresses that can be read, of a format and size that is taken, where one may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui.dataset.model import Finding, JsonPath
from tui.dataset.profile import Profile
from tui.dataset.rules.message import intended_role
from tui.dataset.rules.text import a_kind, quote

DETAILS = ("low", "high", "auto")

_WEB = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_DATA = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
# image/jpg is no registered type, but what half of the world writes, and services read it.
_KINDS = ("image/png", "image/jpeg", "image/jpg", "image/webp")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
# How the base64 of other formats starts: those are refused whatever the address calls them.
_OTHER = {"R0lGOD": "GIF", "Qk0": "BMP", "SUkq": "TIFF", "PHN2Zy": "SVG", "JVBERi": "PDF"}


def check(
    lists: list[tuple[JsonPath, list[object]]], profile: Profile, *, outputs: frozenset[str]
) -> Iterator[Finding]:
    """Run the image rules on a record's messages.

    Args:
        lists: Every list of messages in the record, with its path.
        profile: How many images and bytes its provider takes.
        outputs: The first name of the paths under which everything is the model's answer.
    """
    count = 0
    for path, messages in lists:
        output = path[0] in outputs
        for where, part, role in _parts(path, messages):
            count += 1
            if profile.max_images is not None and count == profile.max_images + 1:
                yield Finding(
                    "too_many_images",
                    where,
                    f"more than {profile.max_images} images in one record",
                    "leave some out, or make several examples of it",
                )
            if output or role == "assistant":
                yield Finding(
                    "image_in_output",
                    where,
                    "an image in what the model is to answer",
                    "models are trained to answer with text: move it to a user message",
                )
            yield from _image(part.get("image_url"), (*where, "image_url"), profile)


def count_images(lists: list[tuple[JsonPath, list[object]]]) -> int:
    """Return how many images a record has."""
    return sum(1 for path, messages in lists for _ in _parts(path, messages))


def _parts(
    path: JsonPath, messages: list[object]
) -> Iterator[tuple[JsonPath, dict[str, object], str | None]]:
    for position, entry in enumerate(messages):
        content = entry.get("content") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(content, list):
            continue
        for number, part in enumerate(content):
            if isinstance(part, dict) and part.get("type") == "image_url" and "image_url" in part:
                role = intended_role(entry.get("role"))
                yield (*path, position, "content", number), part, role


def _image(image: object, path: JsonPath, profile: Profile) -> Iterator[Finding]:
    if not isinstance(image, dict):
        yield Finding(
            "invalid_image_url",
            path,
            f"image_url is {a_kind(image)}, not an object",
            'write {"url": …}',
        )
        return
    here = (*path, "url")
    if "url" not in image:
        yield Finding("invalid_image_url", path, "image_url has no url", "add url: its address")
    elif not isinstance(image["url"], str):
        found = f"the url is {a_kind(image['url'])}, not text"
        yield Finding("invalid_image_url", here, found, "write its address as text")
    else:
        yield from _url(image["url"], here, profile)
    detail = image.get("detail")
    if detail is not None and detail not in DETAILS:
        yield Finding(
            "invalid_image_detail",
            (*path, "detail"),
            f"the detail is {quote(detail)}",
            f"write {', '.join(DETAILS[:-1])} or {DETAILS[-1]}, or remove it",
        )


def _url(url: str, path: JsonPath, profile: Profile) -> Iterator[Finding]:
    limit = profile.max_image_bytes
    if limit is not None and len(url) > limit and url[:5].lower() == "data:":
        yield Finding(
            "image_too_large",
            path,
            f"an image of {len(url):,} bytes as written, over the limit of {limit:,}",
            "make it smaller: training scales it down anyway",
        )
        return
    wrong = _wrong(url)
    if wrong:
        yield Finding("invalid_image_url", path, *wrong)


def _wrong(url: str) -> tuple[str, str] | None:
    """Return what is wrong with an address and what to do, ``None`` where nothing is."""
    hint = "write an address with https://, or a data URL of a PNG, JPEG or WEBP image"
    if url[:5].lower() != "data:":
        if _WEB.fullmatch(url):
            return None
        return (f"the url is {quote(url)}" if url.strip() else "the url is empty"), hint
    head = _DATA.match(url)
    if head is None:
        return "a data URL without a comma before its data", hint
    kind, more = head.group(1).strip().lower(), head.group(2).lower()
    if kind not in _KINDS:
        return f"a data URL of type {quote(kind) if kind else 'text'}", hint
    if not more.endswith(";base64"):
        return "a data URL whose data are not base64", f'write "data:{kind};base64,…"'
    return _wrong_data(url, head.end(), kind)


def _wrong_data(url: str, start: int, kind: str) -> tuple[str, str] | None:
    other = next((name for sign, name in _OTHER.items() if url.startswith(sign, start)), None)
    if other:
        return f"an image that is {other}, whatever its type says", f"save it as {kind[6:].upper()}"
    if _BASE64.fullmatch(url, start):
        return None
    if len(url) == start:
        return "a data URL without data", "put the image there, in base64"
    return "a data URL whose data are not base64", "encode the image again"
