#include "config.h"

#include "runtime/json-seal.h"

#include "runtime/sha256.h"

#include <string.h>

char *
pr_json_seal (const json_t *object)
{
  json_t *bare;
  char *text, *seal;

  if (!json_is_object (object))
    return NULL;
  bare = json_copy ((json_t *)object);
  json_object_del (bare, "seal");
  text = json_dumps (bare, JSON_COMPACT | JSON_SORT_KEYS);
  seal = pr_sha256_bytes (text, strlen (text));
  free (text);
  json_decref (bare);
  return seal;
}
