//! Why a kernel refuses its arguments, or gives up.

use std::error::Error;
use std::fmt;

/// A refusal with one sentence that says what was given, what is wanted, and the way out.
///
/// The variant decides which exception a caller in Python sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// Lengths or shapes of the arguments don't fit each other.
    Shape(String),
    /// A value inside an array can't be used.
    Data(String),
    /// A number that steers the kernel is out of its range.
    Setting(String),
    /// Training left the range of finite numbers.
    Diverged(String),
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(text) | Self::Data(text) | Self::Setting(text) | Self::Diverged(text) => {
                f.write_str(text)
            }
        }
    }
}

impl Error for KernelError {}
