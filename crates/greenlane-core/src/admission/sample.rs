//! By a sample of users, each of whom stays in it or out of it.

use sha2::{Digest, Sha256};

use super::credential::{Credential, Place};
use super::entry::Entry;
use super::gate::Gate;
use super::rule::{Opening, Rule, Shows, broken};
use crate::error::ConfigError;
use crate::preview::Preview;

/// A bucket is one hundredth of a per cent.
const BUCKETS: u32 = 10_000;

/// Some of the users, for [`Gate::sample`].
///
/// Whether a user is in it depends on nothing but the salt and what names the user, so it is the same at every
/// edge, in every process and in every session. Raising the percentage keeps those who are in. For other
/// programs to compute:
///
/// ```text
/// bucket = (the first 4 bytes of SHA-256(salt ‖ 0x00 ‖ user), as a big-endian number) mod 10000
/// in     = bucket < percent × 100
/// ```
///
/// `printf 'release-42\0alice' | sha256sum` begins with `bcf66b9a`: alice is in bucket 6010, and in samples of
/// more than 60.10 %.
///
/// The salt is the preview's name in lower case unless [`salt`](Sample::salt) says otherwise; the user is the
/// header's or the cookie's value as it stands, without white space around it. A request that names no user, or
/// two, is not in.
#[derive(Clone, Debug)]
#[must_use]
pub struct Sample {
    preview: String,
    percent: f64,
    user: Place,
    salt: Option<String>,
}

impl Sample {
    /// So many per cent of the users whom this header or cookie tells apart go into this preview: more than 0,
    /// at most 100, and counted in hundredths.
    pub fn new(preview: impl Into<String>, percent: f64, user: Place) -> Self {
        Self { preview: preview.into(), percent, user, salt: None }
    }

    /// Another salt than the preview's name: with the same one, the next preview goes to the same users.
    pub fn salt(self, salt: impl Into<String>) -> Self {
        Self { salt: Some(salt.into()), ..self }
    }
}

impl Gate {
    /// By a sticky sample: some of the users, always the same.
    ///
    /// It proves nothing: where users' names come from the client, whoever wants to be in tries until he is.
    /// Put the preview's name beyond doubt before real users go there. Those who get in never see the trail, in
    /// [`all_of`](Gate::all_of) neither.
    ///
    /// ```
    /// use greenlane_core::{Gate, Place, Sample};
    ///
    /// let gate = Gate::sample(Sample::new("release-42", 5.0, Place::header("x-user-id")));
    /// ```
    pub fn sample(sample: Sample) -> Self {
        Self::made(BySample::new(sample))
    }
}

struct BySample {
    preview: Preview,
    /// Buckets from here on are out.
    end: u32,
    user: Credential,
    salt: Box<[u8]>,
}

impl BySample {
    fn new(Sample { preview, percent, user, salt }: Sample) -> Result<Self, ConfigError> {
        let accepted = "a preview's name, such as release-42";
        let preview =
            preview.parse::<Preview>().map_err(|error| broken(&preview, error, accepted))?;
        let end = buckets(percent)
            .ok_or_else(|| broken("percent", percent, "a percentage from 0.01 to 100"))?;
        let salt = salt.unwrap_or_else(|| preview.as_str().to_ascii_lowercase());
        Ok(Self { preview, end, user: user.resolve()?, salt: salt.into_bytes().into() })
    }
}

/// The nearest number of buckets; none is none.
fn buckets(percent: f64) -> Option<u32> {
    if !(0.01..=100.0).contains(&percent) {
        return None;
    }
    Some((percent * 100.0).round() as u32)
}

fn bucket(salt: &[u8], user: &[u8]) -> u32 {
    let hash = Sha256::new().chain_update(salt).chain_update([0_u8]).chain_update(user).finalize();
    hash.first_chunk::<4>().map_or(BUCKETS, |start| u32::from_be_bytes(*start) % BUCKETS)
}

impl Rule for BySample {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let user = self.user.value(entry)?;
        (bucket(&self.salt, user) < self.end).then(|| Opening::Into(self.preview.clone()))
    }

    fn shows(&self) -> Shows {
        Shows::Never
    }

    fn describe(&self) -> String {
        let (whole, hundredths) = (self.end / 100, self.end % 100);
        format!("sample {whole}.{hundredths:02}% of {} to {}", self.user.describe(), self.preview)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Greenlane;
    use crate::carrier::test_headers::headers;

    /// Written down, so that every implementation does the same for ever.
    #[test]
    fn the_test_vectors_hold() {
        for (salt, user, expected) in [
            ("release-42", "alice", 6010),
            ("release-42", "bob", 6080),
            ("release-42", "carol", 7696),
            ("release-42", "user-35", 87),
            ("release-42", "Zo\u{eb}", 5686),
            ("release-43", "alice", 365),
            ("2026-11", "bob", 839),
            ("", "alice", 6458),
        ] {
            assert_eq!(bucket(salt.as_bytes(), user.as_bytes()), expected, "{salt} {user}");
        }
    }

    fn sampled(percent: f64) -> Vec<u32> {
        let end = buckets(percent).unwrap();
        let user = |n: u32| format!("user-{n}");
        (0..10_000).filter(|n| bucket(b"release-42", user(*n).as_bytes()) < end).collect()
    }

    #[test]
    fn five_per_cent_are_five_per_cent_and_stay_when_there_are_more() {
        let (five, fifty) = (sampled(5.0), sampled(50.0));
        assert_eq!(five.len(), 507, "the same users wherever this runs");
        assert!(five.iter().all(|user| fifty.contains(user)));
        assert_eq!(sampled(100.0).len(), 10_000);
    }

    #[test]
    fn a_percentage_is_counted_in_hundredths() {
        for (percent, expected) in
            [(5.0, 500), (0.01, 1), (12.34, 1234), (99.99, 9999), (100.0, 10_000)]
        {
            assert_eq!(buckets(percent), Some(expected), "{percent}");
        }
        for none in [0.0, -5.0, 100.01, f64::NAN, f64::INFINITY] {
            let sample = Sample::new("release-42", none, Place::header("x-user-id"));
            let error = BySample::new(sample).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("0.01 to 100"), "{error}");
        }
    }

    #[test]
    fn the_salt_is_the_previews_name_in_lower_case_unless_it_is_said() {
        let sample = Sample::new("Release-42", 5.0, Place::header("x-user-id"));
        assert_eq!(&*BySample::new(sample.clone()).unwrap().salt, b"release-42");
        let salted = BySample::new(sample.salt("2026-11")).unwrap();
        assert_eq!(&*salted.salt, b"2026-11");
        assert_eq!(salted.describe(), "sample 5.00% of x-user-id to Release-42");
    }

    /// user-35 is in bucket 87, alice in 6010.
    #[test]
    fn a_sampled_user_gets_in_and_never_sees_the_trail() {
        let sample = || Gate::sample(Sample::new("release-42", 5.0, Place::header("x-user-id")));
        let own = Gate::application("own", |_| "release-42".parse().ok());
        for gate in [sample(), Gate::all_of([own, sample()])] {
            let greenlane = Greenlane::edge("console", [gate]).build().unwrap();
            let ask = |lines: &[(&str, &str)]| {
                let inbound = greenlane.extract(&mut headers(lines));
                let lane = inbound.scope().lane().to_string();
                let mut response = headers(&[]);
                inbound.answered(200, &mut response);
                assert!(!response.contains_key("x-preview-trail"), "{lines:?}");
                lane
            };
            assert_eq!(ask(&[("x-user-id", "user-35")]), "release-42");
            assert_eq!(ask(&[("x-user-id", " user-35\t"), ("x-preview", "other")]), "release-42");
            for out in ["alice", "", "USER-35"] {
                assert_eq!(ask(&[("x-user-id", out)]), "active", "{out}");
            }
            assert_eq!(ask(&[("x-user-id", "user-35"), ("x-user-id", "user-35")]), "active");
            assert_eq!(ask(&[("cookie", "x-user-id=user-35")]), "active");
        }
    }
}
