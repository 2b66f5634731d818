/* prompter.c - a protocol as token ids: the one place where prompts are built. */
#include "text/bpe.h"

#include <pauserec/error.h>
#include <pauserec/lm.h>
#include <pauserec/protocol.h>
#include <pauserec/template.h>
#include <string.h>

#define HISTORY "{history}"

struct PrPrompter
{
  PrProtocol *protocol;
  const PrTokenizer *tokenizer;
  const PrSids *sids;
  const PrDataset *dataset;
  PrTemplate *note;                 /* NULL but in note mode */
  GArray *before, *between, *after; /* gint32: the template's text, and the separator */
  gint32 bases[PR_SID_MAX_LEVELS];  /* id of code 0 */
  gint32 end_think;                 /* -1 where the mode has none */
  GArray *thinking, *bridge;        /* gint32: what ends the prompt, and what comes between it and the SID */
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
find_tag (const PrTokenizer *tokenizer, const char *name, gint32 *ret_id, GError **error)
{
  gint32 id = pr_tokenizer_lookup (tokenizer, name);

  if (id < 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "the model's tokenizer lacks '%s', which its thinking mode needs; add it to the model", name);
      return FALSE;
    }
  *ret_id = id;
  return TRUE;
}

/* What pauses: an added token, or a word that is one token. */
static gboolean
find_pause (const PrTokenizer *tokenizer, const char *name, gint32 *ret_id, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_tokenizer_encode (tokenizer, name, -1, ids);
  if (ids->len != 1)
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "the model's tokenizer makes %u tokens of '%s', but what pauses must be one: add it to the model as a "
          "token, or name a shorter word",
          ids->len, name);
      return FALSE;
    }
  *ret_id = g_array_index (ids, gint32, 0);
  return TRUE;
}

static void
append_times (GArray *tokens, gint32 id, gint64 times)
{
  for (gint64 i = 0; i < times; i++)
    g_array_append_val (tokens, id);
}

static gboolean
build_thinking (PrPrompter *prompter, GError **error)
{
  const PrProtocol *protocol = prompter->protocol;
  const PrTokenizer *tokenizer = prompter->tokenizer;
  gint32 think, pause = -1;

  if (protocol->thinking == PR_THINKING_NONE)
    return TRUE;
  if (!find_tag (tokenizer, "<think>", &think, error) || !find_tag (tokenizer, "</think>", &prompter->end_think, error)
      || (protocol->thinking == PR_THINKING_PAUSE && protocol->pauses > 0
          && !find_pause (tokenizer, protocol->token, &pause, error)))
    return FALSE;
  append_times (prompter->thinking, think, 1);
  if (protocol->thinking == PR_THINKING_PAUSE)
    {
      append_times (prompter->thinking, pause, protocol->pauses);
      append_times (prompter->thinking, prompter->end_think, 1);
    }
  if (protocol->thinking == PR_THINKING_LATENT)
    {
      append_times (prompter->bridge, PR_TOKEN_LATENT, protocol->pauses);
      append_times (prompter->bridge, prompter->end_think, 1);
    }
  return TRUE;
}

static gboolean
build_note (PrPrompter *prompter, GError **error)
{
  if (prompter->protocol->thinking != PR_THINKING_NOTE)
    return TRUE;
  if (prompter->dataset == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "notes are made from items: this prompter needs the data set");
      return FALSE;
    }
  prompter->note = pr_template_parse (prompter->protocol->note, PR_TEMPLATE_HISTORY_ONLY, "note", error);
  return prompter->note != NULL;
}

PrPrompter *
pr_prompter_new (const PrProtocol *protocol, const PrTokenizer *tokenizer, const PrSids *sids, const PrDataset *dataset,
                 GError **error)
{
  g_autoptr (PrPrompter) prompter = g_new0 (PrPrompter, 1);
  const char *slot;

  prompter->protocol = pr_protocol_copy (protocol);
  prompter->tokenizer = tokenizer;
  prompter->sids = sids;
  prompter->dataset = dataset;
  prompter->end_think = -1;
  prompter->before = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->between = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->after = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->thinking = g_array_new (FALSE, FALSE, sizeof (gint32));
  prompter->bridge = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (!pr_protocol_check_template (protocol->prompt, error) || !find_sid_tokens (prompter, tokenizer, error)
      || !build_thinking (prompter, error) || !build_note (prompter, error))
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
  pr_template_free (prompter->note);
  g_array_unref (prompter->before);
  g_array_unref (prompter->between);
  g_array_unref (prompter->after);
  g_array_unref (prompter->thinking);
  g_array_unref (prompter->bridge);
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

/* The words of the note and </think>.  What an item calls itself must not end the thought or name another item, so that
 * added tokens are left out. */
static void
append_note (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) words = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (pr_template_fill (prompter->note, prompter->dataset, history, n, -1, text))
    pr_tokenizer_encode (prompter->tokenizer, text->str, (gssize)text->len, words);
  for (guint i = 0; i < words->len; i++)
    if (pr_prompter_is_word (prompter, g_array_index (words, gint32, i)))
      g_array_append_val (tokens, g_array_index (words, gint32, i));
  append_times (tokens, prompter->end_think, 1);
}

/* Marks for the tokens that have none yet; an item's levels count from 0. */
static void
mark (GArray *marks, const GArray *tokens, PrPromptPart part, gint64 place)
{
  for (gint32 level = 0; marks != NULL && marks->len < tokens->len; level++)
    {
      PrPromptMark m = { part, (gint32)place, place >= 0 ? level : -1 };

      g_array_append_val (marks, m);
    }
}

/* <think>, what stands after it, and </think> where the prompt has one. */
static void
append_thinking (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens, GArray *marks)
{
  for (guint i = 0; i < prompter->thinking->len; i++)
    {
      gboolean pause = prompter->protocol->thinking == PR_THINKING_PAUSE && i > 0 && i + 1 < prompter->thinking->len;

      append_times (tokens, g_array_index (prompter->thinking, gint32, i), 1);
      mark (marks, tokens, pause ? PR_PROMPT_PAUSE : PR_PROMPT_TAG, -1);
    }
  if (prompter->note == NULL)
    return;
  append_note (prompter, history, n, tokens);
  mark (marks, tokens, PR_PROMPT_NOTE, -1);
  if (marks != NULL)
    g_array_index (marks, PrPromptMark, marks->len - 1).part = PR_PROMPT_TAG;
}

void
pr_prompter_marked_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens, GArray *marks)
{
  gint64 first = MAX (0, n - prompter->protocol->history);

  append_all (tokens, prompter->before);
  mark (marks, tokens, PR_PROMPT_TEXT, -1);
  for (gint64 i = first; i < n; i++)
    {
      if (i > first)
        append_all (tokens, prompter->between);
      mark (marks, tokens, PR_PROMPT_SEPARATOR, -1);
      pr_prompter_item (prompter, history[i], tokens);
      mark (marks, tokens, PR_PROMPT_ITEM, i);
    }
  append_all (tokens, prompter->after);
  mark (marks, tokens, PR_PROMPT_TEXT, -1);
  append_thinking (prompter, history + first, n - first, tokens, marks);
}

void
pr_prompter_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens)
{
  pr_prompter_marked_prompt (prompter, history, n, tokens, NULL);
}

void
pr_prompter_bridge (const PrPrompter *prompter, GArray *tokens)
{
  append_all (tokens, prompter->bridge);
}

PrThinking
pr_prompter_thinking (const PrPrompter *prompter)
{
  return prompter->protocol->thinking;
}

gint32
pr_prompter_end_think (const PrPrompter *prompter)
{
  return prompter->end_think;
}

/* SID tokens are added tokens, so one flag tells. */
gboolean
pr_prompter_is_word (const PrPrompter *prompter, gint32 token)
{
  const GArray *flags = prompter->tokenizer->flags;

  return token >= 0 && token < (gint32)flags->len && !(g_array_index (flags, guint8, token) & PR_TOKEN_ADDED);
}

gboolean
pr_prompter_is_contiguous (const PrPrompter *prompter)
{
  return prompter->protocol->thinking == PR_THINKING_NONE && prompter->between->len == 0 && prompter->after->len == 0;
}
