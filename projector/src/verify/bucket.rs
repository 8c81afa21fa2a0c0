//! The calls of one pass: those whose keys' hashes begin with the same bits.

use schemas::id::CallKey;
use xxhash_rust::xxh3::xxh3_64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// How many bits are compared.
    bits: u32,
    /// The bits, as a number.
    prefix: u64,
}

impl Bucket {
    pub(super) const ALL: Self = Self { bits: 0, prefix: 0 };

    pub(super) fn contains(self, key: CallKey) -> bool {
        xxh3_64(&key.to_bytes()).checked_shr(64 - self.bits).unwrap_or(0) == self.prefix
    }

    /// The two halves of this bucket.
    pub(super) fn halves(self) -> (Self, Self) {
        let bits = self.bits + 1;
        (Self { bits, prefix: self.prefix << 1 }, Self { bits, prefix: (self.prefix << 1) | 1 })
    }

    /// Whether a bucket of this size can still be halved.
    pub(super) fn is_divisible(self) -> bool {
        self.bits < 63
    }
}

#[cfg(test)]
mod tests {
    use schemas::id::{CallId, ProjectId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_call_is_in_exactly_one_of_the_halves() {
        let (low, high) = Bucket::ALL.halves();
        let (lowest, middle) = low.halves();
        let mut counts = [0; 3];
        for call in 0..1000u128 {
            let key = CallKey { project: ProjectId(Uuid::nil()), call: CallId(Uuid::from_u128(call)) };
            assert!(Bucket::ALL.contains(key));
            let within = [lowest, middle, high].map(|bucket| bucket.contains(key));
            assert_eq!(within.iter().filter(|within| **within).count(), 1);
            for (count, within) in counts.iter_mut().zip(within) {
                *count += usize::from(within);
            }
        }
        assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
    }
}
