use std::fs;
use std::process::Command;

use logged::logged;

use super::*;
use crate::admission::Gate;
use crate::temp_file::temp_file;

fn vars(extra: &[(&str, &str)]) -> Result<Builder, ConfigError> {
    let base = [("GREENLANE_SERVICE", "fms-api"), ("GREENLANE_ADMISSION", "inside")];
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Greenlane::from_vars(base.iter().chain(extra).map(owned))
}

#[test]
fn every_variable_has_its_effect() {
    let file = temp_file("preview\n");
    let builder = vars(&[
        ("GREENLANE_VERSION", "1.9.0"),
        ("GREENLANE_SERVES", "release-42, pr-7"),
        ("GREENLANE_ROLE_FILE", file.to_str().unwrap()),
        ("GREENLANE_HEADER", "X-Env"),
        ("GREENLANE_BAGGAGE_KEY", "env"),
        ("GREENLANE_EGRESS", "api.example.com,.corp.dev"),
        ("GREENLANE_STRICT", "true"),
        ("GREENLANE_REJECT_MISMATCH", "true"),
        ("GREENLANE_ENABLED", "true"),
        ("GREENLANE_TYPO", "is named in the log"),
        ("PATH", "is not ours"),
    ]);
    let greenlane = builder.unwrap().build().unwrap();
    let inner = greenlane.0;
    assert_eq!(inner.identity.version.as_deref(), Some("1.9.0"));
    assert_eq!(inner.identity.serves.len(), 2);
    assert_eq!(greenlane.role(), Some(Role::Preview));
    let wires: Vec<_> = inner.wires.all.iter().map(Wire::describe).collect();
    assert_eq!(wires, ["x-env", "baggage:env"]);
    assert!(greenlane.may_tell(Some("x.corp.dev")) && greenlane.may_tell(Some("api.example.com")));
    assert!(inner.strict && !inner.admission.is_edge());
    assert!(inner.guard.reject_mismatch && !inner.guard.keeps_out(None));

    let proxies = ("GREENLANE_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8");
    let edge = vars(&[("GREENLANE_ADMISSION", "edge"), proxies]).unwrap();
    let edge = edge.gates([Gate::forwarded_port(8443)]).build().unwrap();
    assert!(edge.0.admission.is_edge());
    let only = [("GREENLANE_PREVIEWS_ONLY", "true"), ("GREENLANE_PROBES", "/healthz,/readyz")];
    let only = vars(&only).unwrap().build().unwrap();
    let guard = &only.0.guard;
    assert!(guard.keeps_out(None) && guard.keeps_out(Some("/healthz/")));
    assert!(!guard.keeps_out(Some("/healthz")) && !guard.keeps_out(Some("/readyz")));
    let ktenv = vars(&[("GREENLANE_HEADER", "x-virtual-env")]).unwrap().build().unwrap();
    assert_eq!(ktenv.0.wires.all[0], Wire::ktenv()[0]);
    let neither = [("GREENLANE_HEADER", "off"), ("GREENLANE_BAGGAGE_KEY", "off")];
    let preset = vars(&neither).unwrap().wires(Wire::okteto()).build().unwrap();
    assert_eq!(preset.0.wires.all, Wire::okteto());
    assert!(vars(&neither).unwrap().build().unwrap_err().to_string().contains("wires"));

    let off = vars(&[("GREENLANE_HEADER", "off"), ("GREENLANE_ROLE", "active")])
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(off.0.wires.all.len(), 1);
    assert_eq!(off.role(), Some(Role::Active));
}

#[test]
fn a_bad_value_is_an_error_that_names_the_variable_the_value_and_what_it_takes() {
    for (name, value, accepted) in [
        ("GREENLANE_ENABLED", "yes", "true or false"),
        ("GREENLANE_STRICT", "1", "true or false"),
        ("GREENLANE_ADMISSION", "outside", "inside (only our own services reach it) or edge"),
        ("GREENLANE_ROLE", "green", "active or preview"),
        ("GREENLANE_ROLE_FILE", "/nowhere/role", "a readable file"),
        ("GREENLANE_SERVES", "a b", "names of previews"),
        ("GREENLANE_HEADER", "x_preview", "at most 40 letters"),
        ("GREENLANE_BAGGAGE_KEY", "a b", "a baggage key"),
        ("GREENLANE_EGRESS", "https://a.dev", "without scheme"),
        ("GREENLANE_TRUSTED_PROXIES", "lb.example.com", "a range"),
        ("GREENLANE_PREVIEWS_ONLY", "yes", "true or false"),
        ("GREENLANE_REJECT_MISMATCH", "421", "true or false"),
        ("GREENLANE_PROBES", "healthz", "such as /healthz"),
        ("GREENLANE_SERVICE", "é", "printable ASCII"),
        ("GREENLANE_VERSION", "é", "printable ASCII"),
    ] {
        let error = vars(&[(name, value)]).unwrap_err();
        assert_eq!(format!("{error:?}"), error.to_string(), "what `main` prints is the message");
        let error = error.to_string();
        let shown = if value == "é" { r"\xc3\xa9" } else { value };
        for part in [name, shown, accepted] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}

#[test]
fn service_and_admission_are_required() {
    for missing in ["GREENLANE_SERVICE", "GREENLANE_ADMISSION"] {
        let error = vars(&[(missing, "")]).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(missing) && error.contains("required"), "{error}");
    }
}

#[test]
fn the_kill_switch_works_whatever_else_is_broken() {
    let broken = [("GREENLANE_ENABLED", "false"), ("GREENLANE_ADMISSION", "nonsense")];
    assert!(!vars(&broken).unwrap().build().unwrap().0.enabled);
    assert!(!Greenlane::inside("é").enabled(false).build().unwrap().0.enabled);
}

/// The environment of a process can't be set safely from within: the test runs itself again.
#[test]
fn the_environments_kill_switch_holds_for_handles_made_by_code() {
    const CHILD: &str = "builder::tests::child_builds_a_handle";
    for (value, outcome) in [
        ("false", "disabled"),
        ("False", "disabled"),
        ("true", "enabled"),
        ("", "enabled"),
        ("nein", "error"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture"])
            .env("GREENLANE_ENABLED", value)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("handle: {outcome}")), "{value}: {text}");
    }
}

#[test]
#[ignore = "run by the test above, with an environment of its own"]
fn child_builds_a_handle() {
    let outcome = match Greenlane::inside("fms-api").build() {
        Ok(greenlane) if greenlane.0.enabled => "enabled",
        Ok(_) => "disabled",
        Err(error) => {
            assert_eq!(error.setting(), "GREENLANE_ENABLED");
            "error"
        }
    };
    println!("handle: {outcome}");
}

#[test]
fn the_role_file_is_followed_and_trouble_with_it_is_counted() {
    let file = temp_file("");
    let greenlane = Greenlane::inside("fms-api").role_file(&file).build().unwrap();
    assert_eq!(greenlane.role(), None, "an empty file is a label that is not set yet");
    for (text, role) in
        [("preview", Some(Role::Preview)), ("active\n", Some(Role::Active)), ("", None)]
    {
        fs::write(&file, text).unwrap();
        assert_eq!(greenlane.reload().unwrap(), role);
        assert_eq!(greenlane.role(), role);
    }
    let before = greenlane.counts().role_unread();
    fs::write(&file, "stable").unwrap();
    let error = greenlane.reload().unwrap_err().to_string();
    assert!(error.contains("stable") && error.contains("active, preview or nothing"), "{error}");
    assert_eq!(greenlane.role(), None, "what is not known is not guessed");
    assert!(greenlane.counts().role_unread() > before);
    fs::remove_file(&file).unwrap();
    assert!(greenlane.reload().is_err());
}

#[test]
fn the_role_file_is_polled_in_the_background() {
    let file = temp_file("preview");
    let greenlane = Greenlane::inside("fms-api").role_file(&file).build().unwrap();
    fs::write(&file, "active").unwrap();
    // Waits for the poll itself, without a bound on how long that takes: the runner has one.
    while greenlane.role() != Some(Role::Active) {
        std::thread::yield_now();
    }
}

#[test]
fn the_role_file_is_never_read_on_a_request() {
    let file = temp_file("active");
    let greenlane = Greenlane::inside("fms-api").role_file(&file).build().unwrap();
    fs::remove_file(&file).unwrap();
    for _ in 0..10_000 {
        let mut headers = vec![("x-preview".to_owned(), b"release-42".to_vec())];
        greenlane.extract(&mut headers).answered(200, &mut headers);
    }
    // The background reads it once a second, whatever is asked.
    assert!(greenlane.counts().role_unread() < 1_000);
}

#[test]
fn role_and_role_file_together_are_an_error() {
    let file = temp_file("active");
    let error = Greenlane::inside("a").role(Role::Active).role_file(&file).build().unwrap_err();
    assert!(error.to_string().contains("one of the two"), "{error}");
}

#[test]
fn a_wire_cannot_be_carried_besides() {
    let error = Greenlane::inside("a").carry("X-Preview").build().unwrap_err().to_string();
    assert!(error.contains("carry") && error.contains("it is a wire"), "{error}");
}

#[test]
fn the_configuration_in_effect_is_logged_once() {
    let log = logged(|| {
        let gate = Gate::application("testers", |_| None);
        let builder = Greenlane::edge("console", [gate]).version("1.9.0").serves(["release-42"]);
        let builder = builder.role(Role::Active).egress([".corp.dev", "192.0.2.0/24"]);
        builder.carry("x-tenant-id").wires(Wire::signadot()).build().unwrap();
        Greenlane::inside("off").enabled(false).build().unwrap();
    });
    let [effective, disabled] = &log[..] else { panic!("{log:#?}") };
    for part in [
        "console",
        "1.9.0",
        "release-42",
        "role=\"active\"",
        "x-preview,baggage:preview,baggage:sd-routing-key",
        "tracestate:sd-sandbox",
        "edge [testers]",
        "single-label names",
        "127.0.0.0/8",
        ".corp.dev",
        "192.0.2.0/24",
        "x-tenant-id",
    ] {
        assert!(effective.contains(part), "{effective} lacks {part}");
    }
    assert!(disabled.contains("off") && disabled.contains("disabled"), "{disabled}");
}

#[test]
fn trouble_with_the_role_file_is_logged_once_until_it_changes() {
    let file = temp_file("");
    let greenlane = Greenlane::inside("fms-api").role_file(&file).build().unwrap();
    let log = logged(|| {
        for text in ["stable", "stable", "canary", "active", "active", "stable"] {
            fs::write(&file, text).unwrap();
            let _ = greenlane.reload();
        }
    });
    let told: Vec<_> = log
        .iter()
        .filter_map(|line| {
            ["stable", "canary", "role changed"].into_iter().find(|t| line.contains(t))
        })
        .collect();
    // The background may have read one of them first, on its own thread.
    assert!(told.len() <= 5 && told.contains(&"canary"), "{log:#?}");
}

#[test]
fn variables_that_may_be_misspelt_are_named() {
    let named = |extra: &[(&str, &str)]| logged(|| drop(vars(extra)));
    let log = named(&[("GREENLANE_EGRES", "a.dev")]);
    assert!(log[0].contains("GREENLANE_EGRES") && log[0].contains("GREENLANE_EGRESS"), "{log:?}");
    assert!(named(&[("GREENLANE_EGRESS", "a.dev")]).is_empty());
}
