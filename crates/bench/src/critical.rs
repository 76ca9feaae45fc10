//! How long a cold build must take on machines with other numbers of cores, from what its actions took on this one.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::run::{Component, Node, Outcome};

/// On how many cores.
const CORES: [usize; 5] = [1, 2, 4, 8, 16];

/// An action, its time, and what it waits for by place.
struct Action {
    name: String,
    cpu_seconds: f64,
    needs: Vec<usize>,
}

/// The table, and where the time goes.
pub fn table(graph: &[Node], built: &[Component]) -> Outcome<String> {
    let times: BTreeMap<_, _> = built.iter().map(|one| (&one.name, one.cpu_seconds)).collect();
    let mut actions: Vec<Action> = Vec::new();
    for node in graph {
        let cpu_seconds = *times.get(&node.name).ok_or_else(|| format!("no time of {}", node.name))?;
        let needs = actions.iter().enumerate().filter(|(_, other)| node.needs.contains(&other.name)).map(|(at, _)| at);
        let needs = needs.collect();
        actions.push(Action { name: node.name.clone(), cpu_seconds, needs });
    }
    let total: f64 = actions.iter().map(|action| action.cpu_seconds).sum();
    let mut text =
        String::from("\n| cores | if every action had one core | if every action had all |\n|---|---|---|\n");
    for cores in CORES {
        let _ = writeln!(text, "| {cores} | {:.0} s | {:.0} s |", makespan(&actions, cores), total / cores as f64);
    }
    let longest: Vec<_> = longest_way(&actions).into_iter().map(|at| actions[at].name.as_str()).collect();
    let _ = writeln!(text, "\nThe longest way: {}.\n", longest.join(", "));
    actions.sort_by(|a, b| b.cpu_seconds.total_cmp(&a.cpu_seconds));
    text.push_str("| action | CPU seconds | of all |\n|---|---|---|\n");
    for action in actions.iter().take(8) {
        let share = 100.0 * action.cpu_seconds / total;
        let _ = writeln!(text, "| {} | {:.1} | {share:.0} % |", action.name, action.cpu_seconds);
    }
    let _ = writeln!(text, "| all {} | {total:.1} | 100 % |\n", actions.len());
    Ok(text)
}

/// For each action, the time from its begin to the end of all that waits for it.
fn to_the_end(actions: &[Action]) -> Vec<f64> {
    let mut ways = vec![0.0; actions.len()];
    for at in (0..actions.len()).rev() {
        let after = (0..actions.len()).filter(|other| actions[*other].needs.contains(&at)).map(|other| ways[other]);
        ways[at] = actions[at].cpu_seconds + after.fold(0.0, f64::max);
    }
    ways
}

fn longest_way(actions: &[Action]) -> Vec<usize> {
    let ways = to_the_end(actions);
    let longest = |among: &mut dyn Iterator<Item = usize>| among.max_by(|a, b| ways[*a].total_cmp(&ways[*b]));
    let mut way = Vec::new();
    let mut next = longest(&mut (0..actions.len()));
    while let Some(at) = next {
        way.push(at);
        next = longest(&mut (0..actions.len()).filter(|other| actions[*other].needs.contains(&at)));
    }
    way
}

/// When all is done, if each action has one core and the longest way to the end goes first.
fn makespan(actions: &[Action], cores: usize) -> f64 {
    let ways = to_the_end(actions);
    let mut ends: Vec<Option<f64>> = vec![None; actions.len()];
    let mut free = vec![0.0_f64; cores];
    for _ in 0..actions.len() {
        let ready = |at: usize| {
            let needs = actions[at].needs.iter().map(|need| ends[*need]);
            needs.collect::<Option<Vec<_>>>().map(|all| all.into_iter().fold(0.0, f64::max))
        };
        free.sort_by(f64::total_cmp);
        // Of those that could begin first, the one with the longest way.
        let candidates = (0..actions.len()).filter(|at| ends[*at].is_none());
        let begins = candidates.filter_map(|at| Some((at, ready(at)?.max(free[0]))));
        let Some((at, begin)) = begins.min_by(|a, b| a.1.total_cmp(&b.1).then_with(|| ways[b.0].total_cmp(&ways[a.0])))
        else {
            break;
        };
        let end = begin + actions[at].cpu_seconds;
        ends[at] = Some(end);
        free[0] = end;
    }
    ends.into_iter().flatten().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::{Action, longest_way, makespan};

    /// Two that wait for nothing, and one for the longer of them.
    fn actions() -> Vec<Action> {
        let action = |name: &str, cpu_seconds, needs: &[usize]| Action {
            name: name.to_owned(),
            cpu_seconds,
            needs: needs.to_vec(),
        };
        vec![action("a", 3.0, &[]), action("b", 1.0, &[]), action("c", 2.0, &[0])]
    }

    #[test]
    fn one_core_does_all_after_another_and_many_only_the_longest_way() {
        assert_eq!(makespan(&actions(), 1), 6.0);
        assert_eq!(makespan(&actions(), 2), 5.0);
        assert_eq!(makespan(&actions(), 16), 5.0);
        assert_eq!(longest_way(&actions()), [0, 2]);
    }
}
