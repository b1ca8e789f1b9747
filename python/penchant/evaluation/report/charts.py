"""Charts as inline SVG: bars with intervals, differences, dots, lines. Colours come from the page.

A chart is a value in, a string of markup out. Every one has a title and a description that a screen
reader speaks, and every mark a title of its own that a pointer shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

WIDTH = 440
_Box: TypeAlias = tuple[float, float, float, float]
_ROW, _BAR, _NAME = 25, 13, 22


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval; `strong` for the one that the others are held against."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a scatter with its name."""

    name: str
    x: float
    y: float
    strong: bool = False


def bars(title: str, bars: Sequence[Bar], *, top: float | None = None) -> str:
    """Horizontal bars from zero, a whisker for each interval, the value at the end.

    top: the value at the right end, where several charts share a scale.
    """
    left = 14 + max(_width(_shortened(bar.name)) for bar in bars)
    right = WIDTH - 62
    highest = max(top or 0.0, *(max(bar.value, bar.high or 0.0) for bar in bars), 1e-12)
    ticks = nice_ticks(0.0, highest)
    scale = (right - left) / max(ticks[-1], highest)
    height = 8 + _ROW * len(bars) + 24
    marks = [_grid(left + tick * scale, height - 22, number(tick)) for tick in ticks]
    for place, bar in enumerate(bars):
        y = 8 + _ROW * place
        middle = y + _ROW / 2 - 2
        end = left + max(0.0, bar.value) * scale
        told = f"{bar.name}: {bar.value:.4f}"
        whisker, reach = "", end
        if bar.low is not None and bar.high is not None:
            low, high = left + max(0.0, bar.low) * scale, left + bar.high * scale
            told += f" (95 % interval {bar.low:.4f} to {bar.high:.4f})"
            reach = max(end, high)
            whisker = (
                f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}'
                f'M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8"/>'
            )
        marks.append(
            f"<g><title>{escape(told)}</title>"
            f'<text class="name" x="{left - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(_shortened(bar.name))}</text>"
            f'<rect class="bar{" strong" if bar.strong else ""}" x="{left:.1f}" '
            f'y="{middle - _BAR / 2:.1f}" width="{max(0.5, end - left):.1f}" height="{_BAR}" '
            f'rx="2"/>{whisker}'
            f'<text class="value" x="{reach + 7:.1f}" y="{middle + 4:.1f}">{bar.value:.4f}</text>'
            "</g>"
        )
    told = "; ".join(f"{bar.name} {bar.value:.4f}" for bar in bars)
    return _svg(title, told, height, marks)


def differences(title: str, bars: Sequence[Bar], *, less: bool = False) -> str:
    """Intervals on both sides of zero: dots in the colour of better, worse, or neither.

    less: whether less is better. Every bar needs its interval.
    """
    left = 14 + max(_width(_shortened(bar.name)) for bar in bars)
    right = WIDTH - 74
    low = min(0.0, *(bar.low or 0.0 for bar in bars))
    high = max(0.0, *(bar.high or 0.0 for bar in bars))
    room = (high - low) * 0.06 or 1e-4
    low, high = low - room, high + room
    height = 8 + _ROW * len(bars) + 24

    def place(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    ticks = [tick for tick in nice_ticks(low, high, 4) if tick >= low]
    marks = [_grid(place(tick), height - 22, number(tick)) for tick in ticks]
    marks.append(f'<path class="zero" d="M{place(0.0):.1f} 6V{height - 22:.1f}"/>')
    for row, bar in enumerate(bars):
        middle = 8 + _ROW * row + _ROW / 2 - 2
        start, end = bar.low or 0.0, bar.high or 0.0
        side = "" if start <= 0.0 <= end else "good" if (start > 0) != less else "bad"
        told = f"{bar.name}: {bar.value:+.4f} (95 % interval {start:+.4f} to {end:+.4f})"
        marks.append(
            f"<g><title>{escape(told)}</title>"
            f'<text class="name" x="{left - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{escape(_shortened(bar.name))}</text>"
            f'<path class="whisker" d="M{place(start):.1f} {middle:.1f}H{place(end):.1f}'
            f'M{place(start):.1f} {middle - 4:.1f}v8M{place(end):.1f} {middle - 4:.1f}v8"/>'
            f'<circle class="dot {side}" cx="{place(bar.value):.1f}" cy="{middle:.1f}" r="5"/>'
            f'<text class="value" x="{WIDTH - 6}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{_signed(bar.value)}</text></g>"
        )
    said = "; ".join(f"{bar.name} {bar.value:+.4f}" for bar in bars)
    return _svg(title, said, height, marks)


def scatter(title: str, dots: Sequence[Dot], x: str, y: str, *, log: bool = False) -> str:
    """Dots with their names beside them; `log`: the x axis in powers of ten."""
    height, left, right, bottom = 290, 58, WIDTH - 16, 290 - 46
    place_x = _log_axis([d.x for d in dots]) if log else _axis([d.x for d in dots])
    place_y = _axis([d.y for d in dots])
    marks = [
        _grid(left + place_x(tick) * (right - left), bottom, number(tick)) for tick in place_x.ticks
    ]
    marks += [
        _rule(left, right, bottom - place_y(tick) * (bottom - 14), number(tick))
        for tick in place_y.ticks
    ]
    marks.append(_axis_names(x, y, left, right, bottom))
    spots = [
        (left + place_x(d.x) * (right - left), bottom - place_y(d.y) * (bottom - 14)) for d in dots
    ]
    taken = [(cx - 6, cy - 6, cx + 6, cy + 6) for cx, cy in spots]
    for dot, (cx, cy) in zip(dots, spots, strict=True):
        name = _shortened(dot.name)
        box, anchor = _free_place(cx, cy, _width(name), taken, left, WIDTH - 4)
        taken.append(box)
        label_x = box[0] if anchor == "start" else box[2]
        told = f"{dot.name}: {x} {number(dot.x)}, {y} {dot.y:.4f}"
        # A label that found no place at its dot is tied to it.
        far = box[1] > cy + 8 or box[3] < cy - 8
        tie = f'<path class="tie" d="M{cx:.1f} {cy:.1f}L{label_x:.1f} {box[3] - 7:.1f}"/>'
        marks.append(
            f"<g><title>{escape(told)}</title>{tie if far else ''}"
            f'<circle class="dot{" strong" if dot.strong else ""}" cx="{cx:.1f}" cy="{cy:.1f}" '
            f'r="5.5"/><text class="name" x="{label_x:.1f}" y="{box[3] - 3:.1f}" '
            f'text-anchor="{anchor}">{escape(name)}</text>'
            "</g>"
        )
    told = "; ".join(f"{d.name}: {number(d.x)}, {d.y:.4f}" for d in dots)
    return _svg(title, f"{y} against {x}. {told}", height, marks)


def lines(title: str, curves: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> str:
    """A line a curve, its name at its end."""
    height, left, bottom = 250, 58, 250 - 46
    right = WIDTH - 14 - max(_width(_shortened(name)) for name in curves)
    points = [point for curve in curves.values() for point in curve]
    place_x = _axis([p[0] for p in points])
    place_y = _axis([p[1] for p in points], zero=False)
    marks = [
        _grid(left + place_x(tick) * (right - left), bottom, number(tick)) for tick in place_x.ticks
    ]
    marks += [
        _rule(left, right, bottom - place_y(tick) * (bottom - 14), number(tick))
        for tick in place_y.ticks
    ]
    marks.append(_axis_names(x, y, left, right, bottom))
    for place, (name, curve) in enumerate(curves.items()):
        spots = [
            (left + place_x(a) * (right - left), bottom - place_y(b) * (bottom - 14))
            for a, b in curve
        ]
        path = " ".join(f"{cx:.1f},{cy:.1f}" for cx, cy in spots)
        end_x, end_y = spots[-1]
        marks.append(
            f"<g><title>{escape(name)}: {curve[0][1]:g} to {curve[-1][1]:g}</title>"
            f'<polyline class="line line-{place % 6}" points="{path}"/>'
            f'<text class="name" x="{end_x + 6:.1f}" y="{end_y + 4:.1f}">'
            f"{escape(_shortened(name))}</text></g>"
        )
    told = "; ".join(
        f"{name}: {curve[0][1]:g} to {curve[-1][1]:g}" for name, curve in curves.items()
    )
    return _svg(title, told, height, marks)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least the last below `high`, 1, 2 or 5 apart."""
    span = max(high - low, 1e-12)
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def number(value: float) -> str:
    """A number for an axis: four digits that count, thousands in groups."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


class _Axis:
    """Where on 0 … 1 a value lies, and where the ticks are."""

    def __init__(self, low: float, high: float, ticks: list[float], *, log: bool) -> None:
        self._low, self._high, self._log = low, high, log
        self.ticks = [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]

    def __call__(self, value: float) -> float:
        low, high = self._low, self._high
        if self._log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return (value - low) / (high - low)


def _axis(values: Sequence[float], *, zero: bool = True) -> _Axis:
    """From zero or, where the values lie close together far from it, from just below them."""
    low, high = min(values), max(values)
    room = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    low = 0.0 if zero and 0 <= low < (high - low) * 2 else low - room
    return _Axis(low, high + room, nice_ticks(low, high + room), log=False)


def _log_axis(values: Sequence[float]) -> _Axis:
    low, high = min(values) / 1.6, max(values) * 1.6
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    wide = math.log10(high / low) > 2
    ticks = [m * 10.0**power for power in powers for m in ((1,) if wide else (1, 2, 5))]
    return _Axis(low, high, ticks, log=True)


def _free_place(
    cx: float, cy: float, width: float, taken: Sequence[_Box], left: float, right: float
) -> tuple[_Box, str]:
    """Where a dot's label covers least of what is there, and which end of it lies at the dot.

    Beside the dot is tried first, then above and below, ever farther.
    """
    best: tuple[float, _Box, str] | None = None
    for dy in (4.0, -10.0, 18.0, -24.0, 32.0, -38.0, 46.0):
        for anchor, start in (("start", cx + 10), ("end", cx - 10 - width)):
            if start < left or start + width > right:
                continue
            box = (start, cy + dy - 11, start + width, cy + dy + 3)
            covered = sum(_common(box, other) for other in taken)
            if best is None or covered < best[0]:
                best = (covered, box, anchor)
            if not covered:
                return box, anchor
    return best[1:] if best is not None else ((left, cy - 7, left + width, cy + 7), "start")


def _common(a: _Box, b: _Box) -> float:
    """The area that two boxes share."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, wide) * max(0.0, high)


def _grid(x: float, bottom: float, label: str) -> str:
    return (
        f'<path class="grid" d="M{x:.1f} 6V{bottom:.1f}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{label}</text>'
    )


def _rule(left: float, right: float, y: float, label: str) -> str:
    return (
        f'<path class="grid" d="M{left:.1f} {y:.1f}H{right:.1f}"/>'
        f'<text class="tick" x="{left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _axis_names(x: str, y: str, left: float, right: float, bottom: float) -> str:
    return (
        f'<text class="axis" x="{(left + right) / 2:.1f}" y="{bottom + 36:.1f}" '
        f'text-anchor="middle">{escape(x)}</text>'
        f'<text class="axis" transform="translate(13 {bottom / 2 + 6:.1f}) rotate(-90)" '
        f'text-anchor="middle">{escape(y)}</text>'
    )


def _width(text: str) -> float:
    """About how wide a text is in the page's fonts, rather too much than too little."""
    return sum(9.2 if letter.isupper() else 7.0 for letter in text)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def _svg(title: str, told: str, height: float, marks: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<desc>{escape(told)}</desc>{''.join(marks)}</svg>"
    )
