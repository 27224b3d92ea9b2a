/* What the preloaded counter of allocations tells the driver. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

struct allocations {
    long count; /* malloc, calloc, realloc and their like, so far */
    long bytes; /* asked for, so far */
    long live;  /* bytes in use now, as malloc rounds them */
};

void allocations_now(struct allocations *now);

#endif
