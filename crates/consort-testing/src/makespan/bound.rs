//! What no schedule can do better. It shares nothing with the brain.

use super::graphs::Case;
use std::collections::HashMap;

/// Which task comes directly after which, handoffs over barriers included, by position.
pub(super) fn edges(case: &Case) -> Vec<Vec<usize>> {
    let plan = &case.plan;
    let at: HashMap<_, _> = plan.tasks.iter().enumerate().map(|(ix, t)| (t.id.clone(), ix)).collect();
    let mut after = vec![Vec::new(); plan.tasks.len()];
    for (ix, task) in plan.tasks.iter().enumerate() {
        task.needs.iter().for_each(|need| after[at[need]].push(ix));
        for barrier in plan.barriers.iter().filter(|b| task.behind.contains(&b.id)) {
            barrier.waits_for.iter().chain(&barrier.handoffs).for_each(|before| after[at[before]].push(ix));
        }
    }
    for barrier in &plan.barriers {
        for before in &barrier.waits_for {
            barrier.handoffs.iter().for_each(|handoff| after[at[before]].push(at[handoff]));
        }
    }
    after
}

/// The longest chain that ends with each task.
fn longest(own: &[u64], after: &[Vec<usize>]) -> Vec<u64> {
    let mut before = vec![0usize; own.len()];
    after.iter().flatten().for_each(|to| before[*to] += 1);
    let mut open: Vec<usize> = (0..own.len()).filter(|ix| before[*ix] == 0).collect();
    let mut ends = own.to_vec();
    while let Some(ix) = open.pop() {
        for to in &after[ix] {
            ends[*to] = ends[*to].max(ends[ix] + own[*to]);
            before[*to] -= 1;
            if before[*to] == 0 {
                open.push(*to);
            }
        }
    }
    ends
}

/// The plain bound and the closer one, in milliseconds.
pub(super) fn of(case: &Case) -> (u64, u64) {
    let tasks = &case.plan.tasks;
    let own: Vec<u64> = tasks.iter().map(|t| case.chain(&t.id)).collect();
    let work: Vec<u64> = tasks.iter().map(|t| case.work(&t.id)).collect();
    let after = edges(case);
    let mut backwards = vec![Vec::new(); tasks.len()];
    after.iter().enumerate().for_each(|(from, all)| all.iter().for_each(|to| backwards[*to].push(from)));
    let ends = longest(&own, &after);
    let begins = longest(&own, &backwards);
    let limit = u64::from(case.limit);
    let chain = ends.iter().copied().max().unwrap_or(0);
    let plain = chain.max(work.iter().sum::<u64>().div_ceil(limit));
    // Before and behind each task.
    let heads: Vec<u64> = ends.iter().zip(&own).map(|(end, own)| end - own).collect();
    let tails: Vec<u64> = begins.iter().zip(&own).map(|(all, own)| all - own).collect();
    let mut by_tail: Vec<usize> = (0..tasks.len()).collect();
    by_tail.sort_by_key(|ix| std::cmp::Reverse(tails[*ix]));
    let mut close = plain;
    for head in &heads {
        let mut sum = 0;
        for ix in by_tail.iter().filter(|ix| heads[**ix] >= *head) {
            sum += work[*ix];
            close = close.max(head + sum.div_ceil(limit) + tails[*ix]);
        }
    }
    (plain, close)
}
