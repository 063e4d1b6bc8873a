/* What there is of it: burrow/src/c.rs. */
#ifndef BURROW_STDLIB_H
#define BURROW_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *block, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
void free(void *block);
_Noreturn void abort(void);

static inline int abs(int n) { return n < 0 ? -n : n; }
static inline long labs(long n) { return n < 0 ? -n : n; }

#ifdef __cplusplus
}
#endif

#endif
