//! The modules of a crate and which names which, read from its source with `syn`.
//!
//! A module names another one where its code holds a path from `crate` or `super`: in a `use`, in an expression or a
//! type, in the tokens of a macro. A path through a re-export (`pub use`) leads to the module that defines the item.
//! Test code (`#[cfg(test)]`) and visibilities (`pub(in crate::…)`) are left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module's path within its crate; the root is empty.
pub(super) type Module = Vec<String>;

/// A module that names something, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) from: Module,
    /// The path that is named, from the crate's root; its last parts may be an item and not a module.
    path: Vec<String>,
    /// File and line, relative to the workspace.
    pub(super) place: String,
}

/// All modules of one crate.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// For each module the names that it re-exports, with their paths from the crate's root.
    exports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
    pub(super) references: Vec<Reference>,
}

impl Modules {
    /// Reads a crate from its root file, following `mod name;`. `base` is what places are relative to.
    pub(super) fn read(root: &Path, base: &Path) -> Result<Self> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(base);
        modules.read_file(root, folder, &Vec::new(), base)?;
        Ok(modules)
    }

    /// A crate whose modules are all written in one text.
    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Self {
        let mut modules = Self::default();
        let file = syn::parse_file(text).unwrap();
        let children = modules.take_items(&file.items, &Vec::new(), "lib.rs");
        assert!(children.is_empty(), "a test has no files");
        modules
    }

    fn read_file(&mut self, file: &Path, folder: &Path, module: &Module, base: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("can't parse {}", file.display()))?;
        let place = file.strip_prefix(base).unwrap_or(file).display().to_string();
        for child in self.take_items(&parsed.items, module, &place) {
            let below = child[module.len()..].iter().fold(folder.to_path_buf(), |path, name| path.join(name));
            let Some(file) = source_of(&below) else {
                anyhow::bail!("{place}: there is no file for the module {}", child.join("::"));
            };
            self.read_file(&file, &below, &child, base)?;
        }
        Ok(())
    }

    /// Notes what the items of a module name. Returns the modules that stand in files of their own.
    fn take_items(&mut self, items: &[Item], module: &Module, file: &str) -> Vec<Module> {
        self.exports.entry(module.clone()).or_default();
        let mut elsewhere = Vec::new();
        for item in items {
            match item {
                Item::Mod(inner) if is_test(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let mut child = module.clone();
                    child.push(inner.ident.to_string());
                    match &inner.content {
                        Some((_, items)) => elsewhere.extend(self.take_items(items, &child, file)),
                        None => elsewhere.push(child),
                    }
                }
                Item::Use(used) if !is_test(&used.attrs) && !matches!(used.vis, Visibility::Inherited) => {
                    Walker { module, file, modules: self }.visit_item_use(used);
                    let mut named = Vec::new();
                    flatten(&used.tree, Vec::new(), &mut named);
                    for (path, name, _) in named {
                        let path = absolute(&path, module).unwrap_or_else(|| [module.clone(), path].concat());
                        self.exports.entry(module.clone()).or_default().insert(name, path);
                    }
                }
                item => Walker { module, file, modules: self }.visit_item(item),
            }
        }
        elsewhere
    }

    /// The module that a path leads to: the deepest one on it, through re-exports.
    pub(super) fn target(&self, reference: &Reference) -> Module {
        self.follow(&reference.path, 0)
    }

    fn follow(&self, path: &[String], depth: usize) -> Module {
        let mut module = Module::new();
        for (index, name) in path.iter().enumerate() {
            let mut child = module.clone();
            child.push(name.clone());
            if self.exports.contains_key(&child) {
                module = child;
                continue;
            }
            // Names that re-export each other would lead on for ever.
            if depth < 16
                && let Some(target) = self.exports.get(&module).and_then(|names| names.get(name))
            {
                let longer = [target.as_slice(), &path[index + 1..]].concat();
                return self.follow(&longer, depth + 1);
            }
            break;
        }
        module
    }
}

/// The file of a module: `name.rs` or `name/mod.rs`.
fn source_of(below: &Path) -> Option<PathBuf> {
    [below.with_extension("rs"), below.join("mod.rs")].into_iter().find(|file| file.is_file())
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// A path from the crate's root, for one that begins with `crate`, `self` or `super`; `None` for all others.
fn absolute(path: &[String], module: &Module) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" | "super" => module.clone(),
        _ => return None,
    };
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The paths of a `use`, each with the name that it brings in and its place.
fn flatten(tree: &UseTree, mut path: Vec<String>, named: &mut Vec<(Vec<String>, String, Span)>) {
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, named);
        }
        UseTree::Name(name) => {
            let ident = name.ident.to_string();
            if ident != "self" {
                path.push(ident.clone());
            }
            let name_of = path.last().cloned().unwrap_or(ident);
            named.push((path, name_of, name.ident.span()));
        }
        UseTree::Rename(renamed) => {
            path.push(renamed.ident.to_string());
            named.push((path, renamed.rename.to_string(), renamed.ident.span()));
        }
        UseTree::Glob(glob) => named.push((path, "*".to_owned(), glob.star_token.spans[0])),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path.clone(), named)),
    }
}

/// Collects what the code of one module names.
struct Walker<'a> {
    module: &'a Module,
    file: &'a str,
    modules: &'a mut Modules,
}

impl Walker<'_> {
    fn take(&mut self, path: &[String], span: Span) {
        if let Some(path) = absolute(path, self.module) {
            let place = format!("{}:{}", self.file, span.start().line);
            self.modules.references.push(Reference { from: self.module.clone(), path, place });
        }
    }

    /// Paths in the tokens of a macro: `crate`, `super` or `self`, and the names behind it.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut begin = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    // One colon stands between a name and its type or value: a new path begins.
                    if colons != 2 {
                        self.finish(&mut path, begin);
                        begin = ident.span();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.finish(&mut path, begin);
                    self.take_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.finish(&mut path, begin);
                    colons = 0;
                }
            }
        }
        self.finish(&mut path, begin);
    }

    fn finish(&mut self, path: &mut Vec<String>, begin: Span) {
        if path.len() > 1 {
            self.take(path, begin);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Walker<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, used: &'ast syn::ItemUse) {
        let mut named = Vec::new();
        flatten(&used.tree, Vec::new(), &mut named);
        for (path, _, span) in named {
            self.take(&path, span);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.take(&names, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.take_tokens(called.tokens.clone());
    }

    /// `pub(in crate::module)` names a module and needs nothing of it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
