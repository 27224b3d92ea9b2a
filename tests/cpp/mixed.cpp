// Compiled twice, with and without exceptions, and linked into one program in both orders.
#include "check.hpp"

int lines_logged_without_exceptions();

static agw::options logging_to(agw::log_function log)
{
    return agw::options("https://127.0.0.1:9")
        .set_trust(agw::trust::danger_any) // of which making a client warns
        .set_log(std::move(log));
}

#if AGW_HPP_EXCEPTIONS

int main()
{
    int lines = 0;
    {
        agw::client client{logging_to([&lines](agw::log_level, const char *) {
            ++lines;
            throw std::runtime_error("not to reach the library");
        })};
        CHECK(client);
    }
    CHECK(lines > 0);
    CHECK(lines_logged_without_exceptions() == lines);

    // A client that cannot be made inside a log function takes its own log function with it.
    const std::shared_ptr<int> kept = std::make_shared<int>(0);
    agw::result refused;
    agw::client outer{logging_to([&kept, &refused](agw::log_level, const char *) {
        agw::client inner;
        refused = agw::client::try_make(
            logging_to([kept](agw::log_level, const char *) {}).set_ca("?"), inner);
    })};
    CHECK(!refused && kept.use_count() == 1);
    return verdict();
}

#else

int lines_logged_without_exceptions()
{
    int lines = 0;
    agw::client client;
    const agw::result made = agw::client::try_make(
        logging_to([&lines](agw::log_level, const char *) { ++lines; }), client);
    return made ? lines : -1;
}

#endif
