//! Rows as a Parquet file: a column for each feature, and those that the offline store adds.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::flush::Row;
use crate::definition::{Definition, FeatureType};

/// The file. `written` is its `write_time`, in milliseconds since 1970.
///
/// # Errors
/// What the library refuses.
pub fn parquet(definitions: &[Definition], rows: &[Row], written: i64) -> Result<Vec<u8>, String> {
    write(definitions, rows, written).map_err(|error| format!("rows cannot be written as Parquet: {error}"))
}

fn write(definitions: &[Definition], rows: &[Row], written: i64) -> Result<Vec<u8>, ParquetError> {
    let mut columns = definitions.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    for name in ["write_time", "api_invocation_time"] {
        let time = LogicalType::timestamp(true, TimeUnit::MILLIS);
        columns.push(leaf(name, Physical::INT64, Some(time), Repetition::REQUIRED)?);
    }
    columns.push(leaf("is_deleted", Physical::BOOLEAN, None, Repetition::REQUIRED)?);
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(columns).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for definition in definitions {
        feature(&mut group, definition, rows)?;
    }
    plain::<Int64Type>(&mut group, &vec![written; rows.len()])?;
    plain::<Int64Type>(&mut group, &rows.iter().map(|row| row.called).collect::<Vec<_>>())?;
    plain::<BoolType>(&mut group, &rows.iter().map(|row| row.deleted).collect::<Vec<_>>())?;
    group.close()?;
    file.into_inner()
}

/// A feature is missing where a record does not have it; a collection is a list.
fn column(definition: &Definition) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match definition.kind {
        FeatureType::Integral => (Physical::INT64, None),
        FeatureType::Fractional => (Physical::DOUBLE, None),
        FeatureType::String => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    if definition.collection.is_none() {
        return leaf(&definition.name, physical, logical, Repetition::OPTIONAL);
    }
    let element = leaf("element", physical, logical, Repetition::REQUIRED)?;
    let list =
        Type::group_type_builder("list").with_repetition(Repetition::REPEATED).with_fields(vec![element]).build()?;
    let column = Type::group_type_builder(&definition.name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)]);
    Ok(Arc::new(column.build()?))
}

fn leaf(
    name: &str,
    physical: Physical,
    logical: Option<LogicalType>,
    repetition: Repetition,
) -> Result<TypePtr, ParquetError> {
    let column = Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(column.build()?))
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

fn plain<T: DataType>(group: &mut Group<'_>, values: &[T::T]) -> Result<(), ParquetError> {
    with::<T>(group, |column| column.write_batch(values, None, None))
}

fn with<T: DataType>(
    group: &mut Group<'_>,
    write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> Result<usize, ParquetError>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    write(column.typed::<T>())?;
    column.close()
}

fn feature(group: &mut Group<'_>, definition: &Definition, rows: &[Row]) -> Result<(), ParquetError> {
    match definition.kind {
        FeatureType::Integral => leaves::<Int64Type>(group, definition, rows, |text| text.parse().ok()),
        FeatureType::Fractional => leaves::<DoubleType>(group, definition, rows, |text| text.parse().ok()),
        FeatureType::String => leaves::<ByteArrayType>(group, definition, rows, |text| Some(ByteArray::from(text))),
    }
}

/// Writes the values of a feature. A level of definition tells how much of a value is there: nothing, or for a collection the empty
/// list, or an element. A level of repetition tells an element that goes on with the list of the one before.
fn leaves<T: DataType>(
    group: &mut Group<'_>,
    definition: &Definition,
    rows: &[Row],
    read: impl Fn(&str) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    let there = if definition.collection.is_some() { 2 } else { 1 };
    let mut push = |text: Option<&str>, level: i16, again: i16| {
        let value = text.and_then(&read);
        defined.push(if value.is_some() { there } else { level });
        repeated.push(again);
        values.extend(value);
    };
    for row in rows {
        let value = row.values.iter().find(|value| value["FeatureName"] == definition.name.as_str());
        match (value.unwrap_or(&Value::Null), definition.collection) {
            (value, None) => push(value["ValueAsString"].as_str(), 0, 0),
            (value, Some(_)) => match value["ValueAsStringList"].as_array() {
                None => push(None, 0, 0),
                Some(list) if list.is_empty() => push(None, 1, 0),
                Some(list) => {
                    for (at, item) in list.iter().enumerate() {
                        push(item.as_str(), 1, i16::from(at > 0));
                    }
                }
            },
        }
    }
    let repeated = definition.collection.map(|_| &*repeated);
    with::<T>(group, |column| column.write_batch(&values, Some(&defined), repeated))
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_finds_types_missing_values_collections_and_the_added_columns() {
        let definitions = Definition::read_all(&json!([
            {"FeatureName": "id", "FeatureType": "String"},
            {"FeatureName": "n", "FeatureType": "Integral"},
            {"FeatureName": "x", "FeatureType": "Fractional"},
            {"FeatureName": "l", "FeatureType": "Integral", "CollectionType": "List"},
        ]));
        let row = |deleted: bool, values: Value| {
            let values = values.as_array().unwrap().clone();
            Row { at: 0, called: 1000, deleted, values }
        };
        let rows = [
            row(
                false,
                json!([
                    {"FeatureName": "id", "ValueAsString": "é"}, {"FeatureName": "n", "ValueAsString": "-7"},
                    {"FeatureName": "x", "ValueAsString": "1.5"}, {"FeatureName": "l", "ValueAsStringList": ["1", "2"]},
                ]),
            ),
            row(
                false,
                json!([{"FeatureName": "id", "ValueAsString": "b"}, {"FeatureName": "l", "ValueAsStringList": []}]),
            ),
            row(true, json!([{"FeatureName": "id", "ValueAsString": "c"}])),
        ];
        let bytes = parquet(&definitions, &rows, 2000).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        std::fs::write(&path, bytes).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let read: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        let times = "write_time: 1970-01-01 00:00:02.000 +00:00, api_invocation_time: 1970-01-01 00:00:01.000 +00:00";
        assert_eq!(
            read,
            [
                format!("{{id: \"é\", n: -7, x: 1.5, l: [1, 2], {times}, is_deleted: false}}"),
                format!("{{id: \"b\", n: null, x: null, l: [], {times}, is_deleted: false}}"),
                format!("{{id: \"c\", n: null, x: null, l: null, {times}, is_deleted: true}}"),
            ]
        );
    }
}
