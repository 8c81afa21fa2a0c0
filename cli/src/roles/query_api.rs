//! The query API, alone.

use std::sync::Arc;

use ::query_api::{MergedReader, QueryApi, ReferencePosition, RemoteReader, RemoteReaderError};
use event_log::ReferenceFollower;
use schemas::limits::BODY_TIMEOUT;
use schemas::reader::CallReader;
use schemas::time::Clock;

use super::first_key::reference_ready;
use super::stop::stop;
use crate::args::{InternalSecret, ProjectorUrlsArgs, QueryApiArgs};
use crate::http::{HttpServer, Parts, Readiness, describe_query_api};
use crate::log_access::open_kafka;
use crate::{Outcome, output, shutdown};

/// Reads from all of these projectors as from one.
pub(super) fn reader_of(
    args: &ProjectorUrlsArgs,
    secret: &InternalSecret,
) -> Result<Arc<dyn CallReader>, RemoteReaderError> {
    let mut projectors: Vec<Arc<dyn CallReader>> = Vec::new();
    for url in &args.projectors {
        projectors.push(Arc::new(RemoteReader::new(url.as_str(), secret.reveal())?));
    }
    Ok(Arc::new(MergedReader::new(projectors)))
}

pub(crate) async fn query_api(args: QueryApiArgs) -> anyhow::Result<Outcome> {
    let (secret, master_key) = (args.secret.read()?, args.master_key.read()?);
    let options = args.kafka.settings.options(&args.kafka.kafka)?;
    let reader = reader_of(&args.projectors, &secret)?;
    let stopping = shutdown::on_signal()?;
    let readiness = Arc::new(Readiness::default());
    let (cors, openapi) = (args.listen.cors(), describe_query_api(args.query.compat()));
    let http = HttpServer::start(args.listen.listen, Some(cors), Arc::clone(&readiness), &openapi).await?;
    let opening = open_kafka(options, |what| readiness.wait_for(what));
    let Some(open) = stopping.run_until_cancelled(opening).await else {
        stop(http, None, ()).await;
        return Ok(Outcome::Done);
    };
    let open = open?;
    let reference = Arc::new(ReferenceFollower::start(Arc::clone(&open.log), tokio::runtime::Handle::current())?);
    readiness.watch(Parts {
        reference: Some(Arc::clone(&reference)),
        reader: Some(Arc::clone(&reader)),
        every_partition: true,
        ..Parts::default()
    });
    if stopping.run_until_cancelled(reference_ready(&reference)).await.is_none() {
        stop(http, None, (reference, open)).await;
        return Ok(Outcome::Done);
    }
    http.open(::query_api::router(QueryApi {
        reader,
        reference: reference.data(),
        reference_position: ReferencePosition::new(reference.next()),
        master_key,
        compat: args.query.compat(),
        query_timeout: args.query.query_timeout,
        body_timeout: BODY_TIMEOUT,
        consistency_timeout: args.query.consistency_timeout,
        clock: Clock::system(),
    }));
    output::line(&format!("llm-log query-api serves {} (reference data on {})", http.url(), args.kafka.kafka));
    stopping.cancelled().await;
    stop(http, None, (reference, open)).await;
    Ok(Outcome::Done)
}
