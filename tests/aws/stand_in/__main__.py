"""The server: 127.0.0.1, a port that the system gives, one line on stdout, gone when stdin closes."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NoReturn

HOST = "127.0.0.1"
MOST_SECONDS_TO_START = 60
SCRATCH = Path(tempfile.mkdtemp(prefix="firelake-aws-stand-in-"))


def leave(code: int = 0) -> NoReturn:
    """At once: there is nothing to save, and a query may still be running in a thread."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os._exit(code)


def leave_with_stdin() -> None:
    """However the starter ends, the system closes its pipes."""
    while os.read(0, 4096):
        pass
    leave()


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    connection.request("GET", "/_ministack/ready")
    return connection.getresponse().status == 200


def announce(port: int) -> None:
    """Prints the URL once the server answers."""
    patience = time.monotonic() + MOST_SECONDS_TO_START
    while time.monotonic() < patience:
        try:
            if is_ready(port):
                print(f"http://{HOST}:{port}", flush=True)
                return
        except OSError:
            pass
        time.sleep(0.02)
    print(f"error: the stand-in does not answer within {MOST_SECONDS_TO_START} s", file=sys.stderr)
    leave(1)


def configure(port: int) -> None:
    """ministack reads its environment when it is imported: nothing but HTTP, nothing that outlives the process."""
    os.environ.update(
        GATEWAY_PORT=str(port), BIND_HOST=HOST, IOT_MTLS_ENABLED="0", SFTP_ENABLED="0", USE_SSL="0",
        PERSIST_STATE="0", S3_PERSIST="0", LOG_LEVEL="ERROR",
        MINISTACK_REGION="us-east-1", MINISTACK_ACCOUNT_ID="000000000000",
        S3_DATA_DIR=str(SCRATCH / "s3"), ATHENA_ENGINE="duckdb",
    )


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: leave())
    signal.signal(signal.SIGINT, lambda *_: leave())
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, 0))
    port = listening.getsockname()[1]
    configure(port)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from . import athena, glue

    glue.install()
    athena.install(SCRATCH)
    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "ERROR"
    threading.Thread(target=leave_with_stdin, daemon=True).start()
    threading.Thread(target=announce, args=(port,), daemon=True).start()
    asyncio.run(serve(app, config, shutdown_trigger=asyncio.Event().wait))


main()
