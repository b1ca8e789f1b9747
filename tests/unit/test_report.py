"""The HTML report: charts as values, escaped names, and what a real browser says to the page."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from penchant.evaluation import Interval
from penchant.evaluation.pooling import Part, Section
from penchant.evaluation.report import Report
from penchant.evaluation.report.charts import (
    Bar,
    Dot,
    bars,
    differences,
    lines,
    nice_ticks,
    scatter,
)
from penchant.evaluation.table import Comparison, Contestant

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
ODD = '<img src="x" onerror="alert(1)"> & \'co\''


def row(name: str, ndcg: float, coverage: float, us: float) -> Contestant:
    interval = Interval(ndcg, ndcg - 0.01, ndcg + 0.01)
    less = {"ndcg@10": Interval(ndcg - 0.2, ndcg - 0.21, ndcg - 0.19)} if name != "base" else {}
    return Contestant(
        name,
        {"ndcg@10": ndcg, "coverage@10": coverage},
        *(0.5, us, 2 * us, 1.25),
        intervals={"ndcg@10": interval},
        differences=less,
    )


@pytest.fixture
def report() -> Report:
    rows = (row("base", 0.2, 0.3, 120.0), row("better", 0.3, 0.1, 900.0), row(ODD, 0.1, 0.5, 30.0))
    means = {one.name: one.intervals["ndcg@10"] for one in rows}
    part = Section(
        "user-time",
        (42,),
        Comparison(rows, "user-time: 100 events to learn from"),
        {"users": {"new users": Part(10, means), "heavy users": Part(4, means)}},
        {"better": {"mf.sgd: RMSE": ((1.0, 1.1), (2.0, 0.9), (3.0, 0.85))}},
        ("only 14 users are evaluated; their mean is mostly chance",),
    )
    data = {"users": 14, "items": 20, "events": 100}
    return Report((part,), "base", {ODD: {"use": "cf.ease"}}, data, {"cores": 2}, 0, ())


def parsed(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314


def written(report: Report, folder: Path) -> Path:
    path = folder / "report.html"
    report.to_html(path)
    return path


class Tags(HTMLParser):
    """The tags of a page in the order of their opening, and whether all were closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.titles: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        if tag != "meta":
            self.open.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_well_formed(report: Report, tmp_path: Path) -> None:
    text = written(report, tmp_path).read_text("utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert not {"script", "img", "link", "iframe", "b"} & set(tags.opened)
    assert tags.opened.count("svg") == 2 + 1 + 3 + 2 + 1
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text


def test_names_are_escaped_everywhere(report: Report, tmp_path: Path) -> None:
    text = written(report, tmp_path).read_text("utf-8")
    assert "<img" not in text
    assert "&lt;img src=&quot;x&quot; onerror=&quot;alert(1)&quot;&gt; &amp; &#x27;co&#x27;" in text


def test_the_page_says_who_is_first_and_how_sure_that_is(report: Report, tmp_path: Path) -> None:
    text = written(report, tmp_path).read_text("utf-8")
    assert "better has the greatest ndcg@10, 0.3000" in text
    assert "+0.1000 against base, more than chance gives" in text
    assert "only 14 users are evaluated" in text


def test_charts_that_nothing_was_measured_for_are_left_out(report: Report, tmp_path: Path) -> None:
    bare = Comparison((Contestant("chance", {"ndcg@10": 0.0}),), "cold")
    alone = Section("cold-item", (1,), bare, {}, {})
    empty = Report((alone,), "x", {}, report.data, {}, 0, ())
    text = written(empty, tmp_path).read_text("utf-8")
    assert text.count("<svg") == 1
    assert "Learning curves" not in text
    assert "costs" not in text


@pytest.mark.parametrize(
    "chart",
    [
        bars("recall", [Bar(ODD, 0.5, 0.4, 0.6, strong=True), Bar("nil", 0.0)]),
        scatter("a", [Dot(ODD, 10.0, 0.1), Dot("b", 1e5, 0.2)], "us", "ndcg", log=True),
        scatter("same", [Dot("a", 0.0, 0.0), Dot("b", 0.0, 0.0)], "x", "y"),
        lines("loss", {ODD: [(1, 0.5), (2, 0.4)]}, "step", "loss"),
        differences("rmse", [Bar(ODD, 0.5, 0.4, 0.6), Bar("less", -2.0, -3.0, -1.0)]),
        differences("rmse", [Bar("same", 0.0, 0.0, 0.0)]),
    ],
    ids=["bars", "scatter", "one-point", "lines", "differences", "no-difference"],
)
def test_every_chart_is_an_image_with_a_title_inside_its_frame(chart: str) -> None:
    root = parsed(chart)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root.findtext("desc")
    width, height = map(float, root.get("viewBox", "").split()[2:])
    spots = [
        (float(n.get("x", n.get("cx", 0))), float(n.get("y", n.get("cy", 0)))) for n in root.iter()
    ]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in spots)


def test_a_bar_is_as_long_as_its_value() -> None:
    root = parsed(bars("recall", [Bar("a", 0.2), Bar("b", 0.4)]))
    short, long = [float(n.get("width", 0)) for n in root.iter("rect")]
    assert long == pytest.approx(2 * short, rel=0.01)


@pytest.mark.parametrize(
    ("less", "sides"), [(False, ["good", "", "bad"]), (True, ["bad", "", "good"])]
)
def test_differences_are_told_by_their_side_of_zero(less: bool, sides: list[str]) -> None:
    drawn = [Bar("up", 0.2, 0.1, 0.3), Bar("even", 0.0, -0.1, 0.1), Bar("down", -0.2, -0.3, -0.1)]
    root = parsed(differences("ndcg", drawn, less=less))
    dots = list(root.iter("circle"))
    assert [(dot.get("class") or "").removeprefix("dot").strip() for dot in dots] == sides
    up, even, down = (float(dot.get("cx", 0)) for dot in dots)
    assert up - even == pytest.approx(even - down, abs=0.2)
    assert [n.text for n in root.iter("text") if n.get("class") == "value"] == [
        "+0.2000",
        "+0.0000",
        "\N{MINUS SIGN}0.2000",
    ]


def test_a_label_far_from_its_dot_is_tied_to_it() -> None:
    near = scatter("a", [Dot("one", 1.0, 0.1), Dot("other", 9.0, 0.9)], "x", "y")
    assert 'class="tie"' not in near
    crowd = scatter("a", [Dot(f"recipe {n}", 5.0, 0.2) for n in range(9)], "x", "y")
    assert 'class="tie"' in crowd


def test_labels_of_dots_in_one_place_lie_apart() -> None:
    dots = [Dot(f"recipe {n}", 5.0, 0.2) for n in range(5)]
    root = parsed(scatter("a", dots, "x", "y"))
    names = [n for n in root.iter("text") if n.get("class") == "name"]
    spots = {(n.get("x"), n.get("y")) for n in names}
    assert len(spots) == 5


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.34, [0.0, 0.1, 0.2, 0.3]),
        (0.0, [0.0]),
    ],
)
def test_ticks_are_round_numbers(high: float, ticks: list[float]) -> None:
    assert nice_ticks(0.0, high)[: len(ticks)] == pytest.approx(ticks)


def test_a_browser_shows_all_charts_without_a_complaint(report: Report, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    page = written(report, tmp_path)
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"),
            *("--window-size=1200,2400", f"--screenshot={tmp_path / 'page.png'}", "--dump-dom"),
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("</svg>") == 9
    assert re.search(r"<h1>Comparison of recommenders</h1>", done.stdout)
