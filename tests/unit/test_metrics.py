"""Metrics on lists whose figures a person can work out."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

import numpy as np
import pytest
from penchant import metrics
from penchant.errors import DataError, RequestError, ShapeError
from penchant.metrics import Catalogue, Judged, MetricName, parse_metrics
from penchant.queries import Csr

ITEMS = 6


def relevant(*rows: Sequence[int], items: int = ITEMS) -> Csr:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Csr(indptr, np.array([i for row in rows for i in sorted(row)], np.int32), None, items)


def lists(*rows: Sequence[int], width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    padded = [[*row, *[-1] * (width - len(row))] for row in rows]
    return np.array(padded, np.int32), np.array([len(row) for row in rows], np.int32)


def judged(shown: Sequence[int], *good: int, width: int = 4) -> Judged:
    return Judged.of(*lists(shown, width=width), relevant(good))


# ---- rankings

ONE_HIT_OF_TWO = judged([3, 1, 0], 1, 2)  # relevant 1 and 2; 1 stands in the second place


@pytest.mark.parametrize(
    ("metric", "k", "value"),
    [
        (metrics.precision, 1, 0.0),
        (metrics.precision, 2, 1 / 2),
        (metrics.precision, 4, 1 / 4),
        (metrics.recall, 1, 0.0),
        (metrics.recall, 3, 1 / 2),
        (metrics.recall_capped, 3, 1 / 2),
        (metrics.f1, 2, 2 / (2 + 2)),
        (metrics.f1, 4, 2 / (4 + 2)),
        (metrics.hit_rate, 1, 0.0),
        (metrics.hit_rate, 2, 1.0),
        (metrics.ndcg, 1, 0.0),
        (metrics.ndcg, 3, (1 / log2(3)) / (1 + 1 / log2(3))),
        (metrics.mrr, 1, 0.0),
        (metrics.mrr, 4, 1 / 2),
        (metrics.average_precision, 4, (1 / 2) / 2),
    ],
)
def test_one_hit_in_the_second_place(metric, k, value):
    assert metric(ONE_HIT_OF_TWO, k) == pytest.approx([value])


@pytest.mark.parametrize("metric", metrics.RANKING_METRICS.values())
def test_a_perfect_list_scores_one_and_a_useless_one_zero(metric):
    assert metric(judged([0, 1, 2, 3], 0, 1, 2, 3), 4) == pytest.approx([1.0])
    assert metric(judged([4, 5], 0, 1, 2, 3), 4) == pytest.approx([0.0])


def test_only_plain_recall_counts_what_has_no_place():
    first_two_of_four = judged([0, 1], 0, 1, 2, 3)
    assert metrics.recall(first_two_of_four, 2) == pytest.approx([0.5])
    assert metrics.recall_capped(first_two_of_four, 2) == pytest.approx([1.0])
    assert metrics.ndcg(first_two_of_four, 2) == pytest.approx([1.0])
    assert metrics.average_precision(first_two_of_four, 2) == pytest.approx([1.0])


def test_average_precision_sums_the_precision_at_every_hit():
    # Hits in places 1 and 3: precisions 1 and 2/3, of two relevant items.
    assert metrics.average_precision(judged([0, 4, 1, 5], 0, 1), 4) == pytest.approx(
        [(1 + 2 / 3) / 2]
    )


def test_places_that_a_short_list_lacks_are_misses():
    assert metrics.precision(judged([1], 1), 4) == pytest.approx([1 / 4])
    assert metrics.recall(judged([], 1), 4) == pytest.approx([0.0])


def test_padding_is_never_a_hit():
    # Row -1 of the second list would be the last item of the first query, which is relevant.
    both = Judged.of(*lists([0], []), relevant([ITEMS - 1], [2]))
    assert not both.hits.any()


def test_a_row_past_the_count_is_no_hit():
    rows, counts = lists([0, 1])
    assert Judged.of(rows, counts - 1, relevant([1])).hits.sum() == 0


def test_a_query_with_nothing_relevant_is_left_out():
    some = Judged.of(*lists([0, 1], [2, 3], [4, 5]), relevant([0], [], [5]))
    assert some.queries.tolist() == [0, 2]
    assert len(some) == 2
    assert metrics.mrr(some, 2) == pytest.approx([1.0, 0.5])


def test_nobody_with_anything_relevant_gives_no_values():
    nobody = Judged.of(*lists([0], [1]), relevant([], []))
    for metric in metrics.RANKING_METRICS.values():
        assert metric(nobody, 2).shape == (0,)


def test_no_queries_at_all_give_no_values():
    nobody = Judged.of(np.empty((0, 3), np.int32), np.empty(0, np.int32), relevant())
    assert metrics.ndcg(nobody, 3).shape == (0,)


@pytest.mark.parametrize("k", [0, -1, 5])
def test_a_cut_outside_of_the_lists_is_refused(k):
    with pytest.raises(RequestError, match=rf"cut at 1 to 4 places.*got k = {k}; rank at least k"):
        metrics.ndcg(ONE_HIT_OF_TWO, k)
    with pytest.raises(RequestError, match=rf"got k = {k}"):
        metrics.coverage(lists([1])[0], Catalogue(np.ones(ITEMS, np.int64), 1), k)


def test_lists_and_relevant_items_of_different_queries_are_refused():
    with pytest.raises(
        ShapeError, match=r"lists of shape \(1, 4\).*counts of shape \(1,\) and 2 rows"
    ):
        Judged.of(*lists([1]), relevant([1], [2]))
    with pytest.raises(ShapeError, match=r"counts of shape \(2,\)"):
        Judged.of(lists([1])[0], np.array([1, 1], np.int32), relevant([1]))


def test_an_item_past_the_catalogue_is_refused():
    with pytest.raises(ShapeError, match=r"holds item 6 but .* a catalogue of 6"):
        Judged.of(*lists([ITEMS]), relevant([1]))
    with pytest.raises(ShapeError, match="holds item 6 of a catalogue of 6"):
        metrics.novelty(lists([ITEMS])[0], Catalogue(np.ones(ITEMS, np.int64), 1), 1)


# ---- catalogues

# Of three users all like item 0, one likes item 1, nobody the rest.
KNOWN = Catalogue.of(relevant([0, 1], [0], [0], []))


def test_a_catalogue_counts_users_who_like_something():
    assert KNOWN.users == 3
    assert KNOWN.liked_by.tolist() == [3, 1, 0, 0, 0, 0]


def test_coverage_counts_an_item_once_however_often_it_is_shown():
    rows, _ = lists([0, 1, 2], [1, 0])
    assert metrics.coverage(rows, KNOWN, 4) == pytest.approx(3 / 6)
    assert metrics.coverage(rows, KNOWN, 1) == pytest.approx(2 / 6)


def test_coverage_is_over_the_eligible_items():
    eligible = np.array([0, 1, 1, 0, 0, 0], bool)
    some = Catalogue(KNOWN.liked_by, KNOWN.users, eligible)
    assert metrics.coverage(lists([0, 1])[0], some, 4) == pytest.approx(1 / 2)
    none = Catalogue(KNOWN.liked_by, KNOWN.users, np.zeros(6, bool))
    assert metrics.coverage(lists([0])[0], none, 4) == 0.0


def test_novelty_is_in_bits():
    # (c + 1) / (u + 1) is 4/4, 2/4 and 1/4 for items 0, 1 and 2.
    assert metrics.novelty(lists([0], [1], [2], [0, 2])[0], KNOWN, 4) == pytest.approx([0, 1, 2, 1])


def test_popularity_is_the_share_of_users_who_like_what_is_shown():
    assert metrics.popularity(lists([0], [1], [2], [0, 2])[0], KNOWN, 4) == pytest.approx(
        [1, 1 / 3, 0, 1 / 2]
    )


def test_an_empty_list_is_neither_novel_nor_popular():
    assert metrics.novelty(lists([])[0], KNOWN, 4).tolist() == [0.0]
    assert metrics.popularity(lists([])[0], KNOWN, 4).tolist() == [0.0]


def test_a_catalogue_that_nobody_likes_has_no_popularity():
    unloved = Catalogue.of(relevant([], []))
    assert metrics.popularity(lists([3])[0], unloved, 1).tolist() == [0.0]
    assert metrics.novelty(lists([3])[0], unloved, 1).tolist() == [0.0]


def test_lists_of_one_axis_are_refused():
    with pytest.raises(ShapeError, match=r"lists are \(queries, places\), got .* shape \(3,\)"):
        metrics.popularity(np.zeros(3, np.int32), KNOWN, 1)


# ---- ratings


def test_rating_errors_are_in_the_unit_of_the_ratings():
    assert metrics.rmse([1, 2, 3], [1, 2, 6]) == pytest.approx(3**0.5)
    assert metrics.mae([1, 2, 3], [1, 2, 6]) == pytest.approx(1.0)


def test_rating_errors_are_summed_in_float64():
    many = np.full(1_000_000, 0.1, np.float32)
    assert metrics.mae(many, np.zeros_like(many)) == pytest.approx(
        float(np.float32(0.1)), rel=1e-12
    )


@pytest.mark.parametrize("measure", [metrics.rmse, metrics.mae])
def test_ratings_that_cannot_be_compared_are_refused(measure):
    with pytest.raises(ShapeError, match=r"shape \(1,\) but the actual ones \(2,\)"):
        measure([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="no ratings to compare"):
        measure([], [])
    with pytest.raises(DataError, match=r"predicted rating at position 1 is nan.*\(2 such\)"):
        measure([1.0, np.nan, np.inf], [1.0, 1.0, 1.0])
    with pytest.raises(DataError, match="actual rating at position 0 is inf"):
        measure([1.0], [np.inf])


# ---- names


def test_a_name_has_a_metric_and_a_cut():
    assert MetricName.parse("ndcg@10") == MetricName("ndcg", 10)
    assert str(MetricName("recall_capped", 20)) == "recall_capped@20"


def test_names_are_taken_once_and_in_order():
    assert [str(n) for n in parse_metrics(["map@5", "mrr@5", "map@5"])] == ["map@5", "mrr@5"]
    assert parse_metrics("ndcg@3") == (MetricName("ndcg", 3),)


def test_every_metric_can_be_named():
    assert "rmse" in metrics.METRICS
    for name in metrics.METRICS:
        uncut = {*metrics.RATING_METRICS, *metrics.WHOLE_METRICS}
        text = name if name in uncut else f"{name}@7"
        assert str(MetricName.parse(text)) == text


def test_a_metric_of_ratings_has_no_cut():
    assert MetricName.parse("rmse") == MetricName("rmse")
    with pytest.raises(RequestError, match="rmse is of all predicted ratings; leave out @10"):
        MetricName.parse("rmse@10")


def test_a_metric_of_whole_rankings_has_no_cut():
    assert MetricName.parse("auc") == MetricName("auc")
    with pytest.raises(RequestError, match="auc is of whole rankings; leave out @10"):
        MetricName.parse("auc@10")


def test_a_name_may_say_which_column_it_goes_by():
    name = MetricName.parse("diversity:genres@10")
    assert name == MetricName("diversity", 10, "genres")
    assert str(name) == "diversity:genres@10"
    assert MetricName.parse("miscalibration:a@b:c@5").column == "a@b:c"
    assert metrics.lower_is_better("miscalibration:genres@10")
    assert not metrics.lower_is_better("diversity:genres@10")
    with pytest.raises(RequestError, match=r"has no cut; write how many .* diversity:genres@10"):
        MetricName.parse("diversity:genres")


@pytest.mark.parametrize("text", ["ndcg:genres@10", "diversity:@10", "rmse:genres"])
def test_a_column_where_none_is_asked_for_is_refused(text):
    with pytest.raises(RequestError, match="a column goes with diversity or miscalibration, as"):
        MetricName.parse(text)


def test_errors_and_what_crowds_the_catalogue_are_better_low():
    assert metrics.lower_is_better("rmse")
    assert metrics.lower_is_better("gini@10")
    assert not metrics.lower_is_better("ndcg@10")


def test_a_misspelt_metric_names_the_one_meant():
    with pytest.raises(
        RequestError, match=r"no metric is named 'ndgc'; did you mean 'ndcg'\? \(metr"
    ):
        MetricName.parse("ndgc@10")


def test_a_metric_without_a_cut_is_refused():
    with pytest.raises(
        RequestError, match="'recall' has no cut; write how many places, as recall@10"
    ):
        MetricName.parse("recall")


@pytest.mark.parametrize("cut", ["0", "-3", "ten", "", "1.5", "²"])
def test_a_cut_that_is_no_number_of_places_is_refused(cut):
    with pytest.raises(RequestError, match=f"is cut at '{cut}'; a cut is a whole number from 1"):
        MetricName.parse(f"ndcg@{cut}")


def test_no_metrics_are_refused():
    with pytest.raises(RequestError, match="no metrics to measure; name at least one"):
        parse_metrics([])


@pytest.mark.parametrize("given", [len, [len], [5]])
def test_a_metric_that_is_no_name_is_refused(given: Any) -> None:
    with pytest.raises(RequestError, match=r"^metrics are names, such as 'ndcg@10', got .*lists"):
        parse_metrics(given)


def test_pairs_of_one_user_are_in_order_or_not():
    #               a's ratings   b's
    actual = [5.0, 3.0, 1.0, 2.0, 4.0]
    said = [4.0, 4.0, 1.0, 3.0, 2.0]
    # a: 5 over 3 is tied, 5 over 1 and 3 over 1 are met; b: 4 over 2 is turned round.
    assert metrics.fcp(said, actual, [0, 0, 0, 7, 7]) == 2 / 4


def test_pairs_need_a_user_of_two_ratings():
    with pytest.raises(DataError, match="no user has two different ratings, so there are no pairs"):
        metrics.fcp([1.0, 2.0, 3.0], [4.0, 4.0, 5.0], [0, 0, 1])


def test_pairs_need_a_user_each():
    with pytest.raises(ShapeError, match=r"2 ratings need as many users, got an array of \(1,\)"):
        metrics.fcp([1.0, 2.0], [1.0, 2.0], [0])


def test_attention_is_equal_or_goes_to_a_few():
    catalogue = Catalogue(np.ones(4, np.int64), 2)
    everything = np.array([[0, 1], [2, 3]], np.int32)
    one = np.array([[0, -1], [0, -1]], np.int32)
    assert metrics.gini(everything, catalogue, 2) == 0.0
    assert metrics.gini(one, catalogue, 2) == 0.75
    assert metrics.gini(np.full((2, 2), -1, np.int32), catalogue, 2) == 0.0
    eligible = np.array([True, True, False, False])
    assert metrics.gini(one, Catalogue(np.ones(4, np.int64), 2, eligible), 2) == 0.5
