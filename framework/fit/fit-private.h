/* fit-private.h - the pieces of pr_fit(): schedule, weights, and checkpoints. */
#ifndef PR_FIT_PRIVATE_H
#define PR_FIT_PRIVATE_H

#include <pauserec/fit.h>

/* schedule.c ----------------------------------------------------------------- */

guint64 pr_train_steps_per_epoch (const PrTrainParams *params, gsize n_examples);
/* Learning rate of the update that follows STEP updates of TOTAL. */
double pr_train_lr (const PrTrainParams *params, guint64 step, guint64 total);

/* The fitter ----------------------------------------------------------------- */

typedef enum
{
  PR_SERIES_LOSS,
  PR_SERIES_LR,
  PR_SERIES_GRAD_NORM,
  PR_SERIES_VALID, /* PrFit.valid_name */
  PR_SERIES_EMPTY,
  PR_N_SERIES /* those of PrFit.series follow */
} PrSeries;

/* What was said to the run, so that a resumed training can say it again.  Numbers of one type: a row of a tensor. */
typedef struct
{
  double series, step, value;
} PrPoint;

/* Everything that changes from step to step; what a checkpoint holds. */
typedef struct
{
  guint64 step;            /* updates done */
  guint64 n_empty, n_seen; /* examples of this epoch that teach nothing; those that did so far */
  gboolean has_best;
  double best;
  guint64 best_step;
  double costs[PR_N_COSTS];
  GArray *points;      /* PrPoint */
  float *m, *v;        /* [n] */
  float *best_weights; /* [n]; NULL unless the best weights are kept */
} PrFitState;

typedef struct PrFitter PrFitter;

struct PrTrainLog
{
  PrFitter *fitter;
  guint64 step; /* of the points that come */
};

struct PrFitter
{
  PrRun *run;
  const PrFit *fit;
  const PrTrainParams *params;
  guint64 seed;

  guint64 total_steps, steps_per_epoch, round_steps;
  gint64 n;       /* floats that move */
  float *grads;   /* [n] */
  guint32 *order; /* of the epoch; NULL unless shuffled */
  guint64 order_epoch;
  GArray *picked; /* guint32: examples of the round */
  PrTrainLog log;
  /* What the coming step may have changed already: undone if the user interrupts before its update. */
  struct
  {
    gboolean set;
    guint n_points;
    double costs[PR_N_COSTS];
    guint8 *state; /* [state_bytes] */
  } mark;
  char *fingerprint; /* SHA-256 of all that the result depends on */
  PrFitState state;
};

/* Between rounds, where nothing but the state has to be kept. */
gboolean pr_fitter_between_rounds (const PrFitter *fitter);

/* log.c: say a point of a curve to the run and remember it. */
void pr_fitter_point (PrFitter *fitter, gsize series, guint64 step, double value);
/* Say all points again that a checkpoint brought. */
void pr_fitter_repeat_points (PrFitter *fitter);
/* Remember what the coming step may change, and undo what it said and decided if its update does not come. */
void pr_fitter_set_mark (PrFitter *fitter);
void pr_fitter_back_to_mark (PrFitter *fitter);

/* pieces.c: what moves, gathered into ret_values [n], and put back. */
void pr_fitter_gather (const PrFitter *fitter, float *ret_values);
void pr_fitter_scatter (PrFitter *fitter, const float *values);
/* The same as one array: the weights themselves if they lie so, else a copy in *RET_COPY, which the caller frees. */
const float *pr_fitter_flat (const PrFitter *fitter, float **ret_copy);
double pr_fitter_grad_norm (const PrFitter *fitter);
/* AdamW with gradients times GRAD_SCALE; state.step is the number of updates before this one. */
void pr_fitter_update (PrFitter *fitter, double lr, double grad_scale);
/* NUMERIC error if a weight is not finite. */
gboolean pr_fitter_check_weights (const PrFitter *fitter, GError **error);

/* checkpoint.c: NAME-<fingerprint>-<step>.safetensors in the run's scratch folder. */
char *pr_checkpoint_fingerprint (const PrFitter *fitter);
gboolean pr_checkpoint_save (const PrFitter *fitter, GError **error);
/* The newest that is whole and of this training; FALSE without an error if there is none. */
gboolean pr_checkpoint_load (PrFitter *fitter);

#endif
