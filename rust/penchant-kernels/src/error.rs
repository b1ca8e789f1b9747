//! What a kernel refuses, and in which words.

use std::fmt;

/// Why a kernel did not answer. The message is one whole sentence, written for the caller: the
/// thing, the value got, the value wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// Sizes of the arguments do not fit each other.
    Shape(String),
    /// The values of an array cannot be used as they are.
    Data(String),
    /// A setting is out of its range.
    Setting(String),
    /// A question cannot be answered as it was put.
    Request(String),
    /// Training left the range of finite numbers.
    Diverged(String),
}

impl KernelError {
    /// The sentence for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Shape(text)
            | Self::Data(text)
            | Self::Setting(text)
            | Self::Request(text)
            | Self::Diverged(text) => text,
        }
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())
    }
}

impl std::error::Error for KernelError {}
