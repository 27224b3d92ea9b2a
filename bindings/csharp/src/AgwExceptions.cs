// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.Serialization;

namespace Agw
{
    /// <summary>
    /// An argument or option cannot be used (1): nothing was sent; Detail names it.
    /// </summary>
    [Serializable]
    public class AgwInvalidArgumentException : AgwException
    {
        internal AgwInvalidArgumentException(Outcome outcome) : base(outcome) { }

        internal AgwInvalidArgumentException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// BaseUrl, ConnectTo or Proxy cannot be used (6); or plain http without AllowHttp.
    /// </summary>
    [Serializable]
    public sealed class AgwInvalidUrlException : AgwInvalidArgumentException
    {
        internal AgwInvalidUrlException(Outcome outcome) : base(outcome) { }

        private AgwInvalidUrlException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The agent ID is not decimal or out of range (7): nothing was sent.</summary>
    [Serializable]
    public sealed class AgwInvalidAgentIdException : AgwInvalidArgumentException
    {
        internal AgwInvalidAgentIdException(Outcome outcome) : base(outcome) { }

        private AgwInvalidAgentIdException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The Guid is empty, too long, or not visible ASCII (8): nothing was sent.</summary>
    [Serializable]
    public sealed class AgwInvalidGuidException : AgwInvalidArgumentException
    {
        internal AgwInvalidGuidException(Outcome outcome) : base(outcome) { }

        private AgwInvalidGuidException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>A certificate, key or fingerprint cannot be read or does not fit (9).</summary>
    [Serializable]
    public sealed class AgwTlsConfigException : AgwInvalidArgumentException
    {
        internal AgwTlsConfigException(Outcome outcome) : base(outcome) { }

        private AgwTlsConfigException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>This assembly and the native library do not fit together (2).</summary>
    [Serializable]
    public sealed class AgwStructSizeException : AgwException
    {
        internal AgwStructSizeException(Outcome outcome) : base(outcome) { }

        private AgwStructSizeException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The native client is gone (3), though nobody disposed this one.</summary>
    [Serializable]
    public sealed class AgwInvalidHandleException : AgwException
    {
        internal AgwInvalidHandleException(Outcome outcome) : base(outcome) { }

        private AgwInvalidHandleException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// Called from inside a log handler (4), where a client can only be made or disposed.
    /// </summary>
    [Serializable]
    public sealed class AgwReentrantException : AgwException
    {
        internal AgwReentrantException(Outcome outcome) : base(outcome) { }

        private AgwReentrantException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>Too many clients, or no thread, file descriptor or memory to be had (5).</summary>
    [Serializable]
    public sealed class AgwResourcesException : AgwException
    {
        internal AgwResourcesException(Outcome outcome) : base(outcome) { }

        private AgwResourcesException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>Somebody else waits for this agent's events already (10); let one do it.</summary>
    [Serializable]
    public sealed class AgwPollingException : AgwException
    {
        internal AgwPollingException(Outcome outcome) : base(outcome) { }

        private AgwPollingException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// Ended by Cancel or Dispose; a wait for events also by SignOut (105). See MaybeSent.
    /// </summary>
    [Serializable]
    public sealed class AgwCancelledException : AgwException
    {
        internal AgwCancelledException(Outcome outcome) : base(outcome) { }

        private AgwCancelledException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>A bug in the library (900); the client stays usable.</summary>
    [Serializable]
    public sealed class AgwInternalException : AgwException
    {
        internal AgwInternalException(Outcome outcome) : base(outcome) { }

        private AgwInternalException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// No answer came from the gateway: the base of 100 to 106 but for Cancelled. See MaybeSent.
    /// </summary>
    [Serializable]
    public class AgwNetworkException : AgwException
    {
        internal AgwNetworkException(Outcome outcome) : base(outcome) { }

        internal AgwNetworkException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The gateway's name could not be looked up (100).</summary>
    [Serializable]
    public sealed class AgwResolveException : AgwNetworkException
    {
        internal AgwResolveException(Outcome outcome) : base(outcome) { }

        private AgwResolveException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>No TCP connection to the gateway (101).</summary>
    [Serializable]
    public sealed class AgwConnectException : AgwNetworkException
    {
        internal AgwConnectException(Outcome outcome) : base(outcome) { }

        private AgwConnectException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// The certificate was refused or the handshake failed (102); Detail says why, and its fingerprint.
    /// </summary>
    [Serializable]
    public sealed class AgwTlsException : AgwNetworkException
    {
        internal AgwTlsException(Outcome outcome) : base(outcome) { }

        private AgwTlsException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// Timeout or ConnectTimeout passed (103). Do not repeat blindly: see MaybeSent.
    /// </summary>
    [Serializable]
    public sealed class AgwTimeoutException : AgwNetworkException
    {
        internal AgwTimeoutException(Outcome outcome) : base(outcome) { }

        private AgwTimeoutException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The connection broke (104); see MaybeSent.</summary>
    [Serializable]
    public sealed class AgwIOException : AgwNetworkException
    {
        internal AgwIOException(Outcome outcome) : base(outcome) { }

        private AgwIOException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The proxy could not be reached or refused (106).</summary>
    [Serializable]
    public sealed class AgwProxyException : AgwNetworkException
    {
        internal AgwProxyException(Outcome outcome) : base(outcome) { }

        private AgwProxyException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// Something answered that is no gateway: the base of 200 to 202. Check BaseUrl.
    /// </summary>
    [Serializable]
    public class AgwAnswerException : AgwException
    {
        internal AgwAnswerException(Outcome outcome) : base(outcome) { }

        internal AgwAnswerException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>An HTTP status other than 2xx without a readable retcode (200).</summary>
    [Serializable]
    public sealed class AgwHttpException : AgwAnswerException
    {
        internal AgwHttpException(Outcome outcome) : base(outcome) { }

        private AgwHttpException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The answer is not the documented JSON, or not HTTP (201).</summary>
    [Serializable]
    public sealed class AgwProtocolException : AgwAnswerException
    {
        internal AgwProtocolException(Outcome outcome) : base(outcome) { }

        private AgwProtocolException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The answer is larger than 64 KiB (202).</summary>
    [Serializable]
    public sealed class AgwTooLargeException : AgwAnswerException
    {
        internal AgwTooLargeException(Outcome outcome) : base(outcome) { }

        private AgwTooLargeException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// The gateway refused: the base of 300 to 305. Show Retcode and GatewayMessage.
    /// </summary>
    [Serializable]
    public class AgwGatewayException : AgwException
    {
        internal AgwGatewayException(Outcome outcome) : base(outcome) { }

        internal AgwGatewayException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// The session is over or the Guid stale (301): take the newest Guid or sign in again.
    /// </summary>
    [Serializable]
    public sealed class AgwSessionException : AgwGatewayException
    {
        internal AgwSessionException(Outcome outcome) : base(outcome) { }

        private AgwSessionException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>Nothing is ringing at the agent (302): too late.</summary>
    [Serializable]
    public sealed class AgwNoConferenceException : AgwGatewayException
    {
        internal AgwNoConferenceException(Outcome outcome) : base(outcome) { }

        private AgwNoConferenceException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The gateway finds a parameter or the address wrong (303).</summary>
    [Serializable]
    public sealed class AgwBadRequestException : AgwGatewayException
    {
        internal AgwBadRequestException(Outcome outcome) : base(outcome) { }

        private AgwBadRequestException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>
    /// The gateway or the platform behind it failed (304); CtiCode is the platform's code.
    /// </summary>
    [Serializable]
    public sealed class AgwGatewayFaultException : AgwGatewayException
    {
        internal AgwGatewayFaultException(Outcome outcome) : base(outcome) { }

        private AgwGatewayFaultException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }

    /// <summary>The gateway is busy (305): try again shortly.</summary>
    [Serializable]
    public sealed class AgwGatewayBusyException : AgwGatewayException
    {
        internal AgwGatewayBusyException(Outcome outcome) : base(outcome) { }

        private AgwGatewayBusyException(SerializationInfo info, StreamingContext context)
            : base(info, context) { }
    }
}
