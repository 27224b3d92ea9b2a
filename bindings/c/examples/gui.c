/* gui: an agent's shift as a program with a window does it; the console stands for the window.
 *
 * An example to copy from: every call that blocks is made in a worker thread, which posts a message to
 * the window when it is done; the main thread goes on drawing, and cancels when the user says so. C89;
 * POSIX threads, or Windows threads.
 *
 *     cc -o gui gui.c -lagw -pthread
 *     AGW_PASSWORD=... ./gui URL CA-FILE AGENT-ID PHONE [--cancel-after MS]
 *     AGW_GUID=... ./gui URL CA-FILE AGENT-ID [--cancel-after MS]
 *
 * With PHONE it signs the agent in, and out in the end; without, somebody else has signed the agent in,
 * and this program takes that Guid and polls on. The key r rejects the conference that rings;
 * Enter or Ctrl-C ends, and cancels what is in progress. --cancel-after presses Enter so long after r.
 * The exit code is 0 if the user ended it, 1 if the session did not begin, broke or could not be ended,
 * 2 for wrong usage.
 *
 * On Windows main's arguments are in the ANSI code page, and agw takes paths in UTF-8: a program
 * that is to take others than ASCII has wmain and WideCharToMultiByte(CP_UTF8, ...).
 */
#ifdef _WIN32
#define _CRT_SECURE_NO_WARNINGS /* getenv is standard */
#include <conio.h>
#include <windows.h>
#define THREAD_FUNCTION(name, argument) static DWORD WINAPI name(LPVOID argument)
typedef LPTHREAD_START_ROUTINE thread_function;
#else
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>
#define THREAD_FUNCTION(name, argument) static void *name(void *argument)
typedef void *(*thread_function)(void *);
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { TICK_MS = 100, PAUSE_TICKS = 10, BAR = 10, LINE = 79 };

/* Numbers of calls, for agw_cancel_call(). Each is cancelled once, in the end, and so ends the call in
 * progress, or the next one where there is none: two calls that overlap need two numbers. The sign-out
 * has none, and goes on. */
enum { SHIFT = 1, CONNECT, REJECT };

/* What a worker posts. OVER is the last one of the shift, REJECTED of a reject, READY of a connect. */
enum what { SIGNED_IN, POLLED, SIGNED_OUT, OVER, READY, REJECTED };

struct message {
    enum what what;
    agw_result result;
    agw_event event;
};

struct window {
    agw_client *client;
    const char *agent_id;
    const char *phone;
    unsigned cancel_after; /* ticks; 0: the user alone cancels */
    unsigned ticks, rejecting_since;
    int workers; /* threads whose last message has not come yet */
    int rings, rejecting, ended_by_user, failed;
#ifdef _WIN32
    DWORD thread;
#else
    int messages[2]; /* a pipe for pointers */
    int watch_keys, raw;
    struct termios before;
#endif
};

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t ending; /* the shift's worker looks at it between two polls */

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1; /* nothing else is safe in a signal handler: the main thread cancels */
}

/* --- The platform: threads, messages, keys -------------------------------------------------- */

#ifdef _WIN32

static int open_window(struct window *window)
{
    MSG none;

    window->thread = GetCurrentThreadId();
    PeekMessage(&none, NULL, 0, 0, PM_NOREMOVE); /* makes the queue that messages are posted to */
    return 1;
}

static void close_window(struct window *window)
{
    (void)window;
}

static void nap(void)
{
    Sleep(TICK_MS);
}

static int start_thread(thread_function work, struct window *window)
{
    HANDLE thread = CreateThread(NULL, 0, work, window, 0, NULL);

    return thread != NULL && CloseHandle(thread);
}

static void post(struct window *window, struct message *message)
{
    while (!PostThreadMessage(window->thread, WM_APP, 0, (LPARAM)message))
        nap(); /* the queue is full */
}

/* Waits for a message, a key or the time to draw. */
static struct message *wait_for_message(struct window *window, int *key)
{
    MSG next;

    MsgWaitForMultipleObjects(0, NULL, FALSE, TICK_MS, QS_POSTMESSAGE);
    window->ticks++;
    if (_kbhit())
        *key = _getch();
    return PeekMessage(&next, NULL, WM_APP, WM_APP, PM_REMOVE) ? (struct message *)next.lParam
                                                               : NULL;
}

#else

/* Keys come as they are pressed, not by the line. */
static int open_window(struct window *window)
{
    struct termios keys;

    window->watch_keys = 1;
    if (pipe(window->messages) != 0)
        return 0;
    window->raw = tcgetattr(STDIN_FILENO, &window->before) == 0;
    if (window->raw) {
        keys = window->before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    return 1;
}

static void close_window(struct window *window)
{
    if (window->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &window->before);
    close(window->messages[0]);
    close(window->messages[1]);
}

static void nap(void)
{
    struct timeval tick;

    tick.tv_sec = 0;
    tick.tv_usec = TICK_MS * 1000L;
    select(0, NULL, NULL, NULL, &tick);
}

static int start_thread(thread_function work, struct window *window)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, work, window) == 0 && pthread_detach(thread) == 0;
}

static void post(struct window *window, struct message *message)
{
    while (write(window->messages[1], &message, sizeof message) < 0)
        nap(); /* a signal came */
}

/* A standard input that has ended gives no key, and is not asked again. */
static int read_key(struct window *window)
{
    char key;

    window->watch_keys = read(STDIN_FILENO, &key, 1) == 1;
    return window->watch_keys ? key : 0;
}

/* Waits for a message, a key or the time to draw. */
static struct message *wait_for_message(struct window *window, int *key)
{
    struct message *message = NULL;
    struct timeval tick;
    fd_set ready;

    tick.tv_sec = 0;
    tick.tv_usec = TICK_MS * 1000L;
    FD_ZERO(&ready);
    FD_SET(window->messages[0], &ready);
    if (window->watch_keys)
        FD_SET(STDIN_FILENO, &ready);
    if (select(window->messages[0] + 1, &ready, NULL, NULL, &tick) <= 0) {
        window->ticks++; /* also when a signal came */
        return NULL;
    }
    if (FD_ISSET(STDIN_FILENO, &ready))
        *key = read_key(window);
    if (FD_ISSET(window->messages[0], &ready)
        && read(window->messages[0], &message, sizeof message) != (ssize_t)sizeof message)
        message = NULL;
    return message;
}

#endif

/* --- The workers ---------------------------------------------------------------------------- */

static struct message *new_message(enum what what, uint32_t call_id)
{
    struct message *message = calloc(1, sizeof *message);

    if (message == NULL) {
        perror("gui");
        exit(1);
    }
    message->what = what;
    message->result.struct_size = (uint32_t)sizeof message->result;
    message->result.call_id = call_id;
    message->event.struct_size = (uint32_t)sizeof message->event;
    return message;
}

/* Posts a message, and says whether what it tells of went well. */
static agw_status tell(struct window *window, struct message *message)
{
    agw_status status = message->result.status;

    post(window, message); /* from now on it is the window's */
    return status;
}

static int begin_session(struct window *window)
{
    struct message *message = new_message(SIGNED_IN, SHIFT);
    agw_sign_in_options options;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.agent_id = window->agent_id;
    options.password = getenv("AGW_PASSWORD"); /* other users can see the command line */
    options.phone = window->phone;
    if (window->phone != NULL)
        agw_sign_in(window->client, &options, &message->result);
    else
        agw_set_session(window->client, window->agent_id, getenv("AGW_GUID"), NULL,
                        &message->result);
    return tell(window, message) == AGW_OK;
}

/* Whether to go on. */
static int next_event(struct window *window)
{
    struct message *message = new_message(POLLED, SHIFT);
    agw_status status;
    int ticks;

    agw_next_event(window->client, window->agent_id, &message->event, &message->result);
    status = tell(window, message);
    if (status == AGW_E_CANCELLED || status == AGW_E_SESSION)
        return 0;
    for (ticks = 0; status != AGW_OK && ticks < PAUSE_TICKS && !ending; ticks++)
        nap();
    return !ending;
}

THREAD_FUNCTION(run_shift, argument)
{
    struct window *window = argument;
    struct message *message;

    if (begin_session(window)) {
        while (next_event(window))
            continue;
        if (window->phone != NULL) {
            message = new_message(SIGNED_OUT, 0);
            agw_sign_out(window->client, window->agent_id, &message->result);
            tell(window, message);
        }
    }
    tell(window, new_message(OVER, 0));
    return 0;
}

/* While the user makes up his mind: the reject then takes one round trip. */
THREAD_FUNCTION(make_ready, argument)
{
    struct window *window = argument;
    struct message *message = new_message(READY, CONNECT);

    agw_connect(window->client, &message->result);
    tell(window, message);
    return 0;
}

THREAD_FUNCTION(reject, argument)
{
    struct window *window = argument;
    struct message *message = new_message(REJECTED, REJECT);

    agw_reject_agent_conf(window->client, window->agent_id, NULL, &message->result);
    tell(window, message);
    return 0;
}

/* --- The window ----------------------------------------------------------------------------- */

static int start_worker(struct window *window, thread_function work)
{
    int started = start_thread(work, window);

    window->workers += started;
    return started;
}

static void draw(const struct window *window)
{
    char bar[BAR + 1];
    char line[LINE + 1];

    memset(bar, '.', BAR);
    bar[window->ticks % BAR] = '#';
    bar[BAR] = '\0';
    sprintf(line, "[%s] agent %.10s: %s; Enter or Ctrl-C ends", bar, window->agent_id,
            ending                  ? "ending"
                : window->rejecting ? "rejecting"
                : window->rings     ? "IT RINGS, r rejects"
                                    : "waiting");
    printf("\r%-*s", LINE, line);
    fflush(stdout);
}

/* A line above the bar. The gateway's text may hold anything, but a terminal obeys nobody else. */
static void show(const char *what, const char *text)
{
    char *byte;
    char line[1300];

    sprintf(line, "%.64s: %.1200s", what, text);
    for (byte = line; *byte != '\0'; byte++)
        if ((unsigned char)*byte < 0x20 || *byte == 0x7F)
            *byte = ' ';
    printf("\r%-*s\n", LINE, line);
}

static void show_result(const char *what, const agw_result *result)
{
    char line[1200];

    sprintf(line, "%ld %.100s retcode=%s %s", (long)result->status, agw_strerror(result->status),
            result->retcode, result->status == AGW_OK ? "" : result->detail);
    show(what, line);
}

static void on_event(struct window *window, const agw_event *event)
{
    if (event->type[0] != '\0')
        show(event->type, event->content);
    if (strcmp(event->type, AGW_EVENT_CONF_RINGING) == 0) {
        window->rings = 1;
        if (!ending)
            start_worker(window, make_ready);
    } else if (strcmp(event->type, AGW_EVENT_PHONE_RELEASE) == 0) {
        window->rings = 0;
    }
}

static void on_message(struct window *window, const struct message *message)
{
    const agw_result *result = &message->result;
    int good = result->status == AGW_OK;

    window->workers -= message->what == OVER || message->what == READY || message->what == REJECTED;
    switch (message->what) {
    case SIGNED_IN:
    case SIGNED_OUT:
        window->failed |= !good;
        show_result(message->what == SIGNED_IN ? "signed in" : "signed out", result);
        break;
    case POLLED:
        if (good)
            on_event(window, &message->event);
        else if (result->status != AGW_E_CANCELLED)
            show_result("getAgentEvent", result);
        break;
    case OVER:
        ending = 1;
        break;
    case READY:
        if (!good && result->status != AGW_E_CANCELLED)
            show_result("connect", result);
        break;
    case REJECTED:
        window->rejecting = 0;
        show_result("rejectAgentConf", result);
        break;
    }
}

static void on_key(struct window *window, int key)
{
    if (key == 'r' && window->rings && !window->rejecting && !ending) {
        window->rejecting_since = window->ticks;
        window->rejecting = start_worker(window, reject);
    }
}

static int user_ends(const struct window *window, int key)
{
    return interrupted || key == '\n' || key == '\r'
        || (window->cancel_after != 0 && window->rejecting
            && window->ticks - window->rejecting_since >= window->cancel_after);
}

/* What a window's message loop does. */
static void run_window(struct window *window)
{
    struct message *message;
    int key;

    while (window->workers > 0) {
        draw(window);
        key = 0;
        message = wait_for_message(window, &key);
        if (message != NULL)
            on_message(window, message);
        free(message);
        on_key(window, key);
        if (!ending && user_ends(window, key)) {
            ending = window->ended_by_user = 1;
            /* If a call has not begun yet, these end it before it has. */
            agw_cancel_call(window->client, SHIFT);
            agw_cancel_call(window->client, CONNECT);
            agw_cancel_call(window->client, REJECT);
        }
    }
    printf("\r%-*s\n", LINE, "");
}

/* --- The program ---------------------------------------------------------------------------- */

static agw_client *make_client(const char *url, const char *ca)
{
    agw_client_options options;
    agw_client *client;
    agw_result result;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = url;
    options.ca = ca;
    options.tls_trust = AGW_TRUST_CA;
    memset(&result, 0, sizeof result);
    result.struct_size = (uint32_t)sizeof result;
    if (agw_client_new(&options, &client, &result) != AGW_OK)
        show_result("client", &result);
    return client;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: gui URL CA-FILE AGENT-ID [PHONE] [--cancel-after MS]\n"
            "the password in AGW_PASSWORD; without PHONE the Guid in AGW_GUID\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct window window;

    memset(&window, 0, sizeof window);
    if (argc > 5 && strcmp(argv[argc - 2], "--cancel-after") == 0) {
        window.cancel_after = (unsigned)strtoul(argv[argc - 1], NULL, 10) / TICK_MS + 1;
        argc -= 2;
    }
    if (argc != 4 && argc != 5)
        return usage();
    window.agent_id = argv[3];
    window.phone = argc == 5 ? argv[4] : NULL;
    if (window.phone == NULL && getenv("AGW_GUID") == NULL)
        return usage();
    window.client = make_client(argv[1], argv[2]);
    if (window.client == NULL)
        return 1;
    signal(SIGINT, on_interrupt);
    if (open_window(&window)) {
        if (start_worker(&window, run_shift))
            run_window(&window);
        close_window(&window);
    }
    agw_free(window.client);
    return window.ended_by_user && !window.failed ? 0 : 1;
}
