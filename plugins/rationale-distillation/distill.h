/* distill.h - what the parts of rationale distillation share.
 *
 * A draft is a rationale in the making: targets.c lists them, a teacher writes their texts, corrupt.c spoils a share of
 * them, rationale-distillation.c keeps what came of it.
 */
#ifndef PR_DISTILL_H
#define PR_DISTILL_H

#include <pauserec/pauserec.h>

typedef enum
{
  TEACHER_TEMPLATE,
  TEACHER_LM,
  TEACHER_WORLD,
  TEACHER_FILE,
} Teacher;

typedef enum
{
  TARGETS_LAST,
  TARGETS_ALL_PREFIXES,
  TARGETS_VALID,
  TARGETS_TEST,
} Targets;

typedef enum
{
  CHOICE_FIRST,
  CHOICE_CYCLE,
  CHOICE_RANDOM,
} Choice;

typedef struct
{
  int teacher, targets, choice, corruption;
  const char *templates, *purpose, *file, *prompt, *opening;
  int64_t max_words, max_tokens, top_k, prune, sentences, rows_at_once;
  double temperature, top_p, share, strength;
} DistillParams;

typedef struct
{
  gint32 user, position, target;
  const gint32 *history; /* [position], borrowed from the data set */
  char *text;            /* owned, one line; NULL: the teacher has none */
  char prompt[65];       /* SHA-256 in hex of what the teacher was given */
  guint64 seed;
  const char *corruption; /* NULL: none */
} Draft;

typedef struct
{
  const DistillParams *params;
  PrRun *run;
  PrDataset *dataset;
  GPtrArray *templates; /* PrTemplate of the purpose */
  GArray *drafts;       /* Draft, by user, then position */
} Distill;

static inline Draft *
distill_draft (const Distill *distill, gsize index)
{
  return &g_array_index (distill->drafts, Draft, index);
}

/* The number that draws for a draft are keyed by: the same in any selection of targets. */
static inline guint64
draft_key (const Draft *draft)
{
  return (guint64)draft->user << 32 | (guint64)draft->position;
}

/* SHA-256 of TEXT into the draft. */
void draft_set_prompt (Draft *draft, const char *text);

/* targets.c: fill `drafts` with the purchases that get a rationale. */
void distill_list_targets (Distill *distill);

/* templates.c */
gboolean distill_check_purpose (const char *purpose, GError **error); /* of the built-in templates; MANIFEST */
gboolean distill_load_templates (Distill *distill, GError **error);
guint distill_choose_template (const Distill *distill, gsize index); /* for draft INDEX */
/* The words of a template about TARGET in the draft's place, to free; NULL if a blank has no words. */
char *distill_fill (const Distill *distill, guint tmpl, const Draft *draft, gint32 target);

/* Teachers: a text, or NULL, for every draft. */
gboolean teach_by_template (Distill *distill, GError **error);
gboolean teach_by_lm (Distill *distill, GError **error);
gboolean teach_by_world (Distill *distill, GError **error);
gboolean teach_by_file (Distill *distill, GError **error);

/* corrupt.c: spoil round(share x texts) of them. */
gboolean distill_corrupt (Distill *distill, GError **error);

/* measure.c: the metrics of the texts as they are now. */
gboolean distill_measure (const Distill *distill, GError **error);

#endif
