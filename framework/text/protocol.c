/* protocol.c - protocol.json: strict in what it reads. */
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/protocol.h>
#include <string.h>

#define HISTORY "{history}"
#define HISTORY_MAX 100000
#define PAUSES_MAX 4096
#define TEXT_MAX 65536

static const char *const thinking_names[] = { "none", "pause", "cot" };

PrProtocol *
pr_protocol_new (const char *prompt, const char *separator, gint64 history)
{
  PrProtocol *protocol = g_new0 (PrProtocol, 1);

  protocol->prompt = g_strdup (prompt);
  protocol->separator = g_strdup (separator);
  protocol->history = history;
  protocol->thinking = PR_THINKING_NONE;
  return protocol;
}

PrProtocol *
pr_protocol_copy (const PrProtocol *protocol)
{
  PrProtocol *copy = pr_protocol_new (protocol->prompt, protocol->separator, protocol->history);

  copy->thinking = protocol->thinking;
  copy->pauses = protocol->pauses;
  return copy;
}

void
pr_protocol_free (PrProtocol *protocol)
{
  if (protocol == NULL)
    return;
  g_free (protocol->prompt);
  g_free (protocol->separator);
  g_free (protocol);
}

gboolean
pr_protocol_check_template (const char *prompt, GError **error)
{
  const char *first = strstr (prompt, HISTORY);

  if (first == NULL || strstr (first + strlen (HISTORY), HISTORY) != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "the prompt '%.200s' must have \"" HISTORY "\" in it exactly once", prompt);
      return FALSE;
    }
  if (strlen (prompt) > TEXT_MAX || !g_utf8_validate (prompt, -1, NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "the prompt must be UTF-8 of at most %d bytes", TEXT_MAX);
      return FALSE;
    }
  return TRUE;
}

static PrProtocol *
protocol_from_json (const json_t *file, const char *path, GError **error)
{
  g_autoptr (PrProtocol) protocol = NULL;
  g_autoptr (GError) fault = NULL;
  const char *prompt = json_string_value (json_object_get (file, "prompt"));
  const char *separator = json_string_value (json_object_get (file, "separator"));
  const char *thinking = json_string_value (json_object_get (file, "thinking"));
  const json_t *history = json_object_get (file, "history"), *pauses = json_object_get (file, "pauses");
  gsize mode = 0;

  if (prompt == NULL || separator == NULL || thinking == NULL || !json_is_integer (history) || !json_is_integer (pauses)
      || json_object_size (file) != 5)
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "%s: a protocol has exactly the keys prompt, separator, thinking (texts), history and pauses (numbers)",
          path);
      return NULL;
    }
  while (mode < G_N_ELEMENTS (thinking_names) && strcmp (thinking, thinking_names[mode]) != 0)
    mode++;
  protocol = pr_protocol_new (prompt, separator, json_integer_value (history));
  protocol->thinking = (PrThinking)mode;
  protocol->pauses = json_integer_value (pauses);
  if (!pr_protocol_check_template (prompt, &fault))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s", path, fault->message);
  else if (mode == G_N_ELEMENTS (thinking_names))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: thinking is '%.40s'; it must be none, pause or cot", path,
                 thinking);
  else if (protocol->history < 1 || protocol->history > HISTORY_MAX || strlen (separator) > TEXT_MAX)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: history %" G_GINT64_FORMAT " is not within 1 and %d, or the separator is too long", path,
                 protocol->history, HISTORY_MAX);
  else if (protocol->pauses < 0 || protocol->pauses > PAUSES_MAX
           || (mode != PR_THINKING_PAUSE && protocol->pauses != 0))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: pauses %" G_GINT64_FORMAT " is not within 0 and %d, or thinking is not pause", path,
                 protocol->pauses, PAUSES_MAX);
  else
    return g_steal_pointer (&protocol);
  return NULL;
}

PrProtocol *
pr_protocol_load (const char *path, GError **error)
{
  json_t *file = pr_json_load (path, error);
  PrProtocol *protocol;

  if (file == NULL)
    return NULL;
  protocol = protocol_from_json (file, path, error);
  json_decref (file);
  return protocol;
}

gboolean
pr_protocol_save (const PrProtocol *protocol, const char *path, GError **error)
{
  json_t *file = json_pack ("{s:s, s:s, s:I, s:s, s:I}", "prompt", protocol->prompt, "separator", protocol->separator,
                            "history", (json_int_t)protocol->history, "thinking", thinking_names[protocol->thinking],
                            "pauses", (json_int_t)protocol->pauses);
  gboolean ok = FALSE;

  if (file == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: the prompt or separator is not UTF-8", path);
  else
    ok = pr_json_save (file, path, error);
  json_decref (file);
  return ok;
}
