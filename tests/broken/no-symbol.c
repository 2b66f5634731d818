/* A library, but no plugin. */
int pr_nothing_here (void);

int
pr_nothing_here (void)
{
  return 0;
}
