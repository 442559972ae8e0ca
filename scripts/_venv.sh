# Virtual environments for the scripts here; sourced, never run.
#
#     . "$(dirname -- "$0")/_venv.sh"
#     ensure_venv .venv cli,test,lint,bench
#     "$root/.venv/bin/python" -m pytest
#
# Sets $root, the repository, and goes there. An environment is built when it is missing and
# rebuilt when pyproject.toml, the extras, the constraints, the interpreter or the place of the
# repository have changed: its file `stamp` holds what it was built from.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
cd -- "$root" || exit 1
# Someone else's environment must not leak into ours.
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# is_python COMMAND: it runs, and it is CPython >= 3.11. (A pyenv shim may exist and not run.)
is_python() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")' \
        >/dev/null 2>&1
}

# find_python: print the interpreter to build with; $PYTHON decides when it is set.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_python "$PYTHON" || fail "PYTHON=$PYTHON is not a CPython >= 3.11 that runs"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do
        if is_python "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "needs CPython >= 3.11; python3 and python3.11 ... python3.15 on PATH are missing or older." \
        "Install one, or say where it is: PYTHON=/path/to/python3 $0"
}

# venv_pip DIR ARGUMENT...: run pip for the environment DIR. Without ensurepip (Debian's python3
# without python3-venv) the environment has no pip of its own, and its parent's pip works on it.
venv_pip() {
    venv_pip_dir=$1
    shift
    if [ -e "$venv_pip_dir/bin/pip" ]; then
        "$venv_pip_dir/bin/python" -m pip "$@"
    else
        "$(cat -- "$venv_pip_dir/parent")" -m pip --python "$venv_pip_dir/bin/python" "$@"
    fi
}

# new_venv DIR PYTHON: an empty environment.
new_venv() {
    if "$2" -c 'import ensurepip' 2>/dev/null; then
        "$2" -m venv --clear "$1" || return 1
    elif "$2" -m pip --version >/dev/null 2>&1; then
        "$2" -m venv --clear --without-pip "$1" || return 1
    else
        fail "$2 has neither ensurepip nor pip; install them (Debian: apt install python3-venv)"
    fi
    "$2" -c 'import sys; print(sys.executable)' >"$1/parent"
}

# lock DIR: one builder at a time; a lock whose owner is gone is taken over.
lock() {
    told=
    until mkdir -- "$1.lock" 2>/dev/null; do
        [ -w "$root" ] || fail "cannot write to $root"
        owner=$(cat -- "$1.lock/pid" 2>/dev/null) || owner=
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf -- "$1.lock"
        else
            [ "$told" ] || say "waiting for process ${owner:-?}, which is building ${1##*/}" \
                "(if it is not: rm -r ${1##*/}.lock)"
            told=yes
            sleep 1
        fi
    done
    locked=$1
    trap 'rm -rf -- "$locked.lock"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    echo "$$" >"$locked.lock/pid"
}

unlock() {
    trap - EXIT INT TERM HUP
    rm -rf -- "$locked.lock"
}

# ensure_venv NAME EXTRAS [CONSTRAINTS]: $root/NAME holds this source tree (editable) and EXTRAS.
ensure_venv() {
    python=$(find_python) || exit 1
    constraints=${3:-/dev/null}
    wanted=$(
        printf '%s\n' "$root" "$2"
        "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
        cat -- pyproject.toml "$constraints"
    ) || exit 1
    wanted=$(printf '%s' "$wanted" | cksum)
    is_current "$1" && return
    lock "$root/$1"
    if ! is_current "$1"; then # nobody else built it while we waited
        say "building $1 with $("$python" -V) and [$2]${3:+ within $3}, which takes a minute ..."
        new_venv "$root/$1" "$python" || fail "could not create $root/$1"
        venv_pip "$root/$1" install -qq --constraint "$constraints" --editable ".[$2]" ||
            fail "could not install .[$2] into $1; pip says why above"
        printf '%s\n' "$wanted" >"$root/$1/stamp"
    fi
    unlock
}

# is_current NAME: built from what is wanted, and its interpreter still runs.
is_current() {
    [ "$(cat -- "$root/$1/stamp" 2>/dev/null)" = "$wanted" ] && is_python "$root/$1/bin/python"
}
