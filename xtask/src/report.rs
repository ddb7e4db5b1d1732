//! The steps of a run, with their results and durations.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The result of a step that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// The step could not run. The text names the missing program and its installation. A failure
    /// under CI.
    Skipped(String),
}

/// The result of a step; the error is the text for the summary.
pub(crate) type StepResult = Result<Outcome, String>;

/// The steps of one run. A failed step does not stop the steps after it.
#[derive(Debug)]
pub(crate) struct Report {
    ci: bool,
    started: Instant,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    result: StepResult,
    took: Duration,
}

impl Report {
    /// Creates a report in which a skip is a failure if the variable `CI` is set.
    pub(crate) fn new() -> Self {
        Self::with_ci(in_ci())
    }

    fn with_ci(ci: bool) -> Self {
        Self {
            ci,
            started: Instant::now(),
            steps: Vec::new(),
        }
    }

    /// Runs `work` as the step `name`, and prints its name before it and its result after it.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> StepResult) {
        println!("\n==> {name}");
        let started = Instant::now();
        let result = match work() {
            Ok(Outcome::Skipped(why)) if self.ci => {
                Err(format!("{why} (nothing may be missing with CI=true)"))
            }
            other => other,
        };
        let took = started.elapsed();
        match &result {
            Ok(Outcome::Passed) => println!("    {name}: passed in {}", seconds(took)),
            Ok(Outcome::Skipped(why)) => println!("    {name}: SKIPPED, {why}"),
            Err(why) => println!("    {name}: FAILED after {}: {why}", seconds(took)),
        }
        self.steps.push(Step {
            name: name.to_owned(),
            result,
            took,
        });
    }

    /// Prints the summary. Returns a failure if a step failed or none passed.
    pub(crate) fn close(self) -> ExitCode {
        let total = seconds(self.started.elapsed());
        println!("\nSummary ({total} in all)");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for step in &self.steps {
            let (mark, why) = match &step.result {
                Ok(Outcome::Passed) => {
                    passed += 1;
                    ("passed ", "")
                }
                Ok(Outcome::Skipped(why)) => {
                    skipped += 1;
                    ("SKIPPED", why.as_str())
                }
                Err(why) => {
                    failed += 1;
                    ("FAILED ", why.as_str())
                }
            };
            let line = format!(
                "  {mark} {:>8}  {:<42} {why}",
                seconds(step.took),
                step.name
            );
            println!("{}", line.trim_end());
        }
        println!("steps: {passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 && passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` in a CI run.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Report};

    fn failures(ci: bool) -> usize {
        let mut report = Report::with_ci(ci);
        report.step("fine", || Ok(Outcome::Passed));
        report.step("absent", || {
            Ok(Outcome::Skipped("no such program".to_owned()))
        });
        report
            .steps
            .iter()
            .filter(|step| step.result.is_err())
            .count()
    }

    #[test]
    fn a_skip_is_a_failure_under_ci_only() {
        assert_eq!(failures(false), 0);
        assert_eq!(failures(true), 1);
    }

    #[test]
    fn a_failed_step_does_not_stop_the_next() {
        let mut report = Report::with_ci(false);
        report.step("broken", || Err("no".to_owned()));
        report.step("fine", || Ok(Outcome::Passed));
        assert_eq!(report.steps.len(), 2);
    }
}
