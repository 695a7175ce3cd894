//! Executions: what is kept of one, how it goes on, and what is done for it.

pub mod machine;
pub mod state;
pub mod step;

#[cfg(test)]
mod tests;
