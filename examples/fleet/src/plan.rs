//! What the fleet is, what its releases bring, and so what each request should find.

use clap::ValueEnum;
use greenlane::{Hop, Preview, Served, Trail};
use serde_json::{Value, json};

use crate::fleet::Answer;
use crate::services::schedule::SHIFTS;

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
    /// What its previews of `fms-map` do wrong.
    pub defect: Option<Defect>,
}

/// What a release can have broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// One call in five is answered with an error.
    Fails,
    /// Each call takes half a second.
    Slow,
}

impl Release {
    const fn new(name: &'static str, brings: &'static [(Service, &'static str)]) -> Self {
        Self { name, brings, defect: None }
    }

    const fn with(self, defect: Defect) -> Self {
        Self { defect: Some(defect), ..self }
    }
}

/// The releases under test at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan(pub &'static [Release]);

/// One release, as the story has it.
pub const STORY: Plan =
    Plan(&[Release::new(RELEASE, &[(Service::FmsApi, "1.9.0"), (Service::FmsMap, "2.5.0")])]);

/// The story's release, and such as must not be promoted.
pub const JUDGED: Plan = Plan(&[
    Release::new(RELEASE, &[(Service::FmsApi, "1.9.0"), (Service::FmsMap, "2.5.0")]),
    Release::new("release-43", &[(Service::FmsMap, "2.6.0")]).with(Defect::Fails),
    Release::new("release-44", &[(Service::FmsMap, "2.7.0")]).with(Defect::Slow),
    // Nobody asks for it.
    Release::new("release-45", &[(Service::FmsMap, "2.8.0")]),
]);

/// Several releases at once; every service has a preview, and one has none in each of them.
pub const SOAK: Plan = Plan(&[
    Release::new(RELEASE, &[(Service::FmsApi, "1.9.0"), (Service::FmsMap, "2.5.0")]),
    Release::new("release-43", &[(Service::FmsVehicles, "3.1.0"), (Service::FmsSchedule, "1.2.0")]),
    Release::new("release-44", &[(Service::FmsMap, "2.6.0"), (Service::FmsSchedule, "1.3.0")]),
    Release::new(NOBODYS, &[]),
]);

impl Plan {
    /// The previews of a service, with their versions.
    pub fn previews(self, service: Service) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().filter_map(move |release| {
            let brought = release.brings.iter().find(|(brought, _)| *brought == service);
            brought.map(|(_, version)| (release.name, *version))
        })
    }

    /// What a release has broken.
    pub fn defect(self, release: &str) -> Option<Defect> {
        self.0.iter().find(|planned| planned.name == release)?.defect
    }

    /// The version that a release brings of a service, where it brings one.
    pub fn brought(self, service: Service, release: &str) -> Option<&'static str> {
        let mut previews = self.previews(service);
        // As load balancers compare it.
        previews.find(|(name, _)| name.eq_ignore_ascii_case(release)).map(|(_, version)| version)
    }

    /// The version of a service that answers who wants this.
    fn version(self, service: Service, wanted: Option<&Preview>) -> &'static str {
        let brought = wanted.and_then(|wanted| self.brought(service, wanted.as_str()));
        brought.unwrap_or(service.active_version())
    }

    /// What is wrong with an answer: the first thing that is not as the plan says, in words.
    pub fn fault(self, answer: &Answer) -> Option<String> {
        let wanted = answer.wanted.as_ref();
        let fault = self.trails_fault(wanted, &answer.trail);
        let status = (answer.status != 200)
            .then(|| format!("it was answered with {}: {}", answer.status, answer.body));
        fault.or(status).or_else(|| self.bodys_fault(answer.vehicle, wanted, &answer.body))
    }

    fn trails_fault(self, wanted: Option<&Preview>, trail: &Trail) -> Option<String> {
        let Some(release) = wanted.map(Preview::as_str) else {
            let hop = trail.hops().first()?;
            return Some(format!("{} answers a production request with a trail", hop.service()));
        };
        let mut hops = trail.hops().iter();
        for (service, depth) in CALLS {
            let brought = self.brought(service, release).is_some();
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
            let (found, version) = (hop.version(), self.version(service, wanted));
            if found != Some(version) {
                return Some(format!("{name} is version {found:?}, and should be {version}"));
            }
        }
        hops.next()
            .map(|hop| format!("{} is in the trail, and nobody should call it", hop.service()))
    }

    /// The answer itself says which versions made it, without any help of Greenlane's.
    fn bodys_fault(self, vehicle: u32, wanted: Option<&Preview>, body: &str) -> Option<String> {
        let place = format!("Shinagawa, by map {}", self.version(Service::FmsMap, wanted));
        let shift =
            |(from, to)| json!({ "vehicle": vehicle, "from": from, "to": to, "place": place });
        let expected = json!({
            "api": self.version(Service::FmsApi, wanted),
            "vehicle": { "id": vehicle, "place": place },
            "shifts": SHIFTS.map(shift),
        });
        let found = serde_json::from_str::<Value>(body).ok();
        (found.as_ref() != Some(&expected)).then(|| format!("{body} should be {expected}"))
    }
}

fn explain(hop: &Hop, expected: Served) -> String {
    let (name, served) = (hop.service(), hop.served());
    let why = match served {
        Served::Opaque => {
            "it was told of the preview and answered without a trail: it runs without Greenlane, so the \
             chain ends there, and whatever it calls is told nothing"
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

    fn answer(wanted: Option<&str>, trail: &str) -> Answer {
        let wanted: Option<Preview> = wanted.map(|name| name.parse().unwrap());
        let trail = Trail::parse(trail.as_bytes()).unwrap();
        let api = STORY.version(Service::FmsApi, wanted.as_ref());
        let place =
            format!("Shinagawa, by map {}", STORY.version(Service::FmsMap, wanted.as_ref()));
        let shift = |(from, to)| json!({ "vehicle": 7, "from": from, "to": to, "place": place });
        let vehicle = json!({ "id": 7, "place": place });
        let body = json!({ "api": api, "vehicle": vehicle, "shifts": SHIFTS.map(shift) });
        Answer { vehicle: 7, wanted, status: 200, body: body.to_string(), trail }
    }

    fn fault_of(trail: &str) -> Option<String> {
        STORY.fault(&answer(Some(RELEASE), trail))
    }

    const PLANNED: &str = "fms-api;served=preview;version=\"1.9.0\", \
        fms-vehicles;d=1;served=active;version=\"3.0.1\", fms-map;d=2;served=preview;version=\"2.5.0\", \
        fms-schedule;d=1;served=active;version=\"1.1.5\"";

    #[test]
    fn an_answer_as_planned_has_no_fault() {
        assert_eq!(fault_of(PLANNED), None);
        assert_eq!(STORY.fault(&answer(None, "")), None);
    }

    #[test]
    fn every_other_trail_names_the_hop() {
        for (trail, hop) in [
            (String::new(), "fms-api is missing"),
            ("fms-api;served=active".to_owned(), "fms-api should be preview and is active"),
            (PLANNED.replace("fms-vehicles;d=1", "fms-schedule;d=1"), "fms-vehicles is missing"),
            (PLANNED.replace("2.5.0", "2.6.0"), "fms-map is version Some(\"2.6.0\")"),
            (format!("{PLANNED}, fms-billing;d=1;served=active"), "fms-billing is in the trail"),
        ] {
            let fault = fault_of(&trail).unwrap();
            assert!(fault.starts_with(hop), "{fault}");
        }
        assert!(STORY.fault(&answer(None, "fms-api;served=active")).is_some());
    }

    #[test]
    fn an_answer_made_by_other_versions_has_a_fault_whatever_the_trail_says() {
        let mut answer = answer(Some(RELEASE), PLANNED);
        answer.body = answer.body.replacen("by map 2.5.0", "by map 2.4.0", 1);
        assert!(STORY.fault(&answer).unwrap().contains("should be"));
        answer.status = 502;
        assert!(STORY.fault(&answer).unwrap().contains("502"));
    }

    #[test]
    fn each_release_is_served_where_it_brings_a_preview() {
        let map = |release| SOAK.brought(Service::FmsMap, release);
        assert_eq!(map("Release-42"), Some("2.5.0"));
        assert_eq!((map("release-43"), map("release-7"), map("other")), (None, None, None));
    }
}
