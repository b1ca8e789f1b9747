//! Which instruction sets the kernels have code for, and which of them this CPU runs.

/// An instruction set. The order is from slowest to fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Portable Rust: the reference for all others and the fallback everywhere.
    Scalar,
    /// AVX2 with FMA, 8 floats a register.
    Avx2,
    /// AVX-512 (F, DQ, BW, VL), 16 floats a register.
    Avx512,
}

impl Isa {
    /// All instruction sets that some kernel has code for.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The name that callers use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The instruction set of that name, whether or not this CPU has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Whether this CPU and operating system run it.
    #[must_use]
    pub fn available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The fastest one available.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL
            .into_iter()
            .rev()
            .find(|isa| isa.available())
            .unwrap_or(Self::Scalar)
    }
}

/// Whether the CPU multiplies bytes and adds them up by fours, 64 at a time; asked of CPUs that have
/// [`Isa::Avx512`].
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni")
}

/// Bytes of a scan from which on asking for lines ahead gains more than it costs.
///
/// AMD's processors keep ahead of a scan of their L3 by themselves: on Zen 4 a prefetch beside each
/// read made such scans take 1.1 to 1.3 times as long. L3 has 32 MB there, which others use too. On
/// Intel's it gained from 1 MB on, past L2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn far() -> usize {
    // Of AMD's own instructions, the ones that its processors still have.
    if is_x86_feature_detected!("sse4a") {
        16 << 20
    } else {
        1 << 20
    }
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn every_name_leads_back_to_its_instruction_set() {
        for isa in Isa::ALL {
            assert_eq!(Isa::named(isa.name()), Some(isa));
        }
        assert_eq!(Isa::named("sse9"), None);
    }

    #[test]
    fn the_best_one_is_available_and_scalar_always_is() {
        assert!(Isa::Scalar.available());
        assert!(Isa::best().available());
    }
}
