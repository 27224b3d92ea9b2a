/* Checks that are counted, and say where they fail. */
static unsigned long checks;
static unsigned long failures;
static const char *about = ""; /* what a check in a loop is about */

static void check(int holds, const char *what, const char *where)
{
    checks++;
    if (holds)
        return;
    failures++;
    printf("%s: failed: %s%s%s\n", where, what, *about ? "   for " : "", about);
}

#define TEXT(line) #line
#define PLACE(line) __FILE__ ":" TEXT(line)
#define HERE PLACE(__LINE__)
#define CHECK(what) check((what) ? 1 : 0, #what, HERE)

/* Gives the exit code. */
static int verdict(const char *program)
{
    if (failures != 0)
        printf("%s: %lu of %lu checks failed\n", program, failures, checks);
    else
        printf("%s: %lu checks passed\n", program, checks);
    return failures != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
