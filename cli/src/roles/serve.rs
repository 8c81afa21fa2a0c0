//! Everything in one process.

use std::sync::Arc;

use ::ingest::{InboxStatus, Ingest, IngestApi, Sweeper};
use ::projector::{Projector, ProjectorOptions};
use ::query_api::{QueryApi, ReferencePosition};
use event_log::ReferenceFollower;
use schemas::access::ApiKey;
use schemas::limits::BODY_TIMEOUT;
use schemas::time::Clock;
use tokio::sync::watch;

use super::first_key::{first_key, reference_ready};
use super::inbox::start_inbox;
use super::sample::Samples;
use super::stop::stop;
use super::sweep::start_sweeping;
use super::verify_page::VerifyPage;
use crate::args::ServeArgs;
use crate::http::{HttpServer, Parts, Readiness, SampleState, describe_serve};
use crate::log_access::{open_embedded, open_folder, open_kafka};
use crate::{Outcome, output, shutdown};

pub(crate) async fn serve(args: ServeArgs) -> anyhow::Result<Outcome> {
    let master_key = args.master_key.read()?;
    let settings = &args.kafka.settings;
    let kafka = args.kafka.kafka.as_deref().map(|bootstrap| settings.options(bootstrap)).transpose()?;
    let stopping = shutdown::on_signal()?;
    let readiness = Arc::new(Readiness::default());
    let (cors, openapi) = (args.listen.cors(), describe_serve(args.query.compat()));
    let http = HttpServer::start(args.listen.listen, Some(cors), Arc::clone(&readiness), &openapi).await?;
    let folder = open_folder(&args.data.data).await?;
    let opening = async {
        match &kafka {
            Some(options) => open_kafka(options.clone(), |what| readiness.wait_for(what)).await,
            None => open_embedded(&folder, settings.log_partitions).await,
        }
    };
    let Some(open) = stopping.run_until_cancelled(opening).await else {
        stop(http, None, folder).await;
        return Ok(Outcome::Done);
    };
    let open = open?;
    let clock = Clock::system();
    let reference = Arc::new(ReferenceFollower::start(Arc::clone(&open.log), tokio::runtime::Handle::current())?);
    let options = ProjectorOptions { folder: folder.index(), partitions: None, clock: clock.clone() };
    let projector = Arc::new(Projector::start(options, Arc::clone(&open.log), open.id)?);
    let ingest = Ingest::new(Arc::clone(&open.log), open.id, clock.clone(), args.ingest.limits());
    let door = ::ingest::router(IngestApi {
        ingest: Arc::clone(&ingest),
        reference: reference.data(),
        master_key,
        clock: clock.clone(),
        log: Arc::clone(&open.log),
    });
    let queries = ::query_api::router(QueryApi {
        reader: projector.reader(),
        reference: reference.data(),
        reference_position: ReferencePosition::new(reference.next()),
        master_key,
        compat: args.query.compat(),
        query_timeout: args.query.query_timeout,
        body_timeout: BODY_TIMEOUT,
        consistency_timeout: args.query.consistency_timeout,
        clock: clock.clone(),
    });
    let inbox_status = InboxStatus::default();
    let (sample_state, samples_visible) = watch::channel(SampleState::Loading);
    readiness.watch(Parts {
        reference: Some(Arc::clone(&reference)),
        reader: Some(projector.reader()),
        every_partition: true,
        projector: Some(projector.failure()),
        status: Some(projector.status()),
        inbox: kafka.is_some().then(|| inbox_status.clone()),
        samples: args.sample.then_some(samples_visible),
    });
    if stopping.run_until_cancelled(reference_ready(&reference)).await.is_none() {
        stop(http, Some(projector), (ingest, reference, open, folder)).await;
        return Ok(Outcome::Done);
    }
    let verify = VerifyPage { projector: Arc::downgrade(&projector), log: Arc::clone(&open.log), master_key };
    http.open(door.clone().merge(verify.router()).merge(queries));
    let inbox = match kafka {
        Some(options) => Some(start_inbox(options, Arc::clone(&ingest), inbox_status).await?),
        None => None,
    };
    if let Some(age) = args.abandon_after.0 {
        let sweeper = Sweeper::new(projector.reader(), Arc::clone(&ingest), clock.clone(), age);
        start_sweeping(sweeper, age, stopping.clone());
    }
    let place = args.kafka.kafka.as_deref().map_or_else(String::new, |bootstrap| format!(", log on {bootstrap}"));
    output::line(&format!("llm-log serves {} (data in {}{place})", http.url(), folder.path().display()));

    let samples = Samples {
        open: open.clone(),
        reference: Arc::clone(&reference),
        reader: projector.reader(),
        door,
        clock: clock.clone(),
        state: sample_state,
    };
    let url = http.url();
    let welcome = async {
        if let Some(key) = first_key(&open, &reference, clock.now()).await {
            output::line(&format!("project \"default\" has a key, shown only this once: {}", key.reveal()));
        }
        if args.sample {
            tell_sample_key(&url, samples.load().await);
        }
    };
    if stopping.run_until_cancelled(welcome).await.is_some() {
        stopping.cancelled().await;
    }
    drop(samples);
    stop(http, Some(projector), (inbox, ingest, reference, open, folder)).await;
    Ok(Outcome::Done)
}

fn tell_sample_key(url: &str, key: ApiKey) {
    let key = key.reveal();
    output::line(&format!("project \"sample\" has a key, good for a day: {key}"));
    let query = r#"{"select":{"createdAt":true,"requestPrompt":true},"query":{"requestPrompt":{"_type":"FullText","value":"refund"}}}"#;
    output::line(&format!(
        "try: curl -s {url}/api/llm-log/get-list -H 'ApiKey: {key}' -H 'Content-Type: application/json' -d '{query}'"
    ));
}
