"""A report as one HTML page that needs nothing else: no script, no font, no address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from penchant.evaluation.report.charts import Bar, Dot, bars, differences, lines, scatter
from penchant.evaluation.table import COSTS, text_of, title_of
from penchant.metrics import lower_is_better

if TYPE_CHECKING:
    from penchant.evaluation.pooling import Section
    from penchant.evaluation.report import Report
    from penchant.evaluation.table import Contestant
    from penchant.protocols import Json

_LINE = 100
_CAPTIONS = {
    "users": "by user: new ones have up to 5 likings to learn from, light ones up to 20",
    "items": "by what is to be found: the head is the most liked fifth of the items in train, new "
    "items have no liking there",
}


def page(report: Report) -> str:
    """The whole page as text."""
    style = files("penchant.evaluation.report").joinpath("style.css").read_text("utf-8")
    best = [_verdict(part, report.base) for part in report.sections]
    body = [
        "<h1>Comparison of recommenders</h1>",
        f'<p class="soft">{escape(_size(report))}</p>',
        *(f"<p>{escape(verdict)}</p>" for verdict in best if verdict),
        *(f'<p class="note">{escape(_sentence(note))}</p>' for note in report.notes()),
        *(_section(part, report.base) for part in report.sections),
        "<h2>How it was measured</h2>",
        "<h3>Data</h3>",
        _facts(report.data),
        "<h3>Settings</h3>",
        "<p>What is not named has its default.</p>",
        *(
            f"<p><strong>{escape(name)}</strong></p><pre>{escape(_pretty(recipe))}</pre>"
            for name, recipe in report.recipes.items()
        ),
        "<h3>Environment</h3>",
        _facts(report.environment),
    ]
    # The policy keeps the promise: a browser would refuse whatever the page tried to fetch or run.
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Comparison of recommenders</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        "<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _section(part: Section, base: str) -> str:
    rows = part.comparison.rows
    metrics = part.comparison.metrics
    out = [
        f"<h2>Split: {escape(part.split)}</h2>",
        f'<p class="soft">{escape(_sentence(part.comparison.title))}</p>',
        _table(part, base),
    ]
    if not rows:
        return "\n".join(out)
    charts = []
    for metric in metrics:
        drawn = _bars(rows, metric, base)
        told = "mean, 95 % interval" if any(bar.low is not None for bar in drawn) else ""
        charts.append(_figure(metric, told, bars(metric, drawn)))
    out += ["<h3>Metrics</h3>", _charts(charts)]
    charts = _differences(rows, metrics)
    if charts:
        out += [f"<h3>Against {escape(base)}, the base</h3>", _charts(charts)]
    charts = _against(rows, metrics, base)
    if charts:
        out += ["<h3>What accuracy costs</h3>", _charts(charts)]
    for kind, parts in part.segments.items():
        if not parts:
            continue
        top = max(one.high for found in parts.values() for one in found.means.values())
        charts = []
        for label, found in parts.items():
            drawn = [
                Bar(name, one.difference, one.low, one.high, name == base)
                for name, one in found.means.items()
            ]
            told = f"{found.users:,} users"
            charts.append(_figure(label, told, bars(f"{metrics[0]}, {label}", drawn, top=top)))
        out += [f"<h3>{escape(metrics[0])} {escape(_CAPTIONS[kind])}</h3>", _charts(charts)]
    charts = _curves(part)
    if charts:
        out += ["<h3>Learning curves</h3>", "<p>As the fits told them.</p>", _charts(charts)]
    return "\n".join(out)


def _bars(rows: Sequence[Contestant], metric: str, base: str) -> list[Bar]:
    drawn = []
    for row in rows:
        if metric in row.metrics:
            interval = row.intervals.get(metric)
            low, high = (None, None) if interval is None else (interval.low, interval.high)
            drawn.append(Bar(row.name, row.metrics[metric], low, high, row.name == base))
    return drawn


def _differences(rows: Sequence[Contestant], metrics: Sequence[str]) -> list[str]:
    """Who is better than the base, and how sure that is, metric by metric."""
    charts = []
    for metric in metrics:
        found = [(row.name, row.differences[metric]) for row in rows if metric in row.differences]
        drawn = [Bar(name, one.difference, one.low, one.high) for name, one in found]
        if drawn:
            chart = differences(f"{metric}, difference", drawn, less=lower_is_better(metric))
            charts.append(_figure(metric, "difference, 95 % interval", chart))
    return charts


def _against(rows: Sequence[Contestant], metrics: Sequence[str], base: str) -> list[str]:
    """Accuracy against what one gives for it: time, and how much of the catalogue is shown."""
    first = metrics[0]
    charts = []
    for cost, what, told in (
        ("p50_us", "time of a request", "microseconds of a request (p50)"),
        ("fit_seconds", "time of the fit", "seconds of the fit"),
    ):
        dots = [
            Dot(row.name, max(float(value), 1e-3), row.metrics[first], row.name == base)
            for row in rows
            if (value := getattr(row, cost)) is not None and first in row.metrics
        ]
        if dots:
            title = f"{first} against {what}"
            charts.append(_figure(title, "", scatter(title, dots, told, first, log=True)))
    coverage = next((m for m in metrics if m.startswith("coverage@") and m != first), None)
    if coverage is not None:
        dots = [
            Dot(row.name, row.metrics[coverage], row.metrics[first], row.name == base)
            for row in rows
            if coverage in row.metrics and first in row.metrics
        ]
        title = f"{first} against {coverage}"
        share = f"{coverage}, share of the catalogue shown"
        charts.append(_figure(title, "", scatter(title, dots, share, first)))
    return charts


def _curves(part: Section) -> list[str]:
    """One chart for each figure that fits told, a line for each who told it."""
    told: dict[str, dict[str, Sequence[tuple[float, float]]]] = {}
    for name, curves in part.curves.items():
        for label, points in curves.items():
            figure = label.rpartition(": ")[2]
            line = name if name not in told.get(figure, {}) else f"{name}, {label}"
            told.setdefault(figure, {})[line] = points
    return [
        _figure(figure, "", lines(f"{figure} by step", curves, "step of the fit", figure))
        for figure, curves in told.items()
    ]


def _table(part: Section, base: str) -> str:
    rows = part.comparison.rows
    costs = [cost for cost in COSTS if any(getattr(row, cost) is not None for row in rows)]
    metrics = part.comparison.metrics
    # Marks stand behind the values, so that digits stay below digits.
    heads = [f'<th scope="col" class="marked">{escape(metric)}</th>' for metric in metrics]
    heads += [f'<th scope="col">{escape(title_of(cost))}</th>' for cost in costs]
    head = f'<th scope="col">recipe</th>{"".join(heads)}'
    lines_ = []
    for row in rows:
        cells = [_cell(row, metric) for metric in metrics]
        cells += [f"<td>{text_of(cost, getattr(row, cost))}</td>" for cost in costs]
        strong = ' class="strong"' if row.name == base else ""
        name = f'<th scope="row">{escape(row.name)}</th>'
        lines_.append(f"<tr{strong}>{name}{''.join(cells)}</tr>")
    for name, reason in part.failed.items():
        told = f'<td class="wide" colspan="{len(heads)}">failed: {escape(reason)}</td>'
        lines_.append(f'<tr class="failed"><th scope="row">{escape(name)}</th>{told}</tr>')
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines_)}'
        "</tbody></table></div>"
    )


def _cell(row: Contestant, metric: str) -> str:
    mark = row.mark(metric)
    good, bad = ("below", "above") if lower_is_better(metric) else ("above", "below")
    sign = {"+": (good, "+"), "-": (bad, "\N{MINUS SIGN}"), "": ("", "")}[mark]
    told = row.differences.get(metric)
    hint = f' title="difference {escape(str(told))}"' if told is not None else ""
    value = text_of(metric, row.metrics.get(metric))
    return f'<td{hint}>{value}<span class="mark {sign[0]}">{sign[1]}</span></td>'


def _figure(title: str, told: str, chart: str) -> str:
    more = f" <span>{escape(told)}</span>" if told else ""
    return f"<figure><figcaption>{escape(title)}{more}</figcaption>{chart}</figure>"


def _charts(charts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(charts)}</div>'


def _facts(facts: Mapping[str, Json]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="wide">{escape(_told(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _told(value: Json) -> str:
    if isinstance(value, list):
        return " to ".join(map(_told, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _verdict(part: Section, base: str) -> str:
    """Who is first by the first metric, and whether that is more than chance."""
    rows = part.comparison.rows
    if len(rows) < 2:
        return ""
    metric = part.comparison.metrics[0]
    first = part.comparison.sorted_by(metric).rows[0]
    most = "least" if lower_is_better(metric) else "greatest"
    said = f"{part.split}: {first.name} has the {most} {metric}, {first.metrics[metric]:.4f}"
    if first.name == base:
        close = [row.name for row in rows if row.differences and not row.mark(metric)]
        equal = f"; the data can't tell it from {', '.join(close)}" if close else ""
        return f"{said}{equal}."
    if metric not in first.differences:
        return f"{said}."
    found = first.differences[metric]
    sure = "which chance may account for" if found.holds_zero else "more than chance gives"
    return f"{said}; that is {found.difference:+.4f} against {base}, {sure}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _size(report: Report) -> str:
    facts = report.data
    return " · ".join(f"{_told(facts[name])} {name}" for name in ("users", "items", "events"))


def _pretty(recipe: Json) -> str:
    """On one line, where it fits."""
    short = json.dumps(recipe, ensure_ascii=False)
    return short if len(short) <= _LINE else json.dumps(recipe, ensure_ascii=False, indent=2)
