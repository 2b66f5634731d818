/* The kernels for AVX512. */
#include "config.h"

#if defined(__x86_64__)

#include <glib.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include <pauserec/backend.h>

#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prfchw")

#define PR_LANES 16
#define PR_BLOCK_VECTORS 4
#define PR_KERNELS pr_cpu_avx512
#define PR_NAME "avx512"
#define pr_sqrt(v) ((V)_mm512_sqrt_ps ((__m512)(v)))

/* Low and high halves of the 64-bit products of every lane with FACTOR. */
#define pr_mul_wide(v, factor, ret_low, ret_high)                                                                      \
  do                                                                                                                   \
    {                                                                                                                  \
      __m512i f_ = _mm512_set1_epi32 ((int)(factor));                                                                  \
      __m512i even_ = _mm512_mul_epu32 ((__m512i)(v), f_);                                                             \
      __m512i odd_ = _mm512_mul_epu32 (_mm512_srli_epi64 ((__m512i)(v), 32), f_);                                      \
                                                                                                                       \
      *(ret_low) = (U)_mm512_mask_blend_epi32 (0xaaaa, even_, _mm512_slli_epi64 (odd_, 32));                           \
      *(ret_high) = (U)_mm512_mask_blend_epi32 (0xaaaa, _mm512_srli_epi64 (even_, 32), odd_);                          \
    }                                                                                                                  \
  while (0)

static gboolean
supported (void)
{
  return __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512dq")
         && __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512bw");
}

#include "compute/cpu-template.h"

#endif
