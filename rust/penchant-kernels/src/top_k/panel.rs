//! Queries side by side: the lanes of a batch.

use std::ops::Range;

use crate::Matrix;
use crate::canonical::LANES;

/// One float of each of 16 queries.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Column(pub(super) [f32; LANES]);

impl Column {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// Up to 32 queries, dimension after dimension.
#[derive(Debug)]
pub(super) struct Panel {
    columns: Vec<Column>,
    width: usize,
    queries: Range<usize>,
}

impl Panel {
    /// Most columns that a dimension has.
    pub(super) const WIDEST: usize = 2;

    /// Turn a run of queries on its side, `width` columns a dimension; lanes without a query hold
    /// zeros. O(queries · dim).
    pub(super) fn of(queries: Matrix<'_>, taken: Range<usize>, width: usize) -> Self {
        assert!(taken.len() <= width * LANES && width <= Self::WIDEST);
        let mut columns = vec![Column::ZERO; queries.dim() * width];
        for (lane, query) in taken.clone().enumerate() {
            let own = columns.iter_mut().skip(lane / LANES).step_by(width);
            for (column, &value) in own.zip(queries.row(query)) {
                column.0[lane % LANES] = value;
            }
        }
        Self {
            columns,
            width,
            queries: taken,
        }
    }

    /// Columns a dimension.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The queries in the lanes.
    pub(super) fn queries(&self) -> Range<usize> {
        self.queries.clone()
    }

    /// `width` columns a dimension.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }
}
