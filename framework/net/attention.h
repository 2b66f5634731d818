/* attention.h - the inside of pr_tape_attention. */
#ifndef PR_NET_ATTENTION_H
#define PR_NET_ATTENTION_H

#include "net/tape-private.h"

/* The bucket of a key DISTANCE places after its query (negative: before). */
gint32 pr_attention_bucket (gint64 distance, gboolean causal, gint64 n_buckets, gint64 max_distance);

#endif
