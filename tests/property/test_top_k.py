"""Ranking against the naive twin, against itself in other batches, and against junk."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant.errors import PenchantError
from penchant.kernels import ItemIndex, bitset, dot, isas, select_top_k
from penchant.testing import naive

# Whole and half numbers: sums are exact, and there are many ties.
EXACT = st.integers(-8, 8).map(lambda number: number / 2)
ANY = st.floats(width=32) | EXACT


@st.composite
def problems(draw, elements):
    """Items, queries, k, and per query the rows seen and listed."""
    m, n, d = draw(st.integers(0, 40)), draw(st.integers(0, 6)), draw(st.integers(0, 70))
    items = draw(hnp.arrays(np.float32, (m, d), elements=elements))
    queries = draw(hnp.arrays(np.float32, (n, d), elements=elements))
    rows = st.sets(st.integers(0, m - 1)) if m else st.just(set())
    per_query = st.lists(rows, min_size=n, max_size=n)
    return {
        "items": items,
        "queries": queries,
        "k": draw(st.integers(0, 12)),
        "seen": draw(st.none() | per_query),
        "lists": draw(st.none() | per_query),
        "allow": draw(st.none() | rows),
        "deny": draw(st.none() | rows),
    }


def pair(lists):
    if lists is None:
        return None
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return indptr, np.array([row for rows in lists for row in sorted(rows)], np.int32)


def filters(problem):
    def words(rows):
        return None if rows is None else bitset(np.array(list(rows), np.int32), m)

    m = len(problem["items"])
    return {
        "seen": pair(problem["seen"]),
        "lists": pair(problem["lists"]),
        "allow": words(problem["allow"]),
        "deny": words(problem["deny"]),
    }


def eligible(problem, query):
    rows = set(range(len(problem["items"])))
    for name in ("lists", "allow"):
        if problem[name] is not None:
            rows &= problem[name][query] if name == "lists" else problem[name]
    for name in ("seen", "deny"):
        if problem[name] is not None:
            rows -= problem[name][query] if name == "seen" else problem[name]
    return sorted(rows)


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


def bits(scores):
    """A NaN is a NaN, whatever else it carries."""
    return np.where(np.isnan(scores), np.float32(np.nan), scores).tobytes()


@given(problems(EXACT))
def test_a_ranking_is_the_naive_one(problem):
    items, queries, k = problem["items"], problem["queries"], problem["k"]
    rows, scores, counts = ItemIndex(items).top_k(queries, k, **filters(problem))
    exact = naive.dot(queries, items)
    for query, count in enumerate(counts):
        expected = naive.top_k(exact[query], k, eligible(problem, query))
        assert rows[query].tolist() == expected + [-1] * (k - count)
        assert scores[query, :count].tolist() == exact[query, expected].tolist()
        assert np.isneginf(scores[query, count:]).all()


@given(problems(ANY))
def test_batch_loop_threads_memory_and_instruction_set_change_no_bit(problem):
    items, queries, k = problem["items"], problem["queries"], problem["k"]
    given_filters = filters(problem)
    answer = ItemIndex(items).top_k(queries, k, **given_filters)
    for isa in isas():
        index = ItemIndex(items, isa=isa, resident=True)
        assert same(index.top_k(queries, k, threads=3, **given_filters), answer)
    assert same(select_top_k(dot(queries, items), k, **given_filters), answer)
    for query in range(len(queries)):
        alone = {
            **problem,
            "seen": problem["seen"] and [problem["seen"][query]],
            "lists": problem["lists"] and [problem["lists"][query]],
        }
        single = ItemIndex(items).top_k(queries[query : query + 1], k, **filters(alone))
        assert same(single, [part[query : query + 1] for part in answer])


@given(problems(st.floats(-1e3, 1e3, width=32)))
def test_a_score_is_right_to_the_rounding(problem):
    items, queries = problem["items"], problem["queries"]
    scores = dot(queries, items)
    bound = 1e-6 * naive.dot(np.abs(queries), np.abs(items)) + 1e-40
    assert (np.abs(scores - naive.dot(queries, items)) <= bound).all()
    for isa in isas():
        assert ItemIndex(items, isa=isa).scores(queries).tobytes() == scores.tobytes()


@settings(max_examples=30)  # drawing changes is slow; the Rust tests draw many more
@given(problems(ANY), st.data())
def test_a_changed_index_answers_as_one_made_anew(problem, data):
    items, queries, k = problem["items"], problem["queries"], problem["k"]
    m, d = items.shape
    at_first = data.draw(st.integers(0, m))
    index, now = ItemIndex(items[:at_first].copy()), list(items[:at_first])
    out: set[int] = set()
    for _ in range(data.draw(st.integers(0, 5))):
        known = st.sets(st.integers(0, len(now) - 1), max_size=6) if now else st.just(set())
        rows = set(data.draw(known))
        if data.draw(st.booleans()):
            index = index.without_rows(np.array(list(rows), np.int32))
            out |= rows
        else:
            rows |= set(range(len(now), data.draw(st.integers(len(now), m))))
            vectors = data.draw(hnp.arrays(np.float32, (len(rows), d), elements=ANY))
            index = index.with_rows(np.array(sorted(rows), np.int32), vectors)
            now += [None] * (max(rows, default=-1) + 1 - len(now))
            for row, vector in zip(sorted(rows), vectors, strict=True):
                now[row] = vector
            out -= rows
        if data.draw(st.booleans()):
            index = index.compacted()
            assert index.apart == 0
    rest = np.arange(len(now), m, dtype=np.int32)
    index = index.with_rows(rest, items[rest])
    anew = ItemIndex(np.array(now + list(items[rest]), np.float32).reshape(m, d))
    denied = {**problem, "deny": (problem["deny"] or set()) | out}
    expected = anew.top_k(queries, k, **filters(denied))
    assert same(index.top_k(queries, k, threads=2, **filters(problem)), expected)
    scores = anew.scores(queries)
    scores[:, list(out)] = -np.inf
    assert bits(index.scores(queries)) == bits(scores)
    rows = np.arange(m, dtype=np.int32)[::-1].copy()
    assert bits(index.scores(queries, rows)) == bits(scores[:, rows])


JUNK = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.text(max_size=3),
    st.lists(st.floats(), max_size=3),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint64, np.bool_, object]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.just(0) | st.just(1),
    ),
)
VIEWS = st.sampled_from(
    [lambda a: a, lambda a: a[::2], lambda a: a[..., ::-1], lambda a: a.T, np.asfortranarray]
)


@st.composite
def junk(draw):
    value = draw(JUNK)
    if isinstance(value, np.ndarray) and value.ndim:
        value = draw(VIEWS)(value)
        value.setflags(write=draw(st.booleans()))
    return value


@given(
    junk(),
    junk(),
    st.integers(-2, 5),
    st.dictionaries(
        st.sampled_from(["seen", "allow", "deny", "lists"]), junk() | st.tuples(junk(), junk())
    ),
)
def test_junk_gets_an_answer_or_an_error_never_a_crash(items, queries, k, given_filters):
    for call in (
        lambda: ItemIndex(items).top_k(queries, k, **given_filters),
        lambda: ItemIndex(items).scores(queries, given_filters.get("seen")),
        lambda: select_top_k(items, k, **given_filters),
        lambda: dot(queries, items),
        lambda: bitset(items, k),
    ):
        try:
            answer = call()
        except (PenchantError, TypeError):
            continue
        parts = answer if isinstance(answer, tuple) else (answer,)
        assert all(isinstance(part, np.ndarray) for part in parts)
