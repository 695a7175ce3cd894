//! Plans, reports and failures as text and as data.

mod change;
mod delete;
mod differ;
mod name;
mod plan;
mod report;
mod value;

pub(crate) use delete::{delete_plan, delete_plan_value};
pub(crate) use name::{aws_name, name_in};
pub(crate) use plan::{plan, plan_value, saved_plan_value};
pub(crate) use report::{failure, report, report_line, report_value, status_word};
pub(crate) use value::scalar;
