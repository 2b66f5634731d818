/* protocol.c - protocol.json: strict in what it reads. */
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/protocol.h>
#include <pauserec/template.h>
#include <string.h>

#define HISTORY "{history}"
#define HISTORY_MAX 100000
#define PAUSES_MAX 4096
#define TEXT_MAX 65536

const char *const pr_thinking_names[] = { "none", "pause", "cot", "note", "latent", NULL };

PrProtocol *
pr_protocol_new (const char *prompt, const char *separator, gint64 history)
{
  PrProtocol *protocol = g_new0 (PrProtocol, 1);

  protocol->prompt = g_strdup (prompt);
  protocol->separator = g_strdup (separator);
  protocol->history = history;
  protocol->thinking = PR_THINKING_NONE;
  protocol->token = g_strdup (PR_PAUSE_TOKEN);
  protocol->note = g_strdup ("");
  return protocol;
}

static void
set_text (char **to, const char *text)
{
  g_free (*to);
  *to = g_strdup (text);
}

PrProtocol *
pr_protocol_copy (const PrProtocol *protocol)
{
  PrProtocol *copy = pr_protocol_new (protocol->prompt, protocol->separator, protocol->history);

  copy->thinking = protocol->thinking;
  copy->pauses = protocol->pauses;
  set_text (&copy->token, protocol->token);
  set_text (&copy->note, protocol->note);
  return copy;
}

void
pr_protocol_free (PrProtocol *protocol)
{
  if (protocol == NULL)
    return;
  g_free (protocol->prompt);
  g_free (protocol->separator);
  g_free (protocol->token);
  g_free (protocol->note);
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

/* Whether VALUE (NULL: not there) may stand under KEY, which only the thinking mode OWNER uses. */
static gboolean
check_key_of_mode (const json_t *value, const char *key, gboolean allowed, PrThinking owner, const char *path,
                   GError **error)
{
  if (value == NULL || (allowed && json_is_string (value)))
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: the key '%s' must be a text, and only with thinking = %s", path,
               key, pr_thinking_names[owner]);
  return FALSE;
}

/* Five keys always; the token of pause mode where it is not <pause>; the note of note mode. */
static PrProtocol *
read_keys (const json_t *file, const char *path, GError **error)
{
  const char *prompt = json_string_value (json_object_get (file, "prompt"));
  const char *separator = json_string_value (json_object_get (file, "separator"));
  const char *thinking = json_string_value (json_object_get (file, "thinking"));
  const json_t *history = json_object_get (file, "history"), *pauses = json_object_get (file, "pauses"),
               *token = json_object_get (file, "token"), *note = json_object_get (file, "note");
  PrProtocol *protocol;
  gsize mode = 0;

  if (prompt == NULL || separator == NULL || thinking == NULL || !json_is_integer (history) || !json_is_integer (pauses)
      || json_object_size (file) != 5 + (gsize)(token != NULL) + (gsize)(note != NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: a protocol has exactly the keys prompt, separator, thinking (texts), history and pauses "
                   "(numbers), and token or note where its thinking mode uses them",
                   path);
      return NULL;
    }
  while (pr_thinking_names[mode] != NULL && strcmp (thinking, pr_thinking_names[mode]) != 0)
    mode++;
  if (pr_thinking_names[mode] == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: thinking is '%.40s'; it must be none, pause, cot, note or latent", path, thinking);
      return NULL;
    }
  if (!check_key_of_mode (token, "token", mode == PR_THINKING_PAUSE, PR_THINKING_PAUSE, path, error)
      || !check_key_of_mode (note, "note", mode == PR_THINKING_NOTE, PR_THINKING_NOTE, path, error))
    return NULL;
  if (mode == PR_THINKING_NOTE && note == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: thinking is note, but the key 'note' is missing", path);
      return NULL;
    }
  protocol = pr_protocol_new (prompt, separator, json_integer_value (history));
  protocol->thinking = (PrThinking)mode;
  protocol->pauses = json_integer_value (pauses);
  if (token != NULL)
    set_text (&protocol->token, json_string_value (token));
  if (note != NULL)
    set_text (&protocol->note, json_string_value (note));
  return protocol;
}

static gboolean
check_note (const char *note, GError **error)
{
  g_autoptr (PrTemplate) tmpl = pr_template_parse (note, PR_TEMPLATE_HISTORY_ONLY, "note", error);

  return tmpl != NULL;
}

static PrProtocol *
protocol_from_json (const json_t *file, const char *path, GError **error)
{
  g_autoptr (PrProtocol) protocol = read_keys (file, path, error);
  g_autoptr (GError) fault = NULL;
  gboolean counts;

  if (protocol == NULL)
    return NULL;
  counts = protocol->thinking == PR_THINKING_PAUSE || protocol->thinking == PR_THINKING_LATENT;
  if (!pr_protocol_check_template (protocol->prompt, &fault))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s", path, fault->message);
  else if (protocol->history < 1 || protocol->history > HISTORY_MAX || strlen (protocol->separator) > TEXT_MAX)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: history %" G_GINT64_FORMAT " is not within 1 and %d, or the separator is too long", path,
                 protocol->history, HISTORY_MAX);
  else if (protocol->pauses < 0 || protocol->pauses > PAUSES_MAX || (!counts && protocol->pauses != 0))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: pauses %" G_GINT64_FORMAT " is not within 0 and %d, or thinking is neither pause nor latent",
                 path, protocol->pauses, PAUSES_MAX);
  else if (protocol->token[0] == '\0' || strlen (protocol->token) > TEXT_MAX)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: token must have 1 to %d bytes", path, TEXT_MAX);
  else if (!check_note (protocol->note, &fault))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s", path, fault->message);
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

/* The keys "token" and "note" only where they say something, so that older files stay what they were. */
static gboolean
add_keys_of_mode (const PrProtocol *protocol, json_t *file)
{
  if (protocol->thinking == PR_THINKING_PAUSE && strcmp (protocol->token, PR_PAUSE_TOKEN) != 0)
    return json_object_set_new (file, "token", json_string (protocol->token)) == 0;
  if (protocol->thinking == PR_THINKING_NOTE)
    return json_object_set_new (file, "note", json_string (protocol->note)) == 0;
  return TRUE;
}

gboolean
pr_protocol_save (const PrProtocol *protocol, const char *path, GError **error)
{
  json_t *file = json_pack ("{s:s, s:s, s:I, s:s, s:I}", "prompt", protocol->prompt, "separator", protocol->separator,
                            "history", (json_int_t)protocol->history, "thinking", pr_thinking_names[protocol->thinking],
                            "pauses", (json_int_t)protocol->pauses);
  gboolean ok = FALSE;

  if (file == NULL || !add_keys_of_mode (protocol, file))
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: prompt, separator, token or note is not UTF-8", path);
  else
    ok = pr_json_save (file, path, error);
  json_decref (file);
  return ok;
}
