//! What a kind's listing shows of changes: derived from the service model.

use sagewright_model::{Service, Shape, ShapeType};

use crate::kind::Kind;

/// Members of listings' inputs that keep out what was changed earlier, or created earlier.
const MODIFIED_AFTER: &[&str] = &["LastModifiedTimeAfter", "ModifiedTimeAfter"];
const CREATED_AFTER: &[&str] = &["CreationTimeAfter", "CreatedAfter"];
/// Members of items that hold these times.
const MODIFIED: &[&str] = &["LastModifiedTime", "LastModifiedAt"];
const CREATED: &[&str] = &["CreationTime", "CreatedAt", "StartTime"];
/// How listings call an order, in the two spellings that AWS has.
const BY_MODIFIED: &[&str] = &["LastModifiedTime", "LAST_MODIFIED_TIME"];
const BY_CREATED: &[&str] = &["CreationTime", "CREATION_TIME", "CreateDate"];
const ASCENDING: &[&str] = &["Ascending", "ASCENDING"];
const DESCENDING: &[&str] = &["Descending", "DESCENDING"];

/// Which changes of a kind's resources its listing shows. Tags are shown by none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// All: items have the time of the last change, or nothing of a resource can change.
    All,
    /// Creation, deletion and what items hold (mostly the status): other changes need a look at the resource itself.
    Part,
}

/// A kind's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The operation.
    pub operation: &'static str,
    /// Output member that holds the items.
    pub items: &'static str,
    /// Input member that keeps out what has not changed since, where items show the time of their last change.
    pub modified_after: Option<&'static str>,
    /// Input member that keeps out what was created earlier.
    pub created_after: Option<&'static str>,
    /// Item member with the time of the last change.
    pub modified: Option<&'static str>,
    /// Item member with the time of creation.
    pub created: Option<&'static str>,
    /// Input that sorts by the time of the last change, oldest first, or by that of creation.
    pub oldest_first: Vec<(&'static str, &'static str)>,
    /// Input that sorts by the time of creation, newest first.
    pub newest_first: Vec<(&'static str, &'static str)>,
    /// Members of an item.
    pub members: Vec<&'static str>,
    /// Input members that have to be given.
    pub required: Vec<&'static str>,
    /// Which changes it shows.
    pub shows: Shows,
}

impl Listing {
    /// The filter that gives all that changed since a time, where there is one.
    #[must_use]
    pub fn changed_after(&self) -> Option<&'static str> {
        let immutable = self.shows == Shows::All && self.modified.is_none();
        self.modified_after.or_else(|| self.created_after.filter(|_| immutable))
    }

    /// The item member that holds the time that [`Listing::changed_after`] goes by.
    #[must_use]
    pub fn changed(&self) -> Option<&'static str> {
        self.modified.or(self.created)
    }
}

impl Kind {
    /// What the kind's listing shows, where it has one.
    #[must_use]
    pub fn listing(&self) -> Option<Listing> {
        let service = self.service();
        let (operation, model) = service.operations.get_key_value(self.row().operations.list.as_deref()?)?;
        let input = service.shape(&model.input.as_ref()?.shape)?;
        let output = service.output(operation)?;
        let (items, list) = output.members.iter().find_map(|(name, member)| {
            let shape = service.target(member).filter(|s| s.kind == ShapeType::List)?;
            Some((*name, shape))
        })?;
        let item = list.member.as_ref().and_then(|m| service.target(m))?;
        let modified = first(item, MODIFIED);
        let status = self.row().status.member.is_some();
        let mutable = self.row().operations.update.is_some() || status;
        Some(Listing {
            operation,
            items,
            modified_after: first(input, MODIFIED_AFTER).filter(|_| modified.is_some()),
            created_after: first(input, CREATED_AFTER),
            modified,
            created: first(item, CREATED),
            oldest_first: order(service, input, &[BY_MODIFIED, BY_CREATED], ASCENDING),
            newest_first: order(service, input, &[BY_CREATED], DESCENDING),
            members: item.members.keys().copied().collect(),
            required: input
                .required
                .iter()
                .filter_map(|r| input.members.get_key_value(r.as_ref()).map(|(n, _)| *n))
                .collect(),
            shows: if modified.is_some() || !mutable { Shows::All } else { Shows::Part },
        })
    }

    /// The kind's type in Resource Groups Tagging (`sagemaker:model`), where its tags are indexed there.
    #[must_use]
    pub fn indexed_type(&self) -> Option<String> {
        let service = self.tag_operations()?.index.as_deref()?;
        self.tags_member()?;
        let kind = self.row().tags.index.clone().unwrap_or_else(|| self.words().to_lowercase().replace(' ', "-"));
        (!kind.is_empty()).then(|| format!("{service}:{kind}"))
    }
}

fn first(shape: &'static Shape, names: &[&str]) -> Option<&'static str> {
    names.iter().find_map(|name| shape.members.get_key_value(*name)).map(|(name, _)| *name)
}

fn order(
    service: &'static Service,
    input: &'static Shape,
    by: &[&[&'static str]],
    direction: &[&'static str],
) -> Vec<(&'static str, &'static str)> {
    let takes = |member: &'static str, values: &[&'static str]| {
        let shape = input.members.get(member).and_then(|m| service.target(m))?;
        let value = values.iter().find(|v| shape.enumeration.iter().any(|e| e.as_ref() == **v))?;
        Some((member, *value))
    };
    let by = by.iter().find_map(|values| takes("SortBy", values));
    let order = takes("SortOrder", direction);
    by.into_iter().chain(order).collect()
}
