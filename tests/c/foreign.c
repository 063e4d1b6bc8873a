/* What t135_foreign calls: functions as `cgocall` takes them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int foreign_add_one(void *number) { return ++*(int *)number; }

/* Where its stack is. */
int foreign_where(void *at) {
    char here;
    *(uintptr_t *)at = (uintptr_t)&here;
    return 0;
}

/* Uses `bytes` of stack in frames of a kilobyte, and gives them again. */
static uint64_t dig(size_t bytes) {
    volatile unsigned char frame[1000];
    memset((void *)frame, (int)(bytes >> 10 & 0x3f) | 1, sizeof frame);
    uint64_t below = bytes > 1024 ? dig(bytes - 1024) : 0;
    return below + frame[bytes % sizeof frame];
}

int foreign_dig(void *bytes) { return dig(*(size_t *)bytes) == 0; }

/* One frame of 200 KiB that is written from its lowest byte on. */
int foreign_large_frame(void *sum) {
    unsigned char frame[200 << 10];
    for (size_t i = 0; i < sizeof frame; i++) {
        frame[i] = (unsigned char)i;
        __asm__ volatile("" ::"r"(frame) : "memory");
    }
    for (size_t i = 0; i < sizeof frame; i++) {
        *(uint64_t *)sum += frame[i];
    }
    return 0;
}

int foreign_recurse(void *depth) {
    if ((uintptr_t)depth == 1) {
        return 0;
    }
    volatile int keeps_a_frame = foreign_recurse((char *)depth + 1);
    return keeps_a_frame + 1;
}

int foreign_write(void *at) {
    *(volatile int *)at = 42;
    return 0;
}

/* Runs until somebody clears the flag; says how often it looked. */
int foreign_spin(void *flag) {
    unsigned looks = 0;
    while (__atomic_load_n((uint32_t *)flag, __ATOMIC_ACQUIRE) != 0) {
        looks++;
    }
    return looks > 1000000 ? 1000000 : (int)looks;
}

/* The sum of a series, in floating point: `*terms` becomes the result's bits. */
int foreign_series(void *terms) {
    uint64_t count = *(uint64_t *)terms;
    double sum = 0, sign = 1, rest[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (uint64_t i = 0; i < count; i++, sign = -sign) {
        sum += sign / (double)(2 * i + 1);
        for (int j = 0; j < 8; j++) {
            rest[j] = rest[j] * 0.5 + (double)j;
        }
    }
    for (int j = 0; j < 8; j++) {
        sum += rest[j] * 0;
    }
    memcpy(terms, &sum, sizeof sum);
    return 0;
}

/* Calls back, and again from what that returns. */
struct call {
    int (*back)(void *);
    void *arg;
    int times;
};

int foreign_call_back(void *arg) {
    struct call *call = arg;
    int sum = 0;
    for (int i = 0; i < call->times; i++) {
        sum += call->back(call->arg);
    }
    return sum;
}

/* The heap of the image, from C. */
int foreign_heap(void *rounds) {
    unsigned char *blocks[16] = {0};
    for (int i = 0; i < *(int *)rounds; i++) {
        unsigned char **block = &blocks[i % 16];
        size_t size = (size_t)(i * 37 % 5000);
        if (*block && **block != (unsigned char)(i % 16)) {
            return -1;
        }
        *block = realloc(*block, size + 1);
        if (!*block || (uintptr_t)*block % 16) {
            return -2;
        }
        memset(*block, i % 16, size + 1);
    }
    int sum = 0;
    for (int i = 0; i < 16; i++) {
        sum += blocks[i] ? blocks[i][0] : 0;
        free(blocks[i]);
    }
    unsigned char *zeroed = calloc(100, 10), *aligned = aligned_alloc(4096, 5);
    if (!zeroed || zeroed[999] || !aligned || (uintptr_t)aligned % 4096) {
        return -3;
    }
    free(zeroed);
    free(aligned);
    free(malloc(0));
    return sum;
}

/* Texts: a bit for each that is as it should be. */
int foreign_texts(void *unused) {
    (void)unused;
    const char *text = "burrow";
    return (strlen(text) == 6) | (strcmp(text, "burrows") < 0) << 1 |
           (strncmp(text, "burst", 3) == 0) << 2 | (strchr(text, 'r') == text + 2) << 3 |
           (strrchr(text, 'r') == text + 3) << 4 | (strchr(text, 'x') == NULL) << 5 |
           (memchr(text, 'w', 6) == text + 5) << 6 | (memchr(text, 'w', 5) == NULL) << 7;
}

int foreign_abort(void *unused) {
    (void)unused;
    abort();
}

#undef NDEBUG
#include <assert.h>
int foreign_assert(void *number) {
    assert(*(int *)number == 42);
    return 0;
}

/* More than there are registers for. */
int64_t foreign_weigh(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g,
                      int64_t h, int64_t i, double j) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + (int64_t)(10 * j);
}
