"""Ranking kernels on data whose answer a person can see, and on arguments that don't fit."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from penchant.errors import DataError, RequestError, SettingsError, ShapeError
from penchant.kernels import ItemIndex, bitset, dot, isas, places, select_top_k

# A query of (1, 0) scores them 3, 1, 2, 3, nothing.
ITEMS = np.array([[3, 0], [1, 9], [2, 0], [3, 1], [0, 5]], np.float32)
QUERY = np.array([[1, 0]], np.float32)


def pair(*lists):
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return indptr, np.array([row for rows in lists for row in rows], np.int32)


def ranked(query=QUERY, k=5, index=None, **filters):
    rows, scores, counts = (index or ItemIndex(ITEMS)).top_k(query, k, **filters)
    assert (rows.dtype, scores.dtype, counts.dtype) == (np.int32, np.float32, np.int32)
    return rows[0, : counts[0]].tolist()


def random(rows, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dim), dtype=np.float32)


def test_the_greatest_dot_product_comes_first_and_ties_go_to_the_lower_row():
    rows, scores, counts = ItemIndex(ITEMS).top_k(QUERY, 5)
    assert rows.tolist() == [[0, 3, 2, 1, 4]]
    assert scores.tolist() == [[3, 3, 2, 1, 0]]
    assert counts.tolist() == [5]


def test_only_eligible_rows_come_back():
    assert ranked(seen=pair([0, 2])) == [3, 1, 4]
    assert ranked(deny=bitset(np.array([3], np.int32), 5)) == [0, 2, 1, 4]
    assert ranked(allow=bitset(np.array([1, 4], np.int32), 5)) == [1, 4]
    assert ranked(lists=pair([1, 2, 3]), seen=pair([3])) == [2, 1]


def test_each_query_has_its_own_seen_rows():
    both = np.concatenate([QUERY, QUERY])
    rows, _, counts = ItemIndex(ITEMS).top_k(both, 2, seen=pair([0], [2, 3]))
    assert rows.tolist() == [[3, 2], [0, 1]]
    assert counts.tolist() == [2, 2]


def test_a_place_without_an_item_is_row_minus_one_and_score_minus_infinity():
    rows, scores, counts = ItemIndex(ITEMS).top_k(QUERY, 3, lists=pair([4]))
    assert rows.tolist() == [[4, -1, -1]]
    assert scores.tolist() == [[0, -np.inf, -np.inf]]
    assert counts.tolist() == [1]


def test_everything_filtered_gives_nothing():
    assert ranked(seen=pair([0, 1, 2, 3, 4])) == []
    assert ranked(lists=pair([])) == []


def test_an_item_whose_score_is_nan_never_appears():
    items = ITEMS.copy()
    items[0, 0] = np.nan
    assert ranked(index=ItemIndex(items)) == [3, 2, 1, 4]
    assert ranked(index=ItemIndex(items), lists=pair([0, 1])) == [1]


def test_nothing_in_nothing_out():
    index = ItemIndex(ITEMS)
    assert index.top_k(np.empty((0, 2), np.float32), 3)[0].shape == (0, 3)
    assert index.top_k(QUERY, 0)[0].shape == (1, 0)
    empty = ItemIndex(np.empty((0, 2), np.float32))
    assert empty.top_k(QUERY, 2)[0].tolist() == [[-1, -1]]
    flat = ItemIndex(np.empty((3, 0), np.float32))
    assert flat.top_k(np.empty((1, 0), np.float32), 2)[0].tolist() == [[0, 1]]
    assert flat.scores(np.empty((1, 0), np.float32)).tolist() == [[0, 0, 0]]


def test_scores_are_those_of_the_rows_asked_for():
    index = ItemIndex(ITEMS)
    assert index.scores(QUERY).tolist() == [[3, 1, 2, 3, 0]]
    assert index.scores(QUERY, np.array([4, 0, 0], np.int32)).tolist() == [[0, 3, 3]]
    assert dot(QUERY, ITEMS).tolist() == [[3, 1, 2, 3, 0]]


def test_selecting_from_scores_filters_alike():
    scores = np.array([[3, 1, 2, 3, np.nan]], np.float32)
    assert select_top_k(scores, 5)[0].tolist() == [[0, 3, 2, 1, -1]]
    rows, _, counts = select_top_k(scores, 2, seen=pair([0]), lists=pair([0, 1, 2]))
    assert (rows.tolist(), counts.tolist()) == ([[2, 1]], [2])


def test_places_are_found_without_a_ranking():
    scores = np.array([[3, 1, 2, 3, np.nan], [0, 0, 0, 0, -np.inf]], np.float32)
    lists = np.array([0, 4, 6], np.int64), np.array([0, 2, 3, 4, 1, 4], np.int32)
    # Equal scores by the lower column, and no number last.
    assert places(scores, lists).tolist() == [0, 2, 1, 5, 1, 4]
    assert places(scores[:0], (np.zeros(1, np.int64), lists[1][:0])).tolist() == []
    for wrong, error, words in [
        (3, TypeError, r"lists must be a pair \(indptr, indices\) of numpy arrays"),
        (pair([0]), ShapeError, "lists has an indptr of 2 offsets, but 2 queries need 3"),
        (pair([5], []), DataError, r"lists of query 0 holds a row outside 0\.\.5"),
        ((lists[0], lists[1].astype(np.int64)), ShapeError, r"lists\[1\] has dtype int64"),
    ]:
        with pytest.raises(error, match=words):
            places(scores, wrong)


def test_a_bitset_has_one_bit_a_row():
    assert bitset(np.array([65, 0, -1, 0], np.int32), 70).tolist() == [1, 2]
    assert bitset(np.empty(0, np.int32), 0).tolist() == []
    with pytest.raises(DataError, match=r"rows\[1\] is 5, and must lie in 0\.\.5"):
        bitset(np.array([1, 5], np.int32), 5)
    with pytest.raises(RequestError, match="items is -1, and must be at least 0"):
        bitset(np.empty(0, np.int32), -1)


def test_an_index_says_what_it_is():
    index = ItemIndex(ITEMS, isa="scalar", resident=True)
    assert (index.rows, index.dim, index.resident, index.isa) == (5, 2, True, "scalar")
    assert repr(index) == "ItemIndex(5 x 2, resident, scalar)"
    assert ItemIndex(ITEMS).isa == isas()[-1]
    assert not ItemIndex(ITEMS).resident


def rows_of(*rows):
    return np.array(rows, np.int32)


def test_rows_are_appended_replaced_and_taken_out_of_an_index_made_from_another():
    index = ItemIndex(ITEMS)
    more = index.with_rows(rows_of(1, 5), np.array([[4, 0], [3, 0]], np.float32))
    assert (more.rows, more.apart, more.dim, more.isa) == (6, 2, 2, index.isa)
    assert ranked(index=more, k=6) == [1, 0, 3, 5, 2, 4]
    fewer = more.without_rows(rows_of(5, -1, 0))
    assert (fewer.rows, fewer.apart) == (6, 1)
    assert ranked(index=fewer, k=6) == [1, 3, 2, 4]
    assert fewer.scores(QUERY).tolist() == [[-np.inf, 4, 2, 3, 0, -np.inf]]
    assert fewer.scores(QUERY, rows_of(5, 1, 0)).tolist() == [[-np.inf, 4, -np.inf]]
    back = fewer.with_rows(rows_of(0), np.array([[9, 0]], np.float32))
    assert ranked(index=back, k=6) == [0, 1, 3, 2, 4]
    assert ranked(index=index) == [0, 3, 2, 1, 4]


def test_compacting_changes_memory_and_no_answer():
    index = ItemIndex(ITEMS).with_rows(rows_of(5), np.array([[3, 0]], np.float32))
    index = index.without_rows(rows_of(3))
    compact = index.compacted()
    assert (compact.rows, compact.apart, compact.resident) == (6, 0, True)
    assert ranked(index=compact, k=6) == ranked(index=index, k=6) == [0, 5, 2, 1, 4]
    assert repr(compact).startswith("ItemIndex(6 x 2, resident, ")


def test_changed_rows_are_filtered_like_all_others():
    index = ItemIndex(ITEMS).with_rows(rows_of(0, 5), np.array([[1, 0], [9, 0]], np.float32))
    assert ranked(index=index, k=2, seen=pair([5])) == [3, 2]
    assert ranked(index=index, k=2, deny=bitset(rows_of(3), 6)) == [5, 2]
    assert ranked(index=index, k=2, lists=pair([0, 4, 5])) == [5, 0]
    with pytest.raises(ShapeError, match="allow has 2 words, but a bitset of 6 items has 1"):
        ranked(index=index, allow=bitset(rows_of(0), 65))


def test_an_index_outlives_the_one_it_was_made_from():
    index = ItemIndex(random(20_000, 64)).with_rows(rows_of(20_000), random(1, 64, seed=2))
    query = random(1, 64, seed=1)
    again = np.concatenate([random(20_000, 64), random(1, 64, seed=2)])
    assert np.array_equal(index.scores(query), dot(query, again))


@pytest.mark.parametrize(
    ("rows", "vectors", "error", "words"),
    [
        ([1], np.ones((2, 2), np.float32), ShapeError, "is 2 x 2, but 1 rows .* need 1 x 2"),
        ([1], np.ones((1, 3), np.float32), ShapeError, "is 1 x 3, but 1 rows .* need 1 x 2"),
        ([2, 1], np.ones((2, 2), np.float32), DataError, r"rows\[1\] is 1, which does not ascend"),
        ([1, 1], np.ones((2, 2), np.float32), DataError, r"rows\[1\] is 1, which does not ascend"),
        ([-1], np.ones((1, 2), np.float32), DataError, r"rows\[0\] is -1, which does not ascend"),
        ([6], np.ones((1, 2), np.float32), DataError, r"rows\[0\] is 6, but the next new row is 5"),
        ([1], np.ones((1, 2)), ShapeError, "vectors has dtype float64, but float32 is needed"),
    ],
)
def test_changes_that_do_not_fit_are_refused_by_name(rows, vectors, error, words):
    with pytest.raises(error, match=words):
        ItemIndex(ITEMS).with_rows(rows_of(*rows), vectors)


def test_only_rows_that_are_there_can_be_taken_out():
    with pytest.raises(DataError, match=r"rows\[0\] is 5, and must lie in 0\.\.5"):
        ItemIndex(ITEMS).without_rows(rows_of(5))


def test_an_unknown_instruction_set_is_refused_with_those_there_are():
    with pytest.raises(SettingsError, match=r'isa is "mmx", and must be one .*: scalar'):
        ItemIndex(ITEMS, isa="mmx")


def test_a_borrowing_index_keeps_its_array_alive():
    index = ItemIndex(random(20_000, 64))
    again = random(20_000, 64)
    query = random(1, 64, seed=1)
    assert np.array_equal(index.scores(query), dot(query, again))


def test_a_resident_index_has_a_copy_of_its_own():
    items = random(20_000, 64)
    index = ItemIndex(items, resident=True)
    query = random(1, 64, seed=1)
    before = index.scores(query)
    items[:] = 0
    assert np.array_equal(index.scores(query), before)


@pytest.mark.parametrize(
    ("queries", "error", "words"),
    [
        ([[1.0, 0.0]], TypeError, "queries must be a numpy array of float32, got list"),
        (QUERY.astype(np.float64), ShapeError, "queries has dtype float64, but float32 is needed"),
        (QUERY.astype(">f4"), ShapeError, "queries has dtype >f4, but float32 is needed"),
        (QUERY[0], ShapeError, "queries has 1 dimensions, but 2 are needed"),
        (np.ones((1, 4), np.float32)[:, ::2], ShapeError, "queries is not C-contiguous"),
        (np.asfortranarray(np.ones((2, 2), np.float32)), ShapeError, "queries is not C-contig"),
        (np.ones((1, 3), np.float32), ShapeError, "queries have 3 columns but items have 2"),
    ],
)
def test_queries_that_do_not_fit_are_refused_by_name(queries, error, words):
    with pytest.raises(error, match=words):
        ItemIndex(ITEMS).top_k(queries, 1)


def test_an_array_off_its_alignment_is_refused():
    raw = np.zeros(9, np.uint8)[1:]
    crooked = raw.view(np.float32).reshape(1, 2)
    with pytest.raises(ShapeError, match="queries is not C-contiguous and aligned"):
        ItemIndex(ITEMS).top_k(crooked, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"k": -1}, RequestError, "k is -1, and must be at least 0"),
        ({"k": 2**62}, RequestError, "fit no memory; ask for fewer"),
        ({"threads": 0}, SettingsError, "threads is 0, and must be at least 1"),
        ({"seen": 3}, TypeError, r"seen must be a pair \(indptr, indices\) of numpy arrays"),
        ({"seen": pair([1], [2])}, ShapeError, "seen has an indptr of 3 offsets, but 1 queries"),
        ({"seen": pair([2, 1])}, DataError, "seen of query 0 is not ascending"),
        ({"seen": pair([1, 1])}, DataError, "seen of query 0 is not ascending"),
        ({"lists": pair([5])}, DataError, r"lists of query 0 holds a row outside 0\.\.5"),
        ({"lists": pair([-1])}, DataError, r"lists of query 0 holds a row outside 0\.\.5"),
        ({"lists": (pair([1])[0], [1])}, TypeError, r"lists\[1\] must be a numpy array of int32"),
        ({"seen": (pair([1])[1], pair([1])[1])}, ShapeError, r"seen\[0\] has dtype int32"),
        ({"allow": np.zeros(2, np.uint64)}, ShapeError, "allow has 2 words, but a bitset of 5"),
        ({"deny": np.zeros(1, np.int64)}, ShapeError, "deny has dtype int64, but uint64"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments, error, words):
    with pytest.raises(error, match=words):
        ItemIndex(ITEMS).top_k(QUERY, **{"k": 1, **arguments})
    if "threads" not in arguments:
        with pytest.raises(error, match=words):
            select_top_k(np.zeros((1, 5), np.float32), **{"k": 1, **arguments})


def test_offsets_that_do_not_rise_are_refused():
    for indptr in ([0, 2], [1, 1], [0, -1]):
        with pytest.raises(ShapeError, match="seen has an indptr that does not rise from 0 to its"):
            ItemIndex(ITEMS).top_k(
                QUERY, 1, seen=(np.array(indptr, np.int64), np.zeros(1, np.int32))
            )


def test_a_row_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"rows\[0\] is 5, and must lie in 0\.\.5"):
        ItemIndex(ITEMS).scores(QUERY, np.array([5], np.int32))


@pytest.mark.parametrize("isa", isas())
def test_a_batch_tells_near_duplicates_apart_as_a_loop_does(isa):
    draw = np.random.default_rng(0)
    base = draw.standard_normal(66, np.float32)
    items = base + draw.standard_normal((2000, 66), np.float32) * np.float32(2e-7)
    queries = draw.standard_normal((40, 66), np.float32)
    index = ItemIndex(items, isa=isa)
    for k in (10, 100):
        batch = index.top_k(queries, k)
        for query in range(40):
            alone = index.top_k(queries[query : query + 1], k)
            assert [part.tobytes() for part in alone] == [
                part[query : query + 1].tobytes() for part in batch
            ]


def test_eight_threads_get_the_answer_of_one():
    index = ItemIndex(random(5_000, 66))
    queries = [random(3, 66, seed) for seed in range(8)]
    alone = [index.top_k(query, 10) for query in queries]
    start = threading.Barrier(8)

    def ask(query):
        start.wait(timeout=30)
        return [index.top_k(query, 10, threads=2) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        for answers, expected in zip(pool.map(ask, queries), alone, strict=True):
            for answer in answers:
                assert all(map(np.array_equal, answer, expected))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_worker_ranks_with_threads_as_its_parent_did():
    index = ItemIndex(random(40_000, 64), resident=True)
    queries = random(4, 64, seed=1)
    expected = index.top_k(queries, 10, threads=2)
    child = os.fork()
    if child == 0:
        # Only the exit status tells the parent; pytest must not run on in the child.
        same = False
        try:
            same = all(map(np.array_equal, index.top_k(queries, 10, threads=2), expected))
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def threads_rank(index, queries, calls=200):
    """Whether threads that do nothing but ask, one query each, get what they get alone."""
    alone = [index.top_k(query, 10) for query in queries]
    start = threading.Barrier(len(queries))

    def ask(query):
        start.wait(timeout=30)
        return [index.top_k(query, 10) for _ in range(calls)]

    with ThreadPoolExecutor(len(queries)) as pool:
        return all(
            all(map(np.array_equal, answer, expected))
            for answers, expected in zip(pool.map(ask, queries), alone, strict=True)
            for answer in answers
        )


def test_threads_with_short_calls_take_turns_at_the_interpreter():
    assert threads_rank(ItemIndex(random(64, 16)), [random(1, 16, seed) for seed in range(8)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_worker_forked_while_others_rank_ranks_too():
    index, queries = ItemIndex(random(64, 16)), [random(1, 16, seed) for seed in range(2)]
    stopped = threading.Event()

    def go_on():
        while not stopped.is_set():
            index.top_k(queries[0], 10)

    other = threading.Thread(target=go_on)
    other.start()
    children = []
    for _ in range(5):
        children.append(os.fork())
        if children[-1] == 0:
            same = False
            try:
                same = threads_rank(index, queries, calls=20)
            finally:
                os._exit(0 if same else 1)
    stopped.set()
    other.join()
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ends == [0] * 5


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be chosen here")
def test_threads_on_one_core_rank_as_well():
    program = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from penchant.kernels import ItemIndex
index, query = ItemIndex(np.eye(64, dtype=np.float32)), np.eye(64, dtype=np.float32)[[7]]
with ThreadPoolExecutor(4) as pool:
    found = pool.map(lambda _: [index.top_k(query, 1)[0].item() for _ in range(100)], range(4))
    print({row for rows in found for row in rows})
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "{7}\n"
