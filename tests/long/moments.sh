#!/bin/bash
# The kills at random moments of tests/cli/check-kills.sh, more of them.
PR_TEST_KILLS=${PR_TEST_KILLS:-100} exec bash "$(dirname "$0")/../cli/check-kills.sh"
