// A small outside program: calls where nobody listens, and prints the status.
#include <iostream>

#include <agw.hpp>

int main()
{
    try {
        const agw::options options("https://127.0.0.1:9");
        const agw::client client{agw::options(options).set_trust(agw::trust::danger_any)};
        client.reject_agent_conf("154", "no-guid-of-anybody");
    } catch (const agw::error &error) {
        std::cout << error.number() << ' ' << agw::version() << '\n';
    }
}
