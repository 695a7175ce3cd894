//! Instance profiles. There are none, as there is no EC2.

mod list;

pub(super) use list::list_for_role;
