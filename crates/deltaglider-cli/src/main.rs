//! The command `deltaglider`.

fn main() {}
