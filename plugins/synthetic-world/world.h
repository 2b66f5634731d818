/* world.h - a small world whose laws are known.  Specification: datasets/synthetic-world/README.md.
 *
 * The sources behind this header know nothing of stages: the tests call them directly.
 */
#ifndef PR_SYNTHETIC_WORLD_H
#define PR_SYNTHETIC_WORLD_H

#include <pauserec/dataset.h>

typedef struct
{
  int64_t world_seed;
  int64_t n_items, n_categories, n_brands, n_users;
  int64_t min_length, max_length;
  int64_t documents_per_rule, documents_per_item;
  int64_t oracle_k;
  double follow;          /* p: share of steps that follow a rule */
  double loyalty;         /* share of those that look at the favourite brand first */
  double skew;            /* exponent of popularity within a category */
  double text_only_rules; /* share of rules that stand only in the text */
  double text_only_users; /* share of users sent to such a rule for their last step */
} WorldParams;

typedef struct
{
  WorldParams params;
  gint32 n_items, n_categories, n_brands;
  gint32 n_text_only; /* categories whose rule stands only in the text */

  gint32 *rule;        /* [n_categories]: what is needed next */
  gboolean *text_only; /* [n_categories] */
  gint32 *first; /* [n_categories + 1]: the members of category c are members[first[c]] .. members[first[c + 1] - 1] */
  gint32 *members; /* [n_items] */

  gint32 *category, *brand;   /* [n_items] */
  double *share;              /* [n_items]: popularity within the category; sums to 1 there */
  double *brand_share;        /* [n_categories, n_brands]: sum of the shares of a brand's items */
  gint32 *adjective, *colour; /* [n_items]: indices into the word lists */
} World;

/* PARAMS must have passed world_params_check(). */
gboolean world_params_check (const WorldParams *params, GError **error);
World *world_new (const WorldParams *params);
void world_free (World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (World, world_free)

/* Users (users.c) --------------------------------------------------------- */

/* How one step of a user works: with probability `follow` the rule, else a category drawn evenly from those allowed. */
typedef enum
{
  WORLD_ALL,
  WORLD_NO_TEXT_ONLY,   /* not the sources of text-only rules: nothing in the training part may follow on them */
  WORLD_ONLY_TEXT_ONLY, /* nothing but them */
  WORLD_NOT_THE_RULE,   /* all but what the rule asks for */
} WorldAllowed;

typedef struct
{
  double follow;
  WorldAllowed allowed;
} WorldStep;

/* The step into POSITION of a sequence of LENGTH, coming from category SOURCE (-1 at the start). */
WorldStep world_step (const World *world, gint64 length, gint64 position, gint32 source, gboolean sent);
gboolean world_allowed (const World *world, WorldAllowed allowed, gint32 source, gint32 category);
gint32 world_n_allowed (const World *world, WorldAllowed allowed, gint32 source);
/* P(ITEM | its category was chosen to follow a rule, favourite BRAND). */
double world_choice (const World *world, gint32 brand, gint32 item);

/* Why a purchase is what it is. */
typedef struct
{
  gint32 source;       /* category of the purchase before; -1 at the start */
  gboolean may_follow; /* a rule could be followed at this step */
  gboolean follows;    /* and was: not the same as landing in the rule's category by chance */
  gint32 brand;        /* the favourite, if only its items were looked at; otherwise -1 */
} WorldCause;

/* The purchases of USER and, unless that is NULL, their causes, [max_length] wide; returns how many. */
gint64 world_sequence (const World *world, gint64 user, gint32 *ret_items, WorldCause *ret_causes);
gint32 world_favourite (const World *world, gint64 user); /* the hidden brand */

/* Oracle (oracle.c) -------------------------------------------------------- */

/* P(favourite brand | history), [n_brands]. */
void world_posterior (const World *world, const gint32 *history, gint64 n, double *ret_posterior);
/* P(next item | history) at the test step, [n_items], for somebody who knows the laws, but not the user's brand.
 * BLIND: nor the rules that stand only in the text. */
void world_predict (const World *world, const gint32 *history, gint64 n, gboolean blind, double *ret_probability);
/* The K most probable items, ties by number, best first. */
void world_top (const double *probability, gint32 n_items, gint32 k, gint32 *ret_items);

/* Words (words.c, corpus.c) ------------------------------------------------- */

#define WORLD_MAX_CATEGORIES 48
#define WORLD_MAX_BRANDS 24
#define WORLD_MAX_PER_CATEGORY 288 /* adjectives x colours */
#define WORLD_N_ADJECTIVES 24
#define WORLD_N_COLOURS 12
#define WORLD_N_FEATURES 16

typedef struct
{
  const char *department, *noun;
} WorldCategory;

extern const WorldCategory world_categories[WORLD_MAX_CATEGORIES];
extern const char *const world_brands[WORLD_MAX_BRANDS];
extern const char *const world_adjectives[WORLD_N_ADJECTIVES];
extern const char *const world_colours[WORLD_N_COLOURS];
extern const char *const world_features[WORLD_N_FEATURES];

/* "compact green tent" */
char *world_title (const World *world, gint32 item);
char *world_description (const World *world, gint32 item);
/* The text corpus, in a shuffled order; owned strings. */
GPtrArray *world_corpus (const World *world);
/* One sentence that states the rule of CATEGORY; INDEX chooses the wording. */
char *world_rule_sentence (const World *world, gint32 category, guint index);
guint world_n_wordings (void);
/* The causal chain of a purchase of ITEM (not the first one), in words of the corpus (chains.c). */
char *world_chain (const World *world, const WorldCause *cause, gint32 item);
/* "a tent", "An easel". */
void world_append_article (GString *text, const char *words, gboolean capital);

#endif
