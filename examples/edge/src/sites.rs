//! Hosts that belong together, and each one's preview hosts: what browsers compare is translated between them.

mod pattern;
mod translation;
mod urls;

use greenlane::{Lane, Preview};

pub(crate) use pattern::Pattern;
pub(crate) use translation::{Translation, expose_trail};

use crate::refusal::Refusal;
use crate::settings::Hosts;

/// A production host, and the one that leads into a preview of it.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) production: String,
    pub(crate) preview: Pattern,
}

/// Hosts between which a browser's page moves and calls.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) hosts: Vec<Pair>,
    /// Domains of cookies that are for several of the hosts.
    pub(crate) cookie_domains: Vec<Pair>,
}

/// All of them. Nothing is translated at any other host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sites(Vec<Site>);

/// What a host stands for.
#[derive(Debug)]
pub(crate) struct Entered<'s> {
    /// The host of production.
    pub(crate) host: String,
    /// `None` at a host of production.
    pub(crate) translation: Option<Translation<'s>>,
}

impl Sites {
    /// # Errors
    ///
    /// When it is not clear what one of its hosts stands for.
    pub(crate) fn add(&mut self, site: Site, hosts: &Hosts) -> Result<(), String> {
        if site.hosts.is_empty() {
            return Err("a site takes one pair of hosts or more".to_owned());
        }
        for (at, Pair { production, preview }) in site.hosts.iter().enumerate() {
            if !hosts.by_name.contains_key(production) {
                return Err(format!(
                    "\"{production}\": a pair takes a production host that stands in `hosts`"
                ));
            }
            if preview.fixed().is_some_and(|host| hosts.by_name.contains_key(host)) {
                return Err(format!(
                    "\"{preview}\": a preview's host does not stand in `hosts` too"
                ));
            }
            let earlier = site.hosts.iter().take(at);
            let elsewhere = self.0.iter().flat_map(|site| &site.hosts);
            if earlier.clone().chain(elsewhere).any(|other| other.preview == *preview) {
                return Err(format!("\"{preview}\": a preview's host is there once"));
            }
            if earlier.clone().any(|other| other.production == *production) {
                return Err(format!("\"{production}\": a production host is once in a site"));
            }
        }
        let all = || site.hosts.iter().chain(&site.cookie_domains);
        let first = all().next().map(|pair| pair.preview.fixed().is_some());
        if all().any(|pair| Some(pair.preview.fixed().is_some()) != first) {
            return Err("either all previews of a site have {preview} in their hosts, or none has"
                .to_owned());
        }
        self.0.push(site);
        Ok(())
    }

    /// What this host stands for, asked for in this lane.
    ///
    /// # Errors
    ///
    /// For a preview's host in another lane than the preview's: production never answers under a preview's name.
    pub(crate) fn enter(
        &self,
        host: &str,
        lane: &Lane,
        hosts: &Hosts,
    ) -> Result<Entered<'_>, Refusal> {
        let production = || Entered { host: host.to_owned(), translation: None };
        if hosts.by_name.contains_key(host) {
            return Ok(production());
        }
        let found = self.0.iter().find_map(|site| {
            let found = |pair: &Pair| {
                Some((pair.production.clone(), pair.preview.named(host)?.map(ToOwned::to_owned)))
            };
            site.hosts.iter().find_map(found).map(|found| (site, found))
        });
        let Some((site, (host, name))) = found else {
            return Ok(production());
        };
        let Some(preview) = lane.preview() else {
            return Err(Refusal::NotLetIn);
        };
        if name
            .as_deref()
            .is_some_and(|name| name.parse::<Preview>().ok().as_ref() != Some(preview))
        {
            return Err(Refusal::OtherPreview);
        }
        Ok(Entered { host, translation: Some(Translation::new(site, name)) })
    }
}

impl Site {
    /// The production host that this one is the preview's of, of the preview with this name.
    fn to_production(&self, host: &str, name: Option<&str>) -> Option<String> {
        let host = host.to_ascii_lowercase();
        let found = self.hosts.iter().find(|pair| match (pair.preview.named(&host), name) {
            (Some(None), None) => true,
            (Some(Some(found)), Some(name)) => found.eq_ignore_ascii_case(name),
            _ => false,
        });
        found.map(|pair| pair.production.clone())
    }

    fn to_preview(&self, host: &str, name: Option<&str>) -> Option<String> {
        preview_of(&self.hosts, host, name)
    }

    /// Where a cookie for this domain goes.
    fn cookie_domain(&self, domain: &str, name: Option<&str>) -> Option<String> {
        preview_of(&self.cookie_domains, domain, name).or_else(|| self.to_preview(domain, name))
    }
}

fn preview_of(pairs: &[Pair], host: &str, name: Option<&str>) -> Option<String> {
    let pair = pairs.iter().find(|pair| pair.production.eq_ignore_ascii_case(host))?;
    Some(pair.preview.of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let service = || crate::settings::Service {
            authority: http::uri::Authority::from_static("fms-api"),
            http2: false,
        };
        let names = ["api.test", "console.test", "api-eu.test"];
        let by_name = names.iter().map(|name| ((*name).to_owned(), service())).collect();
        Hosts { by_name, any: None }
    }

    fn site(pairs: &[(&str, &str)]) -> Site {
        let pair = |(production, preview): &(&str, &str)| Pair {
            production: (*production).to_owned(),
            preview: preview.parse().unwrap(),
        };
        Site { hosts: pairs.iter().map(pair).collect(), cookie_domains: Vec::new() }
    }

    fn entered(host: &str, lane: &Lane) -> Result<(String, bool), Refusal> {
        let mut sites = Sites::default();
        sites.add(site(&[("api.test", "api-{preview}.test")]), &hosts()).unwrap();
        sites.add(site(&[("console.test", "next.test")]), &hosts()).unwrap();
        let hosts = hosts();
        sites.enter(host, lane, &hosts).map(|entered| (entered.host, entered.translation.is_some()))
    }

    #[test]
    fn a_previews_host_leads_into_its_own_preview_alone() {
        let in_lane = Lane::from("release-42".parse::<Preview>().unwrap());
        let translated = |host: &str| Ok((host.to_owned(), true));
        let as_it_is = |host: &str| Ok((host.to_owned(), false));
        assert_eq!(entered("api-release-42.test", &in_lane), translated("api.test"));
        assert_eq!(entered("api-release-43.test", &in_lane), Err(Refusal::OtherPreview));
        assert_eq!(entered("api-release-42.test", &Lane::ACTIVE), Err(Refusal::NotLetIn));
        assert_eq!(entered("next.test", &in_lane), translated("console.test"));
        assert_eq!(entered("next.test", &Lane::ACTIVE), Err(Refusal::NotLetIn));
        assert_eq!(entered("api.test", &in_lane), as_it_is("api.test"), "by a token");
        assert_eq!(
            entered("api-eu.test", &Lane::ACTIVE),
            as_it_is("api-eu.test"),
            "it only looks like one"
        );
        assert_eq!(entered("other.test", &Lane::ACTIVE), as_it_is("other.test"));
    }

    #[test]
    fn a_site_that_can_be_read_in_two_ways_is_an_error() {
        for (pairs, problem) in [
            (&[][..], "one pair of hosts or more"),
            (&[("else.test", "x.test")], "stands in `hosts`"),
            (&[("api.test", "console.test")], "does not stand in `hosts`"),
            (&[("api.test", "x.test"), ("console.test", "x.test")], "is there once"),
            (&[("api.test", "x.test"), ("api.test", "y.test")], "once in a site"),
            (&[("api.test", "x.test"), ("console.test", "{preview}.test")], "or none has"),
        ] {
            let error = Sites::default().add(site(pairs), &hosts()).unwrap_err();
            assert!(error.contains(problem), "{error} lacks {problem}");
        }
    }
}
