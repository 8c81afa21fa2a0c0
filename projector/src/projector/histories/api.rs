//! The API over HTTP on an index of this process, so that the oracle asks it what clients ask.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use query_api::{Compat, QueryApi, ReferencePosition, router};
use schemas::access::{ApiKey, Grant, Permission};
use schemas::id::ProjectId;
use schemas::reader::CallReader;
use schemas::reference::{KeyObject, ReferenceData, ReferenceObject, ReferenceRecord};
use schemas::time::Clock;
use testkit::Client;
use testkit::oracle::Tenant;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::events::{PROJECTS, project};

const PATIENCE: Duration = Duration::from_mins(1);

pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Serves until it is dropped.
pub(super) struct Api {
    pub(super) tenants: Vec<Tenant>,
    serving: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A key of a project. They are in no use but here.
fn key(project: Uuid) -> Uuid {
    Uuid::from_u128(project.as_u128() << 64)
}

fn reference() -> ReferenceData {
    let mut reference = ReferenceData::default();
    for (offset, at) in (0..).zip(0..PROJECTS) {
        let project = project(at);
        let permission = Permission::project_owner();
        let key = key(project);
        let object = KeyObject {
            project_id: ProjectId(project),
            hash: key.to_string().parse::<ApiKey>().expect("a key").hash(),
            name: None,
            permissions: vec![Grant { permission, is_block_permission: false, label_ids: Vec::new() }],
            created_at: None,
            expires_at: None,
        };
        reference.apply(offset, ReferenceRecord::of(key, ReferenceObject::Key(object)));
    }
    reference
}

impl Api {
    pub(super) fn over(reader: Arc<dyn CallReader>) -> Self {
        let reference = reference();
        let (_, next) = watch::channel(reference.next());
        let api = QueryApi {
            reader,
            reference: Arc::new(ArcSwap::from_pointee(reference)),
            reference_position: ReferencePosition::new(next),
            master_key: None,
            compat: Compat::Docs,
            query_timeout: PATIENCE,
            body_timeout: PATIENCE,
            consistency_timeout: PATIENCE,
            clock: Clock::system(),
        };
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let serving = RUNTIME.spawn(async move { axum::serve(listener, router(api)).await.expect("it serves") });
        let tenant = |at| {
            let project = project(at);
            Tenant { project: project.to_string(), client: Client::new(&url).with_key(key(project).to_string()) }
        };
        Self { tenants: (0..PROJECTS).map(tenant).collect(), serving }
    }
}
