//! A table of ours that is partitioned by a column's value.

use super::Published;
use super::nested::alike;
use crate::columns::by_value::{SCHEMA, records};

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_any_text_read_the_same() {
    let published = Published::empty();
    published.sandbox.write("sales.toml", SCHEMA);
    published.sandbox.write("hosts.csv", "host,applicationname\n");
    let place = format!("--lake s3://{}/lake --landing s3://{0}/landing/sales", published.bucket);
    for object in ["00/x", "01/y"] {
        published.sandbox.put(&published.bucket, &format!("landing/sales/2026/11/20/{object}"), records().as_bytes());
        published.sandbox.ok(&format!("compact {place} --schema sales.toml"));
    }
    let queries = [
        "SELECT n, region, of_region, dt FROM sales ORDER BY n, region",
        "SELECT of_region, count(*) AS n FROM sales GROUP BY of_region ORDER BY of_region NULLS FIRST",
        "SELECT n FROM sales WHERE of_region = 'a/b=c d%41' AND dt = '2026-11-20' ORDER BY n",
        "SELECT count(*) AS n, count(of_region) AS k FROM sales WHERE of_region IS NULL OR of_region IN ('é ☃', '%')",
    ];
    alike(&published, &queries).await;
}
