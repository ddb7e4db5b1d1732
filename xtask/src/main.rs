//! The project's checks, run as `cargo xtask <command>`.
//!
//! `cargo xtask test` is for contributors. It runs formatting, structure checks, tests and clippy,
//! in that order. Before the first tests it compiles only their dependencies. `cargo xtask ci` adds
//! the checks that take long or need more tools. Each part is also a command.
//!
//! If a program is missing, the step is skipped and listed in the summary. With `CI=true` it fails.

mod chaos;
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

  test                 formatting, links, structure, tests and clippy: what every change must pass
  ci [--fuzz SECONDS]  `test`, then every command below; each fuzz target for 40 seconds by default

  lint                 formatting; links between the pages; import circles; examples that name
                       another crate than `tollgate`; clippy
  suite                unit, integration and documentation tests. TOLLGATE_VECTORS is the absolute
                       path of the test vectors; without it their tests are skipped
  toolchain            the compiler is the minimum supported Rust version
  rustdoc              the documentation of every package, without a warning
  policy               licences, sources and duplicates of the dependencies, by deny.toml
  consumers            tests/consumers: projects with different backends of `jsonwebtoken`
  peers                benches/peers: the comparison with other crates compiles
  features [PACKAGE...]
                       the published crates, or those named, with no feature, each and all
  package [PACKAGE...] the archives of the published crates, or of those named, built as published
  interleavings        tests that choose the interleaving of threads
  instructions         the instruction budgets, counted by valgrind
  chaos [SECONDS] [STORE...]
                       clients that follow the rules while servers fail: tests/chaos. Every fault
                       once on each store, or in rounds for SECONDS. TOLLGATE_CHAOS_SEED is the
                       seed
  fuzz [SECONDS] [TARGET...]
                       the fuzz targets, or those named, for 60 seconds each by default
";

/// The seconds that `ci` runs each fuzz target by default.
const CI_FUZZ_SECONDS: u32 = 40;

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
        Request::Test => test(&tools, report),
        Request::Ci { fuzz_seconds } => {
            toolchain::run(&tools, report);
            tools.install_nextest(report);
            test(&tools, report);
            lint::rustdoc(&tools, report);
            policy::run(&tools, report);
            consumers::run(&tools, report);
            peers::run(&tools, report);
            features::run(&tools, &[], report);
            package::run(&tools, &[], report);
            suite::interleavings(&tools, report);
            suite::instructions(&tools, report);
            chaos::run(&tools, &[], report);
            fuzz::run(&tools, *fuzz_seconds, &[], report);
        }
        Request::Lint => {
            lint::quick(&tools, report);
            lint::clippy(&tools, report);
        }
        Request::Suite => {
            tools.install_peers(report);
            suite::all(&tools, report);
        }
        Request::Toolchain => toolchain::run(&tools, report),
        Request::Rustdoc => lint::rustdoc(&tools, report),
        Request::Policy => policy::run(&tools, report),
        Request::Consumers => consumers::run(&tools, report),
        Request::Peers => peers::run(&tools, report),
        Request::Features { packages } => features::run(&tools, packages, report),
        Request::Package { packages } => package::run(&tools, packages, report),
        Request::Interleavings => suite::interleavings(&tools, report),
        Request::Instructions => suite::instructions(&tools, report),
        Request::Chaos { arguments } => chaos::run(&tools, arguments, report),
        Request::Fuzz { seconds, targets } => fuzz::run(&tools, *seconds, targets, report),
    }
}

/// Runs the quick checks, then the tests, the smallest part first. Clippy is last, because it
/// compiles everything again.
fn test(tools: &Tools<'_>, report: &mut Report) {
    lint::quick(tools, report);
    suite::engine(tools, report);
    tools.install_peers(report);
    suite::all(tools, report);
    lint::clippy(tools, report);
}

/// A command line.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Test,
    Ci { fuzz_seconds: u32 },
    Lint,
    Suite,
    Toolchain,
    Rustdoc,
    Policy,
    Consumers,
    Peers,
    Features { packages: Vec<String> },
    Package { packages: Vec<String> },
    Interleavings,
    Instructions,
    Chaos { arguments: Vec<String> },
    Fuzz { seconds: u32, targets: Vec<String> },
}

impl Request {
    /// Parses a command line. Returns `None` for anything that is not in the usage text, so that a
    /// misspelt option is an error.
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut rest = arguments.iter().map(String::as_str);
        let request = match rest.next()? {
            "ci" => {
                let mut fuzz_seconds = CI_FUZZ_SECONDS;
                while let Some(option) = rest.next() {
                    match option {
                        "--fuzz" => fuzz_seconds = rest.next()?.parse().ok()?,
                        _ => return None,
                    }
                }
                Self::Ci { fuzz_seconds }
            }
            "fuzz" => {
                let mut named = names(rest.by_ref());
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
            "chaos" => Self::Chaos {
                arguments: names(rest.by_ref()),
            },
            "features" => Self::Features {
                packages: names(rest.by_ref()),
            },
            "package" => Self::Package {
                packages: names(rest.by_ref()),
            },
            "test" => Self::Test,
            "lint" => Self::Lint,
            "suite" => Self::Suite,
            "toolchain" => Self::Toolchain,
            "rustdoc" => Self::Rustdoc,
            "policy" => Self::Policy,
            "consumers" => Self::Consumers,
            "peers" => Self::Peers,
            "interleavings" => Self::Interleavings,
            "instructions" => Self::Instructions,
            _ => return None,
        };
        rest.next().is_none().then_some(request)
    }
}

fn names<'a>(arguments: impl Iterator<Item = &'a str>) -> Vec<String> {
    arguments.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::Request;

    fn parse(line: &str) -> Option<Request> {
        Request::parse(
            &line
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn ci_takes_the_seconds_of_fuzzing() {
        assert_eq!(parse("ci"), Some(Request::Ci { fuzz_seconds: 40 }));
        assert_eq!(parse("ci --fuzz 5"), Some(Request::Ci { fuzz_seconds: 5 }));
        assert_eq!(parse("test"), Some(Request::Test));
    }

    #[test]
    fn features_and_package_take_packages() {
        assert_eq!(
            parse("package"),
            Some(Request::Package {
                packages: Vec::new()
            })
        );
        let packages = vec!["tollgate".to_owned(), "tollgate-core".to_owned()];
        assert_eq!(
            parse("features tollgate tollgate-core"),
            Some(Request::Features { packages })
        );
    }

    #[test]
    fn chaos_takes_seconds_and_stores() {
        let arguments = vec!["600".to_owned(), "redis".to_owned()];
        assert_eq!(parse("chaos 600 redis"), Some(Request::Chaos { arguments }));
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
    fn other_command_lines_are_refused() {
        for line in [
            "",
            "tset",
            "test --fuzz 60",
            "ci --fuz 60",
            "ci --fuzz",
            "ci --fuzz soon",
            "ci --fuzz -1",
            "lint now",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
