use proptest::prelude::*;

use super::csv::Leading;
use super::*;
use crate::xgboost::image::Image;

fn source(text: &str) -> Source {
    Source { name: "train/a.csv".to_owned(), bytes: text.as_bytes().to_vec() }
}

fn csv(text: &str) -> Result<Labelled, ParseError> {
    csv::parse(&[source(text)], b',', Leading::Label, 2)
}

fn dense(labelled: &Labelled) -> &Dense {
    match &labelled.matrix {
        Matrix::Dense(dense) => dense,
        Matrix::Sparse(_) => panic!("CSV is dense"),
    }
}

#[test]
fn csv_has_the_label_first_and_empty_fields_are_missing() {
    let parsed = csv("1,2,,4.5\r\n\n-0.5, 7 ,1e3,nan\n").expect("it is CSV");
    assert_eq!(parsed.labels, [1.0, -0.5]);
    let dense = dense(&parsed);
    assert_eq!((dense.rows, dense.columns), (2, 3));
    assert_eq!(dense.values[0], 2.0);
    assert!(dense.values[1].is_nan() && dense.values[5].is_nan());
    assert_eq!(dense.values[2..5], [4.5, 7.0, 1000.0]);
}

#[test]
fn csv_weights_are_the_second_column() {
    let parsed = csv::parse(&[source("1,0.5,7\n0,2,8")], b',', Leading::LabelAndWeight, 1).expect("it is CSV");
    assert_eq!(parsed.labels, [1.0, 0.0]);
    assert_eq!(parsed.weights, Some(vec![0.5, 2.0]));
    assert_eq!(dense(&parsed).values, [7.0, 8.0]);
}

#[test]
fn csv_errors_name_file_line_column_and_what_was_expected() {
    for (text, expected) in [
        (
            "label,x\n1,2",
            "train/a.csv, line 1, column 1: expected a number, found 'label'; CSV for XGBoost has no header row and no \
             text, remove them",
        ),
        ("1,2\n\n0,abc", "train/a.csv, line 3, column 2: expected a number, found 'abc'"),
        ("1,2\n0,2,3", "train/a.csv, line 2: expected 2 columns as in the first row of train/a.csv, found 3"),
        ("1,2,3\n0,2", "train/a.csv, line 2: expected 3 columns as in the first row of train/a.csv, found 2"),
        (
            "1,x\n0,2\nb,2\n0,c\n0,1,2",
            "train/a.csv, line 1, column 2: expected a number, found 'x'; CSV for XGBoost has no header row and no text, remove \
             them; 3 more lines are wrong",
        ),
        ("1\n2", "train/a.csv, line 1: expected a label and at least one feature, found 1 column(s)"),
        (
            "1,0x10",
            "train/a.csv, line 1, column 2: expected a number, found '0x10'; CSV for XGBoost has no header row and no text, remove them",
        ),
    ] {
        assert_eq!(csv(text).expect_err(text).to_string(), expected);
    }
}

#[test]
fn large_csv_is_parsed_in_pieces_with_the_right_line_in_errors() {
    let mut text = String::new();
    for row in 0..200_000 {
        text.push_str(&format!("{},{},{}.25\n", row % 10, row, row));
    }
    let parsed = csv(&text).expect("it is CSV");
    assert_eq!(parsed.labels.len(), 200_000);
    assert_eq!(dense(&parsed).values[2 * 150_000..][..2], [150_000.0, 150_000.25]);
    text.push_str("1,x,3\n");
    assert_eq!(csv(&text).expect_err("x is no number").line, 200_001);
}

#[test]
fn a_wide_first_row_takes_no_memory_for_rows_that_are_short() {
    // As wide as the first, these rows would be 1.6 terabytes.
    let text = format!("{}\n{}", ",".repeat(1_000_000), "1\n".repeat(400_000));
    let told = |error: ParseError| (error.line, error.problem);
    let expected = (2, "expected 1000001 columns as in the first row, found 1".to_owned());
    assert_eq!(request_csv(text.as_bytes()).map(|_| ()).map_err(told), Err(expected));
    let error = csv(&text).map(|_| ()).expect_err("the second row is short").to_string();
    assert_eq!(
        error,
        "train/a.csv, line 2: expected 1000001 columns as in the first row of train/a.csv, found 1; 399999 more lines are wrong"
    );
}

#[test]
fn delimiters_are_found_in_the_first_line() {
    for (line, found) in
        [("1,2 3", Some(b',')), ("1\t2", Some(b'\t')), ("1;2", Some(b';')), ("1 2", Some(b' ')), ("12", None)]
    {
        assert_eq!(delimiter(line.as_bytes()), found, "{line}");
    }
}

#[test]
fn libsvm_rows_become_compressed_rows() {
    let text = "1:0.5 0:1.5 3:2 # a comment\n\n0:2\n";
    let parsed = libsvm::parse(&[source(text)], 2).expect("it is LIBSVM");
    assert_eq!(parsed.labels, [1.0, 0.0]);
    assert_eq!(parsed.weights, Some(vec![0.5, 2.0]));
    let expected = Sparse { offsets: vec![0, 2, 2], indices: vec![0, 3], values: vec![1.5, 2.0], columns: 4 };
    assert_eq!(parsed.matrix, Matrix::Sparse(expected));
    assert_eq!(parsed.groups, None);
    let grouped = libsvm::parse(&[source("1 qid:7 0:1\n0 qid:7 0:2\n"), source("1 qid:9 0:1\n0 qid:7\n")], 2);
    assert_eq!(grouped.expect("it is LIBSVM").groups, Some(vec![2, 1, 1]));
}

#[test]
fn libsvm_errors_name_the_entry() {
    for (text, expected) in [
        (
            "1 0:1\n1 qid:3 0:1",
            "train/a.csv, line 1, column 1: expected a query group (qid:group) on every row or on none, found 1 of them on 2 rows",
        ),
        ("1 qid:x 0:1", "train/a.csv, line 1, column 2: expected qid:group with a whole number, found 'qid:x'"),
        ("1,2,3", "train/a.csv, line 1, column 1: expected label or label:weight in numbers, found '1,2,3'"),
        ("1 0:x", "train/a.csv, line 1, column 2: expected index:value with a number as value, found '0:x'"),
        ("1 -1:2", "train/a.csv, line 1, column 2: expected index:value with a whole index from 0, found '-1:2'"),
        ("1 7", "train/a.csv, line 1, column 2: expected index:value, found '7'"),
        (
            "1 0:1\n1 7\n1 0:2\n1 x",
            "train/a.csv, line 2, column 2: expected index:value, found '7'; one more line is wrong",
        ),
        (
            "1:1 0:1\n1 0:1",
            "train/a.csv, line 1, column 1: expected a weight (label:weight) on every row or on none, found 1 of them on 2 rows",
        ),
    ] {
        assert_eq!(libsvm::parse(&[source(text)], 1).expect_err(text).to_string(), expected);
    }
}

#[test]
fn a_libsvm_request_may_have_a_label_that_is_ignored() {
    let with = request_libsvm(b"1 0:2 1:3").expect("it is LIBSVM");
    assert_eq!(with, request_libsvm(b"0:2 1:3").expect("it is LIBSVM"));
    assert_eq!(with, request_libsvm(b"x 0:2 y 1:3").expect("it is LIBSVM"), "what has no colon is passed over");
    assert_eq!((with.rows(), with.columns()), (1, 2));
}

#[test]
fn content_types_are_read_as_the_image_reads_them() {
    for (given, expected) in [
        (None, Some(ContentType::Libsvm)),
        (Some("csv"), Some(ContentType::Csv)),
        (Some("text/csv; label_size=1; charset=utf8"), Some(ContentType::Csv)),
        (Some("Text/CSV"), Some(ContentType::Csv)),
        (Some("text/csv;label_size=0"), None),
        (Some("text/x-libsvm"), Some(ContentType::Libsvm)),
        (Some("text/libsvm ;charset=utf8"), Some(ContentType::Libsvm)),
        (Some("application/x-parquet"), None),
        (Some("application/x-recordio-protobuf"), None),
        (Some("application/json"), None),
    ] {
        assert_eq!(ContentType::of_request(given, ContentType::Libsvm).ok(), expected, "{given:?}");
    }
    assert_eq!(ContentType::of_request(None, ContentType::Csv), Ok(ContentType::Csv));
}

#[test]
fn a_channel_has_one_of_nine_plain_names() {
    let image = |tag| Image::of_tag(tag).expect("a tag");
    for given in ["csv", "text/csv", "libsvm", "text/libsvm", "text/x-libsvm"] {
        assert!(ContentType::of_channel(Some(given), image("1.7-1")).is_ok(), "{given}");
        assert!(check_channel(given, image("1")).is_ok(), "{given}");
    }
    assert_eq!(ContentType::of_channel(None, image("1.7-1")), Ok(ContentType::Libsvm));
    assert!(
        check_channel("application/x-parquet", image("1.7-1")).is_ok(),
        "the image reads it, this program does not"
    );
    for given in ["text/csv;label_size=1", "Text/CSV", "text/csv ", "application/json", ""] {
        assert!(ContentType::of_channel(Some(given), image("1.7-1")).is_err(), "{given}");
    }
    assert!(check_channel("application/x-parquet", image("1")).is_err());
}

#[test]
fn an_empty_field_is_what_xgboosts_own_reader_makes_of_it() {
    let parsed = csv("1,2,\n,,3\n").expect("it is CSV");
    assert_eq!(parsed.labels, [1.0, 0.0]);
    assert!(dense(&parsed).values[1].is_nan() && dense(&parsed).values[2].is_nan());
    let parsed = libsvm::parse(&[source("0 1:0.25 3:\n1 2: 3:2\n")], 1).expect("it is LIBSVM");
    let expected =
        Sparse { offsets: vec![0, 2, 4], indices: vec![1, 3, 2, 3], values: vec![0.25, 0.0, 0.0, 2.0], columns: 4 };
    assert_eq!(parsed.matrix, Matrix::Sparse(expected));
    assert!(request_libsvm(b"0:").is_err(), "the image's server wants a number");
}

proptest! {
    #[test]
    fn the_parsers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), threads in 1_usize..4) {
        let named = [Source { name: "f".to_owned(), bytes: bytes.clone() }];
        for delimiter in [b',', b' ', b'\t'] {
            let _ = csv::parse(&named, delimiter, Leading::Label, threads);
            let _ = csv::parse(&named, delimiter, Leading::LabelAndWeight, threads);
        }
        let _ = libsvm::parse(&named, threads);
        let _ = request_csv(&bytes);
        let _ = request_libsvm(&bytes);
        let _ = ContentType::of_request(std::str::from_utf8(&bytes).ok(), ContentType::Csv);
    }

    #[test]
    fn the_parsers_never_panic_on_almost_right_text(text in "[0-9,:. \\-\nqe#a]{0,200}") {
        let named = [source(&text)];
        let _ = csv::parse(&named, b',', Leading::Label, 2);
        let _ = libsvm::parse(&named, 2);
    }

    #[test]
    fn csv_round_trips(
        rows in proptest::collection::vec((any::<f32>(), proptest::collection::vec(proptest::option::of(any::<f32>()), 3)), 1..40)
    ) {
        let rows: Vec<_> = rows.into_iter().filter(|(label, _)| label.is_finite()).collect();
        let text: String = rows.iter().map(|(label, features)| {
            let features: Vec<String> = features.iter().map(|value| value.map_or(String::new(), |value| value.to_string())).collect();
            format!("{label},{}\n", features.join(","))
        }).collect();
        let parsed = csv(&text).expect("it is CSV");
        prop_assert_eq!(&parsed.labels, &rows.iter().map(|(label, _)| *label).collect::<Vec<_>>());
        let values: Vec<f32> = rows.iter().flat_map(|(_, features)| features.iter().map(|value| value.unwrap_or(f32::NAN))).collect();
        if !rows.is_empty() {
            let same = dense(&parsed).values.iter().zip(&values).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
            prop_assert!(same);
        }
    }
}
