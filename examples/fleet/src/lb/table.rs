//! Which version of which service runs where.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use greenlane::routing::{Route, RouteError, RouteFile, Routes};
use tempfile::TempDir;

use crate::balancer::Rules;
use crate::plan::Service;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(super) const FILE: &str = "routes.toml";

/// The versions of all services, in the order in which they were started.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<(Service, Option<&'static str>, SocketAddr)>);

impl Table {
    pub(crate) fn add(&mut self, service: Service, release: Option<&'static str>, at: SocketAddr) {
        self.0.push((service, release, at));
    }

    pub(super) fn versions(
        &self,
    ) -> impl Iterator<Item = (Service, Option<&'static str>, SocketAddr)> {
        self.0.iter().copied()
    }

    /// From here on the release is the active version, and has no rule.
    pub(crate) fn promote(&mut self, service: Service, release: &str) {
        let promoted =
            self.versions().find(|(of, named, _)| *of == service && *named == Some(release));
        if let Some((_, _, at)) = promoted {
            self.0.retain(|(of, named, _)| {
                *of != service || named.is_some_and(|named| named != release)
            });
            self.add(service, None, at);
        }
    }

    /// As routes, with addresses that say where a version is.
    pub(super) fn routes(
        &self,
        address: impl Fn(Service, Option<&'static str>, SocketAddr) -> String,
    ) -> std::result::Result<Routes, RouteError> {
        let active = self.versions().filter(|(_, release, _)| release.is_none());
        Routes::new(active.map(|(service, none, at)| {
            let route = Route::builder(service.name(), address(service, none, at));
            self.versions().fold(route, |route, (of, release, at)| match release {
                Some(name) if of == service => route.preview(name, address(of, release, at)),
                _ => route,
            })
        }))
    }

    /// What the fleet's own load balancer needs.
    pub(super) fn rules(&self, service: Service) -> Result<Rules> {
        let mut previews = HashMap::new();
        let mut active = None;
        for (_, release, at) in self.versions().filter(|(of, ..)| *of == service) {
            match release {
                Some(release) => _ = previews.insert(release.to_owned(), at),
                None => active = Some(at),
            }
        }
        let active = active.ok_or_else(|| format!("{} has no active version", service.name()))?;
        Ok(Rules { header: "x-preview", previews, active })
    }

    /// A file of it, in a directory of its own, that is followed.
    pub(super) fn file(&self) -> Result<(RouteFile, TempDir)> {
        let directory = TempDir::new()?;
        self.write(&directory)?;
        Ok((RouteFile::open(directory.path().join(FILE))?, directory))
    }

    /// Replaces the file: whoever reads it sees the one or the other.
    pub(super) fn write(&self, directory: &TempDir) -> Result<()> {
        // Empty at first, and a table needs its key.
        let mut text = "[services]\n".to_owned();
        for (service, _, at) in self.versions().filter(|(_, release, _)| release.is_none()) {
            writeln!(
                text,
                "[services.{}]\nactive = \"http://{at}\"\npreviews = [",
                service.name()
            )?;
            for (_, release, at) in self.versions().filter(|(of, ..)| *of == service) {
                if let Some(release) = release {
                    writeln!(text, "  {{ name = \"{release}\", address = \"http://{at}\" }},")?;
                }
            }
            text.push_str("]\n");
        }
        let beside = directory.path().join("next");
        fs::write(&beside, text)?;
        Ok(fs::rename(beside, directory.path().join(FILE))?)
    }
}
