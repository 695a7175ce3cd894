//! The container programs on their own, without the rest of Sagewright: `sagewright-algorithm
//! xgboost train|serve`. The tests drive this face; the product's binary calls the same function.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let algorithm = arguments.next().unwrap_or_default();
    let program = arguments.next().unwrap_or_default();
    std::process::exit(sagewright_algorithms::run(&algorithm, &program));
}
