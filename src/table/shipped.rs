//! The schemas that come with firelake, embedded from `schemas/`.

const SHIPPED: [(&str, &str); 7] = [
    ("apache_json", include_str!("../../schemas/apache_json.toml")),
    ("aws_waf", include_str!("../../schemas/aws_waf.toml")),
    ("cloudwatch_logs", include_str!("../../schemas/cloudwatch_logs.toml")),
    ("combined_apache", include_str!("../../schemas/combined_apache.toml")),
    ("nginx_graphql", include_str!("../../schemas/nginx_graphql.toml")),
    ("vpc_flow_logs", include_str!("../../schemas/vpc_flow_logs.toml")),
    ("web_access", include_str!("../../schemas/web_access.toml")),
];

/// The names that `--schema` knows without a file.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// A shipped schema's text.
pub fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}
