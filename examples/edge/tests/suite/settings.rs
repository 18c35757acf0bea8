//! Files that can be used, and what is said of those that can't.

use edge::{Edge, Settings};

const GOOD: &str = r#"
listeners = [{ name = "public", address = "127.0.0.1:8080" }]
hosts = { "api.fms.test" = "fms-api" }

[routes.services.fms-api]
active = "http://127.0.0.1:8081"
"#;

fn problem(text: &str) -> String {
    match text.parse::<Settings>() {
        Ok(settings) => Edge::new(settings).map(|_| ()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn the_examples_can_be_used() {
    for name in ["development.toml", "preview.toml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        Edge::new(Settings::read(&path).unwrap()).unwrap();
    }
    Edge::new(GOOD.parse().unwrap()).unwrap();
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_is_accepted() {
    let with = |from: &str, to: &str| GOOD.replace(from, to);
    let and = |more: &str| format!("{GOOD}{more}");
    for (text, place, what) in [
        (with("127.0.0.1:8080", "localhost"), "line 2, ", "an IP address and a port"),
        (
            with("[{ name = \"public\", address = \"127.0.0.1:8080\" }]", "[]"),
            "line 2, ",
            "there is no listener",
        ),
        (
            with("\"api.fms.test\" =", "\"http://api\" ="),
            "line 3, ",
            "without scheme, port or path",
        ),
        (with("= \"fms-api\"", "= \"fms-map\""), "line 3, ", "the name of a service"),
        (with("http://127.0.0.1:8081", "127.0.0.1:8081"), "line 6, ", "http://"),
        (with("http://127.0.0.1:8081", "https://127.0.0.1:8081"), "line 5, ", "speaks no TLS"),
        (with("listeners", "listenres"), "line 2, ", "listenres"),
        (and("[[gates]]\nby = \"host\"\nhost = \"a b\"\n"), "line 7, ", "it is no host"),
        (
            and("[[gates]]\nby = \"listener\"\nname = \"x\"\n[[gates]]\nby = \"magic\"\n"),
            "line 10, ",
            "magic",
        ),
        (
            and("[[sites]]\nhosts = [{ production = \"x.test\", preview = \"y.test\" }]\n"),
            "line 7, ",
            "stands in `hosts`",
        ),
        (
            and("[[sites]]\nhosts = [{ production = \"api.fms.test\", preview = \"*.test\" }]\n"),
            "line 8, ",
            "in one of its labels",
        ),
        (and("[timeouts]\nconnect = 0\n"), "line 8, ", "from 0.001 to 86400"),
        (
            with("\nlisteners", "\ntrusted_proxies = [\n  \"10.0.0.0/33\",\n]\nlisteners"),
            "line 3, ",
            "a range of addresses",
        ),
        (with("[routes.services.fms-api]", "[routes.services.fms-api"), "line 5, ", ""),
        (and("[[gates]]\nby = \"forwarded-port\"\nport = 8443\n"), "", "no proxy is trusted"),
    ] {
        let problem = problem(&text);
        assert!(
            problem.contains(place) && problem.contains(what),
            "{problem} lacks {place:?} or {what:?}"
        );
    }
}

#[tokio::test]
async fn routes_may_stand_in_a_file_that_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let routes = directory.path().join("routes.toml");
    let text = format!(
        "listeners = [{{ name = \"public\", address = \"127.0.0.1:0\" }}]\nhosts = {{ \"*\" = \"fms-api\" }}\nroutes = \"{}\"\n",
        routes.display()
    );
    let missing = problem(&text);
    assert!(missing.contains("line 3, ") && missing.contains("routes.toml"), "{missing}");
    std::fs::write(&routes, "[services.fms-api]\nactive = \"http://127.0.0.1:8081\"\n").unwrap();
    Edge::new(text.parse().unwrap()).unwrap();
}
