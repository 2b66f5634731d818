/* tokenizer-json.c - Hugging Face's tokenizer.json, as far as it is byte-level BPE.
 *
 * Reading is strict: a file that asks for anything which we would encode differently is refused, by name.
 */
#include "text/bpe.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define VOCAB_MAX (1 << 24)
#define NAME_MAX_BYTES 4096

/* GPT-2's alphabet: 188 printable bytes stand for themselves, the others for U+0100, U+0101, ... */
gunichar
pr_byte_level_char (guint8 byte)
{
  if ((byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad))
    return byte;
  if (byte <= ' ')
    return 0x100u + byte;
  if (byte == 0xad)
    return 0x143u;
  return 0x100u + 33 + (byte - 0x7fu);
}

int
pr_byte_level_byte (gunichar c)
{
  if (c < 0x100)
    return pr_byte_level_char ((guint8)c) == c ? (int)c : -1;
  if (c <= 0x120)
    return (int)(c - 0x100);
  if (c <= 0x142)
    return (int)(c - 0x121 + 0x7f);
  return c == 0x143 ? 0xad : -1;
}

static void
append_byte_level (GString *name, const guint8 *bytes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_string_append_unichar (name, pr_byte_level_char (bytes[i]));
}

static gboolean G_GNUC_PRINTF (3, 4) refuse (const char *path, GError **error, const char *format, ...)
{
  va_list args;
  g_autofree char *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s", path, message);
  return FALSE;
}

/* Saving ----------------------------------------------------------------- */

static json_t *
vocab_to_json (const PrTokenizer *tokenizer)
{
  json_t *vocab = json_object ();

  for (gint32 id = 0; id < pr_tokenizer_vocab_size (tokenizer); id++)
    {
      g_autoptr (GString) name = g_string_new (NULL);
      gsize n;
      const guint8 *bytes = pr_bpe_bytes (tokenizer, id, &n);

      if (!(g_array_index (tokenizer->flags, guint8, id) & PR_TOKEN_VOCAB))
        continue;
      append_byte_level (name, bytes, n);
      json_object_set_new (vocab, name->str, json_integer (id));
    }
  return vocab;
}

static json_t *
merges_to_json (const PrTokenizer *tokenizer)
{
  json_t *merges = json_array ();

  for (gint32 rank = 0; rank < pr_atoms_n (tokenizer->merges); rank++)
    {
      g_autoptr (GString) line = g_string_new (NULL);
      gsize n;
      gint32 pair[2];

      memcpy (pair, pr_atoms_at (tokenizer->merges, rank, &n), sizeof pair);
      for (int i = 0; i < 2; i++)
        {
          const guint8 *bytes = pr_bpe_bytes (tokenizer, pair[i], &n);

          g_string_append (line, i > 0 ? " " : "");
          append_byte_level (line, bytes, n);
        }
      json_array_append_new (merges, json_string (line->str));
    }
  return merges;
}

static json_t *
added_to_json (const PrTokenizer *tokenizer)
{
  json_t *added = json_array ();

  for (gint32 id = 0; id < pr_tokenizer_vocab_size (tokenizer); id++)
    {
      guint8 flags = g_array_index (tokenizer->flags, guint8, id);
      gsize n;
      const guint8 *bytes = pr_bpe_bytes (tokenizer, id, &n);

      if (flags & PR_TOKEN_ADDED)
        json_array_append_new (added, json_pack ("{s:i, s:s%, s:b, s:b, s:b, s:b, s:b}", "id", (int)id, "content",
                                                 bytes, n, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                                 "special", (flags & PR_TOKEN_SPECIAL) != 0));
    }
  return added;
}

gboolean
pr_tokenizer_save (const PrTokenizer *tokenizer, const char *path, GError **error)
{
  json_t *model =
      json_pack ("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token",
                 "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges",
                 0, "vocab", vocab_to_json (tokenizer), "merges", merges_to_json (tokenizer));
  json_t *byte_level =
      json_pack ("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex", 0);
  json_t *split = json_pack ("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", pr_words_regex,
                             "behavior", "Isolated", "invert", 0);
  json_t *file = json_pack ("{s:s, s:n, s:n, s:o, s:o, s:{s:s, s:[o, O]}, s:O, s:O, s:o}", "version", "1.0",
                            "truncation", "padding", "added_tokens", added_to_json (tokenizer), "normalizer",
                            tokenizer->nfc ? json_pack ("{s:s}", "type", "NFC") : json_null (), "pre_tokenizer", "type",
                            "Sequence", "pretokenizers", split, byte_level, "post_processor", byte_level, "decoder",
                            byte_level, "model", model);
  gboolean ok = FALSE;

  json_decref (byte_level);
  if (file == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: no memory to write the tokenizer", path);
  else
    ok = pr_json_save (file, path, error);
  json_decref (file);
  return ok;
}

/* Loading ---------------------------------------------------------------- */

/* Absent or null, or false, or "" counts as unset. */
static gboolean
is_unset (const json_t *object, const char *key)
{
  const json_t *value = json_object_get (object, key);

  return value == NULL || json_is_null (value) || json_is_false (value)
         || (json_is_string (value) && json_string_length (value) == 0);
}

static gboolean
is_type (const json_t *object, const char *type)
{
  const char *found = json_string_value (json_object_get (object, "type"));

  return found != NULL && strcmp (found, type) == 0;
}

static gboolean
is_byte_level (const json_t *step)
{
  return is_type (step, "ByteLevel") && is_unset (step, "add_prefix_space")
         && json_is_false (json_object_get (step, "use_regex"));
}

static gboolean
check_pre_tokenizer (const json_t *file, const char *path, GError **error)
{
  const json_t *steps = json_object_get (json_object_get (file, "pre_tokenizer"), "pretokenizers");
  const json_t *split = json_array_get (steps, 0);
  const char *regex = json_string_value (json_object_get (json_object_get (split, "pattern"), "Regex"));
  const char *behavior = json_string_value (json_object_get (split, "behavior"));

  if (json_array_size (steps) != 2 || !is_type (split, "Split") || !is_byte_level (json_array_get (steps, 1)))
    return refuse (path, error,
                   "the pre_tokenizer is not Split + ByteLevel as in Qwen's files; only those can be read");
  if (regex == NULL || strcmp (regex, pr_words_regex) != 0)
    return refuse (path, error,
                   "the pre_tokenizer's regular expression is '%.200s', not Qwen's; only that one can be read",
                   regex != NULL ? regex : "");
  if (behavior == NULL || strcmp (behavior, "Isolated") != 0 || !is_unset (split, "invert"))
    return refuse (path, error, "the pre_tokenizer's Split is not 'Isolated'");
  return TRUE;
}

/* Everything but vocabulary, merges and added tokens. */
static gboolean
check_frame (const json_t *file, const char *path, gboolean *ret_nfc, GError **error)
{
  const json_t *model = json_object_get (file, "model"), *normalizer = json_object_get (file, "normalizer");
  static const char *const unset[] = { "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
                                       "ignore_merges" };
  static const char *const optional[] = { "post_processor", "decoder" };

  if (!json_is_object (file) || !json_is_object (model))
    return refuse (path, error, "not a tokenizer.json: no \"model\"");
  if (!is_type (model, "BPE"))
    return refuse (path, error, "the model type is '%.40s'; only BPE can be read",
                   json_string_value (json_object_get (model, "type")) ?: "(none)");
  for (gsize i = 0; i < G_N_ELEMENTS (unset); i++)
    if (!is_unset (model, unset[i]))
      return refuse (path, error, "the model sets \"%s\", which is not supported", unset[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (optional); i++)
    if (!is_unset (file, optional[i]) && !is_type (json_object_get (file, optional[i]), "ByteLevel"))
      return refuse (path, error, "the %s is not ByteLevel; only that can be read", optional[i]);
  if (!is_unset (file, "truncation") || !is_unset (file, "padding"))
    return refuse (path, error, "truncation and padding must be null");
  if (!is_unset (file, "normalizer") && !is_type (normalizer, "NFC"))
    return refuse (path, error, "the normalizer is not NFC; only NFC or none can be read");
  *ret_nfc = !is_unset (file, "normalizer");
  return check_pre_tokenizer (file, path, error);
}

/* "Ġthe" to " the"; FALSE if a character stands for no byte. */
static gboolean
name_to_bytes (const char *name, GByteArray *bytes)
{
  g_byte_array_set_size (bytes, 0);
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    {
      int b = pr_byte_level_byte (g_utf8_get_char (c));
      guint8 byte = (guint8)b;

      if (b < 0)
        return FALSE;
      g_byte_array_append (bytes, &byte, 1);
    }
  return bytes->len > 0;
}

/* A token of the file, before it has its place. */
typedef struct
{
  const char *name; /* borrowed from the JSON */
  guint8 flags;
} Entry;

static gboolean
set_entry (GArray *entries, json_int_t id, const char *name, guint8 flags, const char *path, GError **error)
{
  if (id < 0 || id >= (json_int_t)entries->len)
    return refuse (path, error, "token '%.80s' has the id %lld, but there are only %u tokens: the ids have gaps", name,
                   (long long)id, entries->len);
  Entry *entry = &g_array_index (entries, Entry, id);

  if (entry->name != NULL
      && (strcmp (entry->name, name) != 0 || (entry->flags & flags & (PR_TOKEN_VOCAB | PR_TOKEN_ADDED))))
    return refuse (path, error, "tokens '%.80s' and '%.80s' have the same id %lld", entry->name, name, (long long)id);
  entry->name = name;
  entry->flags |= flags;
  return TRUE;
}

/* Tokens of the vocabulary and added tokens, by id; ids must run from 0 without gaps. */
static gboolean
collect_entries (const json_t *file, const char *path, GArray *entries, GError **error)
{
  json_t *vocab = json_object_get (json_object_get (file, "model"), "vocab"), *value;
  const json_t *added = json_object_get (file, "added_tokens"), *token;
  const char *name;
  gsize n = json_object_size (vocab), i;

  if (!json_is_object (vocab) || (added != NULL && !json_is_array (added)))
    return refuse (path, error, "\"vocab\" must be an object and \"added_tokens\" a list");
  json_array_foreach (added, i, token)
  {
    const char *content = json_string_value (json_object_get (token, "content"));

    if (content == NULL || content[0] == '\0'
        || json_string_length (json_object_get (token, "content")) > NAME_MAX_BYTES
        || strlen (content) != json_string_length (json_object_get (token, "content"))
        || !json_is_integer (json_object_get (token, "id")))
      return refuse (path, error, "added token %zu lacks a sound \"content\" or \"id\"", i);
    if (!is_unset (token, "single_word") || !is_unset (token, "lstrip") || !is_unset (token, "rstrip"))
      return refuse (path, error, "added token '%.80s' sets single_word, lstrip or rstrip, which is not supported",
                     content);
    if (!is_unset (token, "normalized"))
      return refuse (path, error, "added token '%.80s' is matched in normalised text, which is not supported", content);
    n += json_object_get (vocab, content) == NULL;
  }
  if (n == 0 || n > VOCAB_MAX)
    return refuse (path, error, "%zu tokens; 1 to %d can be read", n, VOCAB_MAX);
  g_array_set_size (entries, (guint)n);
  json_object_foreach (vocab, name, value)
  {
    if (!json_is_integer (value))
      return refuse (path, error, "the id of token '%.80s' is not a number", name);
    if (!set_entry (entries, json_integer_value (value), name, PR_TOKEN_VOCAB, path, error))
      return FALSE;
  }
  json_array_foreach (
      added, i, token) if (!set_entry (entries, json_integer_value (json_object_get (token, "id")),
                                       json_string_value (json_object_get (token, "content")),
                                       PR_TOKEN_ADDED
                                           | (json_is_true (json_object_get (token, "special")) ? PR_TOKEN_SPECIAL : 0),
                                       path, error)) return FALSE;
  for (guint id = 0; id < entries->len; id++)
    if (g_array_index (entries, Entry, id).name == NULL)
      return refuse (path, error, "no token has the id %u: the ids have gaps", id);
  return TRUE;
}

static gboolean
place_tokens (PrTokenizer *tokenizer, const GArray *entries, const char *path, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint id = 0; id < entries->len; id++)
    {
      const Entry *entry = &g_array_index (entries, Entry, id);

      if (entry->flags & PR_TOKEN_ADDED)
        {
          pr_bpe_append (tokenizer, entry->name, strlen (entry->name), entry->flags);
          continue;
        }
      if (strlen (entry->name) > NAME_MAX_BYTES || !name_to_bytes (entry->name, bytes))
        return refuse (path, error, "token %u '%.80s' is not written in the byte-level alphabet", id, entry->name);
      pr_bpe_append (tokenizer, bytes->data, bytes->len, entry->flags);
      if (bytes->len == 1)
        tokenizer->byte_ids[bytes->data[0]] = (gint32)id;
    }
  for (int b = 0; b < 256; b++)
    if (tokenizer->byte_ids[b] < 0)
      return refuse (path, error, "the vocabulary lacks a token for the byte 0x%02x", b);
  return TRUE;
}

static gint32
vocab_id (const json_t *vocab, const char *name)
{
  const json_t *value = json_object_get (vocab, name);

  return value == NULL ? -1 : (gint32)json_integer_value (value);
}

/* "a b" or ["a", "b"]; strings point into *ret_line, which the caller frees, or into the JSON. */
static gboolean
split_merge (const json_t *merge, char **ret_line, const char *ret_parts[2])
{
  if (json_is_array (merge) && json_array_size (merge) == 2)
    {
      ret_parts[0] = json_string_value (json_array_get (merge, 0));
      ret_parts[1] = json_string_value (json_array_get (merge, 1));
      return ret_parts[0] != NULL && ret_parts[1] != NULL;
    }
  if (!json_is_string (merge))
    return FALSE;
  *ret_line = g_strdup (json_string_value (merge));
  char *space = strchr (*ret_line, ' ');

  if (space == NULL || strchr (space + 1, ' ') != NULL)
    return FALSE;
  *space = '\0';
  ret_parts[0] = *ret_line;
  ret_parts[1] = space + 1;
  return TRUE;
}

static gboolean
read_merges (PrTokenizer *tokenizer, const json_t *model, const char *path, GError **error)
{
  const json_t *vocab = json_object_get (model, "vocab"), *merges = json_object_get (model, "merges"), *merge;
  gsize i;

  if (!json_is_array (merges) || json_array_size (merges) > VOCAB_MAX)
    return refuse (path, error, "\"merges\" is not a list of at most %d pairs", VOCAB_MAX);
  json_array_foreach (merges, i, merge)
  {
    g_autofree char *line = NULL, *joined = NULL;
    const char *parts[2];

    if (!split_merge (merge, &line, parts))
      return refuse (path, error, "merge %zu is neither \"a b\" nor [\"a\", \"b\"]", i);
    joined = g_strconcat (parts[0], parts[1], NULL);
    gint32 left = vocab_id (vocab, parts[0]), right = vocab_id (vocab, parts[1]), id = vocab_id (vocab, joined);

    if (left < 0 || right < 0 || id < 0)
      return refuse (path, error, "merge %zu '%.80s' + '%.80s' refers to a token that the vocabulary lacks", i,
                     parts[0], parts[1]);
    if (!pr_bpe_add_merge (tokenizer, left, right, id))
      return refuse (path, error, "merge %zu '%.80s' + '%.80s' stands there twice", i, parts[0], parts[1]);
  }
  return TRUE;
}

PrTokenizer *
pr_tokenizer_load (const char *path, GError **error)
{
  json_t *file = pr_json_load (path, error);
  g_autoptr (PrTokenizer) tokenizer = NULL;
  g_autoptr (GArray) entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  GError *local = NULL;
  gboolean nfc = FALSE, ok;

  if (file == NULL)
    return NULL;
  ok = check_frame (file, path, &nfc, &local) && collect_entries (file, path, entries, &local)
       && (tokenizer = pr_bpe_new (&local)) != NULL && place_tokens (tokenizer, entries, path, &local)
       && read_merges (tokenizer, json_object_get (file, "model"), path, &local);
  json_decref (file);
  if (!ok)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  tokenizer->nfc = nfc;
  return g_steal_pointer (&tokenizer);
}
