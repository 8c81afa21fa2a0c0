//! A checksum for the list of segments, the one file of an index that tantivy gives none.
//!
//! A bit more or less in the list, and calls are lost, doubled, or their records never read. The checksum is one more
//! member at the end of the list's JSON, which tantivy passes over.

use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

/// The file with the list of segments and the payload.
const LIST: &str = "meta.json";
const BEFORE: &[u8] = b",\"checksum\":\"";
const AFTER: &[u8] = b"\"}";
const DIGITS: usize = 32;

pub(super) fn is_list(path: &Path) -> bool {
    path == Path::new(LIST)
}

/// The list with its checksum.
pub(super) fn sealed(list: &[u8]) -> Vec<u8> {
    let list = list.trim_ascii_end();
    let list = list.strip_suffix(b"}").unwrap_or(list);
    [list, BEFORE, checksum(list).as_bytes(), AFTER].concat()
}

/// Refuses a list that is not as it was sealed.
pub(super) fn check(sealed: &[u8]) -> io::Result<()> {
    let parts = || {
        let (rest, digits) = sealed.strip_suffix(AFTER)?.split_last_chunk::<DIGITS>()?;
        Some((rest.strip_suffix(BEFORE)?, digits))
    };
    match parts() {
        Some((list, digits)) if checksum(list).as_bytes() == digits => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the list of segments does not have its checksum")),
    }
}

fn checksum(list: &[u8]) -> String {
    format!("{:032x}", xxh3_128(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_list_is_still_json_with_all_that_it_had() {
        let sealed = sealed(b"{\n  \"segments\": [1]\n}\n");
        check(&sealed).expect("as it was sealed");
        let json: serde_json::Value = serde_json::from_slice(&sealed).expect("JSON");
        assert_eq!(json.get("segments"), Some(&serde_json::json!([1])));
    }

    #[test]
    fn a_list_that_was_cut_or_never_sealed_is_refused() {
        let sealed = sealed(b"{\"segments\":[]}");
        for end in 0..sealed.len() {
            check(&sealed[..end]).expect_err("cut");
        }
        check(b"{\"segments\":[]}").expect_err("never sealed");
    }
}
