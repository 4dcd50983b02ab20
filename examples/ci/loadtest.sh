#!/usr/bin/env bash
# Runs a k6 load test, compares it with earlier runs, and leaves reports for the CI system.
#
#   loadtest.sh SCRIPT [flags of k6 run]
#
# Where the results go is set as always: K6_ELASTICSEARCH_URL and its family. REPORTS (reports) is the folder
# of the reports: compare.xml (JUnit) and compare.md (a comment for the pull request). COMPARE_FLAGS are flags
# for `k6es compare`, K6 and K6ES the programs, where they are not in the PATH.
#
# Exit codes: 0 well, 3 worse than the baseline, 99 a threshold crossed (whether or not it is worse), any
# other: the test or the comparison could not be made.
set -uo pipefail

if [ $# -eq 0 ]; then
  echo 'usage: loadtest.sh SCRIPT [flags of k6 run]' >&2
  exit 2
fi
script=$1
shift
reports=${REPORTS:-reports}
mkdir -p "$reports" || exit 1

# The id says which run is compared, whatever else runs at the same time.
if [ -z "${K6_ELASTICSEARCH_RUN_ID:-}" ]; then
  K6_ELASTICSEARCH_RUN_ID=$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
fi
export K6_ELASTICSEARCH_RUN_ID

"${K6:-k6}" run --out elasticsearch "$@" "$script"
tested=$?
if [ "$tested" -ne 0 ] && [ "$tested" -ne 99 ]; then
  echo "the load test ended with exit code $tested: there is nothing to compare" >&2
  exit "$tested"
fi

# Flags are separated by spaces.
# shellcheck disable=SC2086
"${K6ES:-k6es}" compare --contender "$K6_ELASTICSEARCH_RUN_ID" --format junit -o "$reports/compare.xml" \
  --pr-comment-file "$reports/compare.md" ${COMPARE_FLAGS:-}
compared=$?

if [ "$compared" -ne 0 ] && [ "$compared" -ne 3 ]; then
  exit "$compared"
fi
if [ "$tested" -ne 0 ]; then
  exit "$tested"
fi
exit "$compared"
