//! Import cycles between the top-level modules of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::modules::{self, Module};
use crate::report::{Outcome, StepResult};
use crate::workspace::Workspace;

/// The imported modules of each module, each with a file that contains the import.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// Fails if two modules import each other, directly or through other modules.
///
/// A module is a top-level module with everything below it. Test modules do not count.
pub(crate) fn check(workspace: &Workspace) -> StepResult {
    let mut problems = Vec::new();
    for package in workspace.published() {
        let found = circles(&imports(&package.directory.join("src"))?);
        if !found.is_empty() {
            problems.push(format!(
                "{}:\n      {}",
                package.name,
                found.join("\n      ")
            ));
        }
    }
    if problems.is_empty() {
        Ok(Outcome::Passed)
    } else {
        Err(problems.join("\n    "))
    }
}

/// Reads the imports between the top-level modules of the crate in `source`.
fn imports(source: &Path) -> Result<Imports, String> {
    let modules = modules::read(source)?;
    let top: BTreeSet<&str> = modules.iter().filter_map(Module::top).collect();
    // A name that the root re-exports counts as an import of its module.
    let root = modules.iter().filter(|module| module.top().is_none());
    let reexported: BTreeMap<&str, &str> = root
        .flat_map(|root| &root.uses)
        .filter_map(|import| {
            let module = top.get(import.absolute.first()?.as_str())?;
            Some((import.name.as_str(), *module))
        })
        .collect();

    let mut imports = Imports::new();
    for module in &modules {
        let Some(from) = module.top() else { continue };
        for first in module.paths.iter().filter_map(|path| path.first()) {
            let to = top
                .get(first.as_str())
                .or_else(|| reexported.get(first.as_str()));
            if let Some(to) = to.filter(|to| **to != from) {
                imports
                    .entry(from.to_owned())
                    .or_default()
                    .entry((*to).to_owned())
                    .or_insert_with(|| module.file.clone());
            }
        }
    }
    Ok(imports)
}

/// Returns the imports that are part of a cycle, one line each.
fn circles(imports: &Imports) -> Vec<String> {
    let mut found = Vec::new();
    for (importer, imported) in imports {
        for (module, file) in imported {
            if let Some(way) = way(imports, module, importer) {
                found.push(format!(
                    "`{importer}` imports `{module}` (in {file}), which imports it: {}",
                    way.join(" -> ")
                ));
            }
        }
    }
    found
}

/// Returns the shortest chain of imports from one module to another.
fn way<'a>(imports: &'a Imports, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::from([from]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = *way.last()?;
            if last == to {
                return Some(way);
            }
            for next in imports.get(last).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(next) {
                    longer.push([&way[..], &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests;
