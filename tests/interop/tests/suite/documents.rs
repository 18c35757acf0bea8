//! What the docs show is what is tested.

use std::fs;

use interop::installed::{docs, file};
use libtest_mimic::Trial;

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("docs::show_the_snippets_that_are_tested", &[], shown)]
}

async fn shown() {
    let page = fs::read_to_string(docs("other-languages.md")).unwrap();
    for (language, name) in
        [("python", "forward_flask.py"), ("python", "forward_fastapi.py"), ("js", "forward.js")]
    {
        let snippet = fs::read_to_string(file(&format!("peers/{name}"))).unwrap();
        assert!(
            page.contains(&format!("```{language}\n{snippet}```")),
            "{name} in other-languages.md"
        );
    }
    let template = fs::read_to_string(file("nginx.conf")).unwrap();
    let (_, rules) = template.split_once("    map $http_baggage").unwrap();
    let (rules, _) = rules.split_once("\n\n    upstream").unwrap();
    let rules = format!("map $http_baggage{rules}").replace("\n    ", "\n");
    assert!(page.contains(&rules), "nginx.conf's rules in other-languages.md:\n{rules}");
}
