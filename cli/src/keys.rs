//! `keys`: API keys, made, listed and revoked.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use event_log::{DataFolder, ReferenceFollower, append_reference};
use schemas::access::Grant;
use schemas::id::{ProjectId, normal_name};
use schemas::reference::{KeyRevocationObject, ListedKey, ListedKeys, ReferenceData, ReferenceObject, ReferenceRecord};
use schemas::time::{Clock, Date, Timestamp};
use serde::de::IgnoredAny;

use crate::args::{CreateKeyArgs, KeyPlaceArgs, ListKeysArgs, RevokeKeyArgs};
use crate::client::{Client, json_array};
use crate::log_access::{COMMAND_WAIT, OpenLog, open_embedded, open_folder, open_kafka_now};
use crate::new_key::{NewKey, project_record};
use crate::{Outcome, output};

/// Where the reference data are, opened.
enum Place {
    /// A log that this process reads itself.
    Log {
        open: OpenLog,
        data: Box<ReferenceData>,
        _folder: Option<DataFolder>,
    },
    Server(Client),
}

pub(crate) async fn create(args: CreateKeyArgs) -> anyhow::Result<Outcome> {
    let place = open(&args.place).await?;
    let named = args.project.parse::<ProjectId>();
    let project = named.clone().unwrap_or_else(|_| ProjectId::of_name(&args.project));
    let mut records = Vec::new();
    match (&place, named) {
        // A name says which project it is, so that writing it again changes nothing.
        (_, Err(_)) => records.push(project_record(project, &normal_name(&args.project))),
        (Place::Log { data, .. }, Ok(_)) if data.project(project).is_none() => {
            records.push(project_record(project, &project.to_string()));
        }
        // A project that has only an id needs no record of its own, and one that is there must keep its name.
        _ => {}
    }
    let new = NewKey {
        project,
        permissions: args.permissions,
        name: args.name,
        created: Clock::system().now(),
        expires: args.expires,
    };
    let (key, record) = new.make();
    records.push(record);
    place.append(&records).await?;
    output::line(&key.reveal());
    Ok(Outcome::Done)
}

pub(crate) async fn list(args: ListKeysArgs) -> anyhow::Result<Outcome> {
    let keys = open(&args.place).await?.keys().await?;
    output::line(&table(&keys, Clock::system().now().date()));
    Ok(Outcome::Done)
}

pub(crate) async fn revoke(args: RevokeKeyArgs) -> anyhow::Result<Outcome> {
    let place = open(&args.place).await?;
    if !place.keys().await?.iter().any(|key| key.id == args.key) {
        bail!("there is no key with the id {}", args.key);
    }
    let revocation = KeyRevocationObject { revoked_at: Some(Clock::system().now()) };
    let record = ReferenceRecord::of(args.key.0, ReferenceObject::KeyRevocation(revocation));
    place.append(&[record]).await?;
    output::line(&format!("revoked {}", args.key));
    Ok(Outcome::Done)
}

async fn open(args: &KeyPlaceArgs) -> anyhow::Result<Place> {
    if let Some(url) = &args.place.url {
        let key = args.master_key.read()?.context("--url needs --master-key-file")?;
        return Ok(Place::Server(Client::new(url, key)?));
    }
    let (open, folder) = match (&args.place.data, &args.place.kafka) {
        (Some(path), _) => {
            let folder = open_folder(path).await?;
            (open_embedded(&folder, args.settings.log_partitions).await?, Some(folder))
        }
        (None, Some(bootstrap)) => (open_kafka_now(bootstrap, &args.settings).await?, None),
        (None, None) => bail!("one of --data, --kafka and --url is needed"),
    };
    let data = Box::new(read_reference(&open).await?);
    Ok(Place::Log { open, data, _folder: folder })
}

async fn read_reference(open: &OpenLog) -> anyhow::Result<ReferenceData> {
    let follower = ReferenceFollower::start(Arc::clone(&open.log), tokio::runtime::Handle::current())?;
    let waiting = async {
        while !follower.is_ready() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let limit = COMMAND_WAIT;
    tokio::time::timeout(limit, waiting).await.context("the reference data can't be read in time")?;
    let data = ReferenceData::clone(&follower.data().load());
    // Its thread ends at its leisure.
    tokio::task::spawn_blocking(move || drop(follower));
    Ok(data)
}

impl Place {
    async fn append(&self, records: &[ReferenceRecord]) -> anyhow::Result<()> {
        match self {
            Self::Log { open, .. } => {
                append_reference(&*open.log, records).await?;
            }
            Self::Server(client) => {
                let events: Vec<Vec<u8>> = records.iter().filter_map(ReferenceRecord::encode).collect();
                let events: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
                client.post::<IgnoredAny>("v1/reference", json_array(&events)).await?;
            }
        }
        Ok(())
    }

    async fn keys(&self) -> anyhow::Result<Vec<ListedKey>> {
        match self {
            Self::Log { data, .. } => Ok(data.listed_keys().keys),
            Self::Server(client) => Ok(client.get::<ListedKeys>("v1/keys").await?.keys),
        }
    }
}

fn table(keys: &[ListedKey], now: Date) -> String {
    let mut rows = vec![["ID", "PROJECT", "NAME", "PERMISSIONS", "CREATED", "EXPIRES", "STATE"].map(str::to_owned)];
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|key| (key.created_at, key.id));
    rows.extend(keys.into_iter().map(|key| row(key, now)));
    output::table(&rows)
}

fn row(key: &ListedKey, now: Date) -> [String; 7] {
    let grant = |grant: &Grant| {
        let block = if grant.is_block_permission { "not " } else { "" };
        format!("{block}{}", grant.permission.name())
    };
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let time = |time: Option<Timestamp>| dash(time.map(|time| time.to_string()));
    [
        key.id.to_string(),
        key.project_name.clone().unwrap_or_else(|| key.project_id.to_string()),
        dash(key.name.clone()),
        key.permissions.iter().map(grant).collect::<Vec<_>>().join(","),
        time(key.created_at),
        time(key.expires_at),
        key.state(now).to_owned(),
    ]
}
