//! Every published crate compiles whatever its user chooses of its features.

use crate::report::{Outcome, Report};
use crate::tools::Tools;
use crate::workspace::Package;

/// The facade's adapters; an application has one of them.
const ADAPTERS: &[&str] = &["actix", "axum", "tower"];

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    for package in tools.workspace.published() {
        report.step(&format!("features of {}", package.name), || {
            for choice in each_feature(package) {
                check(tools, &package.name, &choice)?;
            }
            Ok(Outcome::Passed)
        });
    }
    let Some(facade) = tools.workspace.package("tollgate") else {
        return;
    };
    for adapter in ADAPTERS
        .iter()
        .filter(|adapter| facade.features.iter().any(|known| known == *adapter))
    {
        report.step(&format!("tollgate with {adapter} alone"), || {
            check(
                tools,
                "tollgate",
                &[
                    "--no-default-features".into(),
                    format!("--features={adapter},macros"),
                ],
            )?;
            Ok(Outcome::Passed)
        });
    }
}

/// The choices that `cargo hack --each-feature` makes: none, each alone, all.
fn each_feature(package: &Package) -> Vec<Vec<String>> {
    let none = vec!["--no-default-features".to_owned()];
    if package.features.is_empty() {
        return vec![none];
    }
    let alone = |feature: &String| vec![none[0].clone(), format!("--features={feature}")];
    let mut choices = vec![none.clone()];
    choices.extend(package.features.iter().map(alone));
    choices.push(vec!["--all-features".to_owned()]);
    choices
}

/// By clippy, which checks what the compiler checks and can refuse warnings without another build of the
/// dependencies: code that is dead under one choice of features is found too.
fn check(tools: &Tools<'_>, package: &str, choice: &[String]) -> Result<(), String> {
    println!("    {package} {}", choice.join(" "));
    tools
        .cargo()
        .args(["clippy", "--quiet", "--package", package])
        .args(choice)
        .args(["--", "-D", "warnings"])
        .run()
}

#[cfg(test)]
mod tests {
    use super::each_feature;
    use crate::workspace::Package;

    fn choices(features: &[&str]) -> Vec<String> {
        let features = features.iter().map(|&name| name.to_owned()).collect();
        let package = Package {
            name: "p".to_owned(),
            directory: "p".into(),
            published: true,
            rust_version: None,
            features,
            benches: Vec::new(),
        };
        each_feature(&package)
            .iter()
            .map(|choice| choice.join(" "))
            .collect()
    }

    #[test]
    fn none_each_and_all() {
        let expected = [
            "--no-default-features",
            "--no-default-features --features=a",
            "--no-default-features --features=default",
            "--all-features",
        ];
        assert_eq!(choices(&["a", "default"]), expected);
    }

    #[test]
    fn a_package_without_features_is_checked_once() {
        assert_eq!(choices(&[]), ["--no-default-features"]);
    }
}
