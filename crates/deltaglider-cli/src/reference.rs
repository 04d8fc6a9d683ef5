//! Pages of reference that are made of the code: a test holds them to it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;

/// Compares a page with what the code makes of it, and leaves the right one where it can be taken from.
pub(crate) fn ensure(page: &str, made: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let there = std::fs::read_to_string(root.join("docs").join(page)).unwrap_or_default();
    if there != made {
        let fresh: PathBuf = root.join("target/docs").join(page);
        std::fs::create_dir_all(fresh.parent().expect("a directory")).expect("made");
        std::fs::write(&fresh, made).expect("written");
        panic!("docs/{page} is not what the code says; take target/docs/{page} in its place");
    }
}

#[test]
fn the_page_of_commands_is_what_the_program_knows() {
    ensure("reference/commands.md", &commands());
}

#[test]
fn the_page_of_exit_codes_is_what_the_program_gives() {
    ensure("reference/exit-codes.md", &exit_codes());
}

fn commands() -> String {
    let mut program = Cli::command();
    program.build();
    let mut page = String::from(
        "# Commands\n\nMade of the program's own definitions: `deltaglider help COMMAND` says the same, and `deltaglider man` writes it \
         as manual pages. What commands return stands in [exit codes](exit-codes.md), what they read from the environment in \
         [environment](../environment.md). A leading word `s3` is skipped.\n",
    );
    for command in program.get_subcommands().filter(|command| shown(command)) {
        describe(command, &format!("deltaglider {}", command.get_name()), 2, &mut page);
    }
    page.push_str("\n## Global options\n\nThey stand before or after any command.\n");
    table(program.get_arguments().filter(|argument| argument.is_global_set()), &mut page);
    page
}

fn shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn describe(command: &Command, name: &str, level: usize, page: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().bin_name(name).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    write!(page, "\n{} {name}\n\n{about}.\n\n```\n{usage}\n```\n", "#".repeat(level)).expect("written");
    let own = command.get_arguments().filter(|argument| !argument.is_global_set() && argument.get_id() != "help");
    table(own, page);
    for below in command.get_subcommands().filter(|command| shown(command)) {
        describe(below, &format!("{name} {}", below.get_name()), level + 1, page);
    }
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>, page: &mut String) {
    let rows: Vec<String> = arguments.filter(|argument| !argument.is_hide_set()).map(row).collect();
    if !rows.is_empty() {
        write!(page, "\n| argument | meaning |\n|---|---|\n{}", rows.concat()).expect("written");
    }
}

fn row(argument: &Arg) -> String {
    let mut name = String::new();
    if let Some(short) = argument.get_short() {
        write!(name, "-{short}, ").expect("written");
    }
    if let Some(long) = argument.get_long() {
        write!(name, "--{long}").expect("written");
    }
    if argument.get_action().takes_values() {
        let value = argument.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
        let space = if name.is_empty() { "" } else { " " };
        write!(name, "{space}{value}").expect("written");
    }
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        write!(help, " ({})", values.join(", ")).expect("written");
    }
    format!("| `{name}` | {} |\n", help.replace('|', "\\|").replace('\n', " "))
}

fn exit_codes() -> String {
    let mut page = String::from(
        "# Exit codes\n\nThose of `aws s3` in its version 2, and a few of DeltaGlider's own.\n\n| code | meaning |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        writeln!(page, "| {} | {} |", exit.code(), exit.meaning()).expect("written");
    }
    page
}
