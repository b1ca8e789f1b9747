//! Factors from likings, by comparing items: BPR and WARP.

use crate::arrays::{matrix, together, vector};
use crate::errors::OrRaise;
use crate::filters::AnyPair;
use crate::numbers::{fits_memory, real, whole};
use crate::progress::Progress;
use crate::sparse::{AnyTriple, rows_of};
use crate::turns::Turns;
use numpy::{IntoPyArray, PyArray1, PyArray2};
use penchant_kernels::filter::Ragged;
use penchant_kernels::pairwise::{
    Loss, Model, Rivals, Settings, Start, fit, fold_in, fold_in_items, go_on, rivals, shares,
};
use penchant_kernels::{Isa, KernelError, Matrix};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Learns factors of users and items from likings: each is compared with an item that its user is
/// not known to like, drawn from the whole catalogue, and both are moved apart.
///
/// With `max_tries` None this is BPR (Rendle et al., "BPR: Bayesian personalized ranking from
/// implicit feedback", 2009): one item is drawn, and the step is `1 / (1 + e^lead)` of a whole one,
/// where the lead is the score of the liked item less that of the other. With a number it is WARP
/// (Weston, Bengio and Usunier, "WSABIE", 2011): items are drawn until one comes within 1 of the
/// liked one, `max_tries` (1 to 1,000) at the most; the step of an item found by try t of n - 1
/// others is `ln((n - 1) / t) / ln(n - 1)` of a whole one, the quotient rounded down.
///
/// A step adds to each row `learning_rate` times the gradient of the lead, after pulling the row
/// towards zero by `learning_rate x regularization`; four are computed from the same rows. The
/// learning rate is multiplied by `decay` after each epoch, and factors (1 to 512) start uniform
/// around 0 with a standard deviation of 0.1 / sqrt(factors). One `seed` gives one set of bits, for
/// any number of threads and on any machine. `SettingsError` for a setting out of its range.
#[pyclass(frozen, module = "penchant._kernels")]
pub struct Pairwise(Settings);

#[pymethods]
impl Pairwise {
    #[new]
    #[pyo3(signature = (
        *, factors, epochs, learning_rate, decay, regularization, seed, max_tries = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = whole)] factors: usize,
        #[pyo3(from_py_with = whole)] epochs: usize,
        #[pyo3(from_py_with = real)] learning_rate: f32,
        #[pyo3(from_py_with = real)] decay: f32,
        #[pyo3(from_py_with = real)] regularization: f32,
        #[pyo3(from_py_with = whole)] seed: u64,
        max_tries: Option<usize>,
    ) -> PyResult<Self> {
        let settings = Settings {
            loss: max_tries.map_or(Loss::Bpr, |max_tries| Loss::Warp { max_tries }),
            factors,
            epochs,
            learning_rate,
            decay,
            regularization,
            seed,
            threads: 1,
        };
        settings.check().or_raise(py)?;
        Ok(Self(settings))
    }

    /// Trains on the likings of n users: user `u` likes the items `indices[indptr[u]:indptr[u +
    /// 1]]`, ascending and unique; `indptr` (n + 1,) int64, `indices` int32.
    ///
    /// A user without likings has factors of zero, and one who likes every item is left out. Up to 4
    /// threads are of use, and below 262,144 likings one.
    ///
    /// `progress(epoch, auc)` is called after each epoch, counted from 0, with the share of likings
    /// that led over an item drawn at random; when it returns False, training stops there and the
    /// model is returned as it stands. What it raises, and an interrupt from the keyboard, pass
    /// through.
    ///
    /// `start` is `(user_factors, item_factors, epochs)`: what the first `epochs` whole epochs of a
    /// training left whose settings were the same but for their number. Training goes on from there,
    /// to the bits that it would have led to at once; `train_auc` is of the other epochs alone.
    ///
    /// `FitDiverged` when factors leave the finite numbers, `DataError` for rows out of range or out
    /// of order, or no liking at all. O(epochs x likings x factors) time, for WARP times the tries
    /// that are needed; O(likings + rows x factors) memory.
    #[pyo3(signature = (indptr, indices, n_items, *, start = None, threads = 1, progress = None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
    fn fit(
        &self,
        py: Python<'_>,
        indptr: &Bound<'_, PyAny>,
        indices: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = whole)] n_items: usize,
        start: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] threads: usize,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PairwiseModel> {
        let likes = ragged("likes", indptr, indices, n_items)?;
        let numbers = n_items.saturating_mul(self.0.factors.next_multiple_of(16));
        fits_memory(numbers, || format!("factors of {n_items} items")).or_raise(py)?;
        let settings = Settings { threads, ..self.0 };
        let start: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)> = start
            .map(|start| {
                together(
                    start,
                    "start",
                    "a triple (user_factors, item_factors, epochs)",
                )
            })
            .transpose()?;
        let start = match &start {
            Some((users, items, epochs)) => Some(Start {
                users: factors(users, "start[0]")?,
                items: factors(items, "start[1]")?,
                epochs: whole(epochs).map_err(|_| {
                    PyTypeError::new_err(format!(
                        "start[2] must be a whole number of epochs, got {epochs}"
                    ))
                })?,
            }),
            None => None,
        };
        let mut progress = Progress::new(progress);
        let fitted = py.detached(|| {
            let heard = |epoch, auc: Option<f64>| progress.ask(auc.map(|auc| (epoch, auc)));
            match &start {
                Some(start) => go_on(&likes, &settings, start, Isa::best(), heard),
                None => fit(&likes, &settings, Isa::best(), heard),
            }
        });
        progress.into_result()?;
        let Model {
            user_factors,
            item_factors,
            train_auc,
        } = fitted.or_raise(py)?;
        Ok(PairwiseModel {
            user_factors: rows_of(py, user_factors, settings.factors, likes.rows())?.unbind(),
            item_factors: rows_of(py, item_factors, settings.factors, n_items)?.unbind(),
            train_auc: train_auc.into_pyarray(py).unbind(),
        })
    }

    /// Factors (n, factors) float32 of n users who were not there: the steps of training from zero,
    /// while the items, (items, factors) float32, stand still. Likings are those of `fit`.
    ///
    /// A user's factors have the same bits whoever else is asked about, and for any number of
    /// `threads`; zeros for one who likes nothing, or everything. O(epochs x likings x factors), for
    /// WARP times the tries that are needed.
    #[pyo3(signature = (indptr, indices, item_factors, *, threads = 1))]
    fn fold_in<'py>(
        &self,
        py: Python<'py>,
        indptr: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        item_factors: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let items = factors(item_factors, "item_factors")?;
        let likes = ragged("likes", indptr, indices, items.rows())?;
        let settings = Settings { threads, ..self.0 };
        let vectors = py
            .detached(|| fold_in(&likes, &items, &settings, Isa::best()))
            .or_raise(py)?;
        rows_of(py, vectors, settings.factors, likes.rows())
    }

    /// Likings that items to come are compared with, out of those of a fit, with the factors that it
    /// left: (n,) int32 users, (n,) float32 scores of what they like, and (n,) float32 weights, for
    /// `fold_in_items`. At most 4,096 of them, evenly spaced. O(n x factors), for WARP times the
    /// tries.
    fn rivals<'py>(
        &self,
        py: Python<'py>,
        indptr: &Bound<'py, PyAny>,
        indices: &Bound<'py, PyAny>,
        user_factors: &Bound<'py, PyAny>,
        item_factors: &Bound<'py, PyAny>,
    ) -> PyResult<RivalArrays<'py>> {
        let users = factors(user_factors, "user_factors")?;
        let items = factors(item_factors, "item_factors")?;
        let likes = ragged("likes", indptr, indices, items.rows())?;
        let found = py
            .detached(|| rivals(&likes, &users, &items, &self.0, Isa::best()))
            .or_raise(py)?;
        Ok((
            found.users.into_pyarray(py),
            found.scores.into_pyarray(py),
            found.weights.into_pyarray(py),
        ))
    }

    /// Factors (n, factors) float32 of n items that were not there: the steps of training from zero,
    /// those for which the item is drawn as the other one too, while users and old items stand still.
    ///
    /// `likers` is (indptr, indices): the rows of users who like each new item. `likes` is the same
    /// for users: what old items each likes; those of likers matter. `rivals` is what `rivals` gave.
    /// An item's factors have the same bits whatever other items are asked about, and for any number
    /// of `threads`; zeros for one that nobody likes. O(epochs x (likers + rivals drawn) x factors),
    /// for WARP likers times the tries that are needed.
    #[pyo3(signature = (likers, likes, user_factors, item_factors, rivals, *, threads = 1))]
    #[expect(clippy::too_many_arguments, reason = "a model is given by its arrays")]
    fn fold_in_items<'py>(
        &self,
        py: Python<'py>,
        likers: &Bound<'py, PyAny>,
        likes: &Bound<'py, PyAny>,
        user_factors: &Bound<'py, PyAny>,
        item_factors: &Bound<'py, PyAny>,
        rivals: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = whole)] threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let users = factors(user_factors, "user_factors")?;
        let items = factors(item_factors, "item_factors")?;
        let likers: AnyPair<'_> = together(likers, "likers", "a pair (indptr, indices)")?;
        let likes: AnyPair<'_> = together(likes, "likes", "a pair (indptr, indices)")?;
        let rivals: AnyTriple<'_> =
            together(rivals, "rivals", "a triple (users, scores, weights)")?;
        let likers = ragged("likers", &likers.0, &likers.1, users.rows())?;
        let likes = ragged("likes", &likes.0, &likes.1, items.rows())?;
        let rivals = Rivals {
            users: vector::<i32>(&rivals.0, "rivals[0]")?.to_vec(),
            scores: vector::<f32>(&rivals.1, "rivals[1]")?.to_vec(),
            weights: vector::<f32>(&rivals.2, "rivals[2]")?.to_vec(),
        };
        let settings = Settings { threads, ..self.0 };
        let vectors = py
            .detached(|| {
                let given = (&likers, &likes, &users, &items);
                fold_in_items(
                    given.0,
                    given.1,
                    given.2,
                    given.3,
                    &rivals,
                    &settings,
                    Isa::best(),
                )
            })
            .or_raise(py)?;
        rows_of(py, vectors, settings.factors, likers.rows())
    }

    /// What each item in `liked`, (n,) int32 ascending and unique, adds to the score of the item
    /// `target` for a user folded in from them: (n,) float32. They sum to the score, but for
    /// rounding: factors are a sum of steps, and each step was made for one liking.
    fn shares<'py>(
        &self,
        py: Python<'py>,
        liked: &Bound<'py, PyAny>,
        item_factors: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = whole)] target: usize,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let items = factors(item_factors, "item_factors")?;
        let liked = vector(liked, "liked")?;
        let indptr = [0, liked.len() as i64];
        let likes = Ragged::new("liked", &indptr, liked, 1, items.rows()).or_raise(py)?;
        let shares = py
            .detached(|| shares(&likes, &items, target, &self.0, Isa::best()))
            .or_raise(py)?;
        Ok(shares.into_pyarray(py))
    }
}

/// What `Pairwise.fit` leaves, as arrays.
#[pyclass(frozen, get_all, module = "penchant._kernels")]
pub struct PairwiseModel {
    /// (`n_users`, factors) float32.
    user_factors: Py<PyArray2<f32>>,
    /// (`n_items`, factors) float32.
    item_factors: Py<PyArray2<f32>>,
    /// (epochs run,) float32: the share of likings that led over an item drawn at random.
    train_auc: Py<PyArray1<f32>>,
}

/// Users, scores and weights of rivals.
type RivalArrays<'py> = (
    Bound<'py, PyArray1<i32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
);

/// Rows of factors.
fn factors<'a>(array: &'a Bound<'_, PyAny>, name: &str) -> PyResult<Matrix<'a>> {
    let (numbers, rows, width) = matrix(array, name)?;
    Matrix::new(numbers, rows, width).or_raise(array.py())
}

/// Rows of `name`, each ascending, below `columns`.
fn ragged<'a>(
    name: &'static str,
    indptr: &'a Bound<'_, PyAny>,
    indices: &'a Bound<'_, PyAny>,
    columns: usize,
) -> PyResult<Ragged<'a>> {
    let py = indptr.py();
    let (indptr, indices) = (vector(indptr, "indptr")?, vector(indices, "indices")?);
    let rows = indptr.len().checked_sub(1).ok_or_else(|| {
        KernelError::Shape(format!(
            "indptr of {name} is empty, and must hold one more entry than there are rows"
        ))
    });
    Ragged::new(name, indptr, indices, rows.or_raise(py)?, columns).or_raise(py)
}

/// Adds this module's classes.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Pairwise>()?;
    module.add_class::<PairwiseModel>()
}
