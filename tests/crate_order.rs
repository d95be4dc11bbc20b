//! The manifest is the map: a crate uses only crates that the root `Cargo.toml` lists above it.

#[test]
fn a_crate_uses_only_crates_above_it() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |path: String| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let manifest = read(format!("{root}/Cargo.toml"));
    let order: Vec<&str> = manifest.lines().filter_map(|line| line.trim().strip_prefix("\"crates/")?.strip_suffix("\",")).collect();
    assert!(order.len() > 10, "the root manifest lists the crates one a line: {order:?}");
    for (position, name) in order.iter().enumerate() {
        let manifest = read(format!("{root}/crates/{name}/Cargo.toml"));
        let shipped = manifest.split("[dependencies]").nth(1).unwrap_or("").split("\n[").next().unwrap_or("");
        for line in shipped.lines() {
            let used = line.split(['.', ' ', '=']).next().unwrap_or("");
            if let Some(at) = order.iter().position(|c| *c == used) {
                assert!(at < position, "{name} uses {used}, which does not stand above it in the root manifest");
            }
        }
    }
}
