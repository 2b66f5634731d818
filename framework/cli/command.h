/* command.h - what a file of framework/cli/ declares, and the options that commands share. */
#ifndef PR_COMMAND_H
#define PR_COMMAND_H

#include "runtime/experiment.h"

/* One command = one file with one of these, and one line in main.c's table. */
typedef struct
{
  const char *name;
  const char *arguments;   /* after the name in the usage line: "FILE", "[STAGE]" */
  const char *summary;     /* one line, for the list of commands */
  const char *description; /* shown by --help under the options; may be NULL */
  /* ARGV[0] is the command's name. Prints its result on stdout, never an error. FALSE with ERROR set: main reports it
   * once and leaves with pr_error_exit_code(). */
  gboolean (*run) (int argc, char **argv, GError **error);
} PrCommand;

extern const PrCommand pr_command_inspect;
extern const PrCommand pr_command_check;
extern const PrCommand pr_command_plan;
extern const PrCommand pr_command_run;
extern const PrCommand pr_command_retry;
extern const PrCommand pr_command_status;
extern const PrCommand pr_command_merge;
extern const PrCommand pr_command_task;
extern const PrCommand pr_command_compare;
extern const PrCommand pr_command_report;
extern const PrCommand pr_command_gc;
extern const PrCommand pr_command_verify;
extern const PrCommand pr_command_export;
extern const PrCommand pr_command_bench;

/* Which of the shared options a command takes. */
typedef enum
{
  PR_OPTIONS_PLUGINS = 1 << 0,  /* --plugin-path DIR, repeatable */
  PR_OPTIONS_STORE = 1 << 1,    /* --store DIR */
  PR_OPTIONS_OUT = 1 << 2,      /* --out DIR */
  PR_OPTIONS_THREADS = 1 << 3,  /* --threads N */
  PR_OPTIONS_MANIFEST = 1 << 4, /* --set STAGE.KEY=VALUE and --only arm=NAME|seed=N, repeatable; and the plugins' */
} PrOptionsFlags;

typedef struct
{
  char **plugin_path; /* may be NULL, as the next four */
  char *store;
  char *out;
  char **set;
  char **only;
  int threads; /* 0: not said */
} PrOptions;

void pr_options_clear (PrOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrOptions, pr_options_clear)

/* Parse ARGV of COMMAND: the shared options named by FLAGS into OPTIONS, the command's own EXTRA (may be NULL, ends
 * with G_OPTION_ENTRY_NULL).  What remains are positional arguments: at least MIN and at most MAX, MANIFEST error
 * otherwise. Returns them, NULL-terminated, to free with g_strfreev(). */
char **pr_options_parse (const PrCommand *command, int argc, char **argv, PrOptionsFlags flags, PrOptions *options,
                         const GOptionEntry *extra, int min, int max, GError **error);

/* Work with as many threads as --threads says, by default one a core. */
void pr_options_set_threads (const PrOptions *options);

/* --store, otherwise $PAUSEREC_STORE, otherwise `pauserec-store`.  Borrowed. */
const char *pr_options_store (const PrOptions *options);

/* --out, otherwise pauserec-results/<name of the experiment>; to free. */
char *pr_options_out (const PrOptions *options, const PrExperiment *experiment);

/* As many threads as --threads says, by default one a core. */
guint pr_options_threads (const PrOptions *options);

/* The results file that a user means by PATH: the file, or results.h5 in a folder; to free. */
char *pr_options_results (const char *path);

/* The plugins of the default folder and of every --plugin-path. */
PrRegistry *pr_options_load_registry (const PrOptions *options, GError **error);

/* The manifest at PATH with --set and --only applied. */
PrExperiment *pr_options_load_experiment (const PrOptions *options, const char *path, const PrRegistry *registry,
                                          GError **error);

#endif
