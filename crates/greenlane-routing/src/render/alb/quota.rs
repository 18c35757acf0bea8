//! What an ALB allows: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.

use super::condition::Condition;
use super::{ALB, AlbGroup};
use crate::render::RenderError;
use crate::render::ladder::Ladder;
use crate::render::value::{Value, map};

const EVALUATIONS_OF_A_CONDITION: usize = 3;
const EVALUATIONS_OF_A_RULE: usize = 5;
const WILDCARDS_OF_A_RULE: usize = 5;
const LENGTH: usize = 128;

/// What a group has, as far as it was counted.
pub(super) struct Quota<'g> {
    group: &'g AlbGroup,
    rules: usize,
    pub(super) target_groups: usize,
}

impl<'g> Quota<'g> {
    pub(super) fn new(group: &'g AlbGroup) -> Self {
        Self { group, rules: group.rules, target_groups: group.target_groups }
    }

    /// Counts a rule, and writes its conditions down.
    pub(super) fn rule(
        &mut self,
        ladder: &Ladder<'_>,
        conditions: Vec<Condition>,
    ) -> Result<Value, RenderError> {
        self.rules += 1;
        let part = || format!("the listener of {}", ladder.listener.service);
        let few = "take fewer testers' networks, or no host";
        // The controller adds the path's condition, `/*`, and the host's.
        let host = usize::from(ladder.listener.host.is_some());
        let (mut evaluations, mut wildcards) = (1 + host, 1);
        for condition in &conditions {
            let values = condition.values.len();
            (evaluations, wildcards) = (evaluations + values, wildcards + condition.wildcards());
            most(
                part(),
                "match evaluations of a condition",
                values,
                EVALUATIONS_OF_A_CONDITION,
                few,
            )?;
            for value in &condition.values {
                let shorter = "take a shorter name";
                most(part(), &format!("characters of \"{value}\""), value.len(), LENGTH, shorter)?;
            }
        }
        most(part(), "match evaluations of a rule", evaluations, EVALUATIONS_OF_A_RULE, few)?;
        most(part(), "wildcards of a rule", wildcards, WILDCARDS_OF_A_RULE, "take fewer *")?;
        Ok(Value::List(conditions.into_iter().map(Condition::value).collect()))
    }

    /// What counts over the whole group.
    pub(super) fn check_group(&self) -> Result<(), RenderError> {
        let (rules, target_groups) = (self.rules, self.target_groups);
        let part = || format!("the group {}", self.group.name);
        let accepted = "take another group, or have AWS raise the quota and say so with max_rules";
        most(part(), "rules", rules, self.group.max_rules, accepted)?;
        most(
            part(),
            "target groups",
            target_groups,
            AlbGroup::MAX_TARGET_GROUPS,
            "take another group",
        )
    }
}

fn most(
    part: String,
    what: &str,
    count: usize,
    most: usize,
    accepted: &'static str,
) -> Result<(), RenderError> {
    if count <= most {
        return Ok(());
    }
    let problem = format!("there would be {count} {what}, and an ALB takes {most}");
    Err(RenderError::new(ALB, part, problem, accepted))
}

impl Condition {
    fn wildcards(&self) -> usize {
        let values = self.values.iter().filter(|_| !self.regex && self.field == "http-header");
        values.map(|value| value.matches(['*', '?']).count()).sum()
    }

    fn value(self) -> Value {
        let values = if self.regex { "regexValues" } else { "values" };
        let values = (values.to_owned(), Value::list(self.values));
        let (key, config) = match self.header {
            Some(name) => {
                let name = ("httpHeaderName".to_owned(), name.into());
                ("httpHeaderConfig", Value::Map(vec![name, values]))
            }
            None => ("sourceIPConfig", Value::Map(vec![values])),
        };
        map([("field", self.field.into()), (key, config)])
    }
}
