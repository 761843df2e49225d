//! S3 by object_store, with the credentials of the one chain, its requests counted and its errors in words.

use super::aws::{Aws, Patience, check_endpoint};
use super::fault::{Fault, Meaning};
use super::requests::CountingConnector;
use aws_credential_types::provider::ProvideCredentials;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, resolve_bucket_region};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, CopyOptions, CredentialProvider, Error, GetOptions, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result, RetryConfig, UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// One bucket.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    inner: Arc<AmazonS3>,
    bucket: Arc<str>,
    aws: Aws,
}

impl S3 {
    pub(super) fn open(bucket: &str, aws: &Aws) -> crate::error::Result<Self> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(aws.region()?)
            .with_credentials(Arc::new(Bridge { aws: aws.clone(), cached: Mutex::default() }))
            .with_retry(retries(aws.patience()))
            .with_allow_http(true)
            .with_http_connector(CountingConnector { requests: aws.requests().clone(), silence: aws.silence() });
        if let Some(endpoint) = aws.s3_endpoint() {
            check_endpoint(&endpoint)?;
            // Servers other than AWS have no host name of its own for each bucket.
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        let inner = builder.build().map_err(|error| {
            crate::error::Error::usage(format!("cannot open the bucket s3://{bucket}")).caused_by(error)
        })?;
        Ok(S3 { inner: Arc::new(inner), bucket: bucket.into(), aws: aws.clone() })
    }

    fn url(&self, path: &Path) -> String {
        format!("s3://{}/{path}", self.bucket)
    }

    /// An error with what S3 means by it. Those that are outcomes (not found, exists already, changed) keep their kind.
    async fn told(&self, action: &str, path: &Path, error: Error) -> Error {
        let mut fault = match &error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => return error,
            Error::NotFound { .. } => match Fault::of_s3(action, &self.url(path), &error) {
                fault if fault.meaning == Meaning::NoBucket => fault,
                _ => return error,
            },
            // Our own, from the bridge: it says all there is to say.
            Error::Generic { source, .. } if source.is::<Fault>() => return error,
            _ => Fault::of_s3(action, &self.url(path), &error),
        };
        if fault.meaning == Meaning::Region {
            fault.region = self.region().await;
        }
        if fault.meaning == Meaning::NoBucket {
            fault.resource = format!("s3://{}", self.bucket);
        }
        if fault.meaning == Meaning::Denied {
            fault.identity = self.aws.identity().await;
        }
        Error::Generic { store: "S3", source: fault.into() }
    }

    /// The region that the bucket is in, where AWS itself has it: it tells anybody.
    async fn region(&self) -> Option<String> {
        if self.aws.s3_endpoint().is_some() {
            return None;
        }
        let options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(CONNECT);
        resolve_bucket_region(&self.bucket, &options).await.ok()
    }

    fn listed(
        &self,
        prefix: Option<&Path>,
        listing: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned().unwrap_or_default());
        let told = move |error| {
            let (store, prefix) = (store.clone(), prefix.clone());
            async move { Err(store.told("s3:ListBucket", &prefix, error).await) }
        };
        listing.or_else(told).boxed()
    }
}

const CONNECT: Duration = Duration::from_secs(5);

/// Patient with throttling, and with nothing that cannot succeed: object_store repeats server errors and lost connections only.
fn retries(patience: Patience) -> RetryConfig {
    let (init_backoff, max_retries) = match patience {
        Patience::Service => (Duration::from_millis(100), 8),
        Patience::Test => (Duration::from_millis(10), 4),
    };
    let backoff = BackoffConfig { init_backoff, max_backoff: Duration::from_secs(10), base: 2.0 };
    // Counted from a request's beginning, its body included: a large object is resumed for as long as it takes.
    RetryConfig { backoff, max_retries, retry_timeout: Duration::from_secs(6 * 3600) }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)
    }
}

#[async_trait::async_trait]
impl ObjectStore for S3 {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match self.inner.put_opts(location, payload, opts).await {
            Err(error) => Err(self.told("s3:PutObject", location, error).await),
            done => done,
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        match self.inner.put_multipart_opts(location, opts).await {
            Ok(inner) => Ok(Box::new(Upload { inner, store: self.clone(), path: location.clone() })),
            Err(error) => Err(self.told("s3:PutObject", location, error).await),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = match self.inner.get_opts(location, options).await {
            Err(error) => return Err(self.told("s3:GetObject", location, error).await),
            Ok(result) => result,
        };
        if let GetResultPayload::Stream(body) = result.payload {
            let (store, path) = (self.clone(), location.clone());
            let told = move |error| {
                let (store, path) = (store.clone(), path.clone());
                async move { Err(store.told("s3:GetObject", &path, error).await) }
            };
            result.payload = GetResultPayload::Stream(body.or_else(told).boxed());
        }
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        match self.inner.get_ranges(location, ranges).await {
            Err(error) => Err(self.told("s3:GetObject", location, error).await),
            done => done,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let told = move |error| {
            let store = store.clone();
            async move { Err(store.told("s3:DeleteObject", &Path::default(), error).await) }
        };
        self.inner.delete_stream(locations).or_else(told).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.inner.list_with_delimiter(prefix).await {
            Err(error) => Err(self.told("s3:ListBucket", &prefix.cloned().unwrap_or_default(), error).await),
            done => done,
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        match self.inner.copy_opts(from, to, options).await {
            Err(error) => Err(self.told("s3:PutObject", to, error).await),
            done => done,
        }
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        match self.inner.rename_opts(from, to, options).await {
            Err(error) => Err(self.told("s3:PutObject", to, error).await),
            done => done,
        }
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    store: S3,
    path: Path,
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, store, path) = (self.inner.put_part(data), self.store.clone(), self.path.clone());
        Box::pin(async move {
            match part.await {
                Err(error) => Err(store.told("s3:PutObject", &path, error).await),
                done => done,
            }
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        match self.inner.complete().await {
            Err(error) => Err(self.store.told("s3:PutObject", &self.path, error).await),
            done => done,
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// The SDK's chain of credentials for object_store, renewed before they expire.
#[derive(Debug)]
struct Bridge {
    aws: Aws,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    credential: Arc<AwsCredential>,
    expiry: Option<SystemTime>,
    asked: SystemTime,
}

/// Renewed this long before they expire, as the SDKs do it (they wait shorter): a request signed with them may be slow.
const EARLY: Duration = Duration::from_secs(120);
/// Asked again this long after, where what was given is about to expire, too.
const AGAIN: Duration = Duration::from_secs(10);

#[async_trait::async_trait]
impl CredentialProvider for Bridge {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut cached = self.cached.lock().await; // one caller asks, the others wait for its answer
        let now = self.aws.now();
        if let Some(Cached { credential, expiry, asked }) = cached.as_ref()
            && expiry.is_none_or(|expiry| now + EARLY < expiry || (now < expiry && now < *asked + AGAIN))
        {
            return Ok(credential.clone());
        }
        match (self.ask().await, cached.as_mut()) {
            (Ok((credential, expiry)), _) => {
                *cached = Some(Cached { credential: credential.clone(), expiry, asked: now });
                Ok(credential)
            }
            // They cannot be renewed now, and are still good.
            (Err(_), Some(held)) if held.expiry.is_none_or(|expiry| now < expiry) => {
                held.asked = now;
                Ok(held.credential.clone())
            }
            (Err(fault), _) => Err(Error::Generic { store: "S3", source: fault.into() }),
        }
    }
}

impl Bridge {
    async fn ask(&self) -> Result<(Arc<AwsCredential>, Option<SystemTime>), Fault> {
        let provider = self.aws.credentials().ok_or_else(|| self.aws.no_credentials(None))?;
        let given = provider.provide_credentials().await.map_err(|error| self.aws.no_credentials(Some(&error)))?;
        let credential = AwsCredential {
            key_id: given.access_key_id().into(),
            secret_key: given.secret_access_key().into(),
            token: given.session_token().map(str::to_owned),
        };
        Ok((Arc::new(credential), given.expiry()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::future;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Gives credentials that live for some seconds, and counts how often it was asked.
    #[derive(Debug, Clone, Default)]
    struct Short(Arc<AtomicU64>, u64);

    impl ProvideCredentials for Short {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            let expiry = SystemTime::now() + Duration::from_secs(self.1);
            future::ProvideCredentials::ready(Ok(Credentials::new(format!("key{n}"), "s", None, Some(expiry), "test")))
        }
    }

    #[tokio::test]
    async fn credentials_are_asked_for_once_and_again_before_they_expire() {
        for (lives, keys) in [(3600, ["key0", "key0"]), (60, ["key0", "key0"]), (0, ["key0", "key1"])] {
            let aws = Aws::standing_in("http://127.0.0.1:1", "x", "y").with_credentials(Short(Arc::default(), lives));
            let bridge = Bridge { aws, cached: Mutex::default() };
            for key in keys {
                assert_eq!(bridge.get_credential().await.unwrap().key_id, key);
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_with_the_action() {
        let s3 = S3 {
            aws: Aws::standing_in("http://127.0.0.1:1", "x", "y"),
            ..S3::open("b", &Aws::standing_in("http://127.0.0.1:1", "x", "y")).unwrap()
        };
        let error =
            s3.told("s3:GetObject", &Path::from("a"), Error::Generic { store: "S3", source: "refused".into() }).await;
        let error = crate::error::Error::from(error);
        assert_eq!(error.message(), "cannot reach S3 (s3:GetObject on s3://b/a)");
    }
}
