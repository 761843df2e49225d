//! The schemas that come with firelake, embedded from `schemas/`.

const SHIPPED: [(&str, &str); 2] = [
    ("apache_json", include_str!("../../schemas/apache_json.toml")),
    ("combined_apache", include_str!("../../schemas/combined_apache.toml")),
];

/// The names that `--schema` knows without a file.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// A shipped schema's text.
pub fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}
