// A second file of the test programs that includes the binding: nothing may be defined twice.
#include "agw.hpp"

const char *version_seen_elsewhere();

const char *version_seen_elsewhere()
{
    agw::client empty;
    return empty ? "" : agw::version();
}
