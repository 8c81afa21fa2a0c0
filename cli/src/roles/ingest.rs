//! The way in, alone.

use std::sync::Arc;

use ::ingest::{InboxStatus, Ingest, IngestApi};
use event_log::ReferenceFollower;
use schemas::time::Clock;

use super::first_key::reference_ready;
use super::inbox::start_inbox;
use super::stop::stop;
use crate::args::IngestArgs;
use crate::http::{HttpServer, Parts, Readiness, describe_ingest, no_page};
use crate::log_access::open_kafka;
use crate::{Outcome, output, shutdown};

pub(crate) async fn ingest(args: IngestArgs) -> anyhow::Result<Outcome> {
    let master_key = args.master_key.read()?;
    let options = args.kafka.settings.options(&args.kafka.kafka)?;
    let stopping = shutdown::on_signal()?;
    let readiness = Arc::new(Readiness::default());
    let http =
        HttpServer::start(args.listen.listen, Some(args.listen.cors()), Arc::clone(&readiness), &describe_ingest())
            .await?;
    let opening = open_kafka(options.clone(), |what| readiness.wait_for(what));
    let Some(open) = stopping.run_until_cancelled(opening).await else {
        stop(http, None, ()).await;
        return Ok(Outcome::Done);
    };
    let open = open?;
    let clock = Clock::system();
    let reference = Arc::new(ReferenceFollower::start(Arc::clone(&open.log), tokio::runtime::Handle::current())?);
    let ingest = Ingest::new(Arc::clone(&open.log), open.id, clock.clone(), args.limits.limits());
    let inbox_status = InboxStatus::default();
    readiness.watch(Parts {
        reference: Some(Arc::clone(&reference)),
        inbox: Some(inbox_status.clone()),
        ..Parts::default()
    });
    if stopping.run_until_cancelled(reference_ready(&reference)).await.is_none() {
        stop(http, None, (ingest, reference, open)).await;
        return Ok(Outcome::Done);
    }
    let pages = ::ingest::router(IngestApi {
        ingest: Arc::clone(&ingest),
        reference: reference.data(),
        master_key,
        clock,
        log: Arc::clone(&open.log),
    });
    http.open(pages.fallback(no_page));
    let inbox = start_inbox(options, Arc::clone(&ingest), inbox_status).await?;
    output::line(&format!("llm-log ingest serves {} (log on {})", http.url(), args.kafka.kafka));
    stopping.cancelled().await;
    stop(http, None, (inbox, ingest, reference, open)).await;
    Ok(Outcome::Done)
}
