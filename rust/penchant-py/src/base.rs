//! The memory behind an index.

use numpy::Element;
use penchant_kernels::top_k::quantized::{self, CodeShape, Codes, UpperHalves};
use penchant_kernels::top_k::{Items, Magnitudes};
use penchant_kernels::{KernelError, Matrix, Resident};
use pyo3::prelude::*;

use crate::pinned::Pinned;
use crate::turns::Turns;

/// Where the vectors of an index live, or their codes.
pub(crate) enum Memory<T = f32> {
    Borrowed(Pinned<T>),
    Resident(Resident<T>),
}

impl<T: Element + Copy + Send + Sync> Memory<T> {
    /// The checked `values` of an array, or a copy of them.
    pub(crate) fn of(array: &Bound<'_, PyAny>, values: &[T], resident: bool) -> PyResult<Self> {
        Ok(if resident {
            Self::Resident(array.py().detached(|| Resident::copy_of(values)))
        } else {
            Self::Borrowed(Pinned::of(array, values)?)
        })
    }

    fn slice(&self) -> &[T] {
        match self {
            Self::Borrowed(array) => array.slice(),
            Self::Resident(copy) => copy.values(),
        }
    }
}

/// Codes of items and their bounds.
pub(crate) struct CodeMemory {
    pub(crate) codes: Memory<u8>,
    pub(crate) bounds: Memory<f32>,
}

/// Quantize into memory of one's own.
pub(crate) fn quantized(
    items: Matrix<'_>,
    threads: usize,
) -> Result<(Resident<u8>, Vec<f32>), KernelError> {
    let shape = CodeShape::of(items.rows(), items.dim())?;
    let panel = vec![0; shape.width];
    let mut codes = Resident::joined(&vec![&panel[..]; shape.panels]);
    let mut bounds = vec![0.0; shape.groups * CodeShape::BOUNDS];
    quantized::quantize(items, threads, codes.values_mut(), &mut bounds)?;
    Ok((codes, bounds))
}

/// The items that an index and those made from it share.
pub(crate) struct Base {
    memory: Memory,
    codes: Option<CodeMemory>,
    /// Of resident codes, where they are many.
    halves: Option<UpperHalves>,
    rows: usize,
    pub(crate) dim: usize,
    /// Found when the first batch is ranked.
    magnitudes: Magnitudes,
}

impl Base {
    /// Items that live there, `rows` of length `dim`, and codes of theirs.
    pub(crate) fn new(
        memory: Memory,
        codes: Option<CodeMemory>,
        rows: usize,
        dim: usize,
    ) -> Result<Self, KernelError> {
        let mut base = Self {
            memory,
            codes,
            halves: None,
            rows,
            dim,
            magnitudes: Magnitudes::default(),
        };
        base.items()?;
        if base.resident() {
            base.halves = base.codes()?.and_then(UpperHalves::of_many);
        }
        Ok(base)
    }

    /// Only the items.
    pub(crate) fn matrix(&self) -> Result<Matrix<'_>, KernelError> {
        Matrix::new(self.memory.slice(), self.rows, self.dim)
    }

    /// The items, and what is known of them.
    pub(crate) fn items(&self) -> Result<Items<'_>, KernelError> {
        let codes = self
            .codes()?
            .map(|codes| codes.with_halves(self.halves.as_ref()));
        Ok(Items::with(self.matrix()?, &self.magnitudes).quantized(codes))
    }

    fn codes(&self) -> Result<Option<Codes<'_>>, KernelError> {
        let codes = self.codes.as_ref().map(|memory| {
            let (codes, bounds) = (memory.codes.slice(), memory.bounds.slice());
            Codes::new(codes, bounds, self.rows, self.dim)
        });
        codes.transpose()
    }

    /// Whether what a scan reads is a copy of the index's own.
    pub(crate) fn resident(&self) -> bool {
        match &self.codes {
            Some(memory) => matches!(memory.codes, Memory::Resident(_)),
            None => matches!(self.memory, Memory::Resident(_)),
        }
    }

    /// Whether a scan reads codes.
    pub(crate) fn quantized(&self) -> bool {
        self.codes.is_some()
    }
}
