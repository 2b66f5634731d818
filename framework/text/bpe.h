/* bpe.h - the inside of a tokenizer, shared by training, encoding and tokenizer.json. */
#ifndef PR_BPE_H
#define PR_BPE_H

#include "text/atoms.h"
#include "text/heap.h"
#include "text/words.h"

#include <pauserec/tokenizer.h>

enum
{
  PR_TOKEN_VOCAB = 1,   /* stands in the BPE vocabulary */
  PR_TOKEN_ADDED = 2,   /* matched in the text by name */
  PR_TOKEN_SPECIAL = 4, /* as PR_TOKEN_ADDED, and marked special in the file */
};

/* A node of the tree of added tokens' names. */
typedef struct
{
  gint32 child, sibling; /* nodes; 0: none */
  gint32 id;             /* token that ends here, or -1 */
  guint8 byte;
} PrAddedNode;

struct PrTokenizer
{
  /* Tokens: bytes as they stand in a text (names for added tokens). */
  GByteArray *bytes;
  GArray *ends;  /* gsize, by id */
  GArray *flags; /* guint8, by id */
  gint32 byte_ids[256];

  /* Merges in rank order: the atom of the 8 bytes (left, right) is the rank. */
  PrAtoms *merges;
  GArray *merged; /* gint32: id that rank i makes */

  GArray *added; /* PrAddedNode; node 0 is the root */
  gboolean nfc;  /* text is normalised to NFC first */

  GMutex lock; /* of everything below: encoding keeps scratch memory and a cache here */
  PrWordSplitter *splitter;
  PrAtoms *cache;                 /* words seen */
  GArray *cache_ids, *cache_ends; /* their ids, one after the other (gint32, gsize) */
  GArray *symbols;                /* of the word at hand */
  PrHeap heap;
};

/* A tokenizer without tokens and merges. */
PrTokenizer *pr_bpe_new (GError **error);
/* Append a token at the end. */
gint32 pr_bpe_append (PrTokenizer *tokenizer, const void *bytes, gsize n, guint8 flags);
/* Append the 256 single bytes in GPT-2's order and fill byte_ids. */
void pr_bpe_append_bytes (PrTokenizer *tokenizer);
/* Make an existing token an added one as well. */
void pr_bpe_set_added (PrTokenizer *tokenizer, gint32 id, guint8 flags);
const guint8 *pr_bpe_bytes (const PrTokenizer *tokenizer, gint32 id, gsize *ret_n);
/* FALSE if that pair has a rank already. */
gboolean pr_bpe_add_merge (PrTokenizer *tokenizer, gint32 left, gint32 right, gint32 id);

/* GPT-2's printable alphabet: the character that stands for a byte in tokenizer.json, and back (-1: none). */
gunichar pr_byte_level_char (guint8 byte);
int pr_byte_level_byte (gunichar c);

#endif
