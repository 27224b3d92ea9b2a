#define _GNU_SOURCE
#include "meter.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t wall_now(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t cpu_now(void)
{
    return now(CLOCK_PROCESS_CPUTIME_ID);
}

/* The number behind `field` in a file of /proc/self. */
static long proc_field(const char *path, const char *field)
{
    char line[256];
    long value = -1;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return -1;
    while (value < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0)
            value = atol(line + strlen(field));
    }
    fclose(file);
    return value;
}

struct memory memory_now(void)
{
    struct memory memory = {proc_field("/proc/self/smaps_rollup", "Rss:"),
                            proc_field("/proc/self/status", "VmHWM:")};
    return memory;
}

struct allocations heap_now(void)
{
    struct allocations heap = {0, 0, 0};
    void (*counter)(struct allocations *);

    *(void **)&counter = dlsym(RTLD_DEFAULT, "allocations_now");
    if (counter != NULL)
        counter(&heap);
    return heap;
}

long descriptors_now(void)
{
    DIR *folder = opendir("/proc/self/fd");
    long count = -3; /* two of them are no files, and one is the folder */

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

static atomic_long connections;

long connections_now(void)
{
    return connections;
}

/* The libraries that are loaded find this one before the C library's. */
int connect(int socket, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t);

    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    connections++;
    return real(socket, address, length);
}

void sleep_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

void sort_samples(int64_t *samples, long count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare);
}

double percentile_us(const int64_t *sorted, long count, double share)
{
    long place = (long)(share * (double)(count - 1) + 0.5);

    return count == 0 ? 0 : (double)sorted[place] / 1000.0;
}
