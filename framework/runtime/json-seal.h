/* json-seal.h - files of JSON that say themselves whether they are as they were written. */
#ifndef PR_JSON_SEAL_H
#define PR_JSON_SEAL_H

#include <jansson.h>

/* SHA-256 over OBJECT without its member "seal", where the result goes; to free.  NULL if it is no object. */
char *pr_json_seal (const json_t *object);

#endif
