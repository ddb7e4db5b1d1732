//! The modules of a crate and their paths, read from the source without compiling it.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The file of the root module.
const ROOT: &str = "lib.rs";

/// A module: a file, or an inline module of a file.
#[derive(Debug)]
pub(crate) struct Module {
    /// The names from the crate's root to this module; empty for the root.
    path: Vec<String>,
    /// The path of the module that the file contains. An inline module has a longer path.
    home: Vec<String>,
    /// The file, relative to the crate's `src`.
    pub(crate) file: String,
    /// The paths that begin with `crate`, `self` or `super`, relative to the root.
    pub(crate) paths: Vec<Vec<String>>,
    /// The names that `use` brings into this module.
    pub(crate) uses: Vec<Use>,
}

/// A name that `use` brings into a module.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) name: String,
    /// The path relative to the root. A path without `crate`, `self` or `super` is as written: it
    /// leads to a child or to another crate.
    pub(crate) absolute: Vec<String>,
}

/// Returns the name after `parent` in a path.
pub(crate) fn first_below<'p>(path: &'p [String], parent: &[String]) -> Option<&'p str> {
    path.strip_prefix(parent)?.first().map(String::as_str)
}

impl Module {
    /// The names from the crate's root to this module.
    pub(crate) fn path(&self) -> &[String] {
        &self.path
    }

    /// The path of the module whose directory contains the file of this one; `None` for the root
    /// and for inline modules.
    pub(crate) fn parent(&self) -> Option<&[String]> {
        let (_, parent) = self.path.split_last()?;
        self.is_of(&self.path).then_some(parent)
    }

    /// The child of `parent` that contains this module.
    pub(crate) fn below(&self, parent: &[String]) -> Option<&str> {
        first_below(&self.path, parent)
    }

    /// Returns `true` for the module `path` and the inline modules of its file.
    pub(crate) fn is_of(&self, path: &[String]) -> bool {
        self.home == path
    }
}

/// Reads the modules of the crate in `source` that `mod` declares, except those for tests.
///
/// # Errors
/// If a file that `mod` declares is missing or is not Rust.
pub(crate) fn read(source: &Path) -> Result<Vec<Module>, String> {
    let mut modules = Vec::new();
    read_file(source, ROOT, Vec::new(), &mut modules)?;
    Ok(modules)
}

fn read_file(
    source: &Path,
    file: &str,
    path: Vec<String>,
    modules: &mut Vec<Module>,
) -> Result<(), String> {
    let text = std::fs::read_to_string(source.join(file))
        .map_err(|problem| format!("cannot read {}: {problem}", source.join(file).display()))?;
    let tokens: TokenStream = text
        .parse()
        .map_err(|problem| format!("{} is not Rust: {problem}", source.join(file).display()))?;
    let mut scan = Scan::new(path, file);
    scan.tokens(&tokens.into_iter().collect::<Vec<_>>());
    for name in std::mem::take(&mut scan.declared) {
        let path = [&name.module[..], std::slice::from_ref(&name.name)].concat();
        let stem = path.join("/");
        let file = [format!("{stem}.rs"), format!("{stem}/mod.rs")]
            .into_iter()
            .find(|file| source.join(file).is_file())
            .ok_or_else(|| format!("{} has no file for `mod {stem}`", source.display()))?;
        read_file(source, &file, path, modules)?;
    }
    modules.append(&mut scan.finished);
    Ok(())
}

/// A module that `mod name;` declares, in its own file.
#[derive(Debug)]
struct Declared {
    module: Vec<String>,
    name: String,
}

/// The state of a walk through the tokens of a file.
#[derive(Debug)]
struct Scan {
    file: String,
    current: Module,
    finished: Vec<Module>,
    declared: Vec<Declared>,
}

impl Scan {
    fn new(path: Vec<String>, file: &str) -> Self {
        let current = module(path.clone(), path, file);
        Self {
            file: file.to_owned(),
            current,
            finished: Vec::new(),
            declared: Vec::new(),
        }
    }

    /// Reads a whole file.
    fn tokens(&mut self, tokens: &[TokenTree]) {
        self.scan(tokens);
        let whole = std::mem::replace(&mut self.current, module(Vec::new(), Vec::new(), ""));
        self.finished.push(whole);
    }

    fn scan(&mut self, tokens: &[TokenTree]) {
        let mut rest = tokens;
        while let Some(first) = rest.first() {
            rest = if let Some(after) = skip_test_item(rest) {
                after
            } else if let Some(after) = self.module(rest) {
                after
            } else if let Some(after) = self.import(rest) {
                after
            } else if let Some(after) = self.path(rest) {
                after
            } else {
                if let TokenTree::Group(group) = first {
                    self.scan(&group.stream().into_iter().collect::<Vec<_>>());
                }
                &rest[1..]
            };
        }
    }

    /// Reads `mod name;` or `mod name { … }`.
    fn module<'t>(&mut self, tokens: &'t [TokenTree]) -> Option<&'t [TokenTree]> {
        let [keyword, TokenTree::Ident(name), end, after @ ..] = tokens else {
            return None;
        };
        if !is_ident(keyword, "mod") {
            return None;
        }
        let name = name.to_string();
        match end {
            TokenTree::Punct(end) if end.as_char() == ';' => self.declared.push(Declared {
                module: self.current.path.clone(),
                name,
            }),
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                let path = [&self.current.path[..], &[name]].concat();
                let inner = module(path, self.current.home.clone(), &self.file);
                let outer = std::mem::replace(&mut self.current, inner);
                self.scan(&body.stream().into_iter().collect::<Vec<_>>());
                let inner = std::mem::replace(&mut self.current, outer);
                self.finished.push(inner);
            }
            _ => return None,
        }
        Some(after)
    }

    /// Reads `use …;`.
    fn import<'t>(&mut self, tokens: &'t [TokenTree]) -> Option<&'t [TokenTree]> {
        let (keyword, rest) = tokens.split_first()?;
        if !is_ident(keyword, "use") {
            return None;
        }
        let end = rest.iter().position(|token| is_punct(token, ';'))?;
        let mut leaves = Vec::new();
        tree(&rest[..end], &[], &mut leaves);
        for leaf in leaves {
            let relative = self.current.absolute(&leaf.path);
            if let Some(absolute) = &relative {
                self.current.paths.push(absolute.clone());
            }
            let absolute = relative.unwrap_or(leaf.path);
            if let Some(name) = leaf.name {
                self.current.uses.push(Use { name, absolute });
            }
        }
        Some(&rest[end + 1..])
    }

    /// Reads a path that begins with `crate`, `self` or `super`.
    fn path<'t>(&mut self, tokens: &'t [TokenTree]) -> Option<&'t [TokenTree]> {
        let (path, after) = segments(tokens);
        if path.len() < 2 {
            return None;
        }
        let absolute = self.current.absolute(&path)?;
        self.current.paths.push(absolute);
        Some(after)
    }
}

impl Module {
    /// Returns the path relative to the root, if it begins with `crate`, `self` or `super`.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = self.path.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => base.truncate(base.len().saturating_sub(1)),
            _ => return None,
        }
        rest = &rest[1..];
        while let Some((_, after)) = rest.split_first().filter(|(first, _)| *first == "super") {
            base.truncate(base.len().saturating_sub(1));
            rest = after;
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

fn module(path: Vec<String>, home: Vec<String>, file: &str) -> Module {
    Module {
        path,
        home,
        file: file.to_owned(),
        paths: Vec::new(),
        uses: Vec::new(),
    }
}

/// One path of a `use` tree. It has no name for `*`.
#[derive(Debug)]
struct Leaf {
    path: Vec<String>,
    name: Option<String>,
}

fn tree(tokens: &[TokenTree], prefix: &[String], leaves: &mut Vec<Leaf>) {
    for branch in tokens.split(|token| is_punct(token, ',')) {
        // `::name` is a path in another crate, like `name`.
        let branch = if branch.len() > 2 && separator(branch) {
            &branch[2..]
        } else {
            branch
        };
        let (names, rest) = segments(branch);
        let mut path = [prefix, &names].concat();
        if let Some(TokenTree::Group(group)) = rest.first() {
            tree(
                &group.stream().into_iter().collect::<Vec<_>>(),
                &path,
                leaves,
            );
            continue;
        }
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = match rest {
            [] => path.last().cloned(),
            [keyword, TokenTree::Ident(alias)] if is_ident(keyword, "as") => {
                Some(alias.to_string())
            }
            _ => None,
        };
        if !path.is_empty() {
            leaves.push(Leaf { path, name });
        }
    }
}

/// Returns the names joined by `::` at the start of the tokens, and the rest of the tokens.
fn segments(tokens: &[TokenTree]) -> (Vec<String>, &[TokenTree]) {
    let (mut names, mut rest) = (Vec::new(), tokens);
    while let Some((TokenTree::Ident(name), after)) = rest.split_first() {
        names.push(name.to_string());
        rest = after;
        if !separator(rest) {
            break;
        }
        rest = &rest[2..];
    }
    (names, rest)
}

fn separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is_punct(first, ':') && is_punct(second, ':'))
}

/// Returns the tokens after an item for tests, if they begin with one.
fn skip_test_item(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    let [mark, TokenTree::Group(attribute), rest @ ..] = tokens else {
        return None;
    };
    if !is_punct(mark, '#') || !for_tests(&attribute.stream().to_string()) {
        return None;
    }
    let last = rest.iter().position(|token| {
        let body =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        body || is_punct(token, ';')
    });
    Some(last.map_or(&[][..], |last| &rest[last + 1..]))
}

/// Returns `true` if the attribute restricts its item to test builds.
fn for_tests(attribute: &str) -> bool {
    let text: String = attribute.split_whitespace().collect();
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

#[cfg(test)]
mod tests;
