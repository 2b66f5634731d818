/* prompter.c - a protocol as token ids: the one place where prompts are built. */
#include <pauserec/error.h>
#include <pauserec/protocol.h>
#include <string.h>

#define HISTORY "{history}"

struct PrPrompter
{
  PrProtocol *protocol;
  const PrSids *sids;
  GArray *before, *between, *after; /* gint32: the template's text, and the separator */
  gint32 bases[PR_SID_MAX_LEVELS];  /* id of code 0 */
  GArray *thinking;                 /* gint32: what stands between the prompt and the SID (or rationale) */
};

/* The codes of a level must be consecutive ids: then a code's token is a sum, and a level a range of the head. */
static gboolean
find_sid_tokens (PrPrompter *prompter, const PrTokenizer *tokenizer, GError **error)
{
  const PrSids *sids = prompter->sids;
  g_auto (GStrv) names = pr_sids_token_names (sids);

  for (gint32 level = 0; level < sids->levels; level++)
    for (gint32 code = 0; code < sids->sizes[level]; code++)
      {
        const char *name = names[pr_sids_token_index (sids, level, code)];
        gint32 id = pr_tokenizer_lookup (tokenizer, name);

        if (id < 0)
          {
            g_set_error (
                error, PR_ERROR, PR_ERROR_DATA,
                "the model's tokenizer lacks the SID token '%s'; ground the model in these SIDs first (sid-grounding)",
                name);
            return FALSE;
          }
        if (code == 0)
          prompter->bases[level] = id;
        else if (id != prompter->bases[level] + code)
          {
            g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                         "the SID token '%s' has the id %d, not %d: the codes of a level must have consecutive ids",
                         name, id, prompter->bases[level] + code);
            return FALSE;
          }
      }
  return TRUE;
}

static gboolean
add_tag (PrPrompter *prompter, const PrTokenizer *tokenizer, const char *name, gint64 times, GError **error)
{
  gint32 id = pr_tokenizer_lookup (tokenizer, name);

  if (id < 0 && times > 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "the model's tokenizer lacks '%s', which its thinking mode needs; add it to the model", name);
      return FALSE;
    }
  for (gint64 i = 0; i < times; i++)
    g_array_append_val (prompter->thinking, id);
  return TRUE;
}

static gboolean
build_thinking (PrPrompter *prompter, const PrTokenizer *tokenizer, GError **error)
{
  const PrProtocol *protocol = prompter->protocol;
  gboolean pause = protocol->thinking == PR_THINKING_PAUSE;

  if (protocol->thinking == PR_THINKING_NONE)
    return TRUE;
  return add_tag (prompter, tokenizer, "<think>", 1, error)
         && add_tag (prompter, tokenizer, "<pause>", pause ? protocol->pauses : 0, error)
         && add_tag (prompter, tokenizer, "</think>", pause ? 1 : 0, error);
}

PrPrompter *
pr_prompter_new (const PrProtocol *protocol, const PrTokenizer *tokenizer, const PrSids *sids,
                 const PrDataset *dataset G_GNUC_UNUSED, GError **error)
{
  g_autoptr (PrPrompter) prompter = g_new0 (PrPrompter, 1);
  const char *slot;

  prompter->protocol = pr_protocol_copy (protocol);
  prompter->sids = sids;
  prompter->before = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->between = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->after = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->thinking = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (!pr_protocol_check_template (protocol->prompt, error) || !find_sid_tokens (prompter, tokenizer, error)
      || !build_thinking (prompter, tokenizer, error))
    return NULL;
  slot = strstr (protocol->prompt, HISTORY);
  pr_tokenizer_encode (tokenizer, protocol->prompt, slot - protocol->prompt, prompter->before);
  pr_tokenizer_encode (tokenizer, slot + strlen (HISTORY), -1, prompter->after);
  pr_tokenizer_encode (tokenizer, protocol->separator, -1, prompter->between);
  return g_steal_pointer (&prompter);
}

void
pr_prompter_free (PrPrompter *prompter)
{
  if (prompter == NULL)
    return;
  pr_protocol_free (prompter->protocol);
  g_array_unref (prompter->before);
  g_array_unref (prompter->between);
  g_array_unref (prompter->after);
  g_array_unref (prompter->thinking);
  g_free (prompter);
}

static void
append_all (GArray *tokens, const GArray *more)
{
  if (more->len > 0)
    g_array_append_vals (tokens, more->data, more->len);
}

gint32
pr_prompter_sid_token (const PrPrompter *prompter, gint32 level, gint32 code)
{
  return prompter->bases[level] + code;
}

void
pr_prompter_item (const PrPrompter *prompter, gint32 item, GArray *tokens)
{
  const gint32 *codes = pr_sids_item (prompter->sids, item);

  for (gint32 level = 0; level < prompter->sids->levels; level++)
    {
      gint32 id = pr_prompter_sid_token (prompter, level, codes[level]);

      g_array_append_val (tokens, id);
    }
}

void
pr_prompter_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens)
{
  gint64 first = MAX (0, n - prompter->protocol->history);

  append_all (tokens, prompter->before);
  for (gint64 i = first; i < n; i++)
    {
      if (i > first)
        append_all (tokens, prompter->between);
      pr_prompter_item (prompter, history[i], tokens);
    }
  append_all (tokens, prompter->after);
  append_all (tokens, prompter->thinking);
}

gboolean
pr_prompter_is_contiguous (const PrPrompter *prompter)
{
  return prompter->thinking->len == 0 && prompter->between->len == 0 && prompter->after->len == 0;
}
