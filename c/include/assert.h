/* A failed assertion is fatal: `assertion failed: TEXT`, with a traceback. */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
    ((condition) ? (void)0 : __burrow_assert(#condition, __FILE__, __LINE__))
#endif

#ifndef BURROW_ASSERT_H
#define BURROW_ASSERT_H
#ifdef __cplusplus
extern "C"
#endif
_Noreturn void __burrow_assert(const char *text, const char *file, int line);
#define static_assert _Static_assert
#endif
