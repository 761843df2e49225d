# Sourced by the tests that need Python: whether it is there, and virtual environments with pinned packages.

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# need_python WHO MINOR   sets $python to a Python 3.MINOR or newer with venv. PYTHON=<path> takes that one instead of python3.
need_python() {
    python="${PYTHON:-python3}"
    command -v "$python" >/dev/null ||
        fail "$1 needs Python, and there is no $python" "install Python 3.$2 or newer with venv (Debian, Ubuntu: apt-get install python3 python3-venv)"
    "$python" -c "import sys; sys.exit(sys.version_info < (3, $2))" ||
        fail "$1 needs Python 3.$2 or newer, $python is $("$python" -V 2>&1)" "install a newer one, or name it: PYTHON=/path/to/python3.12"
    "$python" -c 'import venv, ensurepip, fcntl' 2>/dev/null ||
        fail "$1 needs Python's venv, and $python has none" "install it (Debian, Ubuntu: apt-get install python3-venv)"
}

# pinned_env FOLDER REQUIREMENTS   sets $venv to an environment in FOLDER with exactly these packages, and installs it if need be.
# One for each content of REQUIREMENTS and each Python; it counts only once its stamp is there. Of several processes at once, one
# installs and the others wait. Says on stderr what it does: stdout is the caller's.
pinned_env() {
    local key
    key="$({ cat "$2"; "$python" -V; } | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')"
    venv="$1-$key"
    [[ -e "$venv/complete" ]] && return
    mkdir -p "$(dirname "$venv")"
    # The lock is the open file's: it is gone with this process, however that ends.
    exec {lock}>"$venv.lock"
    "$python" -c 'import fcntl, sys; fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX)' "$lock"
    if [[ ! -e "$venv/complete" ]]; then
        echo "installing $(grep -c == "$2") packages into $venv" >&2
        rm -rf "$venv"
        "$python" -m venv "$venv" </dev/null >&2 ||
            fail "cannot make the virtual environment $venv" "its own message is above"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$2" </dev/null >&2 ||
            fail "cannot install $2" "pip's own message is above; this test needs a package index, it is never skipped"
        touch "$venv/complete"
    fi
    exec {lock}>&-
}
