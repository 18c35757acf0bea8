//! What the fleet is, what its releases bring, and so what each request should find.

use clap::ValueEnum;
use greenlane::{Hop, Preview, Served, Trail};

/// The release that the story is about.
pub const RELEASE: &str = "release-42";
/// A release that nobody brings.
pub const NOBODYS: &str = "release-7";

/// The vehicle that the story asks for.
pub const VEHICLE: u32 = 7;

/// A service of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[allow(missing_docs)]
pub enum Service {
    FmsApi,
    FmsVehicles,
    FmsMap,
    FmsSchedule,
}

/// The services in the order in which one request reaches them, and how deep.
pub const CALLS: [(Service, u8); 4] = [
    (Service::FmsApi, 0),
    (Service::FmsVehicles, 1),
    (Service::FmsMap, 2),
    (Service::FmsSchedule, 1),
];

impl Service {
    /// The name, in trails and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::FmsApi => "fms-api",
            Self::FmsVehicles => "fms-vehicles",
            Self::FmsMap => "fms-map",
            Self::FmsSchedule => "fms-schedule",
        }
    }

    /// The version of the active instance.
    pub fn active_version(self) -> &'static str {
        match self {
            Self::FmsApi => "1.8.2",
            Self::FmsVehicles => "3.0.1",
            Self::FmsMap => "2.4.0",
            Self::FmsSchedule => "1.1.5",
        }
    }
}

/// A release: its name, and the versions that it brings.
#[derive(Debug)]
pub struct Release {
    /// What testers ask for.
    pub name: &'static str,
    /// The services that it touches, with the version of the preview.
    pub brings: &'static [(Service, &'static str)],
}

/// The releases under test at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan(pub &'static [Release]);

/// One release, as the story has it.
pub const STORY: Plan = Plan(&[Release {
    name: RELEASE,
    brings: &[(Service::FmsApi, "1.9.0"), (Service::FmsMap, "2.5.0")],
}]);

/// Several releases at once; every service has a preview, and one has none in each of them.
pub const SOAK: Plan = Plan(&[
    Release { name: RELEASE, brings: &[(Service::FmsApi, "1.9.0"), (Service::FmsMap, "2.5.0")] },
    Release {
        name: "release-43",
        brings: &[(Service::FmsVehicles, "3.1.0"), (Service::FmsSchedule, "1.2.0")],
    },
    Release {
        name: "release-44",
        brings: &[(Service::FmsMap, "2.6.0"), (Service::FmsSchedule, "1.3.0")],
    },
    Release { name: NOBODYS, brings: &[] },
]);

impl Plan {
    /// The previews of a service, with their versions.
    pub fn previews(self, service: Service) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().filter_map(move |release| {
            let brought = release.brings.iter().find(|(brought, _)| *brought == service);
            brought.map(|(_, version)| (release.name, *version))
        })
    }

    /// The release whose preview of the service answers who wants this; `None` is the active version.
    pub fn serving(self, service: Service, wanted: Option<&Preview>) -> Option<&'static str> {
        let wanted = wanted?;
        let mut previews = self.previews(service).map(|(release, _)| release);
        previews.find(|release| release.parse::<Preview>().is_ok_and(|name| name == *wanted))
    }

    /// What is wrong with a trail: the first hop that is not as the plan says, in words.
    pub fn fault(self, wanted: Option<&Preview>, trail: &Trail) -> Option<String> {
        if wanted.is_none() {
            let hop = trail.hops().first()?;
            return Some(format!("{} answers a production request with a trail", hop.service()));
        }
        let mut hops = trail.hops().iter();
        for (service, depth) in CALLS {
            let brought = self.serving(service, wanted).is_some();
            let served = if brought { Served::Preview } else { Served::Active };
            let name = service.name();
            let Some(hop) = hops.next() else {
                return Some(format!(
                    "{name} is missing from the trail, and should be {served} there"
                ));
            };
            if (hop.service(), hop.depth()) != (name, depth) {
                let found = hop.service();
                return Some(format!(
                    "{name} is missing from the trail: {found} stands in its place"
                ));
            }
            if hop.served() != served {
                return Some(explain(hop, served));
            }
        }
        hops.next()
            .map(|hop| format!("{} is in the trail, and nobody should call it", hop.service()))
    }
}

fn explain(hop: &Hop, expected: Served) -> String {
    let (name, served) = (hop.service(), hop.served());
    let why = match served {
        Served::Opaque => {
            "it was told of the preview and answered without a trail: it runs without Greenlane, so the \
             chain is broken there and nothing behind it is told"
        }
        Served::Unavailable => {
            "the load balancer in front of it had nobody to ask: its preview is down"
        }
        Served::Failed => "it could not be reached",
        _ => "another version answered than the plan says",
    };
    format!("{name} should be {expected} and is {served}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(trail: &str) -> Option<String> {
        let wanted = RELEASE.parse().unwrap();
        STORY.fault(Some(&wanted), &Trail::parse(trail.as_bytes()).unwrap())
    }

    #[test]
    fn a_trail_as_planned_has_no_fault() {
        let trail = "fms-api;served=preview, fms-vehicles;d=1;served=active, \
                     fms-map;d=2;served=preview, fms-schedule;d=1;served=active";
        assert_eq!(fault_of(trail), None);
        assert_eq!(STORY.fault(None, &Trail::default()), None);
    }

    #[test]
    fn every_other_trail_names_the_hop() {
        for (trail, hop) in [
            ("", "fms-api is missing"),
            ("fms-api;served=active", "fms-api should be preview and is active"),
            ("fms-api;served=preview, fms-schedule;d=1;served=active", "fms-vehicles is missing"),
            (
                "fms-api;served=preview, fms-vehicles;d=1;served=active, fms-map;d=2;served=preview, \
                 fms-schedule;d=1;served=active, fms-billing;d=1;served=active",
                "fms-billing is in the trail",
            ),
        ] {
            let fault = fault_of(trail).unwrap();
            assert!(fault.starts_with(hop), "{fault}");
        }
        assert!(STORY.fault(None, &Trail::parse(b"fms-api;served=active").unwrap()).is_some());
    }

    #[test]
    fn each_release_is_served_where_it_brings_a_preview() {
        let wanted = |name: &str| Some(name.parse::<Preview>().unwrap());
        let map = |name| SOAK.serving(Service::FmsMap, wanted(name).as_ref());
        assert_eq!(map("Release-42"), Some("release-42"));
        assert_eq!((map("release-43"), map("release-7"), map("other")), (None, None, None));
        assert_eq!(SOAK.serving(Service::FmsMap, None), None);
    }
}
