"""Installs Trino below a target folder, configures a run of it, and becomes it. `serve` calls it."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NoReturn

# The last version that runs on Java 17. Athena's engine 3 started from Trino 398 and takes over changes of later ones.
VERSION = "435"
HERE = Path(__file__).resolve().parent

SERVER = """\
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
node.environment=test
node.id=one
node.internal-address=127.0.0.1
node.bind-ip=127.0.0.1
catalog.config-dir={run}/catalog
plugin.dir={home}/plugin
query.max-memory=1GB
log.path={run}/log
log.enable-console=false
"""

# Timestamps as Athena has them: three digits, and those of Parquet files mean UTC.
CATALOG = """\
connector.name=hive
hive.metastore=glue
hive.metastore.glue.region=us-east-1
hive.metastore.glue.endpoint-url={aws}
hive.metastore.glue.aws-access-key={account}
hive.metastore.glue.aws-secret-key=none
fs.hadoop.enabled=false
fs.native-s3.enabled=true
s3.endpoint={aws}
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key={account}
s3.aws-secret-key=none
hive.timestamp-precision=MILLISECONDS
hive.parquet.time-zone=UTC
parquet.small-file-threshold=0B
hive.non-managed-table-writes-enabled=true
"""


def fail(message: str, hint: str) -> NoReturn:
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    sys.exit(1)


def tool(*command: str) -> None:
    """Runs a tool; stdout is the URL's alone, and stdin the caller's."""
    try:
        subprocess.run(command, cwd=HERE, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as problem:
        fail(f"cannot install Trino: {problem}", "its own message is above; Maven needs Maven Central or a mirror")


def install(home: Path) -> None:
    """Once, whoever else starts at the same time; it counts only once its stamp is there."""
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home / "complete").exists():
            return
        print(f"installing Trino {VERSION} into {home}: some minutes", file=sys.stderr)
        hive = f"io.trino:trino-hive:{VERSION}:zip"
        maven = ("mvn", "--batch-mode", "--quiet")
        tool(*maven, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={home}/lib")
        tool(*maven, "dependency:copy", f"-Dartifact={hive}", f"-DoutputDirectory={home}/zip")
        with zipfile.ZipFile(home / "zip" / f"trino-hive-{VERSION}.zip") as plugin:
            plugin.extractall(home / "plugin")
        tool("javac", "-cp", f"{home}/lib/*", "-d", str(home), str(HERE / "Launch.java"))
        shutil.rmtree(home / "zip")
        (home / "complete").touch()


def is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def new_run(home: Path) -> Path:
    """A folder for this run, which is this process's; those of runs that have ended are removed."""
    for former in home.glob("run-*"):
        if not is_running(former.name.removeprefix("run-")):
            shutil.rmtree(former, ignore_errors=True)
    run = home / f"run-{os.getpid()}"
    shutil.rmtree(run, ignore_errors=True)
    (run / "catalog").mkdir(parents=True)
    return run


def free_port() -> int:
    with socket.socket() as drawn:
        drawn.bind(("127.0.0.1", 0))
        return drawn.getsockname()[1]


def become_trino(home: Path, port: int, aws: str | None, account: str) -> NoReturn:
    run = new_run(home)
    (run / "config.properties").write_text(SERVER.format(port=port, run=run, home=home))
    if aws:
        (run / "catalog" / "awsdatacatalog.properties").write_text(CATALOG.format(aws=aws, account=account))
    first = "SELECT count(*) FROM awsdatacatalog.information_schema.schemata" if aws else "SELECT 1"
    os.chdir(run)
    os.execvp("java", [
        "java", "-Xmx2g", "-XX:+UseG1GC", "-Duser.timezone=UTC", "-Djdk.attach.allowAttachSelf=true",
        "--add-opens=java.base/java.nio=ALL-UNNAMED", f"-Dconfig={run}/config.properties",
        "-cp", f"{home}:{home}/lib/*",
        "Launch", VERSION, f"http://127.0.0.1:{port}", first, f"{run}/start.log",
    ])


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/trino/serve", description="A real Trino on 127.0.0.1.")
    parser.add_argument("target", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--aws", metavar="URL", help="the stand-in for Glue and S3")
    parser.add_argument("--account", metavar="ID", default="000000000000", help="whose Glue (default: %(default)s)")
    parser.add_argument("--port", type=int, help="rather than one that is free")
    parser.add_argument("--check", action="store_true", help="only install")
    given = parser.parse_args()
    home = given.target.absolute() / f"trino-{VERSION}"
    install(home)
    if not given.check:
        become_trino(home, given.port or free_port(), given.aws, given.account)


main()
