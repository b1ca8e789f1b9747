from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, final

import numpy.typing as npt

from penchant.protocols import F32, I32, I64, U8, U64

__all__ = [
    "AlsFoldIn",
    "ItemIndex",
    "Pairwise",
    "PairwiseModel",
    "RidgeSystem",
    "SgdModel",
    "StringTable",
    "SvdppModel",
    "__version__",
    "als",
    "bitset",
    "blake3",
    "blake3_bytes",
    "dot",
    "isas",
    "nearest_means",
    "neighbours",
    "nonnegative_least_squares",
    "pack_strings",
    "places",
    "quantize_items",
    "ridge",
    "select_top_k",
    "sgd",
    "slim",
    "sparse_dense",
    "sparse_sparse",
    "svdpp",
    "transpose",
    "unpack_strings",
]

__version__: str

# ---- ranking

@final
class ItemIndex:
    def __new__(
        cls,
        items: F32,
        *,
        codes: tuple[U8, F32] | None = None,
        resident: bool = False,
        isa: str | None = None,
    ) -> ItemIndex: ...
    @property
    def rows(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def apart(self) -> int: ...
    @property
    def resident(self) -> bool: ...
    @property
    def quantized(self) -> bool: ...
    @property
    def isa(self) -> str: ...
    def top_k(
        self,
        queries: F32,
        k: int,
        *,
        seen: tuple[I64, I32] | None = None,
        allow: U64 | None = None,
        deny: U64 | None = None,
        lists: tuple[I64, I32] | None = None,
        threads: int = 1,
    ) -> tuple[I32, F32, I32]: ...
    def scores(self, queries: F32, rows: I32 | None = None) -> F32: ...
    def with_rows(self, rows: I32, vectors: F32) -> ItemIndex: ...
    def without_rows(self, rows: I32) -> ItemIndex: ...
    def compacted(self) -> ItemIndex: ...

def quantize_items(items: F32, *, threads: int = 1) -> tuple[U8, F32]: ...
def select_top_k(
    scores: F32,
    k: int,
    *,
    seen: tuple[I64, I32] | None = None,
    allow: U64 | None = None,
    deny: U64 | None = None,
    lists: tuple[I64, I32] | None = None,
) -> tuple[I32, F32, I32]: ...
def places(scores: F32, lists: tuple[I64, I32]) -> I32: ...
def dot(queries: F32, items: F32) -> F32: ...
def bitset(rows: I32, items: int) -> U64: ...
def isas() -> list[str]: ...

# ---- strings

@final
class StringTable:
    def __new__(cls, data: U8, offsets: I64, hashes: U64, order: I32) -> StringTable: ...
    @staticmethod
    def build(data: U8, offsets: I64) -> tuple[U64, I32]: ...
    def find(self, key: str | bytes) -> int: ...
    def find_many(self, data: U8, offsets: I64) -> I32: ...
    def find_few(self, keys: list[Any]) -> I32 | None: ...
    def first_duplicate(self) -> tuple[int, int] | None: ...
    def __len__(self) -> int: ...

def pack_strings(strings: Sequence[str] | npt.NDArray[Any]) -> tuple[U8, I64]: ...
def unpack_strings(data: U8, offsets: I64, positions: I32) -> list[str]: ...

# ---- digests

def blake3(path: str | PathLike[str]) -> str: ...
def blake3_bytes(buffer: bytes | bytearray | memoryview | npt.NDArray[Any]) -> str: ...

# ---- sparse matrices

def transpose(indptr: I64, indices: I32, values: F32, columns: int) -> tuple[I64, I32, F32]: ...
def sparse_dense(
    indptr: I64,
    indices: I32,
    values: F32,
    dense: F32,
    *,
    out_rows: I32 | None = None,
    threads: int = 1,
) -> F32: ...
def sparse_sparse(
    indptr: I64,
    indices: I32,
    values: F32,
    other: tuple[I64, I32, F32],
    columns: int,
    *,
    threads: int = 1,
) -> F32: ...
def neighbours(
    indptr: I64,
    indices: I32,
    values: F32,
    columns: int,
    k: int,
    *,
    similarity: str = "cosine",
    shrinkage: float = 0.0,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[I64, I32, F32]: ...
def slim(
    indptr: I64,
    indices: I32,
    values: F32,
    columns: int,
    *,
    l1: float,
    l2: float,
    non_negative: bool = True,
    threads: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[I64, I32, F32]: ...
def nearest_means(
    indptr: I64,
    indices: I32,
    values: F32,
    lists: tuple[I64, I32, F32],
    columns: int,
    k: int,
    *,
    which: I32 | None = None,
    least: int = 1,
    threads: int = 1,
) -> F32: ...

# ---- matrix factorisation

@final
class SgdModel:
    @property
    def mean(self) -> float: ...
    @property
    def user_bias(self) -> F32: ...
    @property
    def item_bias(self) -> F32: ...
    @property
    def user_factors(self) -> F32: ...
    @property
    def item_factors(self) -> F32: ...
    @property
    def train_rmse(self) -> F32: ...
    @property
    def validation_rmse(self) -> F32: ...
    @property
    def epochs(self) -> int: ...

def sgd(
    users: I32,
    items: I32,
    ratings: F32,
    n_users: int,
    n_items: int,
    *,
    factors: int,
    epochs: int,
    learning_rate: float,
    decay: float,
    regularization: float,
    bias_regularization: float,
    seed: int,
    optimizer: str = "sgd",
    validation: tuple[I32, I32, F32] | None = None,
    patience: int = 1,
    item_prior: F32 | None = None,
    threads: int = 1,
    progress: Callable[[int, float], bool | None] | None = None,
) -> SgdModel: ...
@final
class SvdppModel:
    @property
    def mean(self) -> float: ...
    @property
    def user_bias(self) -> F32: ...
    @property
    def item_bias(self) -> F32: ...
    @property
    def user_factors(self) -> F32: ...
    @property
    def item_factors(self) -> F32: ...
    @property
    def rated_factors(self) -> F32: ...
    @property
    def train_rmse(self) -> F32: ...

def svdpp(
    indptr: I64,
    indices: I32,
    values: F32,
    columns: int,
    *,
    factors: int,
    epochs: int,
    learning_rate: float,
    decay: float,
    regularization: float,
    bias_regularization: float,
    seed: int,
    progress: Callable[[int, float], bool | None] | None = None,
) -> SvdppModel: ...
def nonnegative_least_squares(
    indptr: I64,
    indices: I32,
    values: F32,
    fixed: F32,
    *,
    regularization: float,
    prior: F32 | None = None,
    prior_weight: float = 0.0,
    sweeps: int = 1000,
    start: F32 | None = None,
    threads: int = 1,
) -> F32: ...
def als(
    indptr: I64,
    indices: I32,
    values: F32,
    columns: int,
    *,
    factors: int,
    iterations: int,
    unobserved_weight: float,
    regularization: float,
    frequency_scaling: float,
    seed: int,
    threads: int = 1,
    item_prior: F32 | None = None,
    user_start: F32 | None = None,
    progress: Callable[[int], bool | None] | None = None,
) -> tuple[F32, F32]: ...
@final
class AlsFoldIn:
    def __new__(
        cls,
        fixed: F32,
        *,
        unobserved_weight: float,
        regularization: float,
        frequency_scaling: float,
        threads: int = 1,
    ) -> AlsFoldIn: ...
    def rows(
        self,
        indptr: I64,
        indices: I32,
        values: F32,
        *,
        prior: F32 | None = None,
        threads: int = 1,
    ) -> F32: ...
    def shares(self, indices: I32, values: F32, target: F32) -> F32: ...

@final
class Pairwise:
    def __new__(
        cls,
        *,
        factors: int,
        epochs: int,
        learning_rate: float,
        decay: float,
        regularization: float,
        seed: int,
        max_tries: int | None = None,
    ) -> Pairwise: ...
    def fit(
        self,
        indptr: I64,
        indices: I32,
        n_items: int,
        *,
        start: tuple[F32, F32, int] | None = None,
        threads: int = 1,
        progress: Callable[[int, float], bool | None] | None = None,
    ) -> PairwiseModel: ...
    def fold_in(self, indptr: I64, indices: I32, item_factors: F32, *, threads: int = 1) -> F32: ...
    def shares(self, liked: I32, item_factors: F32, target: int) -> F32: ...
    def rivals(
        self, indptr: I64, indices: I32, user_factors: F32, item_factors: F32
    ) -> tuple[I32, F32, F32]: ...
    def fold_in_items(
        self,
        likers: tuple[I64, I32],
        likes: tuple[I64, I32],
        user_factors: F32,
        item_factors: F32,
        rivals: tuple[I32, F32, F32],
        *,
        threads: int = 1,
    ) -> F32: ...

@final
class PairwiseModel:
    @property
    def user_factors(self) -> F32: ...
    @property
    def item_factors(self) -> F32: ...
    @property
    def train_auc(self) -> F32: ...

# ---- maps from features to vectors

@final
class RidgeSystem:
    def __new__(
        cls,
        features: F32 | tuple[I64, I32, F32, int],
        *,
        regularization: float,
        weights: F32 | None = None,
        threads: int = 1,
    ) -> RidgeSystem: ...
    def map(self, targets: F32, *, threads: int = 1) -> tuple[F32, F32]: ...

def ridge(
    features: F32 | tuple[I64, I32, F32, int],
    targets: F32,
    *,
    regularization: float,
    weights: F32 | None = None,
    threads: int = 1,
) -> tuple[F32, F32]: ...
