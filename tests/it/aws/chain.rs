//! Credentials, region and endpoints are found where every AWS tool finds them, for all three services alike.

use crate::support::process::Sandbox;
use crate::support::stand_in;

const FILES: &str = "files --table access --lake";

/// A lake that is reached only with the right credentials, region and endpoint.
fn reached(sandbox: &Sandbox, bucket: &str, more: &str) {
    let lake = format!("s3://{bucket}/lake");
    sandbox.run(&format!("{FILES} {lake} {more}")).fails(2, &["there is no table logs.access"]);
}

fn without_environment() -> (Sandbox, String, String, String) {
    let (account, bucket) = (stand_in::account(), stand_in::bucket_name("chain"));
    stand_in::create_bucket(&account, &bucket);
    let sandbox = Sandbox::new().with("AWS_EC2_METADATA_DISABLED", "true");
    (sandbox, bucket, account, stand_in::url().to_owned())
}

#[test]
fn a_profile_with_its_region_and_its_endpoint() {
    let (sandbox, bucket, account, url) = without_environment();
    sandbox.write(
        ".aws/config",
        format!(
            "[profile work]\nregion = us-east-1\nservices = ours\n\n[services ours]\ns3 =\n  endpoint_url = {url}\n"
        ),
    );
    sandbox.write(".aws/credentials", format!("[work]\naws_access_key_id = {account}\naws_secret_access_key = s\n"));
    reached(&sandbox.with("AWS_PROFILE", "work"), &bucket, "");
}

#[test]
fn a_program_that_gives_credentials() {
    let (sandbox, bucket, account, url) = without_environment();
    let given = format!(r#"{{"Version":1,"AccessKeyId":"{account}","SecretAccessKey":"s","SessionToken":"t"}}"#);
    sandbox.write("given.json", given);
    let program = format!("/bin/cat {}", sandbox.path("given.json").display());
    sandbox.write(".aws/config", format!("[default]\nregion = us-east-1\ncredential_process = {program}\n"));
    reached(&sandbox, &bucket, &format!("--endpoint-url {url}"));
}

#[test]
fn the_service_s_own_endpoint_wins_over_the_general_one_and_the_flag_over_both() {
    let (sandbox, bucket, account, url) = without_environment();
    let nowhere = "http://127.0.0.1:9";
    let sandbox = sandbox.asking(nowhere, &account).with("AWS_ENDPOINT_URL_S3", &url);
    reached(&sandbox, &bucket, "");
    let sandbox = sandbox.with("AWS_ENDPOINT_URL_S3", nowhere);
    reached(&sandbox, &bucket, &format!("--endpoint-url {url}"));
    sandbox.write("firelake.toml", format!("region = \"us-east-1\"\nendpoint_url = \"{url}\"\n"));
    reached(&sandbox.with("AWS_REGION", ""), &bucket, "");
}

#[test]
fn what_is_missing_is_told() {
    let (sandbox, bucket, account, url) = without_environment();
    let lake = format!("{FILES} s3://{bucket}/lake");
    sandbox.run(&lake).fails(2, &["which AWS region?", "--region"]);
    sandbox.run(&format!("{lake} --endpoint-url {url}")).fails(1, &["there are no AWS credentials", "AWS_PROFILE"]);
    sandbox.write(".aws/config", "[profile somebody]\nregion = us-east-1\n");
    let sandbox = sandbox.with("AWS_PROFILE", "nobody").with("AWS_REGION", "us-east-1");
    sandbox.run(&lake).fails(1, &["there are no AWS credentials: the profile nobody gives none"]);
    let nowhere = sandbox.with("AWS_PROFILE", "").asking("http://127.0.0.1:9", &account);
    nowhere.run(&lake).fails(1, &["cannot reach S3 (s3:ListBucket on s3://", "--endpoint-url"]);
}
