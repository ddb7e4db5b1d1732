//! Import cycles between the top-level modules of a crate, and between the directories below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::modules::{self, Module, first_below};
use crate::report::{Outcome, StepResult};
use crate::workspace::Workspace;

/// The imported modules of each module, each with a file that contains the import.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// Fails if two modules import each other, directly or through other modules: two top-level
/// modules, or two directories of one directory.
///
/// A module counts with everything below it. Test modules do not count.
pub(crate) fn check(workspace: &Workspace) -> StepResult {
    let mut problems = Vec::new();
    for package in workspace.published() {
        let found = circles_of(&package.directory.join("src"))?;
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

/// Returns the cycles of all directories of the crate in `source`.
fn circles_of(source: &Path) -> Result<Vec<String>, String> {
    let modules = modules::read(source)?;
    let parents: BTreeSet<&[String]> = modules.iter().filter_map(Module::parent).collect();
    let found = parents
        .into_iter()
        .flat_map(|parent| circles(&imports(&modules, parent)));
    Ok(found.collect())
}

/// Returns the imports between the modules of a directory. Below the root, only directories count.
fn imports(modules: &[Module], parent: &[String]) -> Imports {
    let counts = |path: &[String]| {
        parent.is_empty() || modules.iter().any(|module| module.parent() == Some(path))
    };
    let children: BTreeSet<&str> = modules
        .iter()
        .filter(|module| module.parent() == Some(parent) && counts(module.path()))
        .filter_map(|module| module.below(parent))
        .collect();
    // A name that the parent re-exports counts as an import of its module.
    let reexported: BTreeMap<&str, &str> = modules
        .iter()
        .filter(|module| module.is_of(parent))
        .flat_map(|module| &module.uses)
        .filter_map(|import| {
            let path = &import.absolute;
            let first = first_below(path, parent).or(path.first().map(String::as_str))?;
            let module = children.get(first)?;
            Some((import.name.as_str(), *module))
        })
        .collect();

    let mut imports = Imports::new();
    for module in modules.iter().filter(|module| !module.is_of(parent)) {
        let from = module.below(parent).filter(|from| children.contains(from));
        let Some(from) = from else { continue };
        for first in module
            .paths
            .iter()
            .filter_map(|path| first_below(path, parent))
        {
            let to = children.get(first).or_else(|| reexported.get(first));
            if let Some(to) = to.filter(|to| **to != from) {
                imports
                    .entry(from.to_owned())
                    .or_default()
                    .entry((*to).to_owned())
                    .or_insert_with(|| module.file.clone());
            }
        }
    }
    imports
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
