#!/usr/bin/env bash
# Builds the site and checks it: links and anchors, and every page in a browser.
#
#     bash docs/check.sh [--external] [--pictures FOLDER]
#
# Needs npm and a Chromium (apt-get install chromium; CHROMIUM=/path for another place).
# --external follows links to other sites too; --pictures keeps a screenshot of each page.
set -euo pipefail
cd "$(dirname "$0")/.."

external=no pictures=
while [ $# -gt 0 ]; do
    case $1 in
        --external) external=yes ;;
        --pictures) pictures=$(realpath -m "$2"); shift ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift
done

python=${PYTHON:-.venv/bin/python}
site=docs/_build/html
MPLBACKEND=Agg OPENBLAS_NUM_THREADS=1 "$python" -m sphinx -W --keep-going -q \
    -b html docs "$site"

(cd docs/checks && npm install --silent --no-audit --no-fund --no-package-lock)
skip=('^https?://(?!localhost)')
[ $external = yes ] && skip=()
node docs/checks/node_modules/.bin/linkinator "$site" \
    --recurse --check-fragments --verbosity error "${skip[@]/#/--skip=}"
node docs/checks/pages.mjs "$site" $pictures
