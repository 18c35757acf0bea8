//! Which file of a crate imports which: by `use`, and by paths in its code. What is there for tests only counts for nothing,
//! and so do comments.
//!
//! A path is followed through re-exports to the file that has the name. What a file re-exports from its own modules, and
//! does not use itself, is no import of it; nor is what the crate's root re-exports.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The crate's files, by their paths below `src`.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    /// Of each file, the files that it imports, and the lines that say so.
    pub(crate) of: BTreeMap<String, BTreeMap<String, BTreeSet<usize>>>,
}

impl Imports {
    /// Reads the crate whose file at this path below `src` has this text; `None` where there is no such file.
    pub(crate) fn read(text: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut krate = Crate { text, modules: Vec::new() };
        krate.file("lib.rs", None, "");
        let mut imports = Self::default();
        for (module, found) in krate.modules.iter().enumerate() {
            imports.of.entry(found.file.clone()).or_default();
            let used = found.uses.iter().filter(|used| krate.is_import(module, used));
            let used = used.map(|used| (&used.path, used.line));
            for (path, line) in used.chain(found.paths.iter().map(|(path, line)| (path, *line))) {
                let Some(End::Item(file)) = krate.follow(module, path, 0) else { continue };
                if file != found.file {
                    let of = imports.of.entry(found.file.clone()).or_default();
                    of.entry(file).or_default().insert(line);
                }
            }
        }
        imports
    }
}

struct Crate<'t> {
    text: &'t dyn Fn(&str) -> Option<String>,
    /// The first is the root.
    modules: Vec<Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    /// Below `src`, where the files of its modules are.
    folder: String,
    children: BTreeMap<String, usize>,
    uses: Vec<Use>,
    /// In code, with their lines.
    paths: Vec<(Vec<String>, usize)>,
}

struct Use {
    /// As this module calls it; `*` for everything.
    name: String,
    path: Vec<String>,
    line: usize,
    exported: bool,
}

/// What a path leads to.
enum End {
    Module(usize),
    /// Anything else, in this file.
    Item(String),
}

impl Crate<'_> {
    fn file(&mut self, file: &str, parent: Option<usize>, folder: &str) -> usize {
        let text = (self.text)(file).unwrap_or_else(|| panic!("no {file}"));
        let tokens = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        self.module(file, parent, folder, tokens)
    }

    fn module(
        &mut self,
        file: &str,
        parent: Option<usize>,
        folder: &str,
        tokens: TokenStream,
    ) -> usize {
        let (file, folder) = (file.to_owned(), folder.to_owned());
        self.modules.push(Module { file, parent, folder, ..Module::default() });
        let module = self.modules.len() - 1;
        self.code(module, tokens);
        module
    }

    fn code(&mut self, module: usize, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => after_attribute(&tokens, at),
                TokenTree::Ident(word) if word == "mod" => self.child(module, &tokens, at),
                TokenTree::Ident(word) if word == "use" && !is_mark(tokens.get(at + 1), '<') => {
                    self.used(module, &tokens, at)
                }
                TokenTree::Ident(_) => self.path(module, &tokens, at),
                TokenTree::Group(group) => {
                    self.code(module, group.stream());
                    at + 1
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
            }
        }
    }

    /// A module of a module: a file of its own, or a part of this one.
    fn child(&mut self, module: usize, tokens: &[TokenTree], at: usize) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return at + 1 };
        let (name, parent) = (name.to_string(), &self.modules[module]);
        let folder = format!("{}{name}/", parent.folder);
        let child = match tokens.get(at + 2) {
            Some(TokenTree::Group(body)) => {
                let (file, body) = (parent.file.clone(), body.stream());
                self.module(&file, Some(module), &folder, body)
            }
            _ => {
                let beside = format!("{}{name}.rs", parent.folder);
                let inside = format!("{folder}mod.rs");
                let file = if (self.text)(&beside).is_some() { beside } else { inside };
                self.file(&file, Some(module), &folder)
            }
        };
        self.modules[module].children.insert(name, child);
        at + 3
    }

    fn used(&mut self, module: usize, tokens: &[TokenTree], at: usize) -> usize {
        let is_pub = |at: usize| matches!(&tokens[at], TokenTree::Ident(word) if word == "pub");
        let exported = match at.checked_sub(1).map(|before| (before, &tokens[before])) {
            Some((before, TokenTree::Group(_))) => before > 0 && is_pub(before - 1),
            Some((before, _)) => is_pub(before),
            None => false,
        };
        let length = tokens[at..].iter().position(|token| is_mark(Some(token), ';'));
        let end = length.map_or(tokens.len(), |length| at + length);
        names_of(&tokens[at + 1..end], &[], &mut |path, name, line| {
            self.modules[module].uses.push(Use { name, path, line, exported });
        });
        end + 1
    }

    /// Names that `::` joins; one alone is a path, too. What stands behind a dot is a field or a method.
    fn path(&mut self, module: usize, tokens: &[TokenTree], at: usize) -> usize {
        let (mut path, mut end) = (vec![tokens[at].to_string()], at + 1);
        while joined(tokens, end) {
            let Some(TokenTree::Ident(name)) = tokens.get(end + 2) else { break };
            path.push(name.to_string());
            end += 3;
        }
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        if !is_mark(before, '.') && !is_mark(before, ':') || single_colon(tokens, at) {
            let line = tokens[at].span().start().line;
            self.modules[module].paths.push((path, line));
        }
        end
    }

    fn is_import(&self, module: usize, used: &Use) -> bool {
        let child = |path: &[String]| {
            let first = path.iter().find(|name| *name != "self");
            first.is_some_and(|first| self.modules[module].children.contains_key(first))
        };
        !(used.exported && (module == 0 || child(&used.path)))
    }

    fn follow(&self, from: usize, path: &[String], depth: usize) -> Option<End> {
        // Names that stand for each other lead nowhere.
        if depth > 16 {
            return None;
        }
        let (first, mut rest) = path.split_first()?;
        let mut end = match first.as_str() {
            "crate" => End::Module(0),
            "self" => End::Module(from),
            "super" => End::Module(self.modules[from].parent?),
            name => self.find(from, name, rest.is_empty(), depth)?,
        };
        while let (End::Module(module), Some((name, after))) = (&end, rest.split_first()) {
            let here = &self.modules[*module];
            end = match name.as_str() {
                "self" => End::Module(*module),
                "super" => End::Module(here.parent?),
                "*" => End::Item(here.file.clone()),
                name => {
                    let found = self.find(*module, name, after.is_empty(), depth);
                    found.unwrap_or_else(|| End::Item(here.file.clone()))
                }
            };
            rest = after;
        }
        Some(end)
    }

    /// What a module calls by this name, if it says what that is. A function can have the name of a module; at a path's
    /// end it is meant.
    fn find(&self, module: usize, name: &str, last: bool, depth: usize) -> Option<End> {
        let here = &self.modules[module];
        let used = || {
            let mut used = here.uses.iter().filter(|used| used.name == name);
            used.find_map(|used| self.follow(module, &used.path, depth + 1))
        };
        let child = || here.children.get(name).map(|child| End::Module(*child));
        if last { used().or_else(child) } else { child().or_else(used) }
    }
}

/// Where code goes on behind an attribute; behind what it is on, where that is for tests only.
fn after_attribute(tokens: &[TokenTree], at: usize) -> usize {
    let at = if is_mark(tokens.get(at + 1), '!') { at + 1 } else { at };
    let Some(TokenTree::Group(attribute)) = tokens.get(at + 1) else { return at + 1 };
    if !is_for_tests(&attribute.stream()) {
        return at + 2;
    }
    let mut at = at + 2;
    let is_use = tokens[at..].iter().take(3).any(|token| token.to_string() == "use");
    while let Some(token) = tokens.get(at) {
        at += 1;
        let body =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_mark(Some(token), ';') || (body && !is_use) {
            break;
        }
    }
    at
}

/// `cfg(test)`, also among others.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The names of a `use`, each with its path and its line.
fn names_of(
    tokens: &[TokenTree],
    before: &[String],
    tell: &mut dyn FnMut(Vec<String>, String, usize),
) {
    for tree in tokens.split(|token| is_mark(Some(token), ',')) {
        let (mut path, mut called, mut line) = (before.to_vec(), None, 0);
        let mut inside = false;
        for token in tree {
            line = token.span().start().line;
            match token {
                TokenTree::Ident(word) if word == "as" => called = Some(String::new()),
                TokenTree::Ident(word) if called.is_some() => called = Some(word.to_string()),
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let tokens: Vec<_> = group.stream().into_iter().collect();
                    names_of(&tokens, &path, tell);
                    inside = true;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        let last = path.iter().rev().find(|name| *name != "self").cloned();
        if let (false, false, Some(last)) = (inside, tree.is_empty(), last) {
            tell(path, called.unwrap_or(last), line);
        }
    }
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Whether `::` begins here.
fn joined(tokens: &[TokenTree], at: usize) -> bool {
    is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')
}

/// Whether one colon stands before this, as before a type.
fn single_colon(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |back: usize| at.checked_sub(back).is_some_and(|at| is_mark(Some(&tokens[at]), ':'));
    colon(1) && !colon(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first of these files, `a.rs`, imports; `b.rs` has the module `b/c.rs`, and `d.rs` none.
    fn imported(a: &str) -> Vec<(String, Vec<usize>)> {
        let files = [
            ("lib.rs", "mod a; mod b; mod d; pub use b::B; pub use d::*;"),
            ("a.rs", a),
            ("a/child.rs", "pub struct Child;"),
            (
                "b.rs",
                "mod c; pub(crate) use c::{C as Sea, work}; pub struct B; pub mod part { pub struct P; }",
            ),
            ("b/c.rs", "pub struct C; pub fn work() {}"),
            ("d.rs", "pub struct D;"),
        ];
        let text =
            |wanted: &str| Some(files.iter().find(|(file, _)| *file == wanted)?.1.to_owned());
        let imports = Imports::read(&text).of.remove("a.rs").unwrap();
        imports.into_iter().map(|(file, lines)| (file, lines.into_iter().collect())).collect()
    }

    #[track_caller]
    fn imports(a: &str, files: &[&str]) {
        let found: Vec<_> = imported(a).into_iter().map(|(file, _)| file).collect();
        assert_eq!(found, files, "{a}");
    }

    #[test]
    fn a_name_is_imported_from_the_file_that_has_it() {
        for name in ["use crate::b::B;", "use super::b::B;", "use crate::B;", "type X = crate::B;"]
        {
            imports(name, &["b.rs"]);
        }
        for name in ["use crate::b::Sea;", "use crate::b::{Sea as C};", "use self::super::b::work;"]
        {
            imports(name, &["b/c.rs"]);
        }
        imports("use crate::b::{self, B}; fn f() { b::work() }", &["b.rs", "b/c.rs"]);
        imports("use crate::{b::{Sea, B}, d::D};", &["b.rs", "b/c.rs", "d.rs"]);
        imports("use crate::b::part::P;", &["b.rs"]);
        imports("use crate::d::*;", &["d.rs"]);
    }

    #[test]
    fn paths_in_code_are_imports_wherever_they_stand() {
        imports("fn f() { if true { matches!(x, crate::d::D) } }", &["d.rs"]);
        imports("fn f(x: super::d::D) -> Vec<crate::b::B> {}", &["b.rs", "d.rs"]);
        imports("use crate::b; impl b::part::P {}", &["b.rs"]);
        imports("mod inner { fn f() { super::super::d::D } }", &["d.rs"]);
    }

    #[test]
    fn a_module_alone_is_no_import_and_neither_is_what_is_only_said() {
        imports("use crate::b;", &[]);
        imports(
            "/// See [`D`](crate::d::D).\n// crate::d::D\nconst X: &str = \"crate::d::D\";",
            &[],
        );
        imports("//! `use crate::d::D;`", &[]);
        imports("#[doc = \"crate::d::D\"] struct X;", &[]);
        imports("use std::b::B; fn f() { x.d(); ::d::D; tokio::d::D }", &[]);
    }

    #[test]
    fn re_exports_of_a_child_are_imports_where_they_are_used_too() {
        imports("mod child; pub use child::Child;", &[]);
        imports("mod child; pub(crate) use self::child::Child;", &[]);
        imports("mod child; use child::Child;", &["a/child.rs"]);
        imports("mod child; pub use child::Child; struct X(Child);", &["a/child.rs"]);
        imports("mod child; struct X(child::Child);", &["a/child.rs"]);
        imports("pub use crate::d::D;", &["d.rs"]);
    }

    #[test]
    fn what_is_for_tests_only_counts_for_nothing() {
        imports("#[cfg(test)] mod tests { use crate::d::D; } use crate::b::B;", &["b.rs"]);
        imports("#[cfg(test)] mod tests; use crate::b::B;", &["b.rs"]);
        imports("#[cfg(test)] pub(crate) use crate::d::{D}; use crate::b::B;", &["b.rs"]);
        imports(
            "#[cfg(all(test, feature = \"x\"))] fn f() { crate::d::D } struct X(crate::b::B);",
            &["b.rs"],
        );
        imports("#[cfg(feature = \"test\")] fn f() { crate::d::D }", &["d.rs"]);
    }

    #[test]
    fn each_line_is_told() {
        let found = imported("use crate::d::D;\nfn f(_: D) {}\nfn g() {\n    crate::d::D;\n}");
        assert_eq!(found, [("d.rs".to_owned(), vec![1, 2, 4])]);
    }
}
