//! Running a graph of tasks: in parallel within limits, the longest way to the end first.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex},
};

/// Which limit a task counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Waits for the network: many at once.
    Network,
    /// Runs an action. More at once than there are slots would have the first, on which most depends, wait for
    /// slots that the others hold.
    Action,
    /// Needs some 100 MB of memory for itself: the proof of large programs, packing as small as can be.
    Archive,
}

/// Something to do once other tasks are done.
pub struct Task<'a, E> {
    /// Places of the tasks that come first; each smaller than its own.
    pub after: Vec<usize>,
    /// Which limit it counts against.
    pub lane: Lane,
    /// Roughly how long it takes, in seconds; decides only what starts first.
    pub cost: f64,
    /// The work.
    pub run: Box<dyn FnOnce() -> Result<(), E> + Send + 'a>,
}

/// Limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tasks at once in [`Lane::Network`].
    pub network: usize,
    /// Tasks at once in [`Lane::Action`].
    pub action: usize,
    /// Tasks at once in [`Lane::Archive`].
    pub archive: usize,
}

struct State<'a, E> {
    waiting: BTreeMap<usize, Task<'a, E>>,
    missing: Vec<usize>,
    running: usize,
    error: Option<E>,
}

/// Runs all tasks. After a failure none is started; those that run are waited for, and the first
/// error is given back. `on_failure` is called at once, so that it can end them.
pub fn run<E: Send>(tasks: Vec<Task<'_, E>>, limits: Limits, on_failure: impl Fn() + Sync) -> Result<(), E> {
    let weight = weights(&tasks);
    let mut dependents = vec![Vec::new(); tasks.len()];
    for (id, task) in tasks.iter().enumerate() {
        for before in &task.after {
            dependents[*before].push(id);
        }
    }
    let state = Mutex::new(State {
        missing: tasks.iter().map(|task| task.after.len()).collect(),
        waiting: tasks.into_iter().enumerate().collect(),
        running: 0,
        error: None,
    });
    let changed = Condvar::new();
    let work = |lane: Lane| {
        loop {
            let mut guard = state.lock().expect("no task panics while holding it");
            let (id, task) = loop {
                if guard.error.is_some() || guard.waiting.values().all(|task| task.lane != lane) {
                    return;
                }
                let ready = guard.waiting.iter().filter(|(id, task)| task.lane == lane && guard.missing[**id] == 0);
                let next = ready.max_by(|a, b| weight[*a.0].total_cmp(&weight[*b.0])).map(|(id, _)| *id);
                if let Some(id) = next
                    && let Some(task) = guard.waiting.remove(&id)
                {
                    break (id, task);
                }
                guard = changed.wait(guard).expect("no task panics while holding it");
            };
            guard.running += 1;
            drop(guard);
            let result = (task.run)();
            let mut guard = state.lock().expect("no task panics while holding it");
            guard.running -= 1;
            match result {
                Ok(()) => dependents[id].iter().for_each(|after| guard.missing[*after] -= 1),
                Err(error) if guard.error.is_none() => {
                    guard.error = Some(error);
                    on_failure();
                }
                Err(_) => {}
            }
            drop(guard);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        let workers = [(Lane::Network, limits.network), (Lane::Action, limits.action), (Lane::Archive, limits.archive)];
        for (lane, count) in workers {
            for _ in 0..count.max(1) {
                scope.spawn(move || work(lane));
            }
        }
    });
    match state.into_inner().expect("all workers are done").error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// For each task the length of the longest way to the end, itself included.
fn weights<E>(tasks: &[Task<'_, E>]) -> Vec<f64> {
    let mut weight: Vec<f64> = tasks.iter().map(|task| task.cost).collect();
    for id in (0..tasks.len()).rev() {
        for before in &tasks[id].after {
            weight[*before] = weight[*before].max(tasks[*before].cost + weight[id]);
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn order(spec: &[(&[usize], f64)], fail: Option<usize>) -> (Vec<usize>, Result<(), usize>) {
        let seen = Mutex::new(Vec::new());
        let tasks = spec
            .iter()
            .enumerate()
            .map(|(id, (after, cost))| Task {
                after: after.to_vec(),
                lane: Lane::Action,
                cost: *cost,
                run: Box::new({
                    let seen = &seen;
                    move || {
                        seen.lock().unwrap().push(id);
                        if fail == Some(id) { Err(id) } else { Ok(()) }
                    }
                }),
            })
            .collect();
        let result = run(tasks, Limits { network: 1, action: 1, archive: 1 }, || ());
        (seen.into_inner().unwrap(), result)
    }

    #[test]
    fn the_longest_way_goes_first() {
        // 0 is short but opens the way to the long 2.
        let (order, result) = order(&[(&[], 1.0), (&[], 5.0), (&[0], 50.0)], None);
        assert_eq!((order, result), (vec![0, 2, 1], Ok(())));
    }

    #[test]
    fn nothing_starts_after_a_failure() {
        let (order, result) = order(&[(&[], 1.0), (&[0], 1.0)], Some(0));
        assert_eq!((order, result), (vec![0], Err(0)));
    }
}
