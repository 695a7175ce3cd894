//! A topological order of nodes that depend on each other. Pure; linear in nodes and dependencies.

use std::collections::VecDeque;

/// Gives nodes whose dependencies are done.
#[derive(Debug)]
pub(crate) struct Order {
    /// How many dependencies of each node are open.
    open: Vec<usize>,
    /// The dependents of each node.
    dependents: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
}

impl Order {
    /// An order of nodes, each with the positions of its dependencies.
    pub(crate) fn new<'n, N>(needs: impl IntoIterator<Item = N>) -> Self
    where
        N: IntoIterator<Item = &'n usize>,
    {
        let needs: Vec<Vec<usize>> = needs.into_iter().map(|n| n.into_iter().copied().collect()).collect();
        let mut dependents = vec![Vec::new(); needs.len()];
        for (i, mine) in needs.iter().enumerate() {
            for need in mine {
                if let Some(list) = dependents.get_mut(*need) {
                    list.push(i);
                }
            }
        }
        let open: Vec<usize> = needs.iter().map(Vec::len).collect();
        let ready = open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(i, _)| i).collect();
        Self { open, dependents, ready }
    }

    /// The next node whose dependencies are done.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }

    /// A node is done: its dependents may be ready.
    pub(crate) fn done(&mut self, i: usize) {
        for dependent in self.dependents.get(i).into_iter().flatten() {
            let Some(open) = self.open.get_mut(*dependent) else { continue };
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.ready.push_back(*dependent);
            }
        }
    }

    /// The dependents of a node.
    pub(crate) fn dependents(&self, i: usize) -> &[usize] {
        self.dependents.get(i).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_a_circle_never_comes() {
        let mut order = Order::new([vec![1, 2], vec![2], vec![], vec![4], vec![3]].iter());
        let mut all = Vec::new();
        while let Some(i) = order.next() {
            all.push(i);
            order.done(i);
        }
        assert_eq!(all, [2, 1, 0]);
        assert_eq!(order.dependents(2), [0, 1]);
    }
}
