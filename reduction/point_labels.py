"""Labels of points in a picture, placed when it is drawn: inside the axes, apart from each other, markers and lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

Floats = npt.NDArray[np.float64]

_DISTANCES = (6.0, 9.0, 13.0, 18.0, 25.0, 34.0, 45.0)
_DIRECTIONS = tuple(math.radians(angle) for angle in (45, 135, -45, -135, 90, -90, 0, 180, 22, 158, -22, -158))
_LEADER = 12.0
_MARKER = 4.0
_SPACING = 2.0
_MARGIN = 1.5
_SAME = 7.0
_ON_LINE, _ON_MARKER, _FAR, _LATER = 3.0, 60.0, 0.6, 0.15


@dataclass(frozen=True)
class Label:
    """What is written beside a point, in units of the data."""

    x: float
    y: float
    text: str


class PointLabels(Artist):
    """Labels of the points of some axes; lengths below are in points (1/72 inch).

    A label that finds no free place is not drawn. Equal labels of points that coincide are drawn once.

    Attributes
    ----------
    texts : list of Text
        The labels as last drawn, with positions in pixels.
    """

    def __init__(self, *, size: float = 8.0, colour: str = "#222222") -> None:
        super().__init__()
        self.set_zorder(10.0)
        self.set_in_layout(False)
        self.size, self.colour = size, colour
        self.labels: list[Label] = []
        self.texts: list[Text] = []

    @staticmethod
    def of(ax: Axes) -> PointLabels:
        """Return the labels of some axes, which have one such artist."""
        for artist in ax.artists:
            if isinstance(artist, PointLabels):
                return artist
        made = PointLabels()
        ax.add_artist(made)
        return made

    def draw(self, renderer: RendererBase) -> None:
        """Place and draw the labels."""
        self.texts = []
        ax = self.axes
        if not self.get_visible() or not isinstance(ax, Axes) or ax.figure is None:
            return
        dpi = ax.figure.dpi / 72.0
        inside = ax.get_window_extent(renderer)
        labels, places = self._shown(ax, inside, dpi)
        crowd = _samples(ax, inside, _SPACING * dpi)
        taken: list[Bbox] = []
        for label, place in sorted(zip(labels, places, strict=True), key=lambda pair: (pair[1][0], pair[1][1])):
            text = self._text(label.text, ax)
            extent = text.get_window_extent(renderer)
            found = _best(place, np.array([extent.width, extent.height]), inside, taken, places, crowd, dpi)
            if found is None:
                continue
            centre, distance = found
            text.set_position((float(centre[0]), float(centre[1])))
            taken.append(_box(centre, np.array([extent.width, extent.height]), _MARGIN * dpi))
            self.texts.append(text)
            if distance > _LEADER:
                self._leader(place, taken[-1], ax).draw(renderer)
            text.draw(renderer)

    def _shown(self, ax: Axes, inside: Bbox, dpi: float) -> tuple[list[Label], Floats]:
        """Return the labels of points inside the axes, each once, and where the points are in pixels."""
        labels: list[Label] = []
        places: list[Floats] = []
        for label in self.labels:
            place = np.asarray(ax.transData.transform((label.x, label.y)), float)
            close = [
                np.abs(place - p).max() < _SAME * dpi and q.text == label.text
                for p, q in zip(places, labels, strict=True)
            ]
            if np.isfinite(place).all() and inside.contains(*place) and not any(close):
                labels.append(label)
                places.append(place)
        return labels, np.array(places).reshape(-1, 2)

    def _text(self, content: str, ax: Axes) -> Text:
        text = Text(0.0, 0.0, content, size=self.size, color=self.colour, ha="center", va="center")
        text.set_figure(ax.figure)
        text.set_transform(IdentityTransform())
        return text

    def _leader(self, place: Floats, box: Bbox, ax: Axes) -> Line2D:
        end = np.clip(place, [box.x0, box.y0], [box.x1, box.y1])
        line = Line2D([place[0], end[0]], [place[1], end[1]], color=self.colour, linewidth=0.5)
        line.set_figure(ax.figure)
        line.set_transform(IdentityTransform())
        return line


def _best(
    place: Floats, size: Floats, inside: Bbox, taken: list[Bbox], markers: Floats, crowd: Floats, dpi: float
) -> tuple[Floats, float] | None:
    """Return (centre in pixels, distance in points) of the best free place for a label, or None if there is none."""
    best, least = None, math.inf
    for distance in _DISTANCES:
        for order, angle in enumerate(_DIRECTIONS):
            direction = np.array([math.cos(angle), math.sin(angle)])
            reach = min(size[k] / 2.0 / abs(direction[k]) for k in (0, 1) if abs(direction[k]) > 1e-9)
            centre = place + direction * (distance * dpi + reach)
            box = _box(centre, size, _MARGIN * dpi)
            if not (inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)):
                continue
            if any(box.overlaps(other) for other in taken):
                continue
            cost = _ON_LINE * _count(box, crowd) + _ON_MARKER * _count(box.padded(_MARKER * dpi), markers)
            cost += _FAR * distance + _LATER * order
            if cost < least:
                best, least = (centre, distance), cost
    return best


def _samples(ax: Axes, inside: Bbox, spacing: float) -> Floats:
    """Return points along all lines in the axes, in pixels, shape (K, 2)."""
    found = [np.empty((0, 2))]
    for line in ax.lines:
        corners = np.asarray(line.get_transform().transform(np.asarray(line.get_xydata(), float)), float)
        if line.get_linestyle() == "None" or len(corners) < 2 or not np.isfinite(corners).all():
            continue
        low, high = np.array([inside.x0, inside.y0]), np.array([inside.x1, inside.y1])
        corners = np.clip(corners, low - spacing, high + spacing)
        along = np.append(0.0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T)))
        at = np.arange(0.0, along[-1] + spacing, spacing)
        found.append(np.column_stack([np.interp(at, along, corners[:, k]) for k in (0, 1)]))
    return np.concatenate(found)


def _box(centre: Floats, size: Floats, margin: float) -> Bbox:
    half = size / 2.0 + margin
    return Bbox([centre - half, centre + half])


def _count(box: Bbox, points: Floats) -> int:
    x, y = points.T
    return int(((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).sum())
