//! What S3 refuses, and what firelake makes of it.

use crate::support::http_stub::{Answer, Stub, s3_error};
use crate::support::process::Sandbox;
use firelake::error::{Error, Kind};
use firelake::ledger::Ledger;
use firelake::storage::{Aws, Stores};

const FILES: &str = "files --table access --lake s3://lake/x";

fn nothing_listed() -> Answer {
    Answer::Xml(200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into())
}

fn identity() -> Answer {
    let arn = "arn:aws:sts::111122223333:assumed-role/compactor/i-1";
    let result = format!("<GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult>");
    Answer::Xml(200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
}

fn sandbox(stub: &Stub) -> Sandbox {
    Sandbox::new().asking(stub.url(), "AKIAEXAMPLE")
}

#[test]
fn a_denied_action_names_identity_action_and_resource() {
    let denied = s3_error(403, "AccessDenied", "Access Denied");
    let stub = Stub::new([("LIST", vec![denied]), ("GetCallerIdentity", vec![identity()])]);
    sandbox(&stub).run(FILES).fails(
        1,
        &[
            "access denied: arn:aws:sts::111122223333:assumed-role/compactor/i-1 may not s3:ListBucket on s3://lake/x/logs/access/_ledger",
            "caused by: Access Denied (AccessDenied)",
            "hint: docs/aws.md lists the permissions",
        ],
    );
    // nothing that is denied is tried again
    assert_eq!(stub.asked("LIST").len(), 1);
    // where STS does not answer either, the key says who
    let stub = Stub::new([("LIST", vec![s3_error(403, "AccessDenied", "Access Denied")])]);
    sandbox(&stub).run(FILES).fails(1, &["access denied: access key AKIAEXAMPLE may not s3:ListBucket"]);
}

#[test]
fn expired_unknown_and_denied_credentials_read_differently() {
    for (answer, told, hint) in [
        (
            s3_error(400, "ExpiredToken", "The provided token has expired."),
            "the AWS credentials have expired (s3:ListBucket on s3://lake/x/logs/access/_ledger",
            "aws sso login",
        ),
        (
            s3_error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
            "S3 does not accept the AWS credentials",
            "check AWS_PROFILE",
        ),
        (
            s3_error(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            "this machine's clock is too far from S3's",
            "set this machine's clock",
        ),
        (
            s3_error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
            "is in another region than the one that was asked",
            "--region",
        ),
    ] {
        let stub = Stub::new([("LIST", vec![answer])]);
        sandbox(&stub).run(FILES).fails(1, &[told, hint]);
        assert_eq!(stub.asked("LIST").len(), 1, "{told}: tried again in vain");
    }
}

async fn load(stub: &Stub) -> Result<bool, Error> {
    let stores = Stores::with_aws(Aws::standing_in(stub.url(), "AKIAEXAMPLE", "secret"));
    let folder = stores.open("s3://lake/x/logs/access").await.unwrap();
    Ledger::new(&folder).load().await.map(|snapshot| snapshot.is_some())
}

#[tokio::test]
async fn throttling_is_outlasted_or_exits_with_75() {
    let slow = || s3_error(503, "SlowDown", "Please reduce your request rate.");
    let stub = Stub::new([("LIST", vec![slow(), slow(), nothing_listed()])]);
    assert!(!load(&stub).await.unwrap());
    assert_eq!(stub.asked("LIST").len(), 4, "two in vain, then the checkpoints and the commits");
    let stub = Stub::new([("LIST", vec![slow()])]);
    let error = load(&stub).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::TryAgain, 75));
    assert!(error.chain()[1].starts_with("S3 has no time for this now (s3:ListBucket on s3://lake/x/"), "{error:?}");
    assert!(stub.asked("LIST").len() > 2);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let stub = Stub::new([("LIST", vec![Answer::Lost, nothing_listed()])]);
    assert!(!load(&stub).await.unwrap());
}
