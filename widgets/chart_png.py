"""A picture of charts as PNG, by Pillow, which is imported only here."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from widgets.chart_picture import DARK, LIGHT, Dots, Path, Picture, Piece, Words

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SCALE = 2
"""Pixels of the file for each of the picture."""

_FINER = 2  # drawn larger and made smaller again, so that lines are smooth
_DASH = 4.0


def png(picture: Picture, *, dark: bool = False) -> bytes:
    """The picture as PNG, twice as large so that it is sharp.

    Args:
        picture: What is drawn.
        dark: On black instead of white.

    Raises:
        ImportError: Pillow is not installed.
    """
    from PIL import Image, ImageDraw

    tones = DARK if dark else LIGHT
    scale = SCALE * _FINER
    size = (picture.width * scale, picture.height * scale)
    image = Image.new("RGB", size, tones["paper"])
    pen = ImageDraw.Draw(image)
    for piece in picture.pieces:
        if not isinstance(piece, Words):
            _draw(pen, piece, tones, scale)
    image = image.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.BOX)
    pen = ImageDraw.Draw(image)
    fonts = {bold: _font(17 if bold else 13) for bold in (True, False)}
    for piece in picture.pieces:
        if isinstance(piece, Words):
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[piece.anchor]
            at = (piece.x * SCALE, piece.y * SCALE)
            pen.text(at, piece.text, fill=tones[piece.tone], font=fonts[piece.bold], anchor=anchor)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size * SCALE)


def _draw(pen: ImageDraw, piece: Piece, tones: dict[str, str], scale: int) -> None:
    if isinstance(piece, Dots):
        tone = _mixed(tones[piece.tone], tones["paper"], 0.35) if piece.faint else tones[piece.tone]
        radius = piece.radius * scale
        for x, y in piece.points:
            a, b = x * scale, y * scale
            pen.ellipse((a - radius, b - radius, a + radius, b + radius), fill=tone)
    elif isinstance(piece, Path):
        points = [(x * scale, y * scale) for x, y in piece.points]
        width = max(1, round(piece.width * scale))
        for part in _dashes(points, _DASH * scale) if piece.dash else [points]:
            if len(part) > 1:
                pen.line(part, fill=tones[piece.tone], width=width, joint="curve")
            else:
                pen.point(part, fill=tones[piece.tone])


def _mixed(one: str, other: str, share: float) -> tuple[int, int, int]:
    first = [int(one[i : i + 2], 16) for i in (1, 3, 5)]
    second = [int(other[i : i + 2], 16) for i in (1, 3, 5)]
    a, b, c = (round(x * share + y * (1 - share)) for x, y in zip(first, second, strict=True))
    return a, b, c


def _dashes(points: list[tuple[float, float]], length: float) -> list[list[tuple[float, float]]]:
    """A line cut into dashes of a length, with gaps as long."""
    out: list[list[tuple[float, float]]] = []
    part: list[tuple[float, float]] = [points[0]]
    left, drawn = length, True
    for (x0, y0), (x1, y1) in pairwise(points):
        span = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        done = 0.0
        while span - done > left:
            done += left
            at = (x0 + (x1 - x0) * done / span, y0 + (y1 - y0) * done / span)
            if drawn:
                out.append([*part, at])
            part, drawn, left = [at], not drawn, length
        left -= span - done
        part.append((x1, y1))
    if drawn and len(part) > 1:
        out.append(part)
    return out
