#include "config.h"

#include "runtime/event-line.h"

#include <string.h>

static void
set_string (json_t *object, const char *key, const char *value)
{
  if (value != NULL)
    json_object_set_new (object, key, json_string (value));
}

static void
set_count (json_t *object, const char *key, guint64 value)
{
  json_object_set_new (object, key, json_integer ((json_int_t)MIN (value, G_MAXINT64)));
}

json_t *
pr_event_json (const PrEvent *event)
{
  g_autoptr (GDateTime) time = g_date_time_new_now_utc ();
  g_autofree char *stamp = g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, event->seed);
  json_t *object = json_pack ("{s:s, s:s, s:i, s:i}", "time", stamp, "event", pr_event_name (event->kind), "run",
                              (int)event->run, "runs", (int)event->n_runs);

  set_string (object, "arm", event->arm);
  set_string (object, "seed", seed);
  set_string (object, "stage", event->stage);
  set_string (object, "key", event->key);
  set_string (object, "text", event->text);
  if (event->stage != NULL)
    {
      set_count (object, "node", event->node);
      set_count (object, "nodes", event->n_nodes);
    }
  if (event->kind == PR_EVENT_STAGE_STEP)
    {
      set_count (object, "done", event->done);
      set_count (object, "total", event->total);
    }
  if (event->kind == PR_EVENT_STAGE_END)
    json_object_set_new (object, "seconds", json_real (event->seconds));
  if (event->kind == PR_EVENT_RUN_FAILED)
    set_count (object, "code", (guint64)event->code);
  return object;
}

char *
pr_event_line (const PrEvent *event)
{
  json_t *object = pr_event_json (event);
  char *text = json_dumps (object, JSON_COMPACT);
  char *line = g_strconcat (text != NULL ? text : "{}", "\n", NULL);

  json_decref (object);
  free (text);
  return line;
}

static gboolean
read_kind (const json_t *object, PrEventKind *ret_kind)
{
  const char *name = json_string_value (json_object_get (object, "event"));

  for (int kind = PR_EVENT_RUN_BEGIN; name != NULL && kind <= PR_EVENT_NOTE; kind++)
    if (strcmp (pr_event_name (kind), name) == 0)
      {
        *ret_kind = kind;
        return TRUE;
      }
  return FALSE;
}

static guint64
get_count (const json_t *object, const char *key)
{
  return (guint64)MAX (json_integer_value (json_object_get (object, key)), 0);
}

static const char *
get_text (const json_t *object, const char *key)
{
  return json_string_value (json_object_get (object, key));
}

gboolean
pr_event_read (const char *line, gsize length, PrReadEvent *ret_read)
{
  json_t *object = json_loadb (line, length, JSON_REJECT_DUPLICATES, NULL);
  PrEvent event = { 0 };
  const char *seed = get_text (object, "seed");

  if (object == NULL || !json_is_object (object) || !read_kind (object, &event.kind))
    {
      json_decref (object);
      return FALSE;
    }
  event.run = (guint)MIN (get_count (object, "run"), G_MAXUINT);
  event.n_runs = (guint)MIN (get_count (object, "runs"), G_MAXUINT);
  event.node = (guint)MIN (get_count (object, "node"), G_MAXUINT);
  event.n_nodes = (guint)MIN (get_count (object, "nodes"), G_MAXUINT);
  event.arm = get_text (object, "arm");
  event.seed = seed != NULL ? g_ascii_strtoull (seed, NULL, 10) : 0;
  event.stage = get_text (object, "stage");
  event.key = get_text (object, "key");
  event.text = get_text (object, "text");
  event.done = get_count (object, "done");
  event.total = get_count (object, "total");
  event.seconds = json_number_value (json_object_get (object, "seconds"));
  event.code = (int)MIN (get_count (object, "code"), G_MAXINT);
  *ret_read = (PrReadEvent){ event, object };
  return TRUE;
}

void
pr_read_event_clear (PrReadEvent *read)
{
  g_clear_pointer (&read->json, json_decref);
}
