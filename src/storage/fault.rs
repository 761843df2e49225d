//! What a service of AWS means by an error: who may not do what, where, and what to do about it.

use crate::error::{Error, Kind, causes};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;

/// An error of S3, Glue, Athena or STS.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The IAM action: `s3:GetObject`.
    pub action: String,
    /// What it was meant for: a URL, or words such as `table logs.access`.
    pub resource: String,
    /// What kind of trouble it is.
    pub meaning: Meaning,
    /// The service's own word: `AccessDenied`.
    pub code: Option<String>,
    /// The service's own sentence.
    pub message: String,
    /// Whose credentials they were, where that is known.
    pub identity: Option<String>,
    /// The region that the bucket is in, where that is known.
    pub region: Option<String>,
}

/// Kinds of trouble that want different things from the person who meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The credentials are good, but not for this.
    Denied,
    /// The credentials were good once.
    Expired,
    /// Nobody knows these credentials, or the signature made with them.
    Unknown,
    /// There are no credentials.
    NoCredentials,
    /// This machine's clock is wrong.
    Clock,
    /// The bucket is not there.
    NoBucket,
    /// The bucket is in another region.
    Region,
    /// The object is in an archive, and must be restored before it can be read.
    Archived,
    /// Too many requests, or the service is unwell; retries did not help.
    Throttled,
    /// No connection, or no answer.
    Unreachable,
    /// Anything else.
    Other,
}

impl Meaning {
    /// By the code that a service gives, else by the HTTP status.
    /// Codes: S3's "Error responses", the "Common errors" of Glue and Athena, and those that SDKs retry.
    fn of(code: Option<&str>, status: Option<u16>) -> Meaning {
        let Some(code) = code else { return Self::of_status(status) };
        match code.rsplit('#').next().unwrap_or(code) {
            "AccessDenied"
            | "AccessDeniedException"
            | "AllAccessDisabled"
            | "UnauthorizedOperation"
            | "AccountProblem"
            | "UnauthorizedException"
            | "UnauthorizedAccess" => Meaning::Denied,
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => Meaning::Expired,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Meaning::Unknown,
            "RequestTimeTooSkewed" => Meaning::Clock,
            "NoSuchBucket" => Meaning::NoBucket,
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                Meaning::Region
            }
            "InvalidObjectState" => Meaning::Archived,
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "OperationTimeoutException"
            | "ConcurrentModificationException"
            | "ResourceNotReadyException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "InternalError"
            | "InternalServiceException"
            | "InternalServerException"
            | "InternalFailure" => Meaning::Throttled,
            _ => Self::of_status(status.filter(|status| *status >= 500)),
        }
    }

    fn of_status(status: Option<u16>) -> Meaning {
        match status {
            Some(301 | 307) => Meaning::Region,
            Some(401 | 403) => Meaning::Denied,
            Some(429 | 500..=599) => Meaning::Throttled,
            _ => Meaning::Other,
        }
    }

    /// Whether the service refused the request: nothing of it happened, and to send it again is in vain.
    pub fn is_refusal(self) -> bool {
        match self {
            Meaning::Denied
            | Meaning::Expired
            | Meaning::Unknown
            | Meaning::NoCredentials
            | Meaning::Clock
            | Meaning::NoBucket
            | Meaning::Region
            | Meaning::Archived => true,
            Meaning::Throttled | Meaning::Unreachable | Meaning::Other => false,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Meaning::Expired | Meaning::Unknown | Meaning::NoCredentials | Meaning::Clock => Kind::Credentials,
            Meaning::Throttled => Kind::TryAgain,
            Meaning::Denied
            | Meaning::NoBucket
            | Meaning::Region
            | Meaning::Archived
            | Meaning::Unreachable
            | Meaning::Other => Kind::Storage,
        }
    }

    fn hint(self) -> Option<&'static str> {
        Some(match self {
            Meaning::Denied => "docs/aws.md lists the permissions that each job needs",
            Meaning::Expired => {
                "renew them (aws sso login, or new keys) and run the same command again: nothing is lost"
            }
            Meaning::Unknown => {
                "check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; firelake uses what the AWS CLI would"
            }
            Meaning::NoCredentials => {
                "set AWS_PROFILE, run aws sso login, export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached"
            }
            Meaning::Clock => "set this machine's clock: AWS refuses requests that are signed minutes off",
            Meaning::NoBucket => "check the bucket's name and the account; firelake makes no buckets",
            Meaning::Region => "pass --region with the bucket's region, or set AWS_REGION",
            Meaning::Archived => "restore it from the archive first (aws s3api restore-object), then run again",
            Meaning::Throttled => {
                "AWS is busy, or limits this account's requests: run the same command again later, nothing is lost"
            }
            Meaning::Unreachable => "check the network, --endpoint-url and AWS_ENDPOINT_URL",
            Meaning::Other => return None,
        })
    }
}

impl Fault {
    /// From an error of an SDK client.
    pub fn of_sdk<E, R>(action: &str, resource: &str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let (meaning, code, message) = match &error {
            SdkError::ServiceError(context) => {
                let error = context.err();
                let code = error.code().map(str::to_owned);
                let message = error.message().map_or_else(|| chain(error), str::to_owned);
                let meaning = match Meaning::of(code.as_deref(), None) {
                    // "Signature expired: … is now earlier than …", "Signature not yet current: …"
                    Meaning::Unknown if message.starts_with("Signature ") => Meaning::Clock,
                    meaning => meaning,
                };
                (meaning, code, message)
            }
            SdkError::ConstructionFailure(_) => {
                (lacks_credentials(&error).unwrap_or(Meaning::Other), None, chain(&error))
            }
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => {
                (lacks_credentials(&error).unwrap_or(Meaning::Unreachable), None, chain(&error))
            }
            SdkError::ResponseError(_) => (Meaning::Throttled, None, chain(&error)),
            _ => (Meaning::Other, None, chain(&error)),
        };
        Fault { code, message, ..Self::new(action, resource, meaning) }
    }

    /// From the error that a batch call tells of one of its items.
    pub fn of_item(action: &str, resource: &str, code: &str, message: &str) -> Self {
        let told = Self::new(action, resource, Meaning::of(Some(code), None));
        Fault { code: Some(code.into()), message: message.into(), ..told }
    }

    /// From an error of object_store's S3 client, whose text holds the answer of S3 (an XML document with code and message).
    pub(crate) fn of_s3(action: &str, resource: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let text = chain(error);
        let code = element(&text, "Code");
        let status = text.split("status code: ").nth(1).and_then(|rest| rest.get(..3)?.parse().ok());
        let meaning = match Meaning::of(code.as_deref(), status) {
            Meaning::Other if text.contains("Received redirect without LOCATION") => Meaning::Region,
            Meaning::Other if status.is_none() && code.is_none() => Meaning::Unreachable,
            meaning => meaning,
        };
        let message = element(&text, "Message").unwrap_or_else(|| match (&code, status) {
            (None, Some(status)) => format!("S3 answered with status {status}"),
            (Some(code), _) => code.clone(),
            (None, None) => text,
        });
        Fault { code, message, ..Self::new(action, resource, meaning) }
    }

    /// A fault in a chain of causes.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Fault> {
        causes(error).find_map(|cause| cause.downcast_ref::<Fault>())
    }

    /// The error that a fault in a chain of causes stands for.
    pub fn carried_by(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
        Self::find(error).map(|fault| fault.clone().into())
    }

    /// Credentials that cannot be had.
    pub(super) fn no_credentials(error: Option<&CredentialsError>) -> Self {
        let message = error.map_or("no provider is configured".into(), |error| chain(error));
        Fault { message, ..Self::new("credentials", "", Meaning::NoCredentials) }
    }

    fn new(action: &str, resource: &str, meaning: Meaning) -> Self {
        let (action, resource) = (action.to_owned(), resource.to_owned());
        Fault { action, resource, meaning, code: None, message: String::new(), identity: None, region: None }
    }

    fn service(&self) -> &'static str {
        match self.action.split(':').next() {
            Some("s3") => "S3",
            Some("glue") => "Glue",
            Some("athena") => "Athena",
            Some("sts") => "STS",
            _ => "AWS",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { action, resource, .. } = self;
        let service = self.service();
        match self.meaning {
            Meaning::Denied => {
                let who = self.identity.as_deref().unwrap_or("this identity");
                write!(f, "access denied: {who} may not {action} on {resource}")
            }
            Meaning::Expired => write!(f, "the AWS credentials have expired ({action} on {resource})"),
            Meaning::Unknown => write!(f, "{service} does not accept the AWS credentials ({action} on {resource})"),
            Meaning::NoCredentials if resource.is_empty() => f.write_str("there are no AWS credentials"),
            Meaning::NoCredentials => write!(f, "there are no AWS credentials: the profile {resource} gives none"),
            Meaning::Clock => write!(f, "this machine's clock is too far from {service}'s ({action} on {resource})"),
            Meaning::NoBucket => write!(f, "there is no such bucket: {resource}"),
            Meaning::Region => write!(f, "{resource} is in another region than the one that was asked"),
            Meaning::Archived => write!(f, "{resource} is archived"),
            Meaning::Throttled => write!(f, "{service} has no time for this now ({action} on {resource})"),
            Meaning::Unreachable => write!(f, "cannot reach {service} ({action} on {resource})"),
            Meaning::Other => write!(f, "{service} refused {action} on {resource}"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let told = match (&fault.code, fault.message.trim()) {
            (_, "") => String::new(),
            (Some(code), message) if message != code => format!("{message} ({code})"),
            (_, message) => message.to_owned(),
        };
        let mut error = Error::new(fault.meaning.kind(), fault.to_string());
        if !told.is_empty() {
            error = error.caused_by(told);
        }
        match (fault.region, fault.meaning.hint()) {
            (Some(region), _) => error.hint(format!("pass --region {region}, or set AWS_REGION")),
            (None, Some(hint)) => error.hint(hint),
            (None, None) => error,
        }
    }
}

/// Whether credentials could not be had, wherever in the chain of causes that stands.
fn lacks_credentials(error: &(dyn std::error::Error + 'static)) -> Option<Meaning> {
    let lacks = |cause: &(dyn std::error::Error + 'static)| cause.is::<CredentialsError>();
    causes(error).any(lacks).then_some(Meaning::NoCredentials)
}

/// An error and its causes in one line, without repeating what an outer one said.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        next = cause.source();
    }
    text
}

/// The text of the first element of this name in an XML document.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(plain.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(text: &str) -> Error {
        let text = text.to_owned();
        Fault::of_s3("s3:GetObject", "s3://lake/x", &std::io::Error::other(text)).into()
    }

    #[test]
    fn answers_of_s3_by_meaning() {
        let status = "Client error with status code: 403 Forbidden: ";
        for (code, kind, told) in [
            ("AccessDenied", Kind::Storage, "access denied: this identity may not s3:GetObject on s3://lake/x"),
            ("ExpiredToken", Kind::Credentials, "the AWS credentials have expired (s3:GetObject on s3://lake/x)"),
            (
                "InvalidAccessKeyId",
                Kind::Credentials,
                "S3 does not accept the AWS credentials (s3:GetObject on s3://lake/x)",
            ),
            ("NoSuchBucket", Kind::Storage, "there is no such bucket: s3://lake/x"),
            ("SlowDown", Kind::TryAgain, "S3 has no time for this now (s3:GetObject on s3://lake/x)"),
            ("InvalidObjectState", Kind::Storage, "s3://lake/x is archived"),
        ] {
            let error = s3(&format!("{status}<Error><Code>{code}</Code><Message>so &amp; so</Message></Error>"));
            assert_eq!((error.kind(), error.message()), (kind, told));
            assert_eq!(error.chain()[1], format!("so & so ({code})"));
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn without_a_document_the_status_tells() {
        for (text, kind, message) in [
            ("status code: 403 Forbidden: ", Kind::Storage, "access denied"),
            ("status code: 503 Service Unavailable: ", Kind::TryAgain, "S3 has no time"),
            ("error trying to connect: refused", Kind::Storage, "cannot reach S3"),
            ("Received redirect without LOCATION", Kind::Storage, "another region"),
        ] {
            let error = s3(text);
            assert!(error.kind() == kind && error.message().contains(message), "{error:?}");
        }
    }
}
