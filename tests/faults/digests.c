/* digests RUN.h5... - what each of these results says, as a line of its name and digest; status 1 if one is not sound.
 */
#include "config.h"

#include "results/results.h"

#include <stdio.h>

int
main (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *digest = NULL, *name = g_path_get_basename (argv[i]);

      if (!pr_results_verify_run (argv[i], NULL, &digest, &error))
        {
          fprintf (stderr, "%s\n", error != NULL ? error->message : "there is no such file");
          return 1;
        }
      printf ("%s %s\n", name, digest);
    }
  return 0;
}
