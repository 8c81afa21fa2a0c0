//! Two projectors with the same partitions, read as one: what befalls one of them nobody sees.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use event_log::{EmbeddedLog, EmbeddedOptions, EventLog as _, NewRecord, Topic};
use projector::{Projector, ProjectorOptions};
use query_api::MergedReader;
use schemas::access::ReadScope;
use schemas::id::{LogId, ProjectId, home_partition};
use schemas::model::Column;
use schemas::positions::Positions;
use schemas::query::{Filter, SortKey};
use schemas::reader::{CallReader as _, ListRequest, ReadContext, WaitFor};
use schemas::time::Clock;
use testkit::{Generator, wait_until_async};
use uuid::Uuid;

use crate::journey::VISIBLE;
use crate::verifying::{file_of, spoil};

const PARTITIONS: u32 = 4;
const LOG: LogId = LogId(Uuid::from_u128(0x77));

fn start(folder: &Path, log: &Arc<EmbeddedLog>) -> Projector {
    let options = ProjectorOptions { folder: folder.to_owned(), partitions: None, clock: Clock::system() };
    Projector::start(options, Arc::clone(log) as _, LOG).expect("a projector")
}

fn request(positions: &Positions) -> ListRequest {
    ListRequest {
        context: ReadContext {
            scope: ReadScope::EveryProject,
            partitions: None,
            wait_for: Some(WaitFor { positions: positions.clone(), timeout: VISIBLE }),
            timeout: VISIBLE,
        },
        filter: Filter::everything(),
        sort: SortKey::newest_first(),
        skip: 0,
        limit: 1000,
        after: None,
        columns: Column::ALL.into_iter().filter(|column| column.relation().is_none()).collect(),
        count: true,
        frequencies: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_that_has_a_replica_is_built_anew_and_nobody_sees_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = EmbeddedOptions { partitions: PARTITIONS, clock: Clock::system() };
    let log = Arc::new(EmbeddedLog::open(&folder.path().join("log"), options).expect("a log"));
    let total = NonZeroU32::new(PARTITIONS).expect("not zero");
    let records = Generator::new(61).histories(ProjectId(Uuid::from_u128(1)), 200).into_iter().map(|event| NewRecord {
        partition: home_partition(event.key.call, total),
        key: bytes::Bytes::default(),
        value: Some(event.encode().into()),
        headers: Vec::new(),
    });
    let appended = log.append(Topic::Calls, records.collect()).await.expect("appended");
    let mut positions =
        Positions { log: LOG, partitions: (0..PARTITIONS).map(|at| (at, 0)).collect(), reference: None };
    for position in appended {
        positions.partitions.entry(position.partition).and_modify(|next| *next = (*next).max(position.offset + 1));
    }
    let folders = ["one", "two"].map(|name| folder.path().join(name));
    let [one, two] = folders.each_ref().map(|folder| start(folder, &log));
    let merged = MergedReader::new(vec![one.reader(), two.reader()]);
    wait_until_async("both serve", VISIBLE, async || {
        let pages = [one.reader().list(request(&positions)).await, two.reader().list(request(&positions)).await];
        pages.iter().all(Result::is_ok)
    })
    .await;
    let expected = merged.list(request(&positions)).await.expect("an answer").content;
    assert!(expected.rows.len() > 100);

    // Which of them answers is not known, so each is damaged in its turn.
    for (damaged, folder) in [&one, &two].into_iter().zip(&folders) {
        let aside = folder.with_extension("set-aside");
        spoil(&file_of(folder, "store").0);
        damaged.suspect_damage();
        wait_until_async("the damaged index is built anew", VISIBLE, async || {
            let page = merged.list(request(&positions)).await.expect("the other one answers");
            assert_eq!(page.content, expected);
            let status = damaged.reader().status().await.expect("a status");
            aside.is_dir() && status.unavailable.is_empty() && damaged.reader().list(request(&positions)).await.is_ok()
        })
        .await;
    }
    for projector in [one, two] {
        tokio::task::spawn_blocking(|| projector.stop()).await.expect("no panic");
    }
}
