//! `--help` is the reference: what it says is held by snapshots.

use clap::CommandFactory as _;

use super::CommandLine;

/// Every command with its full name, the root first.
pub(super) fn commands() -> Vec<(String, clap::Command)> {
    fn collect(name: &str, command: &clap::Command, into: &mut Vec<(String, clap::Command)>) {
        into.push((name.to_owned(), command.clone()));
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            collect(&format!("{name} {}", sub.get_name()), sub, into);
        }
    }
    let mut root = CommandLine::command();
    root.build();
    let mut found = Vec::new();
    collect("llm-log", &root, &mut found);
    found
}

#[test]
fn the_command_line_is_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn the_help_of_every_command_is_as_reviewed() {
    for (name, command) in commands() {
        let help = command.term_width(100).render_long_help().to_string();
        insta::assert_snapshot!(name.replace(' ', "_"), help);
    }
}

#[test]
fn every_argument_says_what_it_is_for() {
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name}: {}", argument.get_id());
        }
    }
}

/// A container may have all variables set: none of them may make another command's line ambiguous.
#[test]
fn variables_begin_alike() {
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            let Some(variable) = argument.get_env() else { continue };
            let variable = variable.to_string_lossy();
            assert!(variable.starts_with("LLM_LOG_"), "{name}: {variable}");
        }
    }
}
