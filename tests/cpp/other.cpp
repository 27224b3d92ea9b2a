// A second file of the test programs that includes the binding: nothing may be defined twice. It has
// macros as AssertMacros.h of macOS, Unreal Engine and X11 define them.
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#define check(condition) static_cast<void>(condition)
#define verify(condition) static_cast<void>(condition)
#define require(condition, label) static_cast<void>(condition)
#define ensure(condition) (condition)
#define None 0L
#define Status int
#define Success 0

#include "agw.hpp"

const char *version_seen_elsewhere();

const char *version_seen_elsewhere()
{
    agw::client empty;
    return empty ? "" : agw::version();
}
