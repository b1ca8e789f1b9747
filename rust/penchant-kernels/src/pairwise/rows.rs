//! Rows of factors while they are trained: whole lanes, zeros after the last factor.

use super::Settings;
use crate::Matrix;
use crate::filter::Ragged;
use crate::random::Draws;
use crate::simd::Lanes;

/// Rows of `width` lanes each.
pub(super) struct Rows {
    pub(super) lanes: Vec<Lanes>,
    pub(super) width: usize,
}

/// Lanes that hold `factors` numbers, rounded up to a power of two: the widths that are compiled.
pub(super) fn width_of(factors: usize) -> usize {
    factors.div_ceil(16).next_power_of_two()
}

/// Calls a function of a width as a constant of the compiler.
macro_rules! with_width {
    ($width:expr, $n:ident => $call:expr) => {
        match $width {
            1 => {
                const $n: usize = 1;
                $call
            }
            2 => {
                const $n: usize = 2;
                $call
            }
            4 => {
                const $n: usize = 4;
                $call
            }
            8 => {
                const $n: usize = 8;
                $call
            }
            16 => {
                const $n: usize = 16;
                $call
            }
            _ => {
                const $n: usize = 32;
                $call
            }
        }
    };
}
pub(super) use with_width;

impl Rows {
    /// Where users and items start from: small numbers for rows with likings, each row's own
    /// stream, so that rows without likings don't shift those of others.
    pub(super) fn start(likes: &Ragged<'_>, settings: &Settings) -> (Self, Self) {
        let mut liked = vec![false; likes.columns()];
        for user in 0..likes.rows() {
            for &item in likes.get(user) {
                liked[item as usize] = true;
            }
        }
        let users = Self::drawn(settings, 0, likes.rows(), |user| {
            !likes.get(user).is_empty()
        });
        let items = Self::drawn(settings, 1, liked.len(), |item| liked[item]);
        (users, items)
    }

    fn drawn(settings: &Settings, side: u64, n: usize, known: impl Fn(usize) -> bool) -> Self {
        // A uniform distribution of standard deviation s is 2 s sqrt(3) wide.
        let range = 0.346_410_16 / (settings.factors as f32).sqrt();
        let width = width_of(settings.factors);
        let mut lanes = vec![Lanes::ZERO; n * width];
        for (row, lanes) in lanes.chunks_exact_mut(width).enumerate() {
            if known(row) {
                let mut draws = Draws::new(&[settings.seed, side, row as u64]);
                let numbers = lanes.iter_mut().flat_map(|lanes| &mut lanes.0);
                for number in numbers.take(settings.factors) {
                    *number = (draws.fraction() - 0.5) * range;
                }
            }
        }
        Self { lanes, width }
    }

    /// Rows of factors that were [narrow](Rows::narrow).
    pub(super) fn of(factors: &Matrix<'_>) -> Self {
        let width = width_of(factors.dim());
        let mut lanes = vec![Lanes::ZERO; factors.rows() * width];
        for (row, lanes) in lanes.chunks_exact_mut(width).enumerate() {
            let numbers = lanes.iter_mut().flat_map(|lanes| &mut lanes.0);
            for (number, &factor) in numbers.zip(factors.row(row)) {
                *number = factor;
            }
        }
        Self { lanes, width }
    }

    pub(super) fn are_finite(&self) -> bool {
        // Without an early way out, so that the comparison is a few wide steps.
        let numbers = self.lanes.iter().flat_map(|lanes| &lanes.0);
        numbers.filter(|number| !number.is_finite()).count() == 0
    }

    /// The first `factors` numbers of every row.
    pub(super) fn narrow(&self, factors: usize) -> Vec<f32> {
        let rows = self.lanes.chunks_exact(self.width);
        rows.flat_map(|row| row.iter().flat_map(|lanes| lanes.0).take(factors))
            .collect()
    }
}
