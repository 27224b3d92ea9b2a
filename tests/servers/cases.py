"""What is tried with which server, and what must come of it."""

import collections

from agw import Status

KEPT_S = 3  # how long the servers keep an idle connection, where config/ says so

# How a call must fail, and the words that must be in what it says. maybe_sent None: whether the
# refusal or the request is first is chance.
Refusal = collections.namedtuple("Refusal", "status words http maybe_sent",
                                 defaults=[0, False])
# What a server's log must have: requests, connections (None: as many as it takes), and what it
# says besides, which is the client certificate's subject, or HAProxy's node.
Seen = collections.namedtuple("Seen", "requests connections more", defaults=[None])
# Where is dialled, by the name of the port in config/; what is done; what the server's log has
# then; how each step with a "!" is refused; the client's options; and what the proxy's log has,
# where None stands for tunnels that were granted.
#
# Steps: "connect" is agw_connect, "call" the call, a "call?" one that may be sent again; "session"
# keeps cookies from then on; "4.5s" waits.
Case = collections.namedtuple("Case", "port name steps seen refusal options path tunnels",
                              defaults=[None, {"ca": "ca.pem"}, "", []])

KEPT = "connect call call %.1fs call" % (KEPT_S + 1.5)
# Where a header says how long a connection is kept, agw keeps it a second less.
TOLD = "connect call call %.1fs call" % (KEPT_S - 0.5)

def edge(*offsets):
    """Calls about the moment in which a server closes, so many milliseconds off."""
    return "call " + " ".join("%.3fs call?" % (KEPT_S + ms / 1000) for ms in offsets)


EDGE = edge(-2, -1, 0, 1, 2, 3)
TENTH = edge(0, 20, 40, 60, 80, 100)  # Apache looks ten times a second,
SECOND = edge(0, 200, 400, 600, 800, 1000)  # Tomcat and Squid once

TWICE, AT_THE_LIMIT, NOTHING = Seen(3, 2), Seen(7, None), Seen(0, 0)
FROM_NOBODY, FROM_AGENT = Seen(1, 1, {"-"}), Seen(1, 1, {"CN=agent"})

CA = {"ca": "ca.pem"}
PIN = {"pin_sha256": "nameless.pem"}
AGENT = dict(CA, client_cert="agent.pem", client_key="agent.key")
STRANGER = dict(CA, client_cert="stranger.pem", client_key="stranger.key")
PLAIN = {"allow_http": True}
RIGHT = dict(CA, proxy="http://agent:right%20password@127.0.0.1:@squid@")
# Not the agent's: Squid gives one answer to all who wait for the same name's password.
WRONG = dict(CA, proxy="http://chair:wrong@127.0.0.1:@squid@")
WITHOUT = dict(CA, proxy="http://127.0.0.1:@squid@")

NO_SUITE = Refusal(Status.TLS, "cipher suite|ECDHE")
TOO_OLD = Refusal(Status.TLS, r"TLS.*(version|1\.[0-3]|old)|(version|old).*TLS")
NO_CERTIFICATE = Refusal(Status.TLS, "client certificate")
NO_CERTIFICATE_13 = NO_CERTIFICATE._replace(maybe_sent=None)
RENEGOTIATES = Refusal(Status.TLS, "renegotiat.*client certificate", maybe_sent=True)
BY_SQUID = Refusal(Status.PROXY, r"127\.0\.0\.1:@squid@")
NO_PASSWORD = BY_SQUID._replace(words=BY_SQUID.words + ".*password")


def http(status, words=None):
    return Refusal(Status.HTTP, words or str(status), status, maybe_sent=True)


CASES = [
    Case("tomcat_nameless", "keytool's certificate, pinned; kept too long", KEPT, TWICE,
         options=PIN),
    Case("tomcat_nameless", "keytool's certificate as the CA", "connect! call!", NOTHING,
         Refusal(Status.TLS, "name"), {"ca": "nameless.pem"}),
    Case("tomcat_closes", "TLS 1.2, kept too long", KEPT, TWICE),
    Case("tomcat_closes", "TLS 1.2, at the limit", SECOND, AT_THE_LIMIT),
    Case("tomcat_counts", "two requests for each connection", "call call call", TWICE),
    Case("tomcat_optional", "client certificate optional, none", "connect call", FROM_NOBODY),
    Case("tomcat_optional", "client certificate optional, given", "connect call", FROM_AGENT,
         options=AGENT),
    Case("tomcat_optional", "client certificate optional, a stranger's", "connect! call!", NOTHING,
         NO_CERTIFICATE_13, STRANGER),
    Case("tomcat_demands12", "client certificate demanded, TLS 1.2, none", "connect! call!",
         NOTHING, NO_CERTIFICATE),
    Case("tomcat_demands12", "client certificate demanded, TLS 1.2, given", "connect call",
         FROM_AGENT, options=AGENT),
    Case("tomcat_demands13", "client certificate demanded, TLS 1.3, none", "connect! call!",
         NOTHING, NO_CERTIFICATE_13),
    Case("tomcat_demands13", "client certificate demanded, TLS 1.3, given", "connect call",
         FROM_AGENT, options=AGENT),
    Case("tomcat_closes", "client certificate for one path, TLS 1.2", "connect call!", Seen(1, 1),
         RENEGOTIATES, path="/certified"),
    Case("tomcat_nameless", "client certificate for one path, TLS 1.3", "connect call!",
         Seen(1, 1), http(401), PIN, "/certified"),
    Case("tomcat_cbc", "CBC only", "connect! call!", NOTHING, NO_SUITE),
    Case("tomcat_closes", "plain HTTP to the TLS port", "call!", NOTHING, http(400, "TLS"), PLAIN),
    Case("tomcat_a", "TLS to the HTTP port", "connect! call!", NOTHING,
         Refusal(Status.TLS, "TLS")),

    # Without a session the cookie is not sent back: the requests go round.
    Case("haproxy_sticky", "sticky cookie, two nodes", "connect call call call call",
         Seen(4, 1, {"a", "b"})),
    Case("haproxy_session", "sticky cookie, two nodes, a session", "session call call call call",
         Seen(4, 1, {"a"})),
    Case("haproxy_sticky", "kept too long", KEPT, TWICE),
    Case("haproxy_sticky", "at the limit", EDGE, AT_THE_LIMIT),
    Case("haproxy_half_dead", "the first node dead", "connect call call", Seen(2, 1, {"b"})),
    Case("haproxy_dead", "each node dead", "connect call!", Seen(1, 1), http(503)),

    Case("nginx_allowed", "right password", "connect call call", Seen(2, 1), options=RIGHT,
         tunnels=["200 agent"]),
    Case("nginx_idle", "right password, kept too long", KEPT, TWICE, options=RIGHT,
         tunnels=["200 agent"] * 2),
    Case("nginx_at_the_limit", "right password, at the limit", SECOND, AT_THE_LIMIT,
         options=RIGHT, tunnels=None),
    Case("nginx_wrong_password", "wrong password", "connect! call!", NOTHING, NO_PASSWORD, WRONG,
         tunnels=["407 chair"] * 2),
    Case("nginx_no_password", "no password", "connect! call!", NOTHING, NO_PASSWORD, WITHOUT,
         tunnels=["407 -"] * 2),
    Case("nginx_forbidden", "forbidden port", "connect! call!", NOTHING,
         BY_SQUID._replace(words=BY_SQUID.words + ".*403"), RIGHT, tunnels=["403 -"] * 2),
    Case("nobody", "nobody at the gateway's port", "connect! call!", NOTHING,
         BY_SQUID._replace(words=BY_SQUID.words + ".*503"), RIGHT, tunnels=["503 agent"] * 2),

    Case("nginx_closes", "TLS 1.3, kept too long", KEPT, TWICE),
    Case("nginx_closes", "TLS 1.3, at the limit", EDGE, AT_THE_LIMIT),
    Case("nginx_closes12", "TLS 1.2, kept too long", KEPT, TWICE),
    Case("nginx_closes12", "TLS 1.2, at the limit", EDGE, AT_THE_LIMIT),
    Case("nginx_tells", "kept longer than the Keep-Alive header says", TOLD, TWICE),
    Case("nginx_counts", "two requests for each connection", "call call call", TWICE),
    Case("nginx_demands", "client certificate demanded, none", "connect call!", FROM_NOBODY,
         http(400, "SSL certificate")),
    Case("nginx_demands", "client certificate demanded, given", "connect call", FROM_AGENT,
         options=AGENT),
    Case("nginx_rsa", "RSA key exchange only", "connect! call!", NOTHING, NO_SUITE),
    Case("nginx_old", "TLS 1.1 only", "connect! call!", NOTHING, TOO_OLD),
    Case("nginx_closes", "plain HTTP to the TLS port", "call!", Seen(1, 1),
         http(400, "HTTPS port"), PLAIN),

    Case("apache_12", "TLS 1.2, kept too long", KEPT, TWICE),
    Case("apache_12", "TLS 1.2, at the limit", TENTH, AT_THE_LIMIT),
    Case("apache_13", "TLS 1.3, kept too long", KEPT, TWICE),
    Case("apache_13", "TLS 1.3, at the limit", TENTH, AT_THE_LIMIT),
    Case("apache_counts", "two requests for each connection", "call call call", TWICE),
    Case("apache_12", "client certificate for one path, TLS 1.2, none", "connect call!",
         Seen(1, 1), RENEGOTIATES, path="/certified"),
    Case("apache_12", "client certificate for one path, TLS 1.2, given", "connect call!",
         Seen(1, 1), RENEGOTIATES, AGENT, "/certified"),
    Case("apache_13", "client certificate for one path, TLS 1.3", "connect call!", FROM_NOBODY,
         http(403), path="/certified"),
    Case("apache_demands", "client certificate demanded, none", "connect! call!", NOTHING,
         NO_CERTIFICATE_13),
    Case("apache_demands", "client certificate demanded, given", "connect call", FROM_AGENT,
         options=AGENT),
]
