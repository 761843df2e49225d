#!/usr/bin/env bash
# What the worst objects cost in memory: the peak of `firelake compact` on each of them, alone, which must stay below 300 MB.
#
#   benches/memory.sh                     # all cases but `spread`, of a release build
#   CASES="bomb span" benches/memory.sh   # some of them
#   LIMIT=200 benches/memory.sh           # MB
#   FIRELAKE=target/debug/firelake benches/memory.sh
#
# Cases: record (gzip of one record of 1.1 GB), zeros (gzip of 10 GB of zeros), bomb (gzip of one record of 10 GB), brackets (a line
# of 10 MB of `[`), span (one object with records of 2,000 days), spread (130 MB of them, out of order), late (one partition that
# gets 2,000 objects). With `spread`, compacting takes 290 MB and merging after it 165 MB, but glibc's allocator keeps some of the
# first from the second, which makes 375 MB; with MALLOC_ARENA_MAX=2 it is below 300 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

CASES=${CASES:-record zeros bomb brackets span late} LIMIT=${LIMIT:-300} THREADS=${THREADS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${FIRELAKE:-}" ]; then
    cargo build --release --bin firelake
    FIRELAKE=${CARGO_TARGET_DIR:-target}/release/firelake
fi

# Makes the landed objects of a case.
make_input() {
    mkdir -p "$2/2026/11/20/03"
    python3 - "$1" "$2/2026/11/20/03" << 'PYTHON'
import datetime, gzip, random, sys

case, folder = sys.argv[1:]
MB = 1 << 20


def packed(name, pieces):
    with gzip.open(f"{folder}/{name}.gz", "wb", compresslevel=1) as out:
        for piece in pieces:
            out.write(piece)


def one_record(size):
    yield b'{"host":"a","datetime":"20/Nov/2026:03:00:00 +0000","agent":"'
    for _ in range(size // MB):
        yield b"x" * MB
    yield b'"}\n'


def record(day, number):
    at = datetime.datetime(2021, 5, 29) + datetime.timedelta(days=day, seconds=number % 86400)
    agent = f"agent {random.randrange(1 << 64):x}"
    text = f'{{"host":"10.0.{day % 256}.{number % 256}","datetime":"{at:%d/%b/%Y:%H:%M:%S} +0000","response":"200","agent":"{agent}"}}\n'
    return text.encode()


def days(records, of_day):
    random.seed(1)
    yield from (record(of_day(n), n) for n in range(records))


if case == "record":
    packed("x", one_record(1100 * MB))
elif case == "bomb":
    packed("x", one_record(10_000 * MB))
elif case == "zeros":
    packed("x", (bytes(MB) for _ in range(10_000)))
elif case == "brackets":
    open(f"{folder}/x", "wb").write(b"[" * 10_000_000 + b"\n")
elif case == "span":
    packed("x", days(200_000, lambda n: n // 100))
elif case == "spread":
    packed("x", days(1_000_000, lambda n: n * 7919 % 2000))
elif case == "late":
    for n in range(2000):
        open(f"{folder}/{n}", "wb").write(b"".join(record(1999, n * 100 + i) for i in range(100)))
else:
    sys.exit(f"no such case: {case}")
PYTHON
}

# Runs a command; prints its peak of memory in MB and its seconds. What it thinks of the objects does not matter.
measure() {
    python3 -c '
import resource, subprocess, sys, time
began = time.time()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
assert done in (0, 1), f"exit code {done}"
print(f"{used.ru_maxrss / 1024:.0f} {time.time() - began:.0f}")' "$@"
}

over=0
printf '%-9s %8s %8s\n' case 'peak MB' seconds
for case in $CASES; do
    make_input "$case" "$work/$case"
    read -r peak seconds < <(measure "$FIRELAKE" compact --json --threads "$THREADS" --schema combined_apache --table access \
        --landing "$work/$case" --lake "$work/lake-$case")
    printf '%-9s %8s %8s\n' "$case" "$peak" "$seconds"
    [ "$peak" -lt "$LIMIT" ] || over=1
    rm -rf "${work:?}/$case" "$work/lake-$case"
done
[ "$over" = 0 ] || { echo "more than $LIMIT MB" >&2; exit 1; }
