//! The model while it is trained: rows of whole lanes, zeros after the last factor. A factor that
//! starts at zero on both sides stays there.

use super::blocks::{Counts, Cuts, Grid};
use super::settings::{Optimizer, Rates, Settings};
use super::start;
use super::step::{self, Rows, Squares, WIDTHS};
use crate::Isa;
use crate::parallel::{Queue, together};
use crate::simd::Lanes;
use std::ops::{ControlFlow, Range};

/// Users or items.
#[derive(Clone, Debug)]
pub(super) struct Side {
    width: usize,
    factors: Vec<Lanes>,
    pub(super) bias: Vec<f32>,
    squares: Vec<Squares>,
}

impl Side {
    /// The rows of each range.
    fn parts<'a>(&'a mut self, ranges: &'a [Range<usize>]) -> impl Iterator<Item = Rows<'a>> {
        let factors = split(&mut self.factors, ranges, self.width);
        let bias = split(&mut self.bias, ranges, 1);
        let squares = split(&mut self.squares, ranges, 1);
        let parts = factors.zip(bias).zip(squares);
        parts.map(|((factors, bias), squares)| Rows {
            factors,
            bias,
            squares,
        })
    }

    /// Squared gradients that a row has met.
    pub(super) fn squares(&self, row: usize) -> Squares {
        self.squares[row]
    }

    /// Adds `share` times `values`, one for each factor, to a row.
    pub(super) fn add(&mut self, row: usize, values: &[f32], share: f32) {
        let lanes = &mut self.factors[row * self.width..][..self.width];
        for (lanes, values) in lanes.iter_mut().zip(values.chunks(16)) {
            for (factor, value) in lanes.0.iter_mut().zip(values) {
                *factor += share * value;
            }
        }
    }

    fn is_finite(&self) -> bool {
        let factors = self.factors.iter().flat_map(|lanes| &lanes.0);
        factors.chain(&self.bias).all(|value| value.is_finite())
    }

    /// Rows of `factors` numbers.
    pub(super) fn rows(&self, factors: usize) -> Vec<f32> {
        start::numbers(&self.factors, self.width, factors)
    }
}

/// Both sides.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) users: Side,
    pub(super) items: Side,
}

/// How passes are made; the same for all epochs.
pub(super) struct Plan<'a> {
    pub(super) cuts: &'a Cuts,
    pub(super) isa: Isa,
    pub(super) threads: usize,
}

impl State {
    pub(super) fn new(counts: &Counts, settings: &Settings, threads: usize) -> Self {
        let width = width_of(settings.factors);
        let side = |side, counts: &[u32]| Side {
            width,
            factors: start::rows(
                settings.seed,
                side,
                counts,
                settings.factors,
                width,
                threads,
            ),
            bias: vec![0.0; counts.len()],
            squares: vec![Squares::default(); counts.len()],
        };
        Self {
            users: side(0, &counts.users),
            items: side(1, &counts.items),
        }
    }

    /// One pass over all ratings: the sum of squared errors, each taken before its step. `pause`
    /// is called after each part, and may break off.
    pub(super) fn epoch(
        &mut self,
        grid: &Grid,
        plan: &Plan<'_>,
        optimizer: Optimizer,
        rates: Rates,
        mut pause: impl FnMut() -> ControlFlow<()>,
    ) -> ControlFlow<(), f64> {
        let mut squares = 0.0;
        for stratum in 0..grid.strata() {
            squares += self.stratum(grid, stratum, plan, optimizer, rates);
            pause()?;
        }
        ControlFlow::Continue(squares)
    }

    /// The sum of squared errors of ratings that aren't learned from: a pass with steps of 0.
    pub(super) fn squares(
        &mut self,
        grid: &Grid,
        plan: &Plan<'_>,
        settings: &Settings,
        pause: impl FnMut() -> ControlFlow<()>,
    ) -> ControlFlow<(), f64> {
        self.epoch(grid, plan, Optimizer::Sgd, settings.rates(0.0), pause)
    }

    fn stratum(
        &mut self,
        grid: &Grid,
        stratum: usize,
        plan: &Plan<'_>,
        optimizer: Optimizer,
        rates: Rates,
    ) -> f64 {
        let pass = step::pass(optimizer, self.users.width);
        let mut items: Vec<_> = self.items.parts(&plan.cuts.items).map(Some).collect();
        let users = self.users.parts(&plan.cuts.users);
        let mut squares = vec![0.0; grid.strata()];
        let pieces: Vec<_> = users
            .zip(grid.stratum(stratum))
            .zip(&mut squares)
            .filter_map(|((users, (at, block)), squares)| {
                Some((block, users, items[at].take()?, squares))
            })
            .collect();
        let queue = Queue::new(pieces.into_iter());
        together(plan.threads, || {
            while let Some((block, users, items, squares)) = queue.take() {
                *squares = pass(plan.isa, block, users, items, rates);
            }
        });
        squares.iter().sum()
    }

    pub(super) fn is_finite(&self) -> bool {
        self.users.is_finite() && self.items.is_finite()
    }
}

/// Lanes of 16 that hold `factors` numbers, rounded up to a width that is compiled.
fn width_of(factors: usize) -> usize {
    let needed = factors.div_ceil(16);
    WIDTHS
        .into_iter()
        .find(|&width| width >= needed)
        .unwrap_or(WIDTHS[WIDTHS.len() - 1])
}

/// The rows of each range, `width` values a row; the ranges follow each other.
fn split<'a, T>(
    mut values: &'a mut [T],
    ranges: &'a [Range<usize>],
    width: usize,
) -> impl Iterator<Item = &'a mut [T]> {
    ranges.iter().map(move |range| {
        let (part, rest) = std::mem::take(&mut values).split_at_mut(range.len() * width);
        values = rest;
        part
    })
}
