"""The whole extension against junk: an answer or one clear sentence, never a crash or a panic.

What there is to call, and with what, is read from the stub, so a new kernel is fuzzed from its
first day. PENCHANT_FUZZ is how many calls of each kernel are tried; `make soak` tries many.
"""

import ast
import os
from pathlib import Path

import numpy as np
import penchant
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant import _kernels
from penchant.errors import PenchantError, RequestError

STUB = Path(penchant.__file__).with_name("_kernels.pyi")
# What a call may be refused with. The last two are Python's own, for what no number or text of Rust
# can hold; PyO3 names the argument in a note.
REFUSALS = (PenchantError, TypeError, OverflowError, UnicodeEncodeError)
CALLS = int(os.environ.get("PENCHANT_FUZZ", "25"))
DTYPES = {
    "F32": np.float32,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U64": np.uint64,
    "F64": np.float64,
}
ITEMS = np.arange(6, dtype=np.float32).reshape(3, 2)
TABLE = (*_kernels.pack_strings(["a", "b"]),)
# Something to call the methods of a class on; of other classes, whatever junk makes.
OBJECTS = {
    "AlsFoldIn": lambda: _kernels.AlsFoldIn(
        ITEMS, unobserved_weight=0.1, regularization=0.1, frequency_scaling=1.0
    ),
    "ItemIndex": lambda: _kernels.ItemIndex(ITEMS),
    "RidgeSystem": lambda: _kernels.RidgeSystem(ITEMS, regularization=1.0),
    "StringTable": lambda: _kernels.StringTable(*TABLE, *_kernels.StringTable.build(*TABLE)),
}

NUMBERS = st.sampled_from(
    [-(2**70), -(2**63), -1, 0, 1, 2, 3, 2**62, 2**63, 2**64, 2**70, 10**400]
) | st.sampled_from([0.0, -0.0, 0.5, -1.5, 1e300, float("inf"), float("nan")])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
TYPES = st.sampled_from(
    [
        "<f4",
        "<f8",
        "<f2",
        "<i4",
        "<i8",
        "<u8",
        "|u1",
        "?",
        "O",
        ">f4",
        ">i4",
        ">i8",
        "<c8",
        "<U3",
        "<M8[s]",
        "V4",
    ]
)
ARRAYS = st.builds(lambda shape, dtype: np.zeros(shape, dtype), SHAPES, TYPES)


def crooked(array):
    """The same array off its alignment."""
    if array.dtype == object or not array.size:
        return array
    memory = np.frombuffer(b"\0" * (array.nbytes + 1), np.uint8)[1:]
    return memory.view(array.dtype).reshape(array.shape)


VIEWS = st.sampled_from(
    [
        lambda a: a,
        lambda a: a[::2],
        lambda a: a[..., ::-1],
        lambda a: a.T,
        np.asfortranarray,
        lambda a: np.broadcast_to(a[:1], a.shape),
        crooked,
    ]
)


@st.composite
def views(draw):
    """Arrays of any dtype, shape, layout and byte order, writable or not."""
    array = draw(ARRAYS)
    if array.ndim:
        array = draw(VIEWS)(array)
    if array.flags.owndata:
        array.setflags(write=draw(st.booleans()))
    return array


JUNK = st.one_of(
    views(),
    st.none(),
    st.booleans(),
    NUMBERS,
    st.sampled_from(["", "ä", "\ud800", b"", b"\xff", "scalar", object(), int, {}, set(), 1j]),
    st.lists(NUMBERS | views(), max_size=3),
    st.lists(views(), min_size=2, max_size=3).map(tuple),
)


def pool(dtype):
    """Small values, mostly, and among them all that are special."""
    if np.issubdtype(dtype, np.floating):
        special = [-0.0, 1e-42, 1e30, -1e30, np.inf, -np.inf, np.nan]
        return np.array([0.0, 0.5, 1.0, 2.0, -1.0] * 4 + special, dtype)
    extremes = [np.iinfo(dtype).min, np.iinfo(dtype).max]
    return np.array([0, 1, 2, 3] * 5 + extremes, dtype)


@st.composite
def arrays_of(draw, dtype):
    """An array of that dtype: any values, rows that ascend, or offsets that rise from 0."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4))
    values = draw(st.randoms(use_true_random=False)).choices(pool(dtype), k=int(np.prod(shape)))
    array = np.array(values, dtype).reshape(shape)
    kind = draw(st.integers(0, 2))
    if array.ndim > 1 or kind == 0 or dtype not in (np.int32, np.int64):
        return array
    if kind == 1:
        return np.unique(array)
    counts = draw(st.lists(st.integers(0, 2), max_size=4))
    return np.cumsum([0, *counts]).astype(dtype)


def plausible(annotation):
    """What an argument of that annotation may well be."""
    match annotation:
        case ast.BinOp():
            return plausible(annotation.left) | plausible(annotation.right)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=parts)):
            return st.tuples(*map(plausible, parts))
        case ast.Name(id=name) if name in DTYPES:
            return arrays_of(DTYPES[name])
        case ast.Name(id="int"):
            return st.integers(0, 4)
        case ast.Name(id="float"):
            return st.sampled_from([0.0, 0.01, 0.5, 1.0])
        case ast.Name(id="bool"):
            return st.booleans()
        case ast.Name(id="str"):
            return st.sampled_from(["", "a", "b", "ä", "scalar"])
        case ast.Name(id="bytes"):
            return st.binary(max_size=3)
        case ast.Constant(value=None):
            return st.none()
        case ast.Subscript(value=ast.Name(id="Sequence")):
            return st.lists(st.text(max_size=2), max_size=3)
        case ast.Subscript(value=ast.Name(id="Callable")):
            return st.sampled_from([lambda *_: None, lambda *_: False, lambda: None])
        case _:
            return JUNK


def callables():
    """Every function, constructor and method of the stub by name, with its arguments."""
    found = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        if isinstance(node, ast.ClassDef):
            for method in (part for part in node.body if isinstance(part, ast.FunctionDef)):
                if not any(getattr(d, "id", "") == "property" for d in method.decorator_list):
                    found[f"{node.name}.{method.name}"] = method
    return found


CALLABLES = callables()


def called(name, draw):
    """The callable itself, bound to an object where it is a method."""
    owner, _, method = name.rpartition(".")
    if not owner:
        return getattr(_kernels, name)
    if method == "__new__":
        return getattr(_kernels, owner)
    if any(getattr(d, "id", "") == "staticmethod" for d in CALLABLES[name].decorator_list):
        return getattr(getattr(_kernels, owner), method)
    if owner in OBJECTS:
        return getattr(OBJECTS[owner](), method)
    positional, by_name = draw(arguments(CALLABLES[f"{owner}.__new__"]))
    try:
        made = getattr(_kernels, owner)(*positional, **by_name)
    except REFUSALS:
        reject()
    return getattr(made, method)


@st.composite
def arguments(draw, definition):
    """Plausible arguments, of which some, or none, or all are junk; few are left out."""
    signature = definition.args
    junk = draw(st.sampled_from([0.0, 0.0, 0.2, 1.0]))

    def drawn(argument):
        is_junk = draw(st.floats(0, 1)) < junk
        return draw(JUNK if is_junk else plausible(argument.annotation))

    positional = [a for a in signature.args if a.arg not in ("self", "cls")]
    required = len(positional) - len(signature.defaults)
    given = draw(st.integers(max(0, required), len(positional)))
    by_name = {
        argument.arg: drawn(argument)
        for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
        if default is None or draw(st.booleans())
    }
    return [drawn(argument) for argument in positional[:given]], by_name


def test_the_stub_names_all_there_is_to_call():
    public = {name for name in dir(_kernels) if not name.startswith("_")}
    tree = ast.parse(STUB.read_text()).body
    named = {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {name for name in public if callable(getattr(_kernels, name))} == named


@pytest.mark.parametrize("name", sorted(CALLABLES))
@settings(max_examples=CALLS, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_junk_gets_an_answer_or_one_sentence(name, data):
    function = called(name, data.draw)
    positional, by_name = data.draw(arguments(CALLABLES[name]))
    words = refusal(function, positional, by_name)
    assert words is None or (len(words) > 10 and "\n" not in words), words


def refusal(function, positional, by_name):
    """What a call is refused with, or None where it is answered."""
    try:
        function(*positional, **by_name)
    except REFUSALS as error:
        return str(error)
    except (OSError, ValueError) as error:
        # A path that leads nowhere, or is none.
        if function is not _kernels.blake3:
            raise
        return str(error)
    return None


MATRIX = np.array([0, 1], np.int64), np.zeros(1, np.int32), np.ones(1, np.float32)
RATINGS = np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1, np.float32)
RATES = {
    "learning_rate": 0.1,
    "decay": 1.0,
    "regularization": 0.0,
    "bias_regularization": 0.0,
}


@pytest.mark.parametrize(
    ("call", "error", "words", "argument"),
    [
        (
            lambda: _kernels.transpose(*MATRIX, -1),
            TypeError,
            "got -1, but a whole number from 0 to 18446744073709551615 is",
            "columns",
        ),
        (
            lambda: _kernels.ItemIndex(ITEMS).top_k(ITEMS, 2**70),
            TypeError,
            "got 1180591620717411303424, but a whole number below 92233720368547758",
            "k",
        ),
        (
            lambda: _kernels.neighbours(*MATRIX, 1, 1, shrinkage=10**400),
            TypeError,
            "got 10+, but a number within the range of floats is needed",
            "shrinkage",
        ),
        (
            lambda: _kernels.neighbours(*MATRIX, 1, 1, shrinkage=np.array("few")),
            TypeError,
            r"got array\('few', dtype='<U3'\), but a number within the range of floats is needed",
            "shrinkage",
        ),
        (
            lambda: _kernels.neighbours(*MATRIX, 1, 10**5000),
            TypeError,
            "got a number too long to write, but a whole number from 0",
            "k",
        ),
        (
            lambda: _kernels.sgd(*RATINGS, 2**62, 1, factors=2, epochs=1, seed=0, **RATES),
            RequestError,
            f"2 factors of {2**62} users and 1 items fit no memory; ask for fewer",
            None,
        ),
        (
            lambda: _kernels.bitset(RATINGS[0], 2**62),
            RequestError,
            f"sets of {2**62} items fit no memory; ask for fewer",
            None,
        ),
        (
            lambda: _kernels.sparse_sparse(*MATRIX, MATRIX[:2], 1),
            TypeError,
            "other must be a triple .indptr, indices, values. of numpy arrays, got <class 'tuple'>",
            None,
        ),
        (
            lambda: _kernels.Pairwise(
                factors=1, epochs=1, learning_rate=0.1, decay=1.0, regularization=0.0, seed=0
            ).fold_in_items(MATRIX, MATRIX[:2], ITEMS, ITEMS, MATRIX),
            TypeError,
            "likers must be a pair .indptr, indices. of numpy arrays, got <class 'tuple'>",
            None,
        ),
        (
            lambda: _kernels.blake3_bytes(np.zeros(1, "M8[s]")),
            TypeError,
            "buffer must be bytes or a numpy array of plain numbers, got <class 'numpy.ndarray'>",
            None,
        ),
    ],
)
def test_what_junk_found_is_refused_in_these_words(call, error, words, argument):
    with pytest.raises(error, match=words) as caught:
        call()
    if argument is not None:
        assert caught.value.__notes__ == [f"while processing '{argument}'"]
