"""Objects as queries read and write them, straight in the S3 server's store."""

from __future__ import annotations

from urllib.parse import urlparse

from ministack.services import s3

from .failure import QueryFailed


def split(location: str) -> tuple[str, str]:
    """`s3://bucket/a/b` as bucket and prefix `a/b/`."""
    url = urlparse(location)
    if url.scheme != "s3" or not url.netloc:
        raise QueryFailed(f"HIVE_METASTORE_ERROR: not an S3 location: {location!r}", 1200)
    prefix = url.path.strip("/")
    return url.netloc, prefix + "/" if prefix else ""


def hidden(key_below: str) -> bool:
    """Trino's Hive reader skips files and folders whose name starts with `_` or `.`."""
    return any(part.startswith(("_", ".")) for part in key_below.split("/"))


def below(location: str) -> list[tuple[str, str]]:
    """Bucket and key of each object that a query reads at a location: at any depth, hidden ones apart."""
    bucket, prefix = split(location)
    found = s3._buckets.get(bucket)
    if found is None:
        raise QueryFailed(f"HIVE_FILESYSTEM_ERROR: The specified bucket does not exist: {bucket}", 1200)
    keys = sorted(key for key in list(found["objects"]) if key.startswith(prefix) and not key.endswith("/"))
    return [(bucket, key) for key in keys if not hidden(key[len(prefix) :])]


def read(bucket: str, key: str) -> bytes:
    data = s3._get_object_data(bucket, key)
    if data is None:
        raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: s3://{bucket}/{key} is not there any more", 1200)
    return data


def write(bucket: str, key: str, data: bytes) -> None:
    headers = {"content-length": str(len(data)), "content-type": "application/octet-stream"}
    answer = s3._put_object(bucket, key, data, headers)
    if isinstance(answer, tuple) and answer[0] >= 300:
        raise QueryFailed(f"Unable to verify/create output bucket {bucket}", 1300)
