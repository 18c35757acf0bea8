use std::fs;

use jwt_compact::alg::{Ed25519, Hs256, Hs256Key, SigningKey};
use jwt_compact::{Algorithm, AlgorithmExt, Claims, Header};
use logged::logged;
use serde_json::{Value, json};

use super::demands::{LEEWAY, MAX_LEN};
use super::*;
use crate::carrier::test_headers::headers;
use crate::temp_file::temp_file;
use crate::{Builder, Greenlane};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";
const HERE: &str = "https://console.example.com";
/// A second of the Unix epoch, in 2026.
const NOW: i64 = 1_795_000_000;

type Signing = <Ed25519 as Algorithm>::SigningKey;

fn ed25519() -> Signing {
    <Signing as SigningKey<Ed25519>>::from_slice(&[7; 32]).unwrap()
}

fn public() -> Vec<u8> {
    ed25519().to_verifying_key().as_bytes().to_vec()
}

/// What a good token claims, but for these.
fn claims(changes: Value) -> Claims<Value> {
    let mut claims = json!({ "aud": HERE, "exp": NOW + 600, "preview": "release-42" });
    let Value::Object(changes) = changes else { panic!("claims are an object") };
    for (name, value) in changes {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    Claims::new(claims)
}

fn hs256(kid: &str, secret: &[u8], changes: Value) -> String {
    Hs256
        .token(&Header::empty().with_key_id(kid), &claims(changes), &Hs256Key::new(secret))
        .unwrap()
}

fn demands() -> Demands {
    Demands { audience: HERE.into(), subjects: None }
}

fn keys() -> Vec<Key> {
    vec![Key::hs256("a", SECRET).unwrap(), Key::ed25519("ci", &public()).unwrap()]
}

fn previews(token: &str) -> Result<Vec<String>, Flaw> {
    demands().previews(token.as_bytes(), &keys(), NOW)
}

/// The signature is right, but the header is another one.
fn with_header(header: Value) -> String {
    let header = Header::new(header);
    Hs256.token(&header, &claims(json!({})), &Hs256Key::new(SECRET)).unwrap()
}

#[test]
fn a_good_token_names_what_its_holder_may_enter() {
    assert_eq!(previews(&hs256("a", SECRET, json!({}))).unwrap(), ["release-42"]);
    let several = json!({ "preview": ["pr-*", "release-42"], "aud": ["elsewhere", HERE] });
    assert_eq!(previews(&hs256("a", SECRET, several)).unwrap(), ["pr-*", "release-42"]);
    let header = Header::empty().with_key_id("ci");
    let token = Ed25519.token(&header, &claims(json!({})), &ed25519()).unwrap();
    assert_eq!(previews(&token).unwrap(), ["release-42"]);
    let renamed = Ed25519::with_specific_name();
    let token = renamed.token(&header, &claims(json!({})), &ed25519()).unwrap();
    assert_eq!(previews(&token).unwrap(), ["release-42"], "RFC 9864's name for it");
    let unnamed =
        Hs256.token(&Header::empty(), &claims(json!({})), &Hs256Key::new(SECRET)).unwrap();
    assert_eq!(previews(&unnamed).unwrap(), ["release-42"], "all keys are tried");
}

/// The token of RFC 7515, appendix A.1, and the key of RFC 8037, appendix A.2: what others made is read here.
#[test]
fn what_stands_in_the_specifications_is_read() {
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                 eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                 dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let file = temp_file(&format!(r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{secret}"}}]}}"#));
    let keys = Keys::file(&file).unwrap();
    let flaw = demands().previews(token.as_bytes(), &keys.current(), NOW).unwrap_err();
    assert_eq!(flaw, Flaw::Expired, "signed well, and too old");
    let changed = token.replace("dBjft", "dBjfu");
    let flaw = demands().previews(changed.as_bytes(), &keys.current(), NOW).unwrap_err();
    assert_eq!(flaw, Flaw::Signature);

    let public = r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    fs::write(&file, format!(r#"{{"keys":[{public}]}}"#)).unwrap();
    keys.reload().unwrap();
    assert_eq!(format!("{keys:?}"), "[Key(a EdDSA)]");
}

#[test]
fn every_flaw_is_refused() {
    let by_a = |changes| hs256("a", SECRET, changes);
    let none = "eyJhbGciOiJub25lIn0.eyJwcmV2aWV3IjoicmVsZWFzZS00MiJ9.";
    let text_of_the_public_key = public();
    for (token, flaw) in [
        (by_a(json!({ "aud": "https://elsewhere.example.com" })), Flaw::Audience),
        (by_a(json!({ "aud": [] })), Flaw::Audience),
        (by_a(json!({ "aud": null })), Flaw::Audience),
        (by_a(json!({ "aud": format!("{HERE}/") })), Flaw::Audience),
        (by_a(json!({ "exp": null })), Flaw::NoExpiry),
        (by_a(json!({ "exp": NOW - LEEWAY })), Flaw::Expired),
        (by_a(json!({ "exp": -8_334_601_228_800_i64 })), Flaw::Expired),
        (by_a(json!({ "exp": "tomorrow" })), Flaw::Malformed),
        (by_a(json!({ "exp": 1e300 })), Flaw::Malformed),
        (by_a(json!({ "nbf": NOW + LEEWAY + 1 })), Flaw::NotYet),
        (by_a(json!({ "preview": null })), Flaw::NoPreview),
        (by_a(json!({ "preview": [] })), Flaw::NoPreview),
        (by_a(json!({ "preview": 42 })), Flaw::Malformed),
        (hs256("a", OTHER, json!({})), Flaw::Signature),
        (hs256("b", SECRET, json!({})), Flaw::UnknownKey),
        // The algorithm is the key's: a public key is no secret to sign with.
        (hs256("ci", &text_of_the_public_key, json!({})), Flaw::Signature),
        (none.to_owned(), Flaw::Signature),
        (with_header(json!({ "kid": "a", "crit": ["exp"] })), Flaw::Critical),
        (with_header(json!({ "kid": "a", "cty": "CBOR" })), Flaw::Malformed),
        ("a.b".to_owned(), Flaw::Malformed),
        ("\u{e9}.\u{e9}.\u{e9}".to_owned(), Flaw::Malformed),
        ("x".repeat(MAX_LEN + 1), Flaw::TooLong),
    ] {
        assert_eq!(previews(&token).unwrap_err(), flaw, "{token}");
    }
}

#[test]
fn clocks_may_differ_by_a_minute() {
    let times = |begins: i64, ends: i64| {
        previews(&hs256("a", SECRET, json!({ "nbf": begins, "exp": ends }))).is_ok()
    };
    assert!(times(NOW, NOW + 1) && times(NOW + LEEWAY, NOW - LEEWAY + 1));
    assert!(!times(NOW + LEEWAY + 1, NOW + 600) && !times(NOW, NOW - LEEWAY));
    // The ends of time, where chrono's own arithmetic panics.
    assert!(times(-8_334_601_228_800, 8_210_266_876_799));
}

#[test]
fn only_the_subjects_that_are_named_may_enter() {
    let subjects = Users::new(["ci", "*@example.com"]).unwrap();
    let demands = Demands { audience: HERE.into(), subjects: Some(subjects) };
    let ask = |sub: Value| {
        let token = hs256("a", SECRET, json!({ "sub": sub }));
        demands.previews(token.as_bytes(), &keys(), NOW).map(|_| ())
    };
    assert_eq!(ask(json!("alice@example.com")), Ok(()));
    assert_eq!(ask(json!("ci")), Ok(()));
    assert_eq!(ask(json!("mallory@evil.com")), Err(Flaw::Subject));
    assert_eq!(ask(Value::Null), Err(Flaw::Subject));
}

fn edge(tokens: Tokens) -> Builder {
    Greenlane::edge("console", [Gate::token(tokens)])
}

/// For ever, as far as this program is concerned.
fn lasting(preview: &Value) -> String {
    hs256("a", SECRET, json!({ "exp": 4_102_444_800_i64, "preview": preview }))
}

fn lane(greenlane: &Greenlane, lines: &[(&str, &str)]) -> String {
    greenlane.extract(&mut headers(lines)).scope().lane().to_string()
}

#[test]
fn a_token_in_the_header_or_the_cookie_lets_in() {
    let keys = Keys::new(keys()).unwrap();
    let greenlane = edge(Tokens::new(HERE, &keys).cookie("preview-token")).build().unwrap();
    let (one, some) = (lasting(&json!("release-42")), lasting(&json!(["pr-*", "release-42"])));
    let (cookie, bad) = (format!("a=1; preview-token={one}"), hs256("a", OTHER, json!({})));
    let [one, some, cookie, bad] = [&one, &some, &cookie, &bad].map(String::as_str);
    for (lines, expected) in [
        (vec![("x-preview-token", one)], "release-42"),
        (vec![("cookie", cookie)], "release-42"),
        (vec![("x-preview-token", one), ("x-preview", "Release-42")], "Release-42"),
        (vec![("x-preview-token", one), ("x-preview", "pr-7")], "active"),
        (vec![("x-preview-token", some), ("x-preview", "pr-7")], "pr-7"),
        (vec![("x-preview-token", some)], "active"),
        (vec![("x-preview-token", one), ("x-preview-token", one)], "active"),
        (vec![("x-preview-token", bad), ("cookie", cookie)], "active"),
        (vec![("x-preview", "release-42")], "active"),
    ] {
        assert_eq!(lane(&greenlane, &lines), expected, "{lines:?}");
    }
    assert_eq!(greenlane.counts().bad_tokens(), 1);
}

#[test]
fn what_is_refused_is_logged_once_for_each_flaw_and_never_the_token() {
    let (bad, wrong) = (hs256("a", OTHER, json!({})), hs256("z", SECRET, json!({})));
    let log = logged(|| {
        let keys = Keys::new(keys()).unwrap();
        let greenlane = edge(Tokens::new(HERE, &keys)).build().unwrap();
        for token in [&bad, &bad, &wrong] {
            let mut request = headers(&[("x-preview-token", token)]);
            let inbound = greenlane.extract(&mut request);
            assert!(request.is_empty());
            tracing::info!(?inbound, ?greenlane, ?keys, "everything that has a debug form");
        }
    });
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 2, "{log:#?}");
    assert!(warnings[0].contains("signature") && warnings[1].contains("none of the keys"));
    let text = log.join("\n");
    for part in bad.split('.').chain(wrong.split('.')).chain(["0123456789abcdef"]) {
        assert!(!text.contains(part), "{part} in {text}");
    }
}

#[test]
fn keys_are_replaced_in_the_running_process() {
    let keys = Keys::new([Key::hs256("a", SECRET).unwrap()]).unwrap();
    let greenlane = edge(Tokens::new(HERE, &keys)).build().unwrap();
    let old = lasting(&json!("release-42"));
    let new = hs256("b", OTHER, json!({ "exp": 4_102_444_800_i64 }));
    let lanes = || [&old, &new].map(|token| lane(&greenlane, &[("x-preview-token", token)]));
    assert_eq!(lanes(), ["release-42", "active"]);
    let both = || [Key::hs256("b", OTHER).unwrap(), Key::hs256("a", SECRET).unwrap()];
    keys.replace(both()).unwrap();
    assert_eq!(lanes(), ["release-42", "release-42"], "while tokens of both are about");
    keys.replace(both().into_iter().take(1)).unwrap();
    assert_eq!(lanes(), ["active", "release-42"]);
    keys.replace([]).unwrap();
    assert_eq!(lanes(), ["active", "active"], "all of them revoked");
}

const SET: &str = r#"{"keys":[
    {"kty":"oct","alg":"HS256","use":"sig","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
    {"kty":"RSA","kid":"of somebody else","n":"AQAB","e":"AQAB"},
    {"kty":"OKP","crv":"X25519","kid":"to encrypt","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn a_file_of_keys_is_followed_and_a_broken_one_changes_nothing() {
    let file = temp_file(SET);
    let keys = Keys::file(&file).unwrap();
    let greenlane = edge(Tokens::new(HERE, &keys)).build().unwrap();
    let token = lasting(&json!("release-42"));
    let lane = || lane(&greenlane, &[("x-preview-token", &token)]);
    assert_eq!(lane(), "release-42");
    fs::write(&file, "{\"keys\": [").unwrap();
    let error = keys.reload().unwrap_err().to_string();
    assert!(error.contains("JWK Set") && error.contains("line 1"), "{error}");
    assert_eq!(lane(), "release-42", "the last good ones");
    assert!(keys.unread() > 0);
    fs::write(&file, "{\"keys\": []}").unwrap();
    keys.reload().unwrap();
    assert_eq!(lane(), "active", "all of them taken away");
    fs::write(&file, SET).unwrap();
    // Waits for the poll itself, without a bound on how long that takes: the runner has one.
    while lane() == "active" {
        std::thread::yield_now();
    }
}

#[test]
fn an_error_about_a_file_of_keys_says_where_and_never_what() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA";
    let oct = |rest: &str| format!(r#"{{"keys":[{{"kty":"oct"{rest}}}]}}"#);
    for (text, problem) in [
        (format!("{{\"keys\":[\"{secret}\"]}}"), "line 1"),
        (oct(&format!(r#","kid":"a","k":"{secret}!""#)), "keys[0]: it is malformed"),
        (oct(&format!(r#","k":"{secret}""#)), "it has no kid"),
        (oct(r#","kid":"a","k":"c2hvcnQ""#), "the secret has 5 bytes"),
        (oct(&format!(r#","kid":"a","alg":"HS512","k":"{secret}""#)), "none of its keys"),
        (
            format!(
                r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{secret}"}},{{"kty":"oct","kid":"a","k":"{secret}"}}]}}"#
            ),
            "two keys have this kid",
        ),
        (
            format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{secret}","d":"{secret}"}}]}}"#),
            "it is a private key",
        ),
        (
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#
                .to_owned(),
            "or a weak one",
        ),
    ] {
        let error = Keys::file(temp_file(&text)).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("JWK Set"), "{error} lacks {problem}");
        assert!(!error.contains(secret), "{error}");
    }
    assert!(Keys::file("/nowhere/keys.json").unwrap_err().to_string().contains("/nowhere"));
}

#[test]
fn a_gate_that_can_never_open_is_an_error() {
    let none = Keys::new([]).unwrap();
    let some = Keys::new(keys()).unwrap();
    for (tokens, problem) in [
        (Tokens::new(HERE, &none), "there is none"),
        (Tokens::new("", &some), "it is empty"),
        (Tokens::new(HERE, &some).header("authorization"), "the name is taken"),
        (Tokens::new(HERE, &some).cookie("a b"), "it is no cookie's name"),
        (Tokens::new(HERE, &some).subjects([""; 0]), "there is nobody"),
    ] {
        let error = edge(tokens).build().unwrap_err().to_string();
        assert!(error.contains(problem), "{error} lacks {problem}");
    }
    assert!(Key::hs256("a", b"short").unwrap_err().to_string().contains("at least 32 bytes"));
    let many = (0..17).map(|n| Key::hs256(&n.to_string(), SECRET).unwrap());
    assert!(Keys::new(many).unwrap_err().to_string().contains("at most 16"));
    assert_eq!(format!("{some:?}"), "[Key(a HS256), Key(ci EdDSA)]");
}
