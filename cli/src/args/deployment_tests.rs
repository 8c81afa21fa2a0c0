//! `Dockerfile` and `docker-compose.yml` say only what the command line understands.

mod compose;
mod image;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser as _};

use super::help_tests::commands;
use super::{Command, CommandLine};
use compose::{Compose, Service};
use image::Image;

type Variables = BTreeMap<String, String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands in a container's environment, and what a line of arguments makes of it.
#[derive(Default)]
struct Container {
    /// The image's own: it is for every command, and a command's flags may say something else.
    of_image: Variables,
    own: Variables,
}

impl Container {
    /// The line as clap reads it in this container.
    fn parse(&self, arguments: &[String]) -> Result<CommandLine, String> {
        let known = commands();
        let name = known
            .iter()
            .filter(|(name, _)| starts_with(arguments, name))
            .max_by_key(|(name, _)| name.len())
            .ok_or_else(|| format!("no command: {arguments:?}"))?;
        let command = &name.1;
        let mut line = vec!["llm-log".to_owned()];
        line.extend(arguments.iter().cloned());
        for (variable, value) in self.of_image.iter().filter(|(variable, _)| !self.own.contains_key(*variable)) {
            match flag(command, variable, value)? {
                Some(flag) if !is_given(arguments, &flag) => line.extend(flag),
                _ => {}
            }
        }
        for (variable, value) in &self.own {
            let unknown = || format!("{} knows no variable {variable}", name.0);
            line.extend(flag(command, variable, value)?.ok_or_else(unknown)?);
        }
        CommandLine::try_parse_from(&line).map_err(|error| format!("{line:?}: {error}"))
    }
}

/// Whether the arguments are those of the command with this full name, such as `llm-log keys create`.
fn starts_with(arguments: &[String], name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').skip(1).collect();
    !words.is_empty()
        && arguments.len() >= words.len()
        && words.iter().zip(arguments).all(|(word, given)| word == given)
}

fn is_given(arguments: &[String], flag: &[String]) -> bool {
    let Some(name) = flag.first() else { return false };
    arguments.iter().any(|given| given == name || given.starts_with(&format!("{name}=")))
}

/// What has to stand on the command's line to say the same as the variable; none when the command does not read it.
fn flag(command: &clap::Command, variable: &str, value: &str) -> Result<Option<Vec<String>>, String> {
    let reads = |argument: &&clap::Arg| argument.get_env().is_some_and(|known| known == variable);
    let Some(argument) = command.get_arguments().find(reads) else { return Ok(None) };
    let long = format!("--{}", argument.get_long().ok_or("a variable belongs to a flag")?);
    match argument.get_action() {
        ArgAction::SetTrue if value == "true" => Ok(Some(vec![long])),
        ArgAction::SetTrue => Err(format!("{variable} is true or absent, not {value:?}")),
        _ => Ok(Some(vec![long, value.to_owned()])),
    }
}

/// Where a role listens, if it does, and where it keeps its data if it does.
fn listens(command: &Command) -> (Option<SocketAddr>, Option<PathBuf>) {
    match command {
        Command::Serve(args) => (Some(args.listen.listen), Some(args.data.data.clone())),
        Command::Ingest(args) => (Some(args.listen.listen), None),
        Command::Projector(args) => (Some(args.internal_listen), Some(args.data.data.clone())),
        Command::QueryApi(args) => (Some(args.listen.listen), None),
        Command::Sweep(_) => (None, None),
        other => panic!("no role: {other:?}"),
    }
}

/// Whether a health check asks this page of the port that the role listens on.
fn asks(page: &str, check: &[String], listen: SocketAddr) -> bool {
    check.last().is_some_and(|url| *url == format!("http://127.0.0.1:{}{page}", listen.port()))
}

#[test]
fn the_image_starts_a_server_that_its_user_can_run_and_its_health_check_finds() {
    let image = Image::read();
    let container = Container { own: image.variables.clone(), ..Container::default() };
    let line = container.parse(&image.arguments).expect("the image's command is one of ours");
    let (listen, data) = listens(&line.command);
    let listen = listen.expect("a server listens");
    assert!(listen.ip().is_unspecified(), "{listen} can't be reached from outside");
    assert_eq!(image.exposed, listen.port().to_string());
    assert!(asks("/healthz", &image.health_check, listen), "{:?}", image.health_check);
    assert_eq!(image.entry_point, ["llm-log"]);
    assert!(image.copied.iter().any(|path| path.ends_with("/bin/llm-log")), "{:?}", image.copied);
    assert!(!["", "root", "0"].contains(&image.user.as_str()), "it runs as root");
    let owned =
        format!("install -d -o {user} -g {user} {}", data.expect("serve has data").display(), user = image.user);
    assert!(image.runs.iter().any(|run| run.contains(&owned)), "nobody runs {owned}");
}

#[test]
fn the_image_builds_the_binary_as_locked_with_the_oldest_rust_that_is_supported() {
    let image = Image::read();
    let manifest = read("Cargo.toml");
    let rust = manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next());
    let rust = rust.expect("the workspace names its Rust");
    assert!(image.stages.first().is_some_and(|from| from.starts_with(&format!("rust:{rust}-"))), "{:?}", image.stages);
    assert_eq!(image.stages.len(), 2, "what built the binary is not in the image");
    let build = "cargo build --release --locked --package cli --bin llm-log ";
    assert!(image.runs.iter().any(|run| run.contains(build)), "nobody runs {build}");
}

/// The build sees the repository without what is listed there.
#[test]
fn neither_secrets_nor_data_get_into_the_image_and_every_crate_does() {
    let text = read(".dockerignore");
    let ignored: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for name in [".git", "llm-log-data", "secrets", "target"] {
        assert!(ignored.contains(&name), "{name}");
    }
    assert!(ignored.iter().all(|name| !name.contains(['*', '!', '/'])), "whole names at the top: {ignored:?}");
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let members: Vec<&str> = members.expect("a workspace has members").split('"').skip(1).step_by(2).collect();
    assert!(members.contains(&"cli"), "{members:?}");
    for needed in members.iter().chain(&["Cargo.toml", "Cargo.lock"]) {
        assert!(!ignored.contains(needed), "{needed} is needed for the build");
    }
}

/// The services that run llm-log, each with its line as clap reads it.
fn roles(compose: &Compose) -> Vec<(&str, &Service, CommandLine)> {
    let of_image = Image::read().variables;
    let ours = compose.services.iter().filter(|(_, service)| service.build.is_some());
    ours.map(|(name, service)| {
        let container = Container { of_image: of_image.clone(), own: service.variables() };
        let line = container.parse(&service.command).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.as_str(), service, line)
    })
    .collect()
}

#[test]
fn every_flag_and_variable_of_the_composition_is_one_of_the_role_that_gets_it() {
    let compose = Compose::read();
    let roles = roles(&compose);
    let names: Vec<&str> = roles.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["ingest", "projector", "query-api", "sweep"]);
    for (name, service, line) in &roles {
        assert_eq!(service.build.as_deref(), Some("."), "{name}");
        // One name for several builds at once is one that all but the first can't have.
        assert_eq!(service.image, None, "{name}");
        let role = match line.command {
            Command::Ingest(_) => "ingest",
            Command::Projector(_) => "projector",
            Command::QueryApi(_) => "query-api",
            Command::Sweep(_) => "sweep",
            _ => "another command",
        };
        assert_eq!(role, *name);
    }
}

#[test]
fn the_roles_of_the_composition_reach_each_other_and_their_broker() {
    let compose = Compose::read();
    let roles = roles(&compose);
    let listen = |service: &str| {
        roles.iter().find(|(name, ..)| *name == service).and_then(|(.., line)| listens(&line.command).0)
    };
    for (name, service, line) in &roles {
        let (address, data) = listens(&line.command);
        match address {
            Some(address) => {
                let check = &service.healthcheck.test;
                assert!(address.ip().is_unspecified(), "{name}: {address} can't be reached from another container");
                assert!(asks("/readyz", check, address), "{name}: {check:?}");
                let is_served =
                    |port: &String| port.starts_with("127.0.0.1:") && port.ends_with(&format!(":{}", address.port()));
                assert!(service.ports.iter().all(is_served), "{name}: {:?}", service.ports);
            }
            // The image's own check would ask a port that nobody listens on.
            None => assert!(service.healthcheck.disable && service.ports.is_empty(), "{name}"),
        }
        let (kafka, projectors) = match &line.command {
            Command::Ingest(args) => (&args.kafka.kafka, &[][..]),
            Command::Projector(args) => (&args.kafka.kafka, &[][..]),
            Command::QueryApi(args) => (&args.kafka.kafka, args.projectors.projectors.as_slice()),
            Command::Sweep(args) => (&args.kafka.kafka, args.projectors.projectors.as_slice()),
            other => panic!("{name}: {other:?}"),
        };
        let (broker, _) = kafka.split_once(':').expect("a host and a port");
        let broker = compose.services.get(broker).unwrap_or_else(|| panic!("{name}: no service {broker}"));
        let advertised = broker.environment.get("KAFKA_ADVERTISED_LISTENERS").map_or("", String::as_str);
        assert!(advertised.split(',').any(|listener| listener.ends_with(&format!("://{kafka}"))), "{name}: {kafka}");
        for url in projectors {
            let address = listen(url.host_str().unwrap_or_default()).unwrap_or_else(|| panic!("{name}: {url}"));
            assert_eq!(url.port(), Some(address.port()), "{name}: {url}");
        }
        if let (Some(data), Command::Projector(_)) = (data, &line.command) {
            let mounts = service.mounts();
            assert!(mounts.iter().any(|(_, path)| *path == data), "{name}: the data is lost with the container");
        }
    }
}

#[test]
fn secrets_are_read_from_files_that_the_role_gets_and_whatever_is_named_exists() {
    let compose = Compose::read();
    for (name, service) in &compose.services {
        let given: Vec<String> = service.secrets.iter().map(|secret| format!("/run/secrets/{secret}")).collect();
        let used: Vec<&String> = service.environment.values().filter(|value| value.starts_with("/run/")).collect();
        assert_eq!(used.len(), given.len(), "{name}: {used:?}");
        assert!(used.iter().all(|path| given.contains(path)), "{name}: {used:?}");
        assert!(service.secrets.iter().all(|secret| compose.secrets.contains_key(secret)), "{name}");
        assert!(service.mounts().iter().all(|(volume, _)| compose.volumes.contains_key(volume)), "{name}");
        assert!(service.depends_on.keys().all(|other| compose.services.contains_key(other)), "{name}");
        assert!(service.environment.values().all(|value| !value.contains('$')), "{name}: nothing is substituted");
    }
    for secret in compose.secrets.values() {
        assert!(secret.file.starts_with("secrets/"), "{secret:?} is not kept out of git and of the image");
        assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
    }
}

#[test]
fn the_broker_of_the_composition_keeps_its_data_and_is_the_one_that_tests_run_on() {
    let compose = Compose::read();
    let kafka = compose.services.get("kafka").expect("a service kafka");
    let pom = read("scripts/kafka-broker/pom.xml");
    let version = pom.split("<kafka.version>").nth(1).and_then(|rest| rest.split('<').next());
    assert_eq!(kafka.image, Some(format!("apache/kafka:{}", version.expect("the tests' Kafka has a version"))));
    let folder = kafka.environment.get("KAFKA_LOG_DIRS").expect("the image keeps its data in /tmp unless told");
    assert!(kafka.mounts().iter().any(|(_, path)| path == Path::new(folder)), "{folder} is no volume");
}

/// The remarks on top show commands: they are tried by whoever reads them first.
#[test]
fn commands_that_the_composition_shows_are_understood() {
    let compose = Compose::read();
    let of_image = Image::read().variables;
    let mut shown = 0;
    for line in read("docker-compose.yml").lines() {
        let Some((_, rest)) = line.split_once("docker compose exec ") else { continue };
        let mut words = rest.split_whitespace().map(str::to_owned);
        let service = words.next().expect("exec names a service");
        let service = compose.services.get(&service).unwrap_or_else(|| panic!("no service {service}"));
        assert_eq!(words.next().as_deref(), Some("llm-log"), "{line}");
        let mut variables = of_image.clone();
        variables.extend(service.variables());
        let container = Container { of_image: variables, ..Container::default() };
        container.parse(&words.collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{line}: {error}"));
        shown += 1;
    }
    assert_eq!(shown, 1, "a key is made");
}

#[test]
fn a_flag_a_variable_or_a_value_that_a_command_does_not_know_is_found() {
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let with = |name: &str, value: &str| Container {
        own: Variables::from([(name.to_owned(), value.to_owned())]),
        ..Container::default()
    };
    assert!(with("LLM_LOG_LISTEN", "0.0.0.0:1").parse(&text(&["serve"])).is_ok());
    assert!(with("LLM_LOG_SAMPLE", "true").parse(&text(&["serve"])).is_ok());
    assert!(with("LLM_LOG_LISTEN", "0.0.0.0").parse(&text(&["serve"])).is_err(), "no port");
    assert!(with("LLM_LOG_LISTENS", "0.0.0.0:1").parse(&text(&["serve"])).is_err(), "misspelt");
    assert!(with("LLM_LOG_PROJECTOR", "http://a:1").parse(&text(&["serve"])).is_err(), "of another role");
    assert!(Container::default().parse(&text(&["serve", "--listens", "0.0.0.0:1"])).is_err());
    assert!(Container::default().parse(&text(&["serves"])).is_err());
}
