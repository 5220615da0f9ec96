#!/usr/bin/env bash
# Makes requirements.lock from ../requirements.txt. Run it in the course's environment (uv is in it), with a network.
# Everything comes as a built wheel, so that nobody needs a compiler, save these source packages, which are pure Python:
PURE_PYTHON=(antlr4-python3-runtime docopt gruut gruut-ipa gruut-lang-en)
# The locked versions are kept where they still fit; `make_lock.sh --upgrade` takes the newest ones.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=00_env_setup/requirements.lock
options=(--no-deps --only-binary :all: "${PURE_PYTHON[@]/#/--no-binary=}")
uv=$(command -v .venv/bin/uv || command -v uv)

"$uv" pip compile requirements.txt --override 00_env_setup/requirements-overrides.txt \
    --universal --python-version 3.10 --no-emit-index-url --no-header --quiet "$@" --output-file "$lock"
made=$(cat "$lock")
{
    echo "# Every version as tested, for Python 3.10 to 3.12 on Linux, macOS and Windows."
    echo "# Made from requirements.txt by 00_env_setup/make_lock.sh; do not edit. bootstrap.py reads the \"via\" lines: they"
    echo "# say which group of requirements.txt a package belongs to."
    echo "--only-binary :all:"
    printf -- '--no-binary %s\n' "${PURE_PYTHON[@]}"
    echo "$made"
} > "$lock"

# Each platform must find a wheel for every line. Not among them: Linux on ARM (monotonic-alignment-search, which Coqui
# needs, has no wheel) and Macs with Intel processors (PyTorch has none).
for platform in x86_64-unknown-linux-gnu aarch64-apple-darwin x86_64-pc-windows-msvc; do
    for python in 3.10 3.11 3.12; do
        echo "checking Python $python on $platform"
        MACOSX_DEPLOYMENT_TARGET=14.0 "$uv" pip compile "$lock" "${options[@]}" --quiet \
            --python-version "$python" --python-platform "$platform" > /dev/null
    done
done
