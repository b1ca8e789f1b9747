"""The compiled kernels: plain functions over numpy arrays, and the only door to them.

Everything here comes from the Rust crate behind `penchant._kernels`; `help()` of a name has its
contract. Arrays are C-contiguous and of exactly the dtype named: nothing is converted on the way
in, so nothing is copied by accident. A wrong dtype, shape or layout raises `ShapeError`, a value
that can't be used `DataError`, each naming the argument. The GIL is released while a kernel works.

A sparse matrix is three arrays, `indptr` (n + 1,) int64, `indices` int32 and `values` float32: row
`r` holds the columns `indices[indptr[r]:indptr[r + 1]]`, ascending and unique.
"""

from penchant._kernels import (
    AlsFoldIn,
    ItemIndex,
    Pairwise,
    PairwiseModel,
    RidgeSystem,
    SgdModel,
    StringTable,
    SvdppModel,
    __version__,
    als,
    bitset,
    blake3,
    blake3_bytes,
    dot,
    isas,
    nearest_means,
    neighbours,
    nonnegative_least_squares,
    pack_strings,
    places,
    quantize_items,
    ridge,
    select_top_k,
    sgd,
    slim,
    sparse_dense,
    sparse_sparse,
    svdpp,
    transpose,
    unpack_strings,
)

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
