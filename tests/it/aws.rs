//! S3, Glue and Athena over real HTTP, against `tests/aws/serve`. Without Python these tests fail and say so.

mod chain;
mod s3;
mod stand_in;
mod trouble;
