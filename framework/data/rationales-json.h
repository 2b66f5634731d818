/* rationales-json.h - one rationale as a line of rationales.jsonl. */
#ifndef PR_RATIONALES_JSON_H
#define PR_RATIONALES_JSON_H

#include <jansson.h>
#include <pauserec/rationales.h>

#define PR_RATIONALE_TEXT_MAX ((gsize)64 * 1024)

/* NULL, or what is wrong with a text, a name or the like: "\"text\" has ...". */
const char *pr_rationale_fault (const PrRationale *rationale);

/* A new object. */
json_t *pr_rationale_to_json (const PrRationale *rationale, const char *user, const char *item);
/* The strings are borrowed from ROOT; `user` of the rationale is left alone, ids go to ret_user and ret_item.  NULL, or
 * what is wrong. */
const char *pr_rationale_from_json (json_t *root, PrRationale *ret_rationale, const char **ret_user,
                                    const char **ret_item);

#endif
