/* Counts what goes through malloc: preload it, and the driver finds allocations_now(). */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>

#include "meter.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static struct allocations counted;

void allocations_now(struct allocations *now)
{
    now->count = __atomic_load_n(&counted.count, __ATOMIC_RELAXED);
    now->bytes = __atomic_load_n(&counted.bytes, __ATOMIC_RELAXED);
    now->live = __atomic_load_n(&counted.live, __ATOMIC_RELAXED);
}

static void *note(void *memory, size_t size)
{
    if (memory == NULL)
        return NULL;
    __atomic_fetch_add(&counted.count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counted.bytes, (long)size, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counted.live, (long)malloc_usable_size(memory), __ATOMIC_RELAXED);
    return memory;
}

void *malloc(size_t size)
{
    return note(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
    return note(__libc_calloc(count, size), count * size);
}

void *realloc(void *memory, size_t size)
{
    long before = (long)malloc_usable_size(memory);
    void *moved = __libc_realloc(memory, size);

    if (moved != NULL || size == 0)
        __atomic_fetch_sub(&counted.live, before, __ATOMIC_RELAXED);
    return note(moved, size);
}

void *memalign(size_t alignment, size_t size)
{
    return note(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
    __atomic_fetch_sub(&counted.live, (long)malloc_usable_size(memory), __ATOMIC_RELAXED);
    __libc_free(memory);
}
