#include "config.h"

#include "runtime/key.h"

#include "runtime/sha256.h"

#include <string.h>

typedef struct
{
  char *key;
  json_t *identity;
} Key;

struct PrRunKeys
{
  GHashTable *keys; /* PrNode * -> Key */
};

static void
free_key (gpointer data)
{
  Key *key = data;

  g_free (key->key);
  json_decref (key->identity);
  g_free (key);
}

static char *
hash_json (const json_t *value)
{
  char *text = json_dumps (value, JSON_COMPACT | JSON_SORT_KEYS);
  char *hex = pr_sha256_bytes (text, strlen (text));

  free (text);
  return hex;
}

/* Seeds use all 64 bits, JSON integers have 63. */
static json_t *
seed_json (guint64 seed)
{
  char text[32];

  g_snprintf (text, sizeof text, "%" G_GUINT64_FORMAT, seed);
  return json_string (text);
}

static Key *
make_key (const PrRunKeys *keys, const PrNode *node, const PrRunSpec *run)
{
  const PrStage *stage = node->entry->stage;
  Key *key = g_new0 (Key, 1);
  json_t *inputs = json_object ();

  for (gsize i = 0; i < node->n_edges; i++)
    {
      const PrEdge *edge = &node->edges[i];

      if (edge->from != NULL)
        json_object_set_new (inputs, edge->slot->name,
                             json_pack ("[s, s]", pr_run_keys_get (keys, edge->from), edge->from_slot->name));
    }
  key->identity =
      json_pack ("{s:i, s:s, s:s, s:s, s:O, s:o}", "framework", PR_RESULTS_REVISION, "stage", stage->id, "version",
                 stage->version, "plugin", node->entry->digest, "parameters", node->identity, "inputs", inputs);
  if (stage->stochastic)
    json_object_set_new (key->identity, "seed", seed_json (pr_node_seed (node, run)));
  key->key = hash_json (key->identity);
  return key;
}

PrRunKeys *
pr_run_keys_new (const PrRunSpec *run)
{
  PrRunKeys *keys = g_new0 (PrRunKeys, 1);

  keys->keys = g_hash_table_new_full (NULL, NULL, NULL, free_key);
  /* Pipeline order: what a node reads stands before it. */
  for (guint i = 0; i < run->nodes->len; i++)
    {
      PrNode *node = g_ptr_array_index (run->nodes, i);

      g_hash_table_insert (keys->keys, node, make_key (keys, node, run));
    }
  return keys;
}

void
pr_run_keys_free (PrRunKeys *keys)
{
  if (keys == NULL)
    return;
  g_hash_table_unref (keys->keys);
  g_free (keys);
}

const char *
pr_run_keys_get (const PrRunKeys *keys, const PrNode *node)
{
  const Key *key = g_hash_table_lookup (keys->keys, node);

  return key != NULL ? key->key : NULL;
}

const json_t *
pr_run_keys_identity (const PrRunKeys *keys, const PrNode *node)
{
  const Key *key = g_hash_table_lookup (keys->keys, node);

  return key != NULL ? key->identity : NULL;
}

guint64
pr_node_seed (const PrNode *node, const PrRunSpec *run)
{
  if (!node->entry->stage->stochastic)
    return 0;
  return node->seeded ? node->seed : run->seed;
}

char *
pr_run_keys_run (const PrRunKeys *keys, const char *experiment, const PrRunSpec *run)
{
  json_t *stages = json_array (), *whole;
  char *hex;

  for (guint i = 0; i < run->nodes->len; i++)
    {
      const PrNode *node = g_ptr_array_index (run->nodes, i);

      json_array_append_new (stages, json_pack ("[s, s]", node->name, pr_run_keys_get (keys, node)));
    }
  whole = json_pack ("{s:s, s:s, s:o, s:o}", "experiment", experiment, "arm", run->arm, "seed", seed_json (run->seed),
                     "stages", stages);
  hex = hash_json (whole);
  json_decref (whole);
  return hex;
}
