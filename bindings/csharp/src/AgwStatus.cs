// SPDX-License-Identifier: MIT OR Apache-2.0
using System;

namespace Agw
{
    /// <summary>What a call came to: the library's numbers. New ones may be added.</summary>
    public enum AgwStatus : int
    {
        /// <summary>The call succeeded; a gateway that was asked answered retcode "0".</summary>
        Ok = 0,

        /// <summary>A text is missing or cannot be passed on, or a field is out of range.</summary>
        InvalidArgument = 1,

        /// <summary>This assembly and the native library do not fit together.</summary>
        StructSize = 2,

        /// <summary>The client is disposed. Here that is an <see cref="ObjectDisposedException"/>.</summary>
        InvalidHandle = 3,

        /// <summary>Called from inside a log handler.</summary>
        Reentrant = 4,

        /// <summary>Too many clients, or no thread, file descriptor or memory to be had.</summary>
        Resources = 5,

        /// <summary>BaseUrl, ConnectTo or Proxy cannot be used; or plain http without AllowHttp.</summary>
        InvalidUrl = 6,

        /// <summary>The agent ID is not decimal or out of range: nothing was sent.</summary>
        InvalidAgentId = 7,

        /// <summary>The Guid is empty, too long, or not visible ASCII: nothing was sent.</summary>
        InvalidGuid = 8,

        /// <summary>A certificate, key or fingerprint cannot be read or does not fit.</summary>
        TlsConfig = 9,

        /// <summary>Somebody else waits for this agent's events already.</summary>
        Polling = 10,

        /// <summary>The gateway's name could not be looked up.</summary>
        Resolve = 100,

        /// <summary>No TCP connection to the gateway.</summary>
        Connect = 101,

        /// <summary>The gateway's certificate was refused, or the TLS handshake failed.</summary>
        Tls = 102,

        /// <summary>Timeout or ConnectTimeout passed.</summary>
        Timeout = 103,

        /// <summary>The connection broke.</summary>
        Io = 104,

        /// <summary>Ended by Cancel, a token or Dispose; a wait for events also by SignOut.</summary>
        Cancelled = 105,

        /// <summary>The proxy could not be reached or refused.</summary>
        Proxy = 106,

        /// <summary>An HTTP status other than 2xx without a readable retcode.</summary>
        Http = 200,

        /// <summary>The answer is not the documented JSON, or not HTTP.</summary>
        Protocol = 201,

        /// <summary>The answer is larger than 64 KiB.</summary>
        TooLarge = 202,

        /// <summary>The gateway refused with a retcode that is in none of the next five classes.</summary>
        Gateway = 300,

        /// <summary>Take the newest Guid or sign in again.</summary>
        Session = 301,

        /// <summary>Nothing is ringing at the agent: too late.</summary>
        NoConference = 302,

        /// <summary>The gateway finds a parameter or the address wrong.</summary>
        BadRequest = 303,

        /// <summary>The gateway or the platform behind it failed.</summary>
        GatewayFault = 304,

        /// <summary>Try again shortly.</summary>
        GatewayBusy = 305,

        /// <summary>A bug in the library; the client stays usable.</summary>
        Internal = 900,
    }

    /// <summary>What the gateway's certificate is checked against.</summary>
    public enum AgwTrust : int
    {
        /// <summary>The system's certificate store, plus Ca if given.</summary>
        System = 0,

        /// <summary>Ca alone.</summary>
        Ca = 1,

        /// <summary>
        /// PinSha256 alone: names, dates and chains are not looked at, the handshake's signature is.
        /// </summary>
        Pin = 2,

        /// <summary>
        /// Nothing: whoever is on the network path can read the Guid. For a laboratory.
        /// </summary>
        DangerAny = 3,
    }

    /// <summary>How much a log line matters.</summary>
    public enum AgwLogLevel : int
    {
        /// <summary>In the options: as <see cref="Warn"/>. No line has it.</summary>
        Default = 0,

        /// <summary>A bug in the library.</summary>
        Error = 1,

        /// <summary>
        /// A failed call that somebody has to look at, a dangerous option, or (from Connect) a
        /// certificate that ends within 14 days.
        /// </summary>
        Warn = 2,

        /// <summary>Each call, also one that came too late, but for polls without an event.</summary>
        Info = 3,

        /// <summary>Each step of a call.</summary>
        Debug = 4,
    }
}
