//! Which calls the index may have: spares nearly every new call a look into every segment's dictionary.

use xxhash_rust::xxh3::xxh3_64;

/// Bits per call. With one bit in each of a block's eight words, about one unknown call in two thousand seems
/// known and costs a look-up in vain.
const BITS_PER_CALL: usize = 16;
const BLOCK_WORDS: usize = 8;
const BLOCK_CALLS: usize = BLOCK_WORDS * 64 / BITS_PER_CALL;
/// Calls that the first layer is made for, at least.
const FIRST_LAYER_CALLS: usize = 65_536;

/// Odd numbers that spread 32 bits of a hash over the words of a block.
const SALTS: [u32; BLOCK_WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// A Bloom filter of call keys that grows by layers, each twice as large as the one before. A look-up touches
/// one cache line a layer. Two to four bytes per call.
#[derive(Debug)]
pub(crate) struct KnownCalls {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    blocks: Vec<[u64; BLOCK_WORDS]>,
    calls: usize,
}

impl KnownCalls {
    /// A filter for this many calls, and about as many more before it grows.
    pub(crate) fn for_calls(calls: usize) -> Self {
        Self { layers: vec![Layer::for_calls(calls.saturating_mul(2).max(FIRST_LAYER_CALLS))] }
    }

    pub(crate) fn insert(&mut self, key: &[u8]) {
        let hash = xxh3_64(key);
        let next = match self.layers.last_mut() {
            Some(layer) if layer.calls < layer.capacity() => {
                layer.insert(hash);
                return;
            }
            Some(layer) => layer.capacity().saturating_mul(2),
            None => FIRST_LAYER_CALLS,
        };
        let mut layer = Layer::for_calls(next);
        layer.insert(hash);
        self.layers.push(layer);
    }

    /// Whether the call may have been inserted. Never wrong about one that was.
    pub(crate) fn may_contain(&self, key: &[u8]) -> bool {
        let hash = xxh3_64(key);
        self.layers.iter().any(|layer| layer.may_contain(hash))
    }
}

impl Layer {
    fn for_calls(calls: usize) -> Self {
        Self { blocks: vec![[0; BLOCK_WORDS]; calls.div_ceil(BLOCK_CALLS)], calls: 0 }
    }

    fn capacity(&self) -> usize {
        self.blocks.len() * BLOCK_CALLS
    }

    /// The upper half of the hash, scaled to the number of blocks.
    fn block_of(&self, hash: u64) -> usize {
        let scaled = (u128::from(hash) * self.blocks.len() as u128) >> 64;
        usize::try_from(scaled).expect("a fraction of a usize is a usize")
    }

    fn insert(&mut self, hash: u64) {
        let at = self.block_of(hash);
        if let Some(block) = self.blocks.get_mut(at) {
            for (word, bit) in block.iter_mut().zip(bits(hash)) {
                *word |= bit;
            }
            self.calls += 1;
        }
    }

    fn may_contain(&self, hash: u64) -> bool {
        let block = self.blocks.get(self.block_of(hash));
        block.is_some_and(|block| block.iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0))
    }
}

/// One bit for each word of the block, from the lower half of the hash.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn bits(hash: u64) -> impl Iterator<Item = u64> {
    SALTS.into_iter().map(move |salt| 1 << ((hash as u32).wrapping_mul(salt) >> 26))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_forgotten_and_few_unknown_ones_seem_known() {
        let mut known = KnownCalls::for_calls(10);
        let count = 300_000u64;
        for call in 0..count {
            known.insert(&call.to_be_bytes());
        }
        assert!((0..count).all(|call| known.may_contain(&call.to_be_bytes())));
        let wrong = (count..2 * count).filter(|call| known.may_contain(&call.to_be_bytes())).count();
        assert!(wrong < 600, "{wrong} of {count}");
        let bytes: usize = known.layers.iter().map(|layer| layer.blocks.len() * 64).sum();
        assert!(bytes < 10 * 300_000, "{bytes} bytes");
    }
}
