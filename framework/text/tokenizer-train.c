/* tokenizer-train.c - byte-pair encoding learned from the words of a corpus.
 *
 * Words are counted once; after that only the distinct ones are touched.  Every pair of neighbouring symbols has its
 * count and a list of the words it stands in, so a merge visits no other word.  The heap holds counts that
 * may have fallen since; they are corrected when they come up.
 */
#include "text/bpe.h"

#include <pauserec/error.h>
#include <string.h>

/* Longer words (no spaces: tables, encoded files) take no part in training. */
#define WORD_MAX 256

static const char *const first_added[] = { "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>" };

typedef struct
{
  gint32 word, next;
} Occurrence;

typedef struct
{
  gint64 count;
  gint32 first;  /* Occurrence; -1: none */
  gint32 merged; /* id, once the pair is a rule; -1 before */
  gint64 queued; /* round in which it was last put into the heap */
} Pair;

typedef struct
{
  PrTokenizer *tokenizer;
  PrAtoms *names;  /* bytes of the tokens: atom = id - first id */
  gint32 *symbols; /* all words' symbols */
  gsize *starts;   /* of word w in symbols */
  gint32 *lengths; /* symbols of word w */
  gint64 *counts;  /* of word w in the corpus */
  gint32 n_words;
  PrAtoms *keys;       /* pair (left, right) -> number */
  GArray *pairs;       /* Pair, by number */
  GArray *occurrences; /* Occurrence */
  GArray *touched;     /* gint32: pairs that the merge at hand created */
  PrHeap heap;
  gint64 round; /* merges carried out */
} Trainer;

static int
compare_tokens (const Trainer *trainer, gint32 a, gint32 b)
{
  gsize na, nb;
  const guint8 *pa = pr_bpe_bytes (trainer->tokenizer, a, &na), *pb = pr_bpe_bytes (trainer->tokenizer, b, &nb);
  int c = memcmp (pa, pb, MIN (na, nb));

  return c != 0 ? c : (na > nb) - (na < nb);
}

static void
pair_tokens (const Trainer *trainer, guint32 pair, gint32 ret_tokens[2])
{
  gsize n;

  memcpy (ret_tokens, pr_atoms_at (trainer->keys, (gint32)pair, &n), 2 * sizeof (gint32));
}

/* The more frequent pair first, then the one that is smaller by bytes. */
static gboolean
pair_before (const PrHeapEntry *a, const PrHeapEntry *b, gconstpointer ctx)
{
  const Trainer *trainer = ctx;
  gint32 ta[2], tb[2];
  int c;

  if (a->key != b->key)
    return a->key > b->key;
  pair_tokens (trainer, a->item, ta);
  pair_tokens (trainer, b->item, tb);
  c = compare_tokens (trainer, ta[0], tb[0]);
  return c != 0 ? c < 0 : compare_tokens (trainer, ta[1], tb[1]) < 0;
}

static gint32
add_to_pair (Trainer *trainer, gint32 left, gint32 right, gint64 count)
{
  const gint32 key[2] = { left, right };
  gboolean fresh;
  gint32 number = pr_atoms_intern (trainer->keys, key, sizeof key, &fresh);

  if (fresh)
    {
      Pair pair = { .first = -1, .merged = -1 };

      g_array_append_val (trainer->pairs, pair);
    }
  g_array_index (trainer->pairs, Pair, number).count += count;
  return number;
}

static void
note_occurrence (Trainer *trainer, gint32 number, gint32 word)
{
  Pair *pair = &g_array_index (trainer->pairs, Pair, number);
  Occurrence occurrence = { word, pair->first };

  if (pair->first >= 0 && g_array_index (trainer->occurrences, Occurrence, pair->first).word == word)
    return;
  pair->first = (gint32)trainer->occurrences->len;
  g_array_append_val (trainer->occurrences, occurrence);
}

/* Put (left, right) = id in the place of its parts in one word. */
static void
merge_in_word (Trainer *trainer, gint32 word, gint32 left, gint32 right, gint32 id)
{
  gint32 *symbols = trainer->symbols + trainer->starts[word], n = trainer->lengths[word], m = 0;
  gint64 count = trainer->counts[word];

  for (gint32 i = 0; i + 1 < n; i++)
    add_to_pair (trainer, symbols[i], symbols[i + 1], -count);
  for (gint32 i = 0; i < n; m++)
    {
      gboolean here = i + 1 < n && symbols[i] == left && symbols[i + 1] == right;

      symbols[m] = here ? id : symbols[i];
      i += here ? 2 : 1;
    }
  trainer->lengths[word] = m;
  for (gint32 i = 0; i + 1 < m; i++)
    {
      gint32 number = add_to_pair (trainer, symbols[i], symbols[i + 1], count);

      if (symbols[i] != id && symbols[i + 1] != id)
        continue;
      note_occurrence (trainer, number, word);
      g_array_append_val (trainer->touched, number);
    }
}

/* Id of the token LEFT + RIGHT: two ways may lead to the same bytes. */
static gint32
join_tokens (Trainer *trainer, gint32 left, gint32 right)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gboolean fresh;

  for (int i = 0; i < 2; i++)
    {
      gsize n;
      const guint8 *part = pr_bpe_bytes (trainer->tokenizer, i == 0 ? left : right, &n);

      g_byte_array_append (bytes, part, (guint)n);
    }
  gint32 id = pr_atoms_intern (trainer->names, bytes->data, bytes->len, &fresh);

  if (fresh)
    pr_bpe_append (trainer->tokenizer, bytes->data, bytes->len, PR_TOKEN_VOCAB);
  return id;
}

static void
merge_pair (Trainer *trainer, gint32 number)
{
  gint32 tokens[2], id;

  pair_tokens (trainer, (guint32)number, tokens);
  id = g_array_index (trainer->pairs, Pair, number).merged;
  if (id < 0)
    {
      id = join_tokens (trainer, tokens[0], tokens[1]);
      pr_bpe_add_merge (trainer->tokenizer, tokens[0], tokens[1], id);
      g_array_index (trainer->pairs, Pair, number).merged = id;
    }
  gint32 o = g_array_index (trainer->pairs, Pair, number).first;

  g_array_index (trainer->pairs, Pair, number).first = -1;
  g_array_set_size (trainer->touched, 0);
  for (; o >= 0; o = g_array_index (trainer->occurrences, Occurrence, o).next)
    merge_in_word (trainer, g_array_index (trainer->occurrences, Occurrence, o).word, tokens[0], tokens[1], id);
  trainer->round++;
  for (guint i = 0; i < trainer->touched->len; i++)
    {
      gint32 t = g_array_index (trainer->touched, gint32, i);
      Pair *pair = &g_array_index (trainer->pairs, Pair, t);

      if (pair->queued != trainer->round && pair->count >= 2)
        pr_heap_push (&trainer->heap, pair->count, (guint32)t);
      pair->queued = trainer->round;
    }
}

static void
learn (Trainer *trainer, gint32 vocab)
{
  PrHeapEntry best;

  for (guint i = 0; i < trainer->pairs->len; i++)
    if (g_array_index (trainer->pairs, Pair, i).count >= 2)
      pr_heap_push (&trainer->heap, g_array_index (trainer->pairs, Pair, i).count, i);
  while (pr_tokenizer_vocab_size (trainer->tokenizer) < vocab && pr_heap_pop (&trainer->heap, &best))
    {
      gint64 count = g_array_index (trainer->pairs, Pair, best.item).count;

      if (count == best.key)
        merge_pair (trainer, (gint32)best.item);
      else if (count >= 2 && count < best.key)
        pr_heap_push (&trainer->heap, count, best.item);
    }
}

/* Distinct words of the documents, with counts. */
static gboolean
count_words (PrTokenizer *tokenizer, const GPtrArray *documents, PrAtoms *words, GArray *counts, GError **error)
{
  for (guint d = 0; d < documents->len; d++)
    {
      const char *text = g_ptr_array_index (documents, d);
      gsize length = strlen (text);

      if (!g_utf8_validate_len (text, length, NULL))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "document %u of the tokenizer's corpus is not UTF-8", d + 1);
          return FALSE;
        }
      for (gsize start = 0, end; start < length; start = end)
        {
          gboolean fresh;
          const gint64 zero = 0;

          end = pr_word_splitter_next (tokenizer->splitter, text, length, start);
          if (end - start > WORD_MAX)
            continue;
          gint32 word = pr_atoms_intern (words, text + start, end - start, &fresh);

          if (fresh)
            g_array_append_val (counts, zero);
          g_array_index (counts, gint64, word)++;
        }
    }
  return TRUE;
}

/* Words as symbols, and the pairs in them. */
static void
index_words (Trainer *trainer, const PrAtoms *words)
{
  gsize at = 0;

  trainer->n_words = pr_atoms_n (words);
  trainer->symbols = g_new (gint32, pr_atoms_bytes (words) + 1);
  trainer->starts = g_new (gsize, (gsize)trainer->n_words + 1);
  trainer->lengths = g_new (gint32, (gsize)trainer->n_words + 1);
  for (gint32 w = 0; w < trainer->n_words; w++)
    {
      gsize n;
      const guint8 *bytes = pr_atoms_at (words, w, &n);

      trainer->starts[w] = at;
      trainer->lengths[w] = (gint32)n;
      for (gsize i = 0; i < n; i++)
        {
          trainer->symbols[at++] = trainer->tokenizer->byte_ids[bytes[i]];
          if (i > 0)
            note_occurrence (
                trainer, add_to_pair (trainer, trainer->symbols[at - 2], trainer->symbols[at - 1], trainer->counts[w]),
                w);
        }
    }
}

PrTokenizer *
pr_tokenizer_train (const GPtrArray *documents, gint32 vocab, GError **error)
{
  const gint32 n_added = G_N_ELEMENTS (first_added);
  g_autoptr (PrTokenizer) tokenizer = NULL;
  g_autoptr (PrAtoms) words = pr_atoms_new ();
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (gint64));

  if (vocab < 256 + n_added)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "a byte-level vocabulary of %d cannot hold 256 bytes and %d added tokens; ask for at least %d",
                   vocab, n_added, 256 + n_added);
      return NULL;
    }
  if ((tokenizer = pr_bpe_new (error)) == NULL || !count_words (tokenizer, documents, words, counts, error))
    return NULL;
  pr_bpe_append_bytes (tokenizer);

  Trainer trainer = { .tokenizer = tokenizer, .counts = (gint64 *)(void *)counts->data };

  trainer.names = pr_atoms_new ();
  trainer.keys = pr_atoms_new ();
  trainer.pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  trainer.occurrences = g_array_new (FALSE, FALSE, sizeof (Occurrence));
  trainer.touched = g_array_new (FALSE, FALSE, sizeof (gint32));
  pr_heap_init (&trainer.heap, pair_before, &trainer);
  for (gint32 id = 0; id < 256; id++)
    {
      gsize n;
      const guint8 *byte = pr_bpe_bytes (tokenizer, id, &n);

      pr_atoms_intern (trainer.names, byte, n, NULL);
    }
  index_words (&trainer, words);
  learn (&trainer, vocab - n_added);
  pr_atoms_free (trainer.names);
  pr_atoms_free (trainer.keys);
  g_array_unref (trainer.pairs);
  g_array_unref (trainer.occurrences);
  g_array_unref (trainer.touched);
  pr_heap_clear (&trainer.heap);
  g_free (trainer.symbols);
  g_free (trainer.starts);
  g_free (trainer.lengths);
  for (gint32 i = 0; i < n_added; i++)
    pr_bpe_append (tokenizer, first_added[i], strlen (first_added[i]),
                   PR_TOKEN_ADDED | (first_added[i][1] == '|' ? PR_TOKEN_SPECIAL : 0));
  return g_steal_pointer (&tokenizer);
}
