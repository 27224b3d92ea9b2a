/* Reads the clocks and the counters of this process. */
#ifndef METER_H
#define METER_H

#include <stdint.h>

/* Nanoseconds: of the wall clock, and of the CPU for the whole process (user and system). */
int64_t wall_now(void);
int64_t cpu_now(void);

/* Resident memory in KiB, now and at its peak. */
struct memory {
    long now;
    long peak;
};
struct memory memory_now(void);

struct allocations {
    long count; /* malloc, calloc, realloc and their like, so far */
    long bytes; /* asked for, so far */
    long live;  /* bytes in use now, as malloc rounds them */
};

/* Zero where the counter is not preloaded. */
struct allocations heap_now(void);

/* The counter's own, in allocations.c. */
void allocations_now(struct allocations *now);

/* Files and sockets that are open. */
long descriptors_now(void);

/* How often this process has called connect(). */
long connections_now(void);

void sleep_ms(long milliseconds);

/* Sorts the samples; `share` is 0.5 for the median. */
void sort_samples(int64_t *samples, long count);
double percentile_us(const int64_t *sorted, long count, double share);

#endif
