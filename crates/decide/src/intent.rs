//! What is to become of a resource.

/// Whether the resource is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Intent {
    /// It is to be as declared.
    #[default]
    Present,
    /// It is to go.
    Absent,
}

/// What to do with a resource that is there and belongs to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Adoption {
    /// Leave it alone.
    #[default]
    No,
    /// Take it over as it is; it has to be there.
    Adopt,
    /// Take it over and change it as declared, or create it.
    AdoptOrCreate,
}
