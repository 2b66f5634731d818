/* The kernels for AVX2. */
#include "config.h"

#if defined(__x86_64__)

#include <glib.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include <pauserec/backend.h>

#pragma GCC target("avx2,fma,prfchw")

#define PR_LANES 8
#define PR_BLOCK_VECTORS 2
#define PR_KERNELS pr_cpu_avx2
#define PR_NAME "avx2"
#define pr_sqrt(v) ((V)_mm256_sqrt_ps ((__m256)(v)))

/* Low and high halves of the 64-bit products of every lane with FACTOR. */
#define pr_mul_wide(v, factor, ret_low, ret_high)                                                                      \
  do                                                                                                                   \
    {                                                                                                                  \
      __m256i f_ = _mm256_set1_epi32 ((int)(factor));                                                                  \
      __m256i even_ = _mm256_mul_epu32 ((__m256i)(v), f_);                                                             \
      __m256i odd_ = _mm256_mul_epu32 (_mm256_srli_epi64 ((__m256i)(v), 32), f_);                                      \
                                                                                                                       \
      *(ret_low) = (U)_mm256_blend_epi32 (even_, _mm256_slli_epi64 (odd_, 32), 0xaa);                                  \
      *(ret_high) = (U)_mm256_blend_epi32 (_mm256_srli_epi64 (even_, 32), odd_, 0xaa);                                 \
    }                                                                                                                  \
  while (0)

static gboolean
supported (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
}

#include "compute/cpu-template.h"

#endif
