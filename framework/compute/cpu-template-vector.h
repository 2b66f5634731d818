/* cpu-template-vector.h - the part of cpu-template.h that says what a vector is and how it is loaded, summed and
 * raised. */

#define W PR_LANES
typedef float V __attribute__ ((vector_size (W * 4)));
typedef float VU __attribute__ ((vector_size (W * 4), aligned (4), may_alias));
typedef gint32 I __attribute__ ((vector_size (W * 4)));
typedef guint32 U __attribute__ ((vector_size (W * 4)));
typedef double D __attribute__ ((vector_size (W * 8)));
#define INLINE static inline __attribute__ ((always_inline))

INLINE V
all (float x)
{
  return x - (V){ 0 };
}

/* Apart, so that the usual case needs no memory for a partial vector. */
static V __attribute__ ((noinline)) load_part (const float *p, gint64 left)
{
  V v = { 0 };

  memcpy (&v, p, (gsize)left * sizeof (float));
  return v;
}

static void __attribute__ ((noinline)) store_part (float *p, gint64 left, V v)
{
  memcpy (p, &v, (gsize)left * sizeof (float));
}

/* LEFT elements remain at P: a whole vector, or the rest with zeros behind it. */
INLINE V
load (const float *p, gint64 left)
{
  return G_LIKELY (left >= W) ? (V) * (const VU *)p : load_part (p, left);
}

INLINE void
store (float *p, gint64 left, V v)
{
  if (G_LIKELY (left >= W))
    *(VU *)p = v;
  else
    store_part (p, left, v);
}

INLINE V
choose (I mask, V yes, V no)
{
  return (V)(((I)yes & mask) | ((I)no & ~mask));
}

INLINE V
larger (V a, V b)
{
  return choose (a > b, a, b);
}

INLINE I
lane (void)
{
#if PR_LANES == 16
  return (I){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
#else
  return (I){ 0, 1, 2, 3, 4, 5, 6, 7 };
#endif
}

/* All ones in the lanes that lie before LEFT. */
INLINE I
before (gint64 left)
{
  return lane () < (gint32)MIN (left, W);
}

/* In halves: lane i meets lane i + half. */
INLINE float
sum_lanes (V v)
{
#pragma GCC unroll 4
  for (int half = W / 2; half > 0; half /= 2)
    v += __builtin_shuffle (v, lane () ^ half);
  return v[0];
}

INLINE float
max_lanes (V v)
{
#pragma GCC unroll 4
  for (int half = W / 2; half > 0; half /= 2)
    v = larger (v, __builtin_shuffle (v, lane () ^ half));
  return v[0];
}

/* e^x to 2 units in the last place (Cephes' polynomial); at least e^-87.3, NaN stays NaN. */
INLINE V
exponential (V x)
{
  const V magic = all (12582912.0f); /* 1.5 x 2^23: adding it rounds to an integer in the low bits */
  V t, r, y;
  I n;

  V c = larger (x, all (-87.3f));
  c = choose (c > 88.3f, all (88.3f), c);
  t = c * 1.44269504088896341f + magic;
  n = (I)t - (I)magic;
  t -= magic;
  r = c - t * 0.693359375f;
  r = r + t * 2.12194440e-4f;
  y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  return choose (x == x, (V)((I)y + (n << 23)), x);
}

INLINE V
sigmoid (V x)
{
  return 1.0f / (1.0f + exponential (-x));
}
