//! Ranking, factorisation and neighbour kernels over plain arrays.
