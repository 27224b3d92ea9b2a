/* Planted faults, each of which a memory checker or a race detector must find, in a C program or
 * in what the library does to memory that a C program handed over wrongly.
 *
 *     planted overflow   the block of a result is shorter than its struct_size says
 *     planted freed      an option that is freed before the library reads it
 *     planted leak       a block that nobody frees
 *     planted race       a result is read while another thread's call may write it
 *     planted nothing    no fault: nothing must be found
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agw.h"

enum { LOST = 77 };

static agw_result *new_result(size_t bytes)
{
    agw_result *result = calloc(1, bytes);

    if (result == NULL)
        exit(EXIT_FAILURE);
    result->struct_size = sizeof *result;
    return result;
}

static void overflow(size_t bytes)
{
    agw_result *result = new_result(bytes);

    agw_connect(NULL, result);
    free(result);
}

static void freed(int too_early)
{
    char *url = strdup("https://127.0.0.1:9");
    agw_client_options options = {
        .struct_size = sizeof options,
        .base_url = url,
        .tls_trust = AGW_TRUST_DANGER_ANY,
    };
    agw_client *client = NULL;

    if (too_early)
        free(url);
    agw_client_new(&options, &client, NULL);
    if (!too_early)
        free(url);
    agw_free(client);
}

static void leak(void)
{
    char *volatile lost = malloc(LOST);

    lost[0] = 1;
    lost = NULL;
}

/* The one thread writes, then the other reads, so that no chance of timing hides the race; nor does
 * what tells them when, as an order of two relaxed accesses is none. The one lives on until the
 * other has read, as of a thread that has ended a race detector may know no more. */
static atomic_int turn;

static void wait_for(int wanted)
{
    const struct timespec a_while = {0, 1000000};

    while (atomic_load_explicit(&turn, memory_order_relaxed) != wanted)
        nanosleep(&a_while, NULL);
}

static void *write_result(void *result)
{
    agw_connect(NULL, result);
    atomic_store_explicit(&turn, 1, memory_order_relaxed);
    wait_for(2);
    return NULL;
}

static void race(agw_result *written, const volatile agw_result *read)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, write_result, written) != 0)
        exit(EXIT_FAILURE);
    wait_for(1);
    (void)read->status;
    atomic_store_explicit(&turn, 2, memory_order_relaxed);
    pthread_join(thread, NULL);
}

static void nothing(void)
{
    agw_result *one = new_result(sizeof *one), *other = new_result(sizeof *other);

    overflow(sizeof(agw_result));
    freed(0);
    race(one, other);
    free(one);
    free(other);
}

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[1] : "";
    agw_result *shared = new_result(sizeof *shared);

    if (strcmp(fault, "overflow") == 0)
        overflow(sizeof(agw_result) - 8);
    else if (strcmp(fault, "freed") == 0)
        freed(1);
    else if (strcmp(fault, "leak") == 0)
        leak();
    else if (strcmp(fault, "race") == 0)
        race(shared, shared);
    else if (strcmp(fault, "nothing") == 0)
        nothing();
    else
        return 2;
    free(shared);
    printf("at its end\n");
    return 0;
}
