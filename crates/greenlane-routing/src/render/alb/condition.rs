//! The conditions of a rule.

use super::{ALB, AlbGroup};
use crate::render::ladder::{Ladder, Of, When};
use crate::render::{Render, RenderError};
use crate::route::Route;

/// What a rule looks at: a field, what of it, and the values, one of which must match.
pub(super) struct Condition {
    pub(super) field: &'static str,
    pub(super) header: Option<String>,
    pub(super) values: Vec<String>,
    pub(super) regex: bool,
}

/// What the annotations of a rule are called by.
pub(super) fn name(when: &When) -> String {
    match when {
        When::Header { of, .. } => format!("header-{}", of.suffix()),
        When::Baggage { of, .. } => format!("member-{}", of.suffix()),
        When::Always => "active".to_owned(),
    }
}

impl Render<'_> {
    /// The conditions of a step; `None` for the last one, that has none.
    pub(super) fn alb_conditions(
        &self,
        ladder: &Ladder<'_>,
        when: &When,
        group: &AlbGroup,
        route: &Route,
    ) -> Result<Option<Vec<Condition>>, RenderError> {
        // Wildcards, without regard to case. A value that is not empty has one character and any more.
        let wildcard = |of: &Of| match of {
            Of::Rule(number) => {
                ladder.previews.get(number - 1).map_or("?*", |preview| preview.rule)
            }
            Of::Name | Of::Any => "?*",
        };
        let wildcard = |of: &Of| if wildcard(of) == "*" { "?*" } else { wildcard(of) };
        let (header, values, regex) = match when {
            When::Header { of, .. } => (&*self.header, vec![wildcard(of).to_owned()], false),
            When::Baggage { pattern, .. } if group.anywhere => {
                ("baggage", vec![pattern.clone()], true)
            }
            When::Baggage { of, .. } => ("baggage", self.first_member(wildcard(of), route)?, false),
            When::Always => return Ok(None),
        };
        let header = Some(header.to_owned());
        let mut conditions = vec![Condition { field: "http-header", header, values, regex }];
        if !ladder.listener.testers.is_empty() {
            let values = ladder.listener.testers.iter().map(ToString::to_string).collect();
            conditions.push(Condition { field: "source-ip", header: None, values, regex: false });
        }
        Ok(Some(conditions))
    }

    /// The member alone, before others, and with properties.
    fn first_member(&self, rule: &str, route: &Route) -> Result<Vec<String>, RenderError> {
        let member = format!("{}={rule}", self.baggage);
        match rule.split_once('*') {
            None => Ok(vec![member.clone(), format!("{member},*"), format!("{member};*")]),
            Some((_, "")) => Ok(vec![member]),
            Some(_) => Err(RenderError::new(
                ALB,
                format!("services.{}, \"{rule}\"", route.service()),
                "in baggage a wildcard runs over commas, into other members",
                "it takes a pattern that ends with its *, or member_anywhere",
            )),
        }
    }
}
