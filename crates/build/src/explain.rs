//! Why something would be built: what it would see now, against what it saw the last time.

use rst_model::{Action, event::Step};
use serde::Serialize;

use crate::{
    compose::compose,
    error::BuildError,
    factory::{Factory, memory_of, step_of},
    graph::Graph,
};

/// A component that would be built, and the reasons.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// Which.
    #[serde(flatten)]
    pub step: Step,
    /// In words.
    pub reasons: Vec<String>,
}

impl Factory<'_> {
    /// The reasons for everything of a graph that would be built.
    pub fn explain(&self, graph: &Graph) -> Result<Vec<Why>, BuildError> {
        let survey = self.survey(graph);
        let outputs = survey.done.iter().map(|(id, result)| (*id, result.output)).collect();
        let reasons = |id: usize| {
            let node = &graph.nodes[id];
            let waiting: Vec<_> = node.needs().filter(|need| survey.todo.contains(need)).collect();
            if !waiting.is_empty() {
                let names: Vec<_> = waiting.iter().map(|need| graph.nodes[**need].component.name.as_str()).collect();
                return vec![format!(
                    "{} will be built first; if what comes out is the same, this is not built",
                    names.join(", ")
                )];
            }
            let now = compose(graph, id, &outputs);
            match self.store.recall::<Action>(&memory_of(&now.name, now.platform)) {
                None => vec!["never built with this store".to_owned()],
                Some(before) if before == now => {
                    vec!["its last build did not come to its end, or its result was removed".to_owned()]
                }
                Some(before) => differences(&before, &now),
            }
        };
        Ok(survey.todo.iter().map(|id| Why { step: step_of(graph, *id), reasons: reasons(*id) }).collect())
    }
}

fn differences(before: &Action, now: &Action) -> Vec<String> {
    let mut reasons = Vec::new();
    maps("input", &before.mounts, &now.mounts, &mut reasons);
    maps("source", &before.checkouts, &now.checkouts, &mut reasons);
    maps("file", &before.files, &now.files, &mut reasons);
    maps("variable", &before.env, &now.env, &mut reasons);
    if before.steps != now.steps {
        reasons.push("the commands changed".to_owned());
    }
    if before.collect != now.collect {
        reasons.push("what is taken from the build changed".to_owned());
    }
    reasons
}

fn maps<K: Ord + std::fmt::Display, V: PartialEq>(
    what: &str,
    before: &std::collections::BTreeMap<K, V>,
    now: &std::collections::BTreeMap<K, V>,
    reasons: &mut Vec<String>,
) {
    for (key, value) in now {
        match before.get(key) {
            None => reasons.push(format!("{what} {key} is new")),
            Some(old) if old != value => reasons.push(format!("{what} {key} changed")),
            Some(_) => {}
        }
    }
    for key in before.keys().filter(|key| !now.contains_key(key)) {
        reasons.push(format!("{what} {key} is gone"));
    }
}
