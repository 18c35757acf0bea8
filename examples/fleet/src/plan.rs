//! What the fleet is, what the release brings, and so what each request should find.

use clap::ValueEnum;
use greenlane::{Hop, Preview, Served, Trail};

/// The release that the story is about.
pub const RELEASE: &str = "release-42";
/// A release that nobody brings.
pub const NOBODYS: &str = "release-7";

/// A service of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

    /// The version that the release brings, where it brings one.
    pub fn preview_version(self) -> Option<&'static str> {
        match self {
            Self::FmsApi => Some("1.9.0"),
            Self::FmsMap => Some("2.5.0"),
            Self::FmsVehicles | Self::FmsSchedule => None,
        }
    }
}

/// What is wrong with a trail: the first hop that is not as the plan says, in words.
pub fn fault(wanted: Option<&Preview>, trail: &Trail) -> Option<String> {
    let Some(wanted) = wanted else {
        let hop = trail.hops().first()?;
        return Some(format!("{} answers a production request with a trail", hop.service()));
    };
    let mut hops = trail.hops().iter();
    for (service, depth) in CALLS {
        let (name, served) = (service.name(), expected(service, wanted));
        let Some(hop) = hops.next() else {
            return Some(format!("{name} is missing from the trail, and should be {served} there"));
        };
        if (hop.service(), hop.depth()) != (name, depth) {
            let found = hop.service();
            return Some(format!("{name} is missing from the trail: {found} stands in its place"));
        }
        if hop.served() != served {
            return Some(explain(hop, served));
        }
    }
    hops.next().map(|hop| format!("{} is in the trail, and nobody should call it", hop.service()))
}

fn expected(service: Service, wanted: &Preview) -> Served {
    let brought =
        service.preview_version().is_some() && RELEASE.parse().is_ok_and(|r: Preview| r == *wanted);
    if brought { Served::Preview } else { Served::Active }
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
        fault(Some(&wanted), &Trail::parse(trail.as_bytes()).unwrap())
    }

    #[test]
    fn a_trail_as_planned_has_no_fault() {
        let trail = "fms-api;served=preview, fms-vehicles;d=1;served=active, \
                     fms-map;d=2;served=preview, fms-schedule;d=1;served=active";
        assert_eq!(fault_of(trail), None);
        assert_eq!(fault(None, &Trail::default()), None);
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
        assert!(fault(None, &Trail::parse(b"fms-api;served=active").unwrap()).is_some());
    }
}
