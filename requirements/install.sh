#!/usr/bin/env bash
# Builds .venv: the pinned CPU stack, or the GPU stack where an NVIDIA driver is present (STACK=cpu or STACK=gpu decides otherwise).
# Run again with nothing changed it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

torch_index=https://download.pytorch.org/whl/cpu
stamp=.venv/.setup-stamp
unfinished=.venv/.setup-unfinished

stack=${STACK:-}
if [ -z "$stack" ]; then
    stack=cpu
    if [ -e /proc/driver/nvidia/version ] || { command -v nvidia-smi && nvidia-smi -L; } >/dev/null 2>&1; then stack=gpu; fi
fi
case $stack in cpu | gpu) ;; *) echo "setup: STACK is '$stack', expected cpu or gpu" >&2; exit 2 ;; esac

wanted=$({ echo "$stack $PWD"; cat requirements/* pyproject.toml; } | sha256sum)
if [ -x .venv/bin/hllm-creator ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo "setup: .venv is up to date ($stack)"
    exit 0
fi

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "setup: no usable Python found; needed: 3.11 (or 3.12) with its venv module." >&2
    echo "       On Debian or Ubuntu: apt-get install python3.11 python3.11-venv; elsewhere name one: make setup PYTHON=/path/to/python3.11" >&2
    exit 1
}

if [ ! -x .venv/bin/python ] || [ -e "$unfinished" ]; then
    python=$(find_python)
    echo "setup: making .venv with $("$python" --version)"
    rm -rf .venv
    mkdir .venv
    touch "$unfinished"
    "$python" -m venv .venv
fi
rm -f "$stamp"
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input -qq install)

if [ "$stack" = gpu ]; then
    echo "setup: installing the GPU stack"
    "${pip[@]}" -r requirements/gpu.txt
else
    # The extra index is named only when it answers: pip would try an unreachable one for minutes.
    index=()
    if .venv/bin/python -c "import urllib.request as u; u.urlopen('$torch_index/torch/', timeout=5)" 2>/dev/null; then
        index=(--index-url "$torch_index")
    fi
    echo "setup: installing the CPU stack (some minutes the first time)"
    if ! "${pip[@]}" --no-deps "${index[@]}" -r requirements/torch-cpu.txt; then
        echo "setup: $(tail -n 1 requirements/torch-cpu.txt) was not found: $torch_index does not answer and pip knows no such wheel." >&2
        echo "       Download the wheel elsewhere and name its folder: PIP_FIND_LINKS=DIR make setup" >&2
        exit 1
    fi
    "${pip[@]}" --no-deps -r requirements/cpu.txt
fi
"${pip[@]}" --no-deps -r requirements/demo.txt -r requirements/ranking.txt
"${pip[@]}" --no-deps --no-build-isolation --editable .
rm -f "$unfinished"
echo "$wanted" >"$stamp"
echo "setup: done; the program is .venv/bin/hllm-creator"
