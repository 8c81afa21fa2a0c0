//! New ids.

use schemas::time::Timestamp;
use uuid::{NoContext, Uuid};

/// A new version 7 UUID for this instant.
pub(crate) fn new_id(now: Timestamp) -> Uuid {
    let micros = u64::try_from(now.0).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_instant_and_is_new_every_time() {
        let now = Timestamp::parse("2026-03-01T06:00:00.123456Z").expect("valid");
        let id = new_id(now);
        assert_eq!(id.get_version_num(), 7);
        let (seconds, nanos) = id.get_timestamp().expect("version 7 has a time").to_unix();
        assert_eq!((seconds, nanos / 1_000_000), (1_772_344_800, 123));
        assert_ne!(id, new_id(now));
    }
}
