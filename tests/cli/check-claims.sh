#!/bin/bash
# pauserec_claims.py gives the verdicts that results of known truth deserve.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import h5py, pandas' 2> /dev/null || {
  echo "no h5py or pandas: apt-get install python3-h5py python3-pandas"
  exit 77
}
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$(dirname "$0")/check_claims.py" "$PR_SOURCE_DIR/analysis" || fail "a claim was judged wrongly"
finish
