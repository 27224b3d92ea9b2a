// SPDX-License-Identifier: MIT OR Apache-2.0
using System;
using System.Runtime.Serialization;

namespace Agw
{
    /// <summary>
    /// A call that failed. The classes below it follow the table of statuses; one that is newer than
    /// this assembly is of its group's: <see cref="AgwNetworkException"/> from 100 on,
    /// <see cref="AgwAnswerException"/> from 200, <see cref="AgwGatewayException"/> from 300 to 399.
    /// </summary>
    [Serializable]
    public class AgwException : Exception
    {
        private readonly Outcome outcome;

        internal AgwException(Outcome outcome)
            : base(outcome.Describe())
        {
            this.outcome = outcome;
        }

        // On .NET Framework an exception that leaves an application domain (a plug-in's, a test's) is
        // serialized; without this each class of ours would arrive as a SerializationException.
        internal AgwException(SerializationInfo info, StreamingContext context)
            : base(info, context)
        {
            outcome = (Outcome)info.GetValue("Agw.Outcome", typeof(Outcome));
        }

        /// <summary>The library's number.</summary>
        public AgwStatus Status
        {
            get { return outcome.Status; }
        }

        /// <summary>The HTTP status; 0: no answer.</summary>
        public int HttpStatus
        {
            get { return outcome.HttpStatus; }
        }

        /// <summary>errno or GetLastError behind the failure, or 0.</summary>
        public int OsError
        {
            get { return outcome.OsError; }
        }

        /// <summary>The gateway's error code as sent, such as "100-006"; "" if none came.</summary>
        public string Retcode
        {
            get { return outcome.Retcode; }
        }

        /// <summary>The gateway's text; "" if none came.</summary>
        public string GatewayMessage
        {
            get { return outcome.Message; }
        }

        /// <summary>What the library adds, for a log or a support call. Never holds the Guid.</summary>
        public string Detail
        {
            get { return outcome.Detail; }
        }

        /// <summary>The platform's own code, NNNNN of "Unknown ERROR._NNNNN"; or 0.</summary>
        public int CtiCode
        {
            get { return outcome.CtiCode; }
        }

        /// <summary>The whole call, measured in microseconds.</summary>
        public TimeSpan Elapsed
        {
            get { return outcome.Elapsed; }
        }

        /// <summary>The gateway may have acted all the same.</summary>
        public bool MaybeSent
        {
            get { return outcome.Has(ResultFlags.MaybeSent); }
        }

        /// <summary>
        /// A kept connection proved dead before the first byte of an answer, so the request went out
        /// once more on a new one.
        /// </summary>
        public bool Resent
        {
            get { return outcome.Has(ResultFlags.Resent); }
        }

        /// <summary>A text was cut to fit.</summary>
        public bool Truncated
        {
            get { return outcome.Has(ResultFlags.Truncated); }
        }

        /// <inheritdoc/>
        public override void GetObjectData(SerializationInfo info, StreamingContext context)
        {
            base.GetObjectData(info, context);
            info.AddValue("Agw.Outcome", outcome);
        }

        /// <summary>The exception of the class that belongs to the status.</summary>
        internal static AgwException From(Outcome outcome)
        {
            switch (outcome.Status)
            {
                case AgwStatus.InvalidArgument: return new AgwInvalidArgumentException(outcome);
                case AgwStatus.StructSize: return new AgwStructSizeException(outcome);
                case AgwStatus.InvalidHandle: return new AgwInvalidHandleException(outcome);
                case AgwStatus.Reentrant: return new AgwReentrantException(outcome);
                case AgwStatus.Resources: return new AgwResourcesException(outcome);
                case AgwStatus.InvalidUrl: return new AgwInvalidUrlException(outcome);
                case AgwStatus.InvalidAgentId: return new AgwInvalidAgentIdException(outcome);
                case AgwStatus.InvalidGuid: return new AgwInvalidGuidException(outcome);
                case AgwStatus.TlsConfig: return new AgwTlsConfigException(outcome);
                case AgwStatus.Polling: return new AgwPollingException(outcome);
                case AgwStatus.Resolve: return new AgwResolveException(outcome);
                case AgwStatus.Connect: return new AgwConnectException(outcome);
                case AgwStatus.Tls: return new AgwTlsException(outcome);
                case AgwStatus.Timeout: return new AgwTimeoutException(outcome);
                case AgwStatus.Io: return new AgwIOException(outcome);
                case AgwStatus.Cancelled: return new AgwCancelledException(outcome);
                case AgwStatus.Proxy: return new AgwProxyException(outcome);
                case AgwStatus.Http: return new AgwHttpException(outcome);
                case AgwStatus.Protocol: return new AgwProtocolException(outcome);
                case AgwStatus.TooLarge: return new AgwTooLargeException(outcome);
                case AgwStatus.Gateway: return new AgwGatewayException(outcome);
                case AgwStatus.Session: return new AgwSessionException(outcome);
                case AgwStatus.NoConference: return new AgwNoConferenceException(outcome);
                case AgwStatus.BadRequest: return new AgwBadRequestException(outcome);
                case AgwStatus.GatewayFault: return new AgwGatewayFaultException(outcome);
                case AgwStatus.GatewayBusy: return new AgwGatewayBusyException(outcome);
                case AgwStatus.Internal: return new AgwInternalException(outcome);
                default: return Unknown(outcome);
            }
        }

        private static AgwException Unknown(Outcome outcome)
        {
            switch ((int)outcome.Status / 100)
            {
                case 1: return new AgwNetworkException(outcome);
                case 2: return new AgwAnswerException(outcome);
                case 3: return new AgwGatewayException(outcome);
                default: return new AgwException(outcome);
            }
        }
    }
}
