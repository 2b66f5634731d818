/* tokenizer.c - tokens, encoding and decoding. */
#include "text/bpe.h"

#include <pauserec/error.h>
#include <string.h>

/* The cache of words is emptied when it holds this many words or bytes. */
#define CACHE_WORDS (1 << 17)
#define CACHE_BYTES (16 * 1024 * 1024)
/* Longer words are encoded anew each time: they hardly ever come again. */
#define CACHE_WORD_BYTES 64

static gboolean
lower_rank_first (const PrHeapEntry *a, const PrHeapEntry *b, gconstpointer ctx)
{
  (void)ctx;
  return a->key < b->key || (a->key == b->key && a->item < b->item);
}

PrTokenizer *
pr_bpe_new (GError **error)
{
  PrWordSplitter *splitter = pr_word_splitter_new (error);
  const PrAddedNode root = { .id = -1 };

  if (splitter == NULL)
    return NULL;
  PrTokenizer *tokenizer = g_new0 (PrTokenizer, 1);

  tokenizer->splitter = splitter;
  tokenizer->bytes = g_byte_array_new ();
  tokenizer->ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  tokenizer->flags = g_array_new (FALSE, FALSE, sizeof (guint8));
  memset (tokenizer->byte_ids, 0xff, sizeof tokenizer->byte_ids);
  tokenizer->merges = pr_atoms_new ();
  tokenizer->merged = g_array_new (FALSE, FALSE, sizeof (gint32));
  tokenizer->added = g_array_new (FALSE, FALSE, sizeof (PrAddedNode));
  g_array_append_val (tokenizer->added, root);
  g_mutex_init (&tokenizer->lock);
  tokenizer->cache = pr_atoms_new ();
  tokenizer->cache_ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  tokenizer->cache_ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  tokenizer->symbols = g_array_new (FALSE, FALSE, 3 * sizeof (gint32));
  pr_heap_init (&tokenizer->heap, lower_rank_first, NULL);
  return tokenizer;
}

void
pr_tokenizer_free (PrTokenizer *tokenizer)
{
  if (tokenizer == NULL)
    return;
  pr_word_splitter_free (tokenizer->splitter);
  g_byte_array_unref (tokenizer->bytes);
  g_array_unref (tokenizer->ends);
  g_array_unref (tokenizer->flags);
  pr_atoms_free (tokenizer->merges);
  g_array_unref (tokenizer->merged);
  g_array_unref (tokenizer->added);
  g_mutex_clear (&tokenizer->lock);
  pr_atoms_free (tokenizer->cache);
  g_array_unref (tokenizer->cache_ids);
  g_array_unref (tokenizer->cache_ends);
  g_array_unref (tokenizer->symbols);
  pr_heap_clear (&tokenizer->heap);
  g_free (tokenizer);
}

gint32
pr_tokenizer_vocab_size (const PrTokenizer *tokenizer)
{
  return (gint32)tokenizer->flags->len;
}

const guint8 *
pr_bpe_bytes (const PrTokenizer *tokenizer, gint32 id, gsize *ret_n)
{
  gsize start = id > 0 ? g_array_index (tokenizer->ends, gsize, id - 1) : 0;

  *ret_n = g_array_index (tokenizer->ends, gsize, id) - start;
  return tokenizer->bytes->data + start;
}

/* The child of NODE for BYTE, or 0. */
static gint32
added_child (const PrTokenizer *tokenizer, gint32 node, guint8 byte)
{
  const PrAddedNode *nodes = (const PrAddedNode *)(const void *)tokenizer->added->data;

  for (gint32 child = nodes[node].child; child != 0; child = nodes[child].sibling)
    if (nodes[child].byte == byte)
      return child;
  return 0;
}

void
pr_bpe_set_added (PrTokenizer *tokenizer, gint32 id, guint8 flags)
{
  gsize n;
  const guint8 *name = pr_bpe_bytes (tokenizer, id, &n);
  gint32 node = 0;

  for (gsize i = 0; i < n; i++)
    {
      gint32 child = added_child (tokenizer, node, name[i]);

      if (child == 0)
        {
          PrAddedNode fresh = { .id = -1, .byte = name[i] };

          child = (gint32)tokenizer->added->len;
          fresh.sibling = g_array_index (tokenizer->added, PrAddedNode, node).child;
          g_array_append_val (tokenizer->added, fresh);
          g_array_index (tokenizer->added, PrAddedNode, node).child = child;
        }
      node = child;
    }
  g_array_index (tokenizer->added, PrAddedNode, node).id = id;
  g_array_index (tokenizer->flags, guint8, id) |= PR_TOKEN_ADDED | flags;
}

gint32
pr_bpe_append (PrTokenizer *tokenizer, const void *bytes, gsize n, guint8 flags)
{
  gint32 id = (gint32)tokenizer->flags->len;
  gsize end;

  g_byte_array_append (tokenizer->bytes, bytes, (guint)n);
  end = tokenizer->bytes->len;
  g_array_append_val (tokenizer->ends, end);
  g_array_append_val (tokenizer->flags, flags);
  if (flags & PR_TOKEN_ADDED)
    pr_bpe_set_added (tokenizer, id, flags);
  return id;
}

void
pr_bpe_append_bytes (PrTokenizer *tokenizer)
{
  /* Printable bytes stand for themselves and come first; the others follow in order. */
  for (int printable = 1; printable >= 0; printable--)
    for (int b = 0; b < 256; b++)
      if ((pr_byte_level_char ((guint8)b) == (gunichar)b) == printable)
        {
          guint8 byte = (guint8)b;

          tokenizer->byte_ids[b] = pr_bpe_append (tokenizer, &byte, 1, PR_TOKEN_VOCAB);
        }
}

gboolean
pr_bpe_add_merge (PrTokenizer *tokenizer, gint32 left, gint32 right, gint32 id)
{
  const gint32 pair[2] = { left, right };
  gboolean fresh;

  pr_atoms_intern (tokenizer->merges, pair, sizeof pair, &fresh);
  if (fresh)
    g_array_append_val (tokenizer->merged, id);
  return fresh;
}

gint32
pr_tokenizer_lookup (const PrTokenizer *tokenizer, const char *name)
{
  gint32 node = 0;

  for (const char *c = name; *c != '\0'; c++)
    if ((node = added_child (tokenizer, node, (guint8)*c)) == 0)
      return -1;
  return node == 0 ? -1 : g_array_index (tokenizer->added, PrAddedNode, node).id;
}

gboolean
pr_tokenizer_add (PrTokenizer *tokenizer, const char *const *names, GError **error)
{
  g_autoptr (PrAtoms) fresh = pr_atoms_new ();

  for (gsize i = 0; names[i] != NULL; i++)
    {
      gsize n = strlen (names[i]);
      gboolean first;

      pr_atoms_intern (fresh, names[i], n, &first);
      if (n == 0 || n > 255 || !g_utf8_validate (names[i], (gssize)n, NULL))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the name of added token %zu is empty, too long or not UTF-8",
                       i);
          return FALSE;
        }
      if (!first || pr_tokenizer_lookup (tokenizer, names[i]) >= 0)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "the vocabulary has the token '%s' already; give the new one another name", names[i]);
          return FALSE;
        }
    }
  for (gsize i = 0; names[i] != NULL; i++)
    pr_bpe_append (tokenizer, names[i], strlen (names[i]), PR_TOKEN_ADDED);
  return TRUE;
}

/* Encoding --------------------------------------------------------------- */

typedef struct
{
  gint32 id; /* -1: merged into the symbol on its left */
  gint32 previous, next;
} Symbol;

static void
push_pair (PrTokenizer *tokenizer, const Symbol *symbols, gint32 left)
{
  if (left < 0 || symbols[left].next < 0)
    return;
  const gint32 pair[2] = { symbols[left].id, symbols[symbols[left].next].id };
  gint32 rank = pr_atoms_find (tokenizer->merges, pair, sizeof pair);

  if (rank >= 0)
    pr_heap_push (&tokenizer->heap, rank, (guint32)left);
}

/* Merge the pair of lowest rank, leftmost first, until no pair of neighbours has a rank. */
static void
encode_word (PrTokenizer *tokenizer, const guint8 *word, gsize n, GArray *ids)
{
  g_array_set_size (tokenizer->symbols, (guint)n);
  Symbol *symbols = (Symbol *)(void *)tokenizer->symbols->data;
  PrHeapEntry best;

  for (gsize i = 0; i < n; i++)
    symbols[i] = (Symbol){ tokenizer->byte_ids[word[i]], (gint32)i - 1, i + 1 < n ? (gint32)i + 1 : -1 };
  for (gsize i = 0; i + 1 < n; i++)
    push_pair (tokenizer, symbols, (gint32)i);
  while (pr_heap_pop (&tokenizer->heap, &best))
    {
      Symbol *left = &symbols[best.item];

      if (left->id < 0 || left->next < 0)
        continue;
      Symbol *right = &symbols[left->next];
      const gint32 pair[2] = { left->id, right->id };

      if (pr_atoms_find (tokenizer->merges, pair, sizeof pair) != (gint32)best.key)
        continue; /* the pair that was here has been merged since */
      left->id = g_array_index (tokenizer->merged, gint32, (guint)best.key);
      right->id = -1;
      left->next = right->next;
      if (right->next >= 0)
        symbols[right->next].previous = (gint32)best.item;
      push_pair (tokenizer, symbols, left->previous);
      push_pair (tokenizer, symbols, (gint32)best.item);
    }
  for (gint32 i = 0; i >= 0 && (gsize)i < n; i = symbols[i].next)
    g_array_append_val (ids, symbols[i].id);
}

static void
encode_cached (PrTokenizer *tokenizer, const guint8 *word, gsize n, GArray *ids)
{
  gint32 atom;
  gboolean fresh;

  if (n > CACHE_WORD_BYTES)
    {
      encode_word (tokenizer, word, n, ids);
      return;
    }
  if (pr_atoms_n (tokenizer->cache) >= CACHE_WORDS || pr_atoms_bytes (tokenizer->cache) >= CACHE_BYTES)
    {
      pr_atoms_clear (tokenizer->cache);
      g_array_set_size (tokenizer->cache_ids, 0);
      g_array_set_size (tokenizer->cache_ends, 0);
    }
  atom = pr_atoms_intern (tokenizer->cache, word, n, &fresh);
  if (fresh)
    {
      encode_word (tokenizer, word, n, tokenizer->cache_ids);
      gsize end = tokenizer->cache_ids->len;

      g_array_append_val (tokenizer->cache_ends, end);
    }
  gsize start = atom > 0 ? g_array_index (tokenizer->cache_ends, gsize, atom - 1) : 0;
  gsize end = g_array_index (tokenizer->cache_ends, gsize, atom);

  g_array_append_vals (ids, &g_array_index (tokenizer->cache_ids, gint32, start), (guint)(end - start));
}

/* Text without added tokens. */
static void
encode_segment (PrTokenizer *tokenizer, const char *text, gsize length, GArray *ids)
{
  g_autofree char *normal = NULL;

  if (length == 0)
    return;
  if (tokenizer->nfc)
    {
      normal = g_utf8_normalize (text, (gssize)length, G_NORMALIZE_NFC);
      text = normal;
      length = strlen (normal);
    }
  for (gsize start = 0; start < length;)
    {
      gsize end = pr_word_splitter_next (tokenizer->splitter, text, length, start);

      encode_cached (tokenizer, (const guint8 *)text + start, end - start, ids);
      start = end;
    }
}

/* The longest added token that starts at TEXT, or -1. */
static gint32
match_added (const PrTokenizer *tokenizer, const char *text, gsize length, gsize *ret_n)
{
  gint32 node = 0, found = -1;

  for (gsize i = 0; i < length && (node = added_child (tokenizer, node, (guint8)text[i])) != 0; i++)
    {
      gint32 id = g_array_index (tokenizer->added, PrAddedNode, node).id;

      if (id >= 0)
        {
          found = id;
          *ret_n = i + 1;
        }
    }
  return found;
}

void
pr_tokenizer_encode (const PrTokenizer *tokenizer, const char *text, gssize length, GArray *ids)
{
  PrTokenizer *t = (PrTokenizer *)tokenizer; /* scratch memory and cache only, under the lock */
  gsize n = length < 0 ? strlen (text) : (gsize)length, segment = 0;
  g_autofree char *valid = NULL;

  if (!g_utf8_validate_len (text, n, NULL))
    {
      valid = g_utf8_make_valid (text, (gssize)n);
      text = valid;
      n = strlen (valid);
    }
  g_mutex_lock (&t->lock);
  for (gsize i = 0; i < n;)
    {
      gsize name;
      gint32 id = match_added (t, text + i, n - i, &name);

      if (id < 0)
        {
          i++;
          continue;
        }
      encode_segment (t, text + segment, i - segment, ids);
      g_array_append_val (ids, id);
      segment = i += name;
    }
  encode_segment (t, text + segment, n - segment, ids);
  g_mutex_unlock (&t->lock);
}

char *
pr_tokenizer_decode (const PrTokenizer *tokenizer, const gint32 *ids, gsize n, gboolean skip_added)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (gsize i = 0; i < n; i++)
    {
      gsize length;

      if (ids[i] < 0 || ids[i] >= pr_tokenizer_vocab_size (tokenizer)
          || (skip_added && (g_array_index (tokenizer->flags, guint8, ids[i]) & PR_TOKEN_ADDED)))
        continue;
      const guint8 *token = pr_bpe_bytes (tokenizer, ids[i], &length);

      g_byte_array_append (bytes, token, (guint)length);
    }
  return g_utf8_make_valid (bytes->len > 0 ? (const char *)bytes->data : "", (gssize)bytes->len);
}
