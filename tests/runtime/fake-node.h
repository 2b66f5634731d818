/* fake-node.h - a graph of one stage, without a plugin or a manifest. */
#ifndef FAKE_NODE_H
#define FAKE_NODE_H

#include "runtime/experiment.h"

typedef struct
{
  PrStage stage;
  PrStageEntry entry;
  PrNode node;
  GPtrArray *nodes;
  PrRunSpec run;
} FakeNode;

/* The caller may change every member before use. */
static inline void
fake_node_init (FakeNode *fake, const PrSlotSpec *slots, gsize n_slots)
{
  memset (fake, 0, sizeof *fake);
  fake->stage = (PrStage){ .size = sizeof (PrStage), .id = "fake", .version = "1", .slots = slots, .n_slots = n_slots };
  fake->entry = (PrStageEntry){ .stage = &fake->stage, .path = (char *)"fake.so", .digest = (char *)"d1" };
  fake->node = (PrNode){ .name = (char *)"node", .entry = &fake->entry, .identity = json_pack ("{s:s}", "k", "5") };
  fake->nodes = g_ptr_array_new ();
  g_ptr_array_add (fake->nodes, &fake->node);
  fake->run = (PrRunSpec){ .arm = (char *)"arm", .seed = 1, .nodes = fake->nodes };
}

static inline void
fake_node_clear (FakeNode *fake)
{
  json_decref (fake->node.identity);
  g_ptr_array_unref (fake->nodes);
}

#endif
