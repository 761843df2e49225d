#!/usr/bin/env bash
# What compacting costs: 2 GB of raw access-log JSON (48 h, some 400 objects of 5 MB) into a lake by dt and hour, from plain
# and from gzip objects. CPU seconds of the whole process, which a busy machine changes less than the time on the clock.
#
#   benches/baseline.sh                       # 3 runs of each, medians
#   RUNS=5 THREADS=4 RATE=4 benches/baseline.sh
#   DATA=/big/disk benches/baseline.sh        # keeps the generated objects there for the next time
set -euo pipefail
cd "$(dirname "$0")/.."

RUNS=${RUNS:-3} THREADS=${THREADS:-2} HOURS=${HOURS:-48} RATE=${RATE:-41} FORMATS=${FORMATS:-none gzip}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=${DATA:-$work}/firelake-baseline-$HOURS-$RATE

if [ -z "${FIRELAKE:-}" ]; then
    cargo build --release --bin firelake
    FIRELAKE=${CARGO_TARGET_DIR:-target}/release/firelake
fi

# The shipped schema, with the hour for tables of this size.
schema=$work/access.toml
{ cat schemas/combined_apache.toml; printf '\n[[partition]]\nname = "hour"\ntransform = "hour"\n'; } > "$schema"

# Runs a command; prints its CPU seconds and its peak of memory in MB.
measure() {
    python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss / 1024:.0f}")' "$@"
}

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

printf '%-8s %8s %8s %8s %12s\n' objects 'CPU s' s/GB 'peak MB' 'Parquet MB'
for format in $FORMATS; do
    if [ ! -e "$data/$format.raw" ]; then
        "$FIRELAKE" generate --json --landing "$data/$format" --hours "$HOURS" --rate "$RATE" --buffer-seconds 432 \
            --compression "$format" --broken 0.01% | sed 's/.*"raw_bytes":\([0-9]*\).*/\1/' > "$work/raw"
        mv "$work/raw" "$data/$format.raw"
    fi
    for _ in $(seq "$RUNS"); do
        rm -rf "$work/lake"
        measure "$FIRELAKE" compact --json --threads "$THREADS" --schema "$schema" --table access \
            --landing "$data/$format" --lake "$work/lake" >> "$work/$format"
    done
    cpu=$(cut -d' ' -f1 "$work/$format" | median)
    peak=$(cut -d' ' -f2 "$work/$format" | median)
    parquet=$(find "$work/lake/logs/access/data" -name '*.parquet' -printf '%s\n' | awk '{ s += $1 } END { printf "%.1f", s / 1e6 }')
    per_gb=$(awk -v cpu="$cpu" -v raw="$(cat "$data/$format.raw")" 'BEGIN { printf "%.2f", cpu / raw * 1e9 }')
    printf '%-8s %8s %8s %8s %12s\n' "$format" "$cpu" "$per_gb" "$peak" "$parquet"
done
