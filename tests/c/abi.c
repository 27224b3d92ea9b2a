/* Holds the library to its C ABI: layout, numbers, and what misuse gives.
 *
 * Compiles as C89, C11 and C++. Uses loopback only; the part with sockets is for POSIX systems.
 * Structs handed over lie in blocks of exactly the size they claim, so that a memory checker sees
 * a byte read or written too far.
 */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200112L
#endif

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

#include "check.h"
#include "abi/shared.h"
#include "abi/layout.h"
#include "abi/handles.h"
#include "abi/sizes.h"
#include "abi/options.h"
#include "abi/calls.h"
#include "abi/sessions.h"
#include "abi/log.h"
#ifndef _WIN32
#include "abi/sockets.h"
#endif

int main(void)
{
#ifndef _WIN32
    open_ports();
#endif
    layout_of_the_options();
    layout_of_the_result();
    layout_of_the_session_structs();
    numbers();
    versions();
    sentences();
    null_pointers();
    handles();
    tickets_are_never_issued_twice();
    sizes_of_the_options();
    nothing_is_read_past_the_options();
    sizes_of_the_result();
    no_client_without_a_usable_result();
    numbers_out_of_range();
    texts_that_are_not_utf8();
    wrong_urls();
    secrets_stay_out_of_details();
    wrong_tls_options();
    tls_options_without_effect();
    agents_that_are_not_sent();
    agents_that_are_in_range();
    guids_that_are_not_sent();
    refused_connection();
    a_call_is_cancelled_by_its_number();
    early_cancels_are_remembered();
    sign_ins_that_are_not_sent();
    outputs_are_empty_on_failure();
    texts_may_lie_in_what_is_filled_in();
    sizes_of_the_outputs();
    sessions_are_kept();
    strings_are_copied();
    long_details_are_cut();
    a_dangerous_option_is_logged();
    calls_are_logged_without_the_guid();
    no_way_back_in_from_the_callback();
#ifndef _WIN32
    nothing_was_sent();
#endif
    return verdict("abi.c");
}
