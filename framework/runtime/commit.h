/* commit.h - which commit this program was built from; its values are written by the build. */
#ifndef PR_COMMIT_H
#define PR_COMMIT_H

extern const char pr_git_commit[]; /* "unknown" outside a git checkout */
extern const char pr_git_dirty[];  /* "yes", "no" or "unknown" */

#endif
