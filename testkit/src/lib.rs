//! What tests and measurements need around llm-log: the real binary as a process, a small HTTP client, made-up calls, a
//! broker when there is one, an oracle, and faults.
//!
//! Drives llm-log only from outside: it depends on `schemas` and on no other part of it.

mod skip;
mod wait;

mod binary;
mod client;
mod description;
mod server;

mod kafka;

mod arbitrary;
mod failing_power;
mod generator;
#[cfg(target_os = "linux")]
mod niceness;
mod small_disk;

pub mod chaos;
pub mod conformance;
pub mod oracle;

pub use arbitrary::{arbitrary_json, arbitrary_object};
pub use binary::llm_log_binary;
pub use client::{Answer, Client};
pub use description::{DescribedAnswer, Description};
pub use failing_power::FailingPower;
pub use generator::{Generator, SAMPLE_TEXTS, SampleText};
pub use kafka::{Broker, KafkaTopics, ReadRecord, SentRecord, kafka, kafka_or_skip, unique_topic_prefix};
#[cfg(target_os = "linux")]
pub use niceness::niceness_of;
pub use server::{Server, ServerExit, free_port};
pub use skip::skip;
pub use small_disk::SmallDisk;
pub use wait::{wait_until, wait_until_async};
