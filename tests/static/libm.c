/* A host's C library stays its own with agw within: fmod and sqrt tell an error by errno. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <agw.h>

int main(void)
{
    volatile double one = 1, zero = 0, result; /* so that the compiler does not reckon */
    int of_fmod, of_sqrt;

    errno = 0;
    result = fmod(one, zero);
    of_fmod = errno;
    errno = 0;
    result = sqrt(-one);
    of_sqrt = errno;
    (void)result;
    if (of_fmod != EDOM || of_sqrt != EDOM) {
        printf("errno is %d after fmod(1, 0), %d after sqrt(-1)\n", of_fmod, of_sqrt);
        return 1;
    }
    printf("%s\n", agw_version());
    return 0;
}
