//! The key that a new log gets, so that somebody can use it.

use std::time::Duration;

use event_log::{ReferenceFollower, append_reference};
use schemas::access::{ApiKey, Permission};
use schemas::id::ProjectId;
use schemas::time::Timestamp;

use crate::log_access::OpenLog;
use crate::new_key::{NewKey, project_record};

/// The project that a new log gets.
const PROJECT_NAME: &str = "default";
/// How often to look whether the reference data are there.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until the reference data are read to the end seen at the start. Before that a good key may seem unknown, and
/// a revoked one good: nobody is asked for a key until then.
pub(super) async fn reference_ready(reference: &ReferenceFollower) {
    while !reference.is_ready() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes a project and a key when the log has no keys at all. The key is told to nobody else.
pub(super) async fn first_key(
    open: &OpenLog,
    reference: &ReferenceFollower,
    now: Timestamp,
) -> anyhow::Result<Option<ApiKey>> {
    reference_ready(reference).await;
    if reference.data().load().keys().next().is_some() {
        return Ok(None);
    }
    let project = ProjectId::of_name(PROJECT_NAME);
    let permissions = vec![Permission::project_owner()];
    let name = Some("first key".to_owned());
    let (key, record) = NewKey { project, permissions, name, created: now, expires: None }.make();
    append_reference(&*open.log, &[project_record(project, PROJECT_NAME), record]).await?;
    Ok(Some(key))
}
