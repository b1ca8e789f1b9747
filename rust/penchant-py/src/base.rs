//! The memory behind an index.

use penchant_kernels::top_k::{Items, Magnitudes};
use penchant_kernels::{KernelError, Matrix, Resident};

use crate::pinned::Pinned;

/// Where the vectors of an index live.
pub(crate) enum Memory {
    Borrowed(Pinned<f32>),
    Resident(Resident),
}

/// The items that an index and those made from it share.
pub(crate) struct Base {
    memory: Memory,
    rows: usize,
    pub(crate) dim: usize,
    /// Found when the first batch is ranked.
    magnitudes: Magnitudes,
}

impl Base {
    /// Items that live there, `rows` of length `dim`.
    pub(crate) fn new(memory: Memory, rows: usize, dim: usize) -> Self {
        Self {
            memory,
            rows,
            dim,
            magnitudes: Magnitudes::default(),
        }
    }

    /// Only the items.
    pub(crate) fn matrix(&self) -> Result<Matrix<'_>, KernelError> {
        let values = match &self.memory {
            Memory::Borrowed(array) => array.slice(),
            Memory::Resident(copy) => copy.values(),
        };
        Matrix::new(values, self.rows, self.dim)
    }

    /// The items, and what is known of them.
    pub(crate) fn items(&self) -> Result<Items<'_>, KernelError> {
        Ok(Items::with(self.matrix()?, &self.magnitudes))
    }

    /// Whether they are a copy of the index's own.
    pub(crate) fn resident(&self) -> bool {
        matches!(self.memory, Memory::Resident(_))
    }
}
