//! Addresses that are made of a preview's name.

use std::borrow::Cow;
use std::fmt;

use greenlane_core::Preview;
use http::uri::Scheme;

use crate::address::{self, Address, split_scheme};
use crate::decision::Missing;
use crate::error::RouteError;

/// Where a rule's previews live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// All of them there.
    Known(Address),
    /// Each at a host of its own.
    Made(Template),
}

/// A host with a preview's name in one of its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    scheme: Scheme,
    before: Box<str>,
    after: Box<str>,
    port: Option<u16>,
}

const SERVICE: &str = "{service}";
const PREVIEW: &str = "{preview}";
const MAX_LABEL: usize = 63;
const MAX_HOST: usize = 253;

impl Whereabouts {
    /// An address of a service's preview as it stands in a table.
    ///
    /// # Errors
    ///
    /// When it could be no address, or one that whoever names a preview chooses.
    pub(crate) fn new(text: &str, service: &str) -> Result<Self, RouteError> {
        let refuse = |problem: &str| RouteError::value(text, problem, address::ACCEPTED);
        if text.contains(SERVICE) && service.contains(['.', ':', '[']) {
            return Err(refuse("the service's name is more than one label"));
        }
        let filled = text.replace(SERVICE, service);
        let Some((before, after)) = filled.split_once(PREVIEW) else {
            let known = filled.parse::<Address>();
            return known.map(Self::Known).map_err(|_| refuse("it is no address"));
        };
        // With the shortest of names it must be an address already.
        let sample = format!("{before}a{after}");
        let sample = sample.parse::<Address>().map_err(|_| refuse("it would be no address"))?;
        let (scheme, before) = split_scheme(before).ok_or_else(|| refuse("it is no address"))?;
        if before.contains(':') {
            return Err(refuse("{preview} stands outside of the host"));
        }
        let after = after.split([':', '/']).next().unwrap_or_default();
        let template = Template {
            scheme,
            before: before.to_ascii_lowercase().into(),
            after: after.to_ascii_lowercase().into(),
            port: sample.authority().port_u16(),
        };
        template.check().map_err(refuse)?;
        Ok(Self::Made(template))
    }

    /// Where this preview lives.
    pub(crate) fn of(&self, preview: &Preview) -> Result<Cow<'_, Address>, Missing> {
        match self {
            Self::Known(address) => Ok(Cow::Borrowed(address)),
            Self::Made(template) => {
                template.fill(preview).map(Cow::Owned).ok_or(Missing::NotALabel)
            }
        }
    }

    /// Has what calls take out of it stay, so that they count nothing. What is made for a call is the call's own.
    pub(crate) fn stay(&mut self) {
        match self {
            Self::Known(address) => address.stay(),
            Self::Made(_) => {}
        }
    }

    /// Whether one of these previews lives at this host, in lower case.
    pub(crate) fn include(&self, host: &str) -> bool {
        match self {
            Self::Known(address) => address.host() == host,
            Self::Made(Template { before, after, .. }) => {
                let name =
                    host.strip_prefix(&**before).and_then(|rest| rest.strip_suffix(&**after));
                name.is_some_and(|name| !name.is_empty() && !name.contains('.'))
            }
        }
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => fmt::Display::fmt(address, f),
            Self::Made(Template { scheme, before, after, port }) => {
                write!(f, "{scheme}://{before}{PREVIEW}{after}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

impl Template {
    /// Whoever names a preview must not choose the host by it.
    fn check(&self) -> Result<(), &'static str> {
        if self.before.is_empty() && (self.after.is_empty() || self.after.starts_with('.')) {
            return Err(
                "its first label is the preview's name alone, so a tester could name any host",
            );
        }
        if self.before.contains('.') && !self.after.contains('.') {
            return Err("its last label, the domain, would be a tester's to choose");
        }
        Ok(())
    }

    /// What else stands in the label, in bytes.
    fn around(&self) -> usize {
        let before = self.before.rsplit('.').next().map_or(0, str::len);
        let after = self.after.split('.').next().map_or(0, str::len);
        before + after
    }

    /// The address for this preview, where its name fits into the label and makes no address in disguise:
    /// `0x08080808` is 8.8.8.8, <https://url.spec.whatwg.org/#ends-in-a-number-checker>.
    fn fill(&self, preview: &Preview) -> Option<Address> {
        let name = preview.as_str();
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && self.around() + name.len() <= MAX_LABEL;
        if !fits {
            return None;
        }
        let host = format!("{}{}{}", self.before, name.to_ascii_lowercase(), self.after);
        if host.len() > MAX_HOST || !address::is_host(&host) || ends_in_a_number(&host) {
            return None;
        }
        Address::made(self.scheme.clone(), host, self.port)
    }
}

fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x");
    last.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, preview: &str) -> Option<String> {
        let whereabouts = Whereabouts::new(template, "fms-map").unwrap();
        let address = whereabouts.of(&preview.parse().unwrap()).ok()?;
        Some(address.to_string())
    }

    #[test]
    fn service_and_preview_are_filled_in() {
        for (template, address) in [
            ("http://{service}-{preview}", "http://fms-map-release-42"),
            ("http://{service}-preview", "http://fms-map-preview"),
            ("http://{service}-{preview}:8080/", "http://fms-map-release-42:8080"),
            ("https://{service}-{preview}.Fms.svc", "https://fms-map-release-42.fms.svc"),
            (
                "http://{service}.{preview}.svc.cluster.local",
                "http://fms-map.release-42.svc.cluster.local",
            ),
            ("http://p{preview}", "http://prelease-42"),
        ] {
            assert_eq!(filled(template, "Release-42").as_deref(), Some(address), "{template}");
        }
    }

    /// Server-side request forgery by the name of a preview.
    #[test]
    fn a_name_that_is_not_one_dns_label_makes_no_address() {
        let long = "x".repeat(63 - "fms-map-".len());
        assert!(filled("http://{service}-{preview}", &long).is_some());
        for name in ["x.evil.com", "a_b", "a-", &format!("{long}x")] {
            assert_eq!(filled("http://{service}-{preview}", name), None, "{name}");
        }
        assert!(
            filled("http://{preview}-{service}", "a-").is_some(),
            "not at the end of the label"
        );
        for (template, name) in [
            ("http://1{preview}", "34744072"),
            ("http://0x{preview}", "08080808"),
            ("http://0{preview}", "x08080808"),
            ("http://0{preview}", "10"),
        ] {
            assert_eq!(filled(template, name), None, "{template} {name} is an address in disguise");
        }
        let deep = format!("http://{{service}}-{{preview}}.{}", vec!["y".repeat(50); 4].join("."));
        assert!(filled(&deep, "a").is_some());
        assert_eq!(filled(&deep, &"x".repeat(54)), None, "more than 253 bytes");
    }

    #[test]
    fn a_template_by_which_a_tester_chooses_the_host_is_an_error() {
        for (template, problem) in [
            ("http://{preview}", "any host"),
            ("http://{preview}.fms.svc", "any host"),
            ("http://fms.{preview}", "its last label"),
            ("http://fms.x-{preview}:80", "its last label"),
            ("http://fms:{preview}", "would be no address"),
            ("http://fms/{preview}", "would be no address"),
            ("{preview}://fms", "would be no address"),
            ("http://{service}-{preview}-{preview}", "would be no address"),
            ("http://{service}-{version}", "it is no address"),
            ("http://fms:8080-{preview}", "would be no address"),
        ] {
            let error = Whereabouts::new(template, "fms-map").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let error = Whereabouts::new("http://{service}-x", "vehicles.example").unwrap_err();
        assert!(error.to_string().contains("more than one label"), "{error}");
        let narrow = format!("http://{}{{preview}}", "x".repeat(63));
        assert!(Whereabouts::new(&narrow, "fms-map").is_err());
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        let shown = |text| Whereabouts::new(text, "fms-map").unwrap().to_string();
        assert_eq!(shown("http://{service}-{preview}:80"), "http://fms-map-{preview}:80");
        assert_eq!(shown("https://{service}"), "https://fms-map");
    }
}
