//! Whether processes that read from each other are of one version. What they send each other does not describe itself:
//! columns, kinds of filter and members go by their places, so that bytes of another version may decode to something
//! else.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use crate::model::Column;

/// The header in which both sides say their version.
pub const VERSION_HEADER: &str = "llm-log-protocol";
/// Counted up when what is sent changes within a version of llm-log.
const PROTOCOL: u32 = 1;

/// The version that this process speaks.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| of_llm_log(env!("CARGO_PKG_VERSION")));
    &VERSION
}

/// The protocol, the version of llm-log, and a digest of the model's columns in their order.
fn of_llm_log(version: &str) -> String {
    let columns: Vec<&str> = Column::ALL.into_iter().map(Column::name).collect();
    format!("{PROTOCOL}; llm-log {version}; columns {:016x}", xxh3_64(columns.join("\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_protocol_is_this() {
        insta::assert_snapshot!(of_llm_log("1.2.3"), @"1; llm-log 1.2.3; columns 7e321a26f6e1147d");
        assert_eq!(version(), of_llm_log(env!("CARGO_PKG_VERSION")));
    }
}
