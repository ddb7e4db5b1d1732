//! The project's own commands, run as `cargo xtask <command>`.
//!
//! `cargo xtask test` is all that a change must pass: it installs what a registry can give into
//! `target/tools`, names what it cannot install, and then runs every check. Its parts are commands too.
//!
//! Away from CI a missing program is a skip that the summary lists; with `CI=true` it is a failure.

mod circles;
mod command;
mod consumers;
mod examples;
mod features;
mod fuzz;
mod links;
mod lint;
mod modules;
mod package;
mod peers;
mod policy;
mod report;
mod suite;
mod toolchain;
mod tools;
mod workspace;

use std::process::ExitCode;

use crate::report::Report;
use crate::tools::Tools;
use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--fuzz SECONDS] [--instructions]
                       everything below but `fuzz` and `instructions`, which the two options add, and
                       whether the compiler is the workspace's `rust-version`
  tools                only install what the checks need, into target/tools
  lint                 formatting, clippy and rustdoc, each without a warning, and the links between the pages;
                       import circles; examples that name another crate than `tollgate`
  suite                unit, integration and documentation tests; the environment variable TOLLGATE_VECTORS names
                       the folder of test vectors, absolutely, and without it those tests are skipped
  features             every published crate with each of its features alone, with none and with all
  consumers            the packages under tests/consumers, each with its own choice of `jsonwebtoken` backend
  peers                benches/peers, where tollgate is measured beside other crates, still compiles
  package              what would be uploaded for each published crate, built from its archive
  policy               licences, sources and duplicates of the dependencies, by deny.toml
  fuzz [SECONDS] [TARGET...]
                       each fuzz target, or those named, for 60 seconds or as many as given
  instructions         the instruction-count benchmarks, under valgrind
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(request) = Request::parse(&arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let workspace = match Workspace::load() {
        Ok(workspace) => workspace,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new();
    run(&request, &workspace, &mut report);
    report.close()
}

fn run(request: &Request, workspace: &Workspace, report: &mut Report) {
    let tools = Tools::new(workspace);
    match request {
        Request::Test {
            fuzz_seconds,
            instructions,
        } => {
            toolchain::run(&tools, report);
            tools.install_all(report);
            lint::run(&tools, report);
            suite::run(&tools, report);
            consumers::run(&tools, report);
            peers::run(&tools, report);
            features::run(&tools, report);
            package::run(&tools, report);
            policy::run(&tools, report);
            if *instructions {
                suite::instructions(&tools, report);
            }
            if let Some(seconds) = fuzz_seconds {
                fuzz::run(&tools, *seconds, &[], report);
            }
        }
        Request::Tools => tools.install_all(report),
        Request::Lint => lint::run(&tools, report),
        Request::Suite => {
            tools.install_for_suite(report);
            suite::run(&tools, report);
        }
        Request::Features => features::run(&tools, report),
        Request::Consumers => consumers::run(&tools, report),
        Request::Peers => peers::run(&tools, report),
        Request::Package => package::run(&tools, report),
        Request::Policy => policy::run(&tools, report),
        Request::Fuzz { seconds, targets } => fuzz::run(&tools, *seconds, targets, report),
        Request::Instructions => suite::instructions(&tools, report),
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Test {
        fuzz_seconds: Option<u32>,
        instructions: bool,
    },
    Tools,
    Lint,
    Suite,
    Features,
    Consumers,
    Peers,
    Package,
    Policy,
    Fuzz {
        seconds: u32,
        targets: Vec<String>,
    },
    Instructions,
}

impl Request {
    /// `None` for anything but a command of the usage text: a misspelt option must not pass for a run without it.
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut rest = arguments.iter().map(String::as_str);
        let request = match rest.next()? {
            "test" => {
                let (mut fuzz_seconds, mut instructions) = (None, false);
                while let Some(option) = rest.next() {
                    match option {
                        "--fuzz" => fuzz_seconds = Some(rest.next()?.parse().ok()?),
                        "--instructions" => instructions = true,
                        _ => return None,
                    }
                }
                Self::Test {
                    fuzz_seconds,
                    instructions,
                }
            }
            "fuzz" => {
                let mut named: Vec<String> = rest.by_ref().map(str::to_owned).collect();
                let seconds = match named.first().map(|first| first.parse()) {
                    Some(Ok(seconds)) => {
                        named.remove(0);
                        seconds
                    }
                    _ => 60,
                };
                Self::Fuzz {
                    seconds,
                    targets: named,
                }
            }
            "tools" => Self::Tools,
            "lint" => Self::Lint,
            "suite" => Self::Suite,
            "features" => Self::Features,
            "consumers" => Self::Consumers,
            "peers" => Self::Peers,
            "package" => Self::Package,
            "policy" => Self::Policy,
            "instructions" => Self::Instructions,
            _ => return None,
        };
        rest.next().is_none().then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    fn parse(line: &str) -> Option<Request> {
        Request::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_of_test_are_read_in_any_order() {
        let both = Some(Request::Test {
            fuzz_seconds: Some(60),
            instructions: true,
        });
        assert_eq!(parse("test --fuzz 60 --instructions"), both);
        assert_eq!(parse("test --instructions --fuzz 60"), both);
        assert_eq!(
            parse("test"),
            Some(Request::Test {
                fuzz_seconds: None,
                instructions: false
            })
        );
    }

    #[test]
    fn fuzz_takes_seconds_and_targets() {
        let two = vec!["token".to_owned(), "claims".to_owned()];
        assert_eq!(
            parse("fuzz"),
            Some(Request::Fuzz {
                seconds: 60,
                targets: Vec::new()
            })
        );
        assert_eq!(
            parse("fuzz 5 token claims"),
            Some(Request::Fuzz {
                seconds: 5,
                targets: two.clone()
            })
        );
        assert_eq!(
            parse("fuzz token claims"),
            Some(Request::Fuzz {
                seconds: 60,
                targets: two
            })
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "tset",
            "test --fuz 60",
            "test --fuzz",
            "test --fuzz soon",
            "test --fuzz -1",
            "lint now",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
